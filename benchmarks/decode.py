"""ChatGLM-6B in INT8 and INT4 on a CPU: peak memory, and a token's time beside llama.cpp's on equal bytes of weights.

    python benchmarks/decode.py [--folder runs/decode] [--layers 28] [--rounds 6] > RESULT.json
    python benchmarks/decode.py --write          # writes the weights beforehand, and measures nothing

Protocol. All weights are random, at full size: ours in the official layout (`_random_base.py`), llama.cpp's in Llama's
shape (`_random_gguf.py`): as many layers of the same width, the width of its MLP such that a token reads as many bytes
of weights as ours does; heads and context are the same, so keys and values are too. About 27 GB of disk.

memory   For INT8, INT8 with embedding and head packed too (`quantization_embeddings`), and INT4: a process of its own
         opens the engine as `chat` does and writes 128 tokens after 512. Peak is the highest resident size less that
         after the imports, mapped weights included (`full_size.py`).
beside   Our INT4 and llama.cpp's Q4_0 in turns, `rounds` rounds of 16 tokens after a prompt of 64, both with as many
         threads as there are cores; who begins changes from round to round. Ours is the engine's own path with its
         draws (temperature 1) and checks, median of the steps; llama.cpp's is its own `predicted_ms` over its tokens,
         greedy. A round's ratio is (their time / our time) x (our bytes / their bytes): our speed as a share of theirs
         on equal bytes. The lowest and the highest of 6 rounds hold the median with probability 97 %. Twice:
         llama.cpp's head in float16 as ours is, and all of it in Q4_0.
layer    One layer's products with one token, GB/s of packed weights, weights of more than 1 GB in turns: ours, by
         tiles (one layer), and torch's own operators where they keep up with them.

`--part memory-int8-embeddings`, after `--write`, measures that row alone and prints it.
`--layers` makes fewer layers of full width, `--tiny` a small model in one process, for tests.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from transformers.generation.streamers import BaseStreamer

from _llama import served
from _random_base import PUBLISHED, Sizes, write_base
from _random_gguf import Shape, shape_of, write_gguf
from _record import circumstances
from doctorglm.engine import Sampling
from doctorglm.models.decoding import product
from doctorglm.models.local_engine import ends_in_loop
from doctorglm.models.opening import open_engine
from doctorglm.models.quantized.layers import weight_bytes
from doctorglm.models.quantized.linear import QuantizedLinear
from doctorglm.runs import _versions
from full_size import memory, remembered, seconds

TARGETS_GB = {"int8": 7.5, "int8-embeddings": 7.0, "int4": 4.5}
TARGET_RATIO = 0.9
HEADS = ("f16", "q4_0")
TINY = Sizes(vocab_size=16000, num_layers=2, hidden_size=256, inner_hidden_size=512, num_attention_heads=2)


class Clock(BaseStreamer):
    """When the prompt came, and each token."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        """Called by generate with the prompt, then with each token."""
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Called by generate at the end."""

    def steps(self) -> list[float]:
        """Seconds of the prompt with its first token, then of each token."""
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


def prompt_of(model: Any, length: int) -> list[int]:
    """Random ids that end as ChatGLM-6B's prompts do."""
    random = torch.Generator().manual_seed(8)
    ids = torch.randint(5, model.config.bos_token_id, (length,), generator=random)
    ids[-2:] = torch.tensor([model.config.gmask_token_id, model.config.bos_token_id])
    found: list[int] = ids.tolist()
    return found


def answered(engine: Any, prompt: int, tokens: int) -> Clock:
    """The engine's own way to an answer, as `stream` takes it; nothing ends it, though loops are looked for."""
    clock = Clock()
    endless = patch.dict("doctorglm.models.local_engine._OURS", {"min_new_tokens": tokens})
    with endless, patch("doctorglm.models.local_engine.ends_in_loop", lambda text: ends_in_loop(text) and False):
        engine._generate([prompt_of(engine._model, prompt)], Sampling(max_new_tokens=tokens, temperature=1.0), clock)
    assert len(clock.times) == tokens + 1, "the answer ended early"
    return clock


def remembering(options: argparse.Namespace, kind: str) -> dict[str, Any]:
    """Opens the engine of a packed folder and writes `tokens` after `prompt`."""
    after_imports = memory("VmRSS")
    began = time.perf_counter()
    engine = opened(options, kind)
    loaded_s = time.perf_counter() - began
    steps = answered(engine, options.prompt, options.tokens).steps()
    return {
        "weights_gb": weight_bytes(engine._model) / 1e9,
        "target_gb": TARGETS_GB[kind],
        "memory": remembered(after_imports),
        "load_s": loaded_s,
        "prompt_s": steps[0],
        "token_s": statistics.median(steps[1:]),
    }


def opened(options: argparse.Namespace, kind: str) -> Any:
    """The engine that `chat` opens."""
    return open_engine(str(folder_of(options, kind)))


