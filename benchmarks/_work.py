"""The common work of the trainers that benchmarks compare: CMD dialogues, a tokenizer and a random model of a family.

The dialogues are CMD's tuning part (45 %), split as for the embedded base (recipes/cmd-lora.yaml): the first in the
order of curate's files that fit into 512 tokens. The tokenizer learns from that whole part; the model learns nothing.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import (
    GlmConfig,
    GlmForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
)

from doctorglm import demo
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import CurateSettings, curate
from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.chatglm.tokenizer import ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece
from doctorglm.models.saving import save_model
from doctorglm.render import Sample, renderer_for

CORPORA = Path(__file__).parents[2] / "shared" / "data" / "corpora"
SPLITS = {"pretrain": 0.40, "train": 0.405, "valid": 0.045, "test": 0.15}
MAX_LENGTH = 512
VOCABULARY = 8000
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

# Nothing follows the last end token, so that a trainer that renders whole dialogues has no token that ours lacks.
CHATML = (
    "{% for m in messages %}{{ ('' if loop.first else '\\n') + '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\n<|im_start|>assistant\\n' }}{% endif %}"
)


def prepare(
    folder: Path, dialogues: int = 400, seed: int = 0, shape: str = "qwen2", *, small: bool = False
) -> dict[str, Any]:
    """Writes the work to `folder` unless it is there: `train.jsonl`, `rendered.jsonl`, `base/` and, last, `work.json`.

    `shape` is a key of `SIZES`, or `chatglm`. Returns what work.json says: counts, sizes, and sha256 of the files.
    `small` takes the demo's dialogues and makes a model of two narrow layers, to see that a script runs. Exits with a
    message when ../shared/data is absent.
    """
    asked = {"dialogues_asked": dialogues, "seed": seed, "shape": shape, "small": small}
    vocabulary = "ice_text.model" if shape == "chatglm" else "tokenizer.json"
    finished = folder / "work.json"
    if finished.exists():
        made: dict[str, Any] = json.loads(finished.read_text(encoding="utf-8"))
        if asked.items() <= made.items():
            return made
    finished.unlink(missing_ok=True)
    shutil.rmtree(folder / "base", ignore_errors=True)
    candidates = _demo() if small else _tuning_part()
    texts = [message.content for conversation in candidates for message in conversation.messages]
    tokenizer = (_chatglm_tokenizer if shape == "chatglm" else _tokenizer)(texts, 3000 if small else VOCABULARY)
    chosen = _fitting(candidates, tokenizer, dialogues)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "train.jsonl", [{"messages": c.to_dict()["messages"]} for c, _ in chosen])
    _write(folder / "rendered.jsonl", [{"input_ids": s.input_ids, "labels": s.labels} for _, s in chosen])
    torch.manual_seed(seed)
    model = _model(shape, tokenizer, small)
    save_model(model, tokenizer, folder / "base")
    made = asked | {
        "dialogues": len(chosen),
        "tokens": sum(len(s.input_ids) for _, s in chosen),
        "supervised_tokens": sum(s.supervised for _, s in chosen),
        "longest": max(len(s.input_ids) for _, s in chosen),
        "parameters": sum(p.numel() for p in model.parameters()),
        "products": _products(model),
        "sha256": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in (
                "train.jsonl",
                "rendered.jsonl",
                "base/model.safetensors",
                f"base/{vocabulary}",
            )
        },
    }
    finished.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return made


def _demo() -> list[Conversation]:
    return [conversation for conversation in read_conversations(demo.DATA) if len(conversation.turns) == 1]


@cache
def _tuning_part() -> list[Conversation]:
    sources = [CORPORA / "cmd", CORPORA / "zhongjing"]  # the second is only compared with, as in the recipe
    if missing := [source.name for source in sources if not source.is_dir()]:
        sys.exit(
            f"No corpus {', '.join(missing)} in ../shared/data/corpora, from which this benchmark takes its dialogues. "
            "Put ../shared beside the project and run it again."
        )
    with tempfile.TemporaryDirectory() as out:
        curate(sources, Path(out), CurateSettings(splits=SPLITS, only=["cmd"]))
        return [c for name in ("train", "valid") for c in read_conversations(Path(out) / f"{name}.jsonl")]


def _fitting(candidates: list[Conversation], tokenizer: Any, count: int) -> list[tuple[Conversation, Sample]]:
    """The first dialogues that are one whole sample each."""
    renderer = renderer_for(tokenizer)
    fitting: list[tuple[Conversation, Sample]] = []
    for conversation in candidates:
        match renderer.training(conversation, MAX_LENGTH):
            case [Sample() as sample]:
                fitting.append((conversation, sample))
        if len(fitting) == count:
            return fitting
    sys.exit(f"CMD's tuning part has {len(fitting)} dialogues of at most {MAX_LENGTH} tokens; {count} were asked.")


def _tokenizer(texts: list[str], vocabulary: int) -> Any:
    """Qwen2's own class and pieces of text, so that every version of transformers loads it as the same tokenizer."""
    made = Qwen2Tokenizer().train_new_from_iterator(
        texts, vocabulary, new_special_tokens=list(SPECIAL), show_progress=False
    )
    made.eos_token, made.pad_token, made.chat_template = "<|im_end|>", "<|endoftext|>", CHATML
    return made


