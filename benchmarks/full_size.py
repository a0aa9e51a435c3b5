"""ChatGLM-6B's full size on a CPU, in half precision: 128 tokens after 512, then LoRA, with memory and speed.

    .venv/bin/python benchmarks/full_size.py [--folder runs/full-size-6b] [--layers 28] [--dialogues 6]

The weights are random (`_random_base.py`; about 13.4 GB of disk, kept for the next run). Each part is a process of its
own: its peak memory is the highest resident size less that after the imports, mapped weights included. Decoding is
compared with reading the weights at the bandwidth measured before and after it, reading a prompt and training with
their products in float32 at the rate measured then. `--layers` makes fewer layers of full width, `--tiny` a small model
in one process, for tests.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from transformers.generation.streamers import BaseStreamer

from _random_base import PUBLISHED, Sizes, write_base
from _record import circumstances
from doctorglm import demo, machine, models
from doctorglm.conversation import read_conversations, write_conversations
from doctorglm.models import half
from doctorglm.models.products import product
from doctorglm.models.weights import catalogue, weight_files
from doctorglm.runs import _versions
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.stage import tune

TARGET_GB = 13.0
TILES = [2**20 * n for n in (1, 2, 4, 8, 16, 32)]
TINY = Sizes(vocab_size=16000, num_layers=2, hidden_size=64, inner_hidden_size=128, num_attention_heads=2)


def memory(which: str) -> float:
    """GB of `VmRSS` (now) or `VmHWM` (at most so far), as the kernel counts them."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) * 1024 / 1e9


def seconds(work: Callable[[], Any], repeat: int = 3) -> float:
    """Of the fastest run, after one that is not counted."""
    found = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found[1:])


Rows = list[tuple[torch.Tensor, torch.Tensor]]
"""Of each of a layer's products, the input and the output's gradient."""