def folder_of(options: argparse.Namespace, kind: str) -> Path:
    found: Path = options.folder / f"chatglm-6b-{kind}"
    return found


def read_by_token(model: Any) -> int:
    """Bytes of the weights that a token is multiplied with: packed values, scales, and the head."""
    return sum(
        sum(tensor.nbytes for tensor in (m.weight, getattr(m, "weight_scale", None)) if tensor is not None)
        for m in model.modules()
        if isinstance(m, torch.nn.Linear)
    )


def peer(options: argparse.Namespace, sizes: Sizes, head: str) -> tuple[Path, Shape]:
    """llama.cpp's file, and its shape: as many bytes a token as our INT4 model reads."""
    layers = sum(o * i // 2 + 4 * o for o, i in sizes.shapes()) * sizes.num_layers
    shape = shape_of(
        layers + 2 * sizes.head(),
        layers=sizes.num_layers,
        width=sizes.hidden_size,
        heads=sizes.num_attention_heads,
        vocabulary=sizes.vocab_size,
        head=head,
    )
    return options.folder / f"llama-{head}.gguf", shape


@contextmanager
def theirs(file: Path, options: argparse.Namespace) -> Any:
    """A function that has llama.cpp write so many tokens after the prompt; milliseconds a token."""
    with served(file, 1, options.round_prompt + 4 * options.round_tokens + 64) as address:

        def write(tokens: int) -> float:
            asked = {"prompt": list(range(300, 300 + options.round_prompt)), "n_predict": tokens, "temperature": -1}
            body = json.dumps(asked | {"ignore_eos": True, "cache_prompt": True}).encode()
            request = urllib.request.Request(
                address.split("/v1")[0] + "/completion", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request) as answer:
                timings = json.load(answer)["timings"]
            assert timings["predicted_n"] == tokens
            return float(timings["predicted_ms"]) / tokens

        yield write


def beside(options: argparse.Namespace, sizes: Sizes, head: str) -> dict[str, Any]:
    """Our INT4 and llama.cpp's Q4_0, round by round."""
    file, shape = peer(options, sizes, head)
    engine = opened(options, "int4")
    ours_bytes, theirs_bytes = read_by_token(engine._model), shape.bytes_read()
    rounds: list[dict[str, float]] = []
    with theirs(file, options) as write:
        turns: dict[str, Callable[[], float]] = {
            "ours_ms": lambda: (
                1e3 * statistics.median(answered(engine, options.round_prompt, options.round_tokens).steps()[1:])
            ),
            "theirs_ms": lambda: write(options.round_tokens),
        }
        write(2)  # reads the prompt, which is then kept
        for number in range(options.rounds):
            order = list(turns) if number % 2 == 0 else list(turns)[::-1]
            found = {name: turns[name]() for name in order}
            found["ratio"] = found["theirs_ms"] / found["ours_ms"] * ours_bytes / theirs_bytes
            rounds.append(found)
            print(f"{head}: {found}", file=sys.stderr, flush=True)
    ratios = [one["ratio"] for one in rounds]
    return {
        "peer": asdict(shape),
        "ours_bytes": ours_bytes,
        "theirs_bytes": theirs_bytes,
        "rounds": rounds,
        **{name: statistics.median(one[name] for one in rounds) for name in ("ours_ms", "theirs_ms")},
        "ratio": {"value": statistics.median(ratios), "low": min(ratios), "high": max(ratios), "n": len(ratios)},
    }


def layer(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """GB/s at which one token reads the weights of layers in turns, by ours, by tiles, and by torch."""
    found: dict[str, Any] = {}
    buffer = torch.ones(10**6 if options.tiny else 2**28)
    found["read_gbs"] = buffer.nbytes / seconds(buffer.sum) / 1e9
    del buffer
    x = {i: torch.randn(1, i) for _, i in sizes.shapes()}
    for kind, copies in (("int4", 11), ("int8", 6), ("float16", 3)):
        weights = [one for _ in range(copies) for one in made(kind, sizes)]
        # by tiles it takes long enough with one layer
        of = {"tiles": weights[: len(sizes.shapes())]}
        found[kind] = {name: rate_of(partial(way, x), of.get(name, weights)) for name, way in WAYS[kind].items()}
    return found


def rate_of(way: Callable[[Any], Any], weights: list[tuple[torch.Tensor, Any]]) -> float:
    """GB/s of packed weights."""
    with torch.inference_mode():
        return sum(weight.nbytes for weight, _ in weights) / seconds(lambda: [way(one) for one in weights]) / 1e9


def made(kind: str, sizes: Sizes) -> list[tuple[torch.Tensor, Any]]:
    """A layer's packed weights with what belongs to them."""
    if kind == "float16":
        return [(torch.randn(shape).mul_(0.02).half(), None) for shape in sizes.shapes()]
    found = []
    for o, i in sizes.shapes():
        one = QuantizedLinear(i, o, kind, bias=False)  # type: ignore[arg-type]
        one.weight.random_(-127, 128)
        one.weight_scale.fill_(0.001)
        found.append((one.weight, one))
    return found


def _ours(x: dict[int, torch.Tensor], one: tuple[torch.Tensor, Any]) -> Any:
    weight, of = one
    row = x[of.in_features if of is not None else weight.shape[1]]
    out = product.few_rows(row, weight, None, *((of.weight_scale, of.kind) if of is not None else ()))
    assert out is not None, "nothing was compiled"
    return out


def _tiles(x: dict[int, torch.Tensor], one: tuple[torch.Tensor, Any]) -> Any:
    return one[1].times(x[one[1].in_features])


def _torch_int8(x: dict[int, torch.Tensor], one: tuple[torch.Tensor, Any]) -> Any:
    scale = one[1].weight_scale.bfloat16()
    return torch._weight_int8pack_mm(x[one[1].in_features].bfloat16(), one[0], scale)


def _torch_int4(x: dict[int, torch.Tensor], one: tuple[torch.Tensor, Any]) -> Any:
    """The operator reads as many bytes; that they would have to be packed otherwise does not change its time."""
    of = one[1]
    scales = torch.ones(of.in_features // 256, of.out_features, 2, dtype=torch.bfloat16)
    packed = one[0].view(torch.uint8)
    return torch.ops.aten._weight_int4pack_mm_for_cpu(x[of.in_features].bfloat16(), packed, 256, scales)


WAYS: dict[str, dict[str, Callable[..., Any]]] = {
    "int4": {"ours": _ours, "tiles": _tiles, "torch_bfloat16": _torch_int4},
    "int8": {"ours": _ours, "tiles": _tiles, "torch_bfloat16": _torch_int8},
    "float16": {"ours": _ours},
}

Part = Callable[[argparse.Namespace, Sizes], dict[str, Any]]

PARTS: dict[str, Part] = {
    "layer": layer,
    "memory-int8": lambda options, _: remembering(options, "int8"),
    "memory-int8-embeddings": lambda options, _: remembering(options, "int8-embeddings"),
    "memory-int4": lambda options, _: remembering(options, "int4"),
    "beside-f16": lambda options, sizes: beside(options, sizes, "f16"),
    "beside-q4_0": lambda options, sizes: beside(options, sizes, "q4_0"),
}


def run(part: str, options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """What a part prints, run in a process of its own."""
    began = time.perf_counter()
    if options.tiny:
        found = PARTS[part](options, sizes)
    else:
        command = [sys.executable, __file__, *sys.argv[1:], "--part", part]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=os.environ)
        if done.returncode:
            sys.exit(f"{part}: failed, see above")
        found = json.loads(done.stdout)
    print(f"{part}: {time.perf_counter() - began:.0f} s, {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def write(options: argparse.Namespace, sizes: Sizes) -> None:
    """All weights, unless they are there."""
    published = PUBLISHED.is_file() and not options.tiny
    for kind in TARGETS_GB:
        bits, embeddings = 4 if kind == "int4" else 8, kind.endswith("-embeddings")
        write_base(folder_of(options, kind), sizes, published=published, bits=bits, embeddings=embeddings)
    for head in HEADS:
        write_gguf(*peer(options, sizes, head))


def measured(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """The result, as it is printed."""
    write(options, sizes)
    found = {part: run(part, options, sizes) for part in PARTS}
    versions = _versions() | {"xllamacpp": __import__("xllamacpp").__version__}
    shown = ["DIR" if word == str(options.folder) else word for word in sys.argv[1:]]  # not a folder of this machine
    command = " ".join(["python benchmarks/decode.py", *shown])
    return circumstances(command, versions) | {
        "threads": torch.get_num_threads(),
        "sizes": asdict(sizes),
        "prompt": options.prompt,
        "tokens": options.tokens,
        "round_prompt": options.round_prompt,
        "round_tokens": options.round_tokens,
        "target_ratio": TARGET_RATIO,
        "layer": found["layer"],
        "memory": {part.removeprefix("memory-"): one for part, one in found.items() if part.startswith("memory-")},
        "beside": {part.removeprefix("beside-"): one for part, one in found.items() if part.startswith("beside-")},
    }


def parsed(arguments: list[str] | None = None) -> tuple[argparse.Namespace, Sizes]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/decode"))
    parser.add_argument("--layers", type=int, default=Sizes.num_layers)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the weights, and measure nothing")
    parser.add_argument("--prompt", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("--tokens", type=int, default=128, help="tokens written after it, for memory")
    parser.add_argument("--round-tokens", type=int, default=16, help="tokens of a round beside llama.cpp")
    parser.add_argument("--round-prompt", type=int, default=64, help="tokens before them")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    return options, TINY if options.tiny else Sizes(num_layers=options.layers)


def main() -> None:
    options, sizes = parsed()
    if options.write:
        write(options, sizes)
    elif options.part:
        print(json.dumps(PARTS[options.part](options, sizes)))
    else:
        print(json.dumps(measured(options, sizes), indent=1))


if __name__ == "__main__":
    main()