def _chatglm_tokenizer(texts: list[str], vocabulary: int) -> Any:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "ice_text.model"
        train_sentencepiece(iter(texts), vocabulary, file)
        return ChatGLMTokenizer(str(file))


WIDTHS: dict[str, Any] = {"hidden_size": 512, "num_attention_heads": 8}
LAYERS = 12
SIZES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {"num_key_value_heads": 4, "tie_word_embeddings": True}),
    "llama": (LlamaConfig, LlamaForCausalLM, {"num_key_value_heads": 8, "tie_word_embeddings": True}),
    # what ChatGLM2 and 3 are converted onto, and GLM-4: two heads of keys and values, biases, half of a head turned
    "glm": (
        GlmConfig,
        GlmForCausalLM,
        {"num_key_value_heads": 2, "head_dim": 64, "attention_bias": True, "tie_word_embeddings": False},
    ),
}
"""What the families of the Llama shape differ in."""


def _model(shape: str, tokenizer: Any, small: bool) -> Any:
    """Random weights in fp32; all sizes but the small one's are near 42M parameters."""
    layers = 2 if small else LAYERS
    if shape == "chatglm":
        return ChatGLMForConditionalGeneration(_chatglm_config(tokenizer, layers, 64 if small else 512))
    config, model, own = SIZES[shape]
    narrow = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 8} if small else {"intermediate_size": 1536}
    return model(
        config(
            **WIDTHS | own | narrow,
            vocab_size=len(tokenizer),
            num_hidden_layers=layers,
            max_position_embeddings=4096,
            bos_token_id=None,
            eos_token_id=SPECIAL.index("<|im_end|>"),
            pad_token_id=SPECIAL.index("<|endoftext|>"),
            dtype="float32",
        )
    )


def _chatglm_config(tokenizer: Any, layers: int, width: int) -> ChatGLMConfig:
    return ChatGLMConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_layers=layers,
        num_attention_heads=8,
        max_sequence_length=1024,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        mask_token_id=tokenizer.mask_token_id,
        gmask_token_id=tokenizer.gmask_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _products(model: Any) -> dict[str, Any]:
    """The products of one layer as (inputs, outputs), how many layers there are, and the head as (inputs, outputs)."""
    (layers,) = (m for m in model.modules() if isinstance(m, torch.nn.ModuleList))
    head = model.get_output_embeddings().weight
    of_layer = [m.weight.shape[::-1] for m in layers[0].modules() if isinstance(m, torch.nn.Linear)]
    return {"layers": len(layers), "of_layer": [list(s) for s in of_layer], "head": list(head.shape[::-1])}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dialogues", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shape", choices=sorted([*SIZES, "chatglm"]), default="qwen2")
    arguments = parser.parse_args()
    print(json.dumps(prepare(arguments.folder, arguments.dialogues, arguments.seed, arguments.shape), indent=1))