def limits(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """What memory and float32 products can do here, and what a layer does by tiles of several sizes."""
    buffer = torch.ones(10**6 if options.tiny else 2**28)
    found: dict[str, Any] = {"read_gbs": buffer.nbytes / seconds(buffer.sum) / 1e9}
    del buffer
    weights = [(torch.randn(shape) * 0.02).half() for shape in sizes.shapes()]
    rows = [(torch.randn(options.prompt, i), torch.randn(options.prompt, o)) for o, i in sizes.shapes()]
    flops = 2 * options.prompt * sum(w.numel() for w in weights)
    found |= widened([w.float() for w in weights], rows, flops)
    used, found["tiles"] = half.TILE_BYTES, []
    for half.TILE_BYTES in TILES if options.sweep else []:
        found["tiles"].append(by_tiles(weights, rows, flops))
        print(f"tiles: {found['tiles'][-1]}", file=sys.stderr, flush=True)
    half.TILE_BYTES = used
    return found


def widened(weights: list[torch.Tensor], rows: Rows, flops: int) -> dict[str, float]:
    """GFLOP/s of a layer's products in float32, forward and backward; GB/s of its float32 weights for one token."""
    pairs = list(zip(rows, weights, strict=True))
    return {
        "forward_gflops": flops / seconds(lambda: [product(x, w) for (x, _), w in pairs]) / 1e9,
        "backward_gflops": flops / seconds(lambda: [product(dy, w.t()) for (_, dy), w in pairs]) / 1e9,
        "float32_token_gbs": sum(w.nbytes for w in weights) / seconds(lambda: [w @ x[0] for (x, _), w in pairs]) / 1e9,
    }


def by_tiles(weights: list[torch.Tensor], rows: Rows, flops: int) -> dict[str, Any]:
    """The layer as `HalfLinear`: one token, and the prompt forward and backward."""
    layers = []
    for weight in weights:
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        linear.weight = torch.nn.Parameter(weight)
        layers.append(half.HalfLinear.of(linear))
    pairs = list(zip(layers, rows, strict=True))
    with torch.no_grad():
        one = seconds(lambda: [layer(x[:1]) for layer, (x, _) in pairs])
        forward = seconds(lambda: [layer(x) for layer, (x, _) in pairs])
    given = [layer(x.requires_grad_()) for layer, (x, _) in pairs]
    backward = seconds(
        lambda: [torch.autograd.grad(y, x, dy, retain_graph=True) for y, (x, dy) in zip(given, rows, strict=True)]
    )
    return {
        "tile_bytes": half.TILE_BYTES,
        "token_gbs": sum(w.nbytes for w in weights) / one / 1e9,
        "forward_gflops": flops / forward / 1e9,
        "backward_gflops": flops / backward / 1e9,
    }


def scarce(folder: Path) -> Any:
    """Within it so little memory is said to be free that the weights are kept, on any machine and for fewer layers."""
    size = 1.05 * sum(one.size for one in catalogue(weight_files(folder)).values())
    return patch.object(machine, "main_memory", lambda: machine.Memory(size, size))


class Clock(BaseStreamer):
    """When the prompt came, and each token."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        """Called by generate with the prompt, then with each token."""
        self.times.append(time.perf_counter())
        if len(self.times) % 16 == 2:
            print(f"{len(self.times) - 1} tokens, {memory('VmRSS'):.2f} GB", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Called by generate at the end."""


def generate(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """Loads the folder and writes `tokens` tokens after `prompt`, greedily, at batch 1."""
    after_imports = memory("VmRSS")
    began = time.perf_counter()
    with scarce(options.folder):
        model, _ = models.load(options.folder)
    loaded_s = time.perf_counter() - began
    config = model.config
    ids = torch.randint(5, config.bos_token_id, (1, options.prompt), generator=torch.Generator().manual_seed(8))
    ids[0, -2:] = torch.tensor([config.gmask_token_id, config.bos_token_id])
    clock = Clock()
    with torch.inference_mode():
        written = model.generate(
            input_ids=ids, max_new_tokens=options.tokens, min_new_tokens=options.tokens, do_sample=False, streamer=clock
        )
    assert written.shape[1] == options.prompt + options.tokens
    steps = [later - earlier for earlier, later in zip(clock.times, clock.times[1:], strict=False)]
    return {
        "weights_in": half.weights_in(model),
        "weights_gb": sum(p.nbytes for p in model.parameters()) / 1e9,
        "memory": remembered(after_imports),
        "load_s": loaded_s,
        "prompt_s": steps[0],
        "token_s": statistics.median(steps[1:]),
        "tokens_s": sum(steps[1:]),
    }


def lora(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """`doctorglm tune` on some of the demo's dialogues, once each."""
    after_imports = memory("VmRSS")
    settings = TuneSettings(epochs=1, batch_tokens=options.batch_tokens, learning_rate=1e-4, checkpoint_every_s=1e6)
    with tempfile.TemporaryDirectory() as scratch:
        data, out = Path(scratch) / "data", Path(scratch) / "out"
        write_conversations(data / "train.jsonl", list(read_conversations(demo.DATA))[: options.dialogues])
        with scarce(options.folder):
            record = tune(str(options.folder), data, out, settings).record
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    kept = ("weights_in", "packed", "fused_layers", "tokens", "training_s", "seconds", "parameters")
    return {
        "memory": remembered(after_imports),
        "steps": [{name: row[name] for name in ("loss", "grad_norm", "tokens", "seconds")} for row in rows],
        "supervised_tokens": record["counts"]["supervised_tokens"],
        **{name: record[name] for name in kept},
    }


def remembered(after_imports_gb: float) -> dict[str, float]:
    """Peak memory as DESIGN's table defines it, in GB."""
    peak = memory("VmHWM")
    return {"after_imports_gb": after_imports_gb, "peak_gb": peak, "above_imports_gb": peak - after_imports_gb}


PARTS = {"limits": limits, "generate": generate, "lora": lora}


def run(part: str, options: argparse.Namespace, sizes: Sizes, *, sweep: bool = False) -> dict[str, Any]:
    """What a part prints, run in a process of its own."""
    began = time.perf_counter()
    options.sweep = sweep
    if options.tiny:
        found = PARTS[part](options, sizes)
    else:
        command = [sys.executable, __file__, *sys.argv[1:], "--part", part, *(["--sweep"] if sweep else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=os.environ)
        if done.returncode:
            sys.exit(f"{part}: failed, see above")
        found = json.loads(done.stdout)
    print(f"{part}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def compared(sizes: Sizes, options: argparse.Namespace, found: dict[str, Any]) -> dict[str, float]:
    """The least time that memory and products allow, as a share of what was needed."""
    rate = {
        name: statistics.median(one[name] for one in found["limits"])
        for name in ("read_gbs", "forward_gflops", "backward_gflops")
    }
    written, trained = found["generate"], found["lora"]
    decode_s = 2 * (sizes.layers() + sizes.head()) / rate["read_gbs"] / 1e9
    prompt_s = 2 * (sizes.layers() * options.prompt + sizes.head()) / rate["forward_gflops"] / 1e9
    products = sizes.layers() * trained["tokens"] + sizes.head() * trained["supervised_tokens"]
    training_s = 2 * products * (1 / rate["forward_gflops"] + 1 / rate["backward_gflops"]) / 1e9
    return {
        "decode": decode_s / written["token_s"],
        "prompt": prompt_s / written["prompt_s"],
        "lora": training_s / trained["training_s"],
    }


def parsed(arguments: list[str] | None = None) -> tuple[argparse.Namespace, Sizes]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/full-size-6b"))
    parser.add_argument("--layers", type=int, default=Sizes.num_layers)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--prompt", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("--tokens", type=int, default=128, help="tokens written after it")
    parser.add_argument("--dialogues", type=int, default=6, help="that LoRA is trained on")
    parser.add_argument("--batch-tokens", type=int, default=384, help="of a step")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--sweep", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    return options, TINY if options.tiny else Sizes(num_layers=options.layers)


def main() -> None:
    options, sizes = parsed()
    if options.part:
        print(json.dumps(PARTS[options.part](options, sizes)))
    else:
        print(json.dumps(measured(options, sizes), indent=1))


def measured(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """The result, as it is printed."""
    write_base(options.folder, sizes, published=PUBLISHED.is_file() and not options.tiny)
    found: dict[str, Any] = {"limits": [run("limits", options, sizes, sweep=True)]}
    found["generate"] = run("generate", options, sizes)
    found["lora"] = run("lora", options, sizes)
    found["limits"].append(run("limits", options, sizes))
    command = " ".join(["python benchmarks/full_size.py", *sys.argv[1:]])
    return circumstances(command, _versions()) | {
        "threads": torch.get_num_threads(),
        "sizes": asdict(sizes),
        "prompt": options.prompt,
        "tokens": options.tokens,
        "target_gb": TARGET_GB,
        "tile_bytes": half.TILE_BYTES,
        **found,
        "of_the_limit": compared(sizes, options, found),
    }


if __name__ == "__main__":
    main()
