"""A folder of random weights in ChatGLM-6B's shape, in float16, INT8 or INT4, with the official names, sharded.

Every tensor is one block of normal random numbers, repeated from a place of its own and scaled: as fast as the disk,
and no model. The head is stored beside the embedding, to which it is tied, as in the published folder. The vocabulary
is the published one where ../shared has it, else the embedded base's, under an embedding of the same size.
"""

import gzip
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from doctorglm.language import Text
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, ChatGLMTokenizer
from doctorglm.models.loading import EMBEDDED, base_folder
from doctorglm.models.writing import Output, write_weights
from doctorglm.report.progress import progress_line
from doctorglm.runs import write_json

PUBLISHED = Path(__file__).parents[2] / "shared/reference/tokenizers/chatglm-6b/ice_text.model.gz"
MARK = "random_base.json"
SHARDS = 8
SPECIAL = ("bos", "eos", "mask", "gmask", "pad")
_MOST = {8: 127, 4: 7}
"""The largest level of a packed weight."""
_BLOCK = 2**22 - 3
"""A prime, so that the rows of no matrix repeat."""
_TABLE = ("transformer.word_embeddings.weight", "lm_head.weight")
"""The head is the embedding again."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The official ones."""

    vocab_size: int = 130_528
    num_layers: int = 28
    hidden_size: int = 4096
    inner_hidden_size: int = 16_384
    num_attention_heads: int = 32

    def shapes(self) -> list[tuple[int, int]]:
        """(outputs, inputs) of one layer's products."""
        h, inner = self.hidden_size, self.inner_hidden_size
        return [(3 * h, h), (h, h), (inner, h), (h, inner)]

    def layers(self) -> int:
        """Weights of all layers' products."""
        return self.num_layers * sum(o * i for o, i in self.shapes())

    def head(self) -> int:
        """Weights of the head."""
        return self.vocab_size * self.hidden_size


def write_base(folder: Path, sizes: Sizes, *, published: bool, bits: int = 0, embeddings: bool = False) -> None:
    """Writes the folder unless it is complete; exits with a message when the disk is too small for it.

    With `bits` 8 or 4 the layers' products are packed as the official INT8 and INT4 checkpoints are, with `embeddings`
    the embedding and the head too.
    """
    mark = folder / MARK
    packed: dict[str, Any] = {"quantization_bit": bits, "quantization_embeddings": embeddings} if bits else {}
    wanted = {"sizes": asdict(sizes), "published_vocabulary": published, **({"bits": bits} if bits else {})}
    wanted |= {"embeddings": True} if embeddings else {}
    if mark.is_file() and json.loads(mark.read_text("utf-8")) == wanted:
        print(f"{folder}: complete, used as it is", file=sys.stderr)
        return
    with torch.device("meta"):
        model = ChatGLMForConditionalGeneration(ChatGLMConfig(**asdict(sizes), **packed))
    state = model.state_dict()
    block = torch.randn(_BLOCK, generator=torch.Generator().manual_seed(6))
    outputs = [
        Output(name, tuple(t.shape), torch.int8, partial(_levels, bits, name, tuple(t.shape), number))
        if t.dtype == torch.int8
        else Output(name, tuple(t.shape), torch.float16, partial(_random, block, name, tuple(t.shape), number, bits))
        for number, (name, t) in enumerate(state.items())
    ]
    total = sum(output.size for output in outputs)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    free = shutil.disk_usage(folder).free
    print(f"{folder}: {total / 1e9:.1f} GB to write, {free / 1e9:.1f} GB of disk are free", file=sys.stderr)
    if free < total + 1e9:
        sys.exit("Not enough disk. Free some, or give --folder on another disk.")
    special = _vocabulary(folder, published)
    with progress_line(Text(en="weights", zh="权重"), total) as line:
        write_weights(folder, outputs, _nothing, line.update, max(1, total // (SHARDS - 1)))
    config = {"model_type": "chatglm", "architectures": ["ChatGLMModel"], "position_encoding_2d": True}
    config |= {"layernorm_epsilon": 1e-5, "max_sequence_length": 2048, "use_cache": True, "torch_dtype": "float16"}
    write_json(folder / "config.json", config | packed | asdict(sizes) | special)
    write_json(mark, wanted)


def _random(block: torch.Tensor, name: str, shape: tuple[int, ...], number: int, bits: int, _: Any) -> torch.Tensor:
    """The block from a place that depends on the tensor's number; norms are around 1, biases and others around 0.

    Scales are such that packed weights, whose levels are equally likely, spread as others do.
    """
    if name.endswith("_scale"):
        return (0.02 * 3**0.5 / _MOST[bits] * (block[: shape[0]] * 0.1 + 1)).half()
    number = 0 if name in _TABLE else number
    one = name.endswith("norm.weight")
    values = (block.roll(-number * 7919) * (0.1 if one else 0.02) + one).half()
    size = torch.Size(shape).numel()
    return values.repeat(-(-size // len(values)))[:size].view(shape)


def _levels(bits: int, name: str, shape: tuple[int, ...], number: int, _: Any) -> torch.Tensor:
    """Packed weights, repeated from a block that depends on the tensor's number."""
    random, most = torch.Generator().manual_seed(0 if name in _TABLE else number), _MOST[bits]
    high, low = torch.randint(-most, most + 1, (2, _BLOCK), generator=random, dtype=torch.int8)
    values = high if bits == 8 else (high << 4) | (low & 15)
    size = torch.Size(shape).numel()
    return values.repeat(-(-size // _BLOCK))[:size].view(shape)


def _nothing(name: str) -> torch.Tensor:
    raise AssertionError(f"{name}: nothing is read")


def _vocabulary(folder: Path, published: bool) -> dict[str, int]:
    """Writes the vocabulary; returns the special ids that config.json names."""
    file = folder / "ice_text.model"
    own = base_folder(EMBEDDED) / file.name
    file.write_bytes(gzip.decompress(PUBLISHED.read_bytes()) if published else own.read_bytes())
    tokenizer = ChatGLMTokenizer(str(file))
    tokenizer.save_pretrained(folder)
    return {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in SPECIAL}
