"""LoRA on one GPU: ChatGLM-6B's shape with random weights, real short dialogues, non-padding tokens, share of the peak.

    .venv/bin/python benchmarks/tune_gpu.py [--shape 6b] [--batch-tokens 4096 8192] [--steps 8] [--compile]

Packed rows are compared with buckets of like length on the same dialogues, at each size of a batch. Weights are random,
since speed does not depend on them; they are made on the device. Tokens are those of the package's own vocabulary of
ChatGLM's kind. Without a GPU the default is a tiny shape, which shows no more than that the benchmark runs.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

from _gpu import SHAPES, peak_of, product_rate, profile_table, random_model, wait, work_of
from _record import circumstances
from _work import CORPORA, _tuning_part
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import CurateSettings, curate
from doctorglm.demo import DATA
from doctorglm.models import ChatGLMConfig, ChatGLMTokenizer
from doctorglm.models.kernels import choose
from doctorglm.models.loading import base_folder, best_device, best_dtype
from doctorglm.render import Sample, renderer_for
from doctorglm.runs import _versions, peak_memory_mb
from doctorglm.tune.adapt import adapt
from doctorglm.tune.corpus import Corpus, steps_of
from doctorglm.tune.loop import _backward, _finite, _update
from doctorglm.tune.optimizers import optimizers_for
from doctorglm.tune.reading import compiled_layers, fused_layers, reads_packed
from doctorglm.tune.settings import TuneSettings

MAX_LENGTH = 512
TARGET = 0.45
"""Of the device's peak in dense bfloat16, at 4N operations a token."""


def dialogues(source: str) -> tuple[str, list[Conversation]]:
    """CMD's tuning part, or the package's own dialogues where ../shared is absent or `demo` is asked for."""
    if source != "demo" and (CORPORA / "cmd").is_dir():
        return "cmd", _tuning_part()
    with tempfile.TemporaryDirectory() as out:
        curate([DATA], Path(out), CurateSettings(splits={"train": 1.0}))
        return "demo", list(read_conversations(Path(out) / "train.jsonl"))


def main() -> None:
    arguments = parsed()
    device, began = best_device(), time.monotonic()
    config, tokenizer, source, samples = prepared(arguments)
    dtype = getattr(torch, arguments.dtype) if arguments.dtype else best_dtype(device)
    settings = TuneSettings(max_length=MAX_LENGTH, compile=arguments.compile)
    model = adapt(random_model(config, dtype, device), settings)
    packs = reads_packed(model, samples, settings)
    fused = fused_layers(model, samples, settings, packs)
    compiled = compiled_layers(model, samples, settings, packs)
    model.train()
    heads = torch.empty(1, config.num_attention_heads, 1, config.hidden_size // config.num_attention_heads)
    heads = heads.to(device, dtype)
    rows: list[dict[str, Any]] = []
    for batch_tokens in arguments.batch_tokens:
        rate = product_rate(config, batch_tokens, dtype, device)
        for packing in (True, False):
            asked = {"batch_tokens": batch_tokens, "rows": "packed" if packing else "length buckets"}
            if time.monotonic() - began > arguments.limit_s:
                rows.append(asked | {"left_out": f"{arguments.limit_s} s were over"})
                continue
            one = measured(model, Corpus(samples, [], tokenizer.pad_token_id, packing and packs), config, arguments,
                           batch_tokens)  # fmt: skip
            rows.append(asked | one | {"products_tflops": rate})
            print(asked, {k: one.get(k) for k in ("tokens_per_s", "left_out")}, file=sys.stderr, flush=True)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    result = circumstances("python benchmarks/tune_gpu.py " + " ".join(sys.argv[1:]), _versions()) | {
        "device_name": name, "shape": arguments.shape, "dtype": str(dtype), "dialogues": source,
        "samples": len(samples), "mean_tokens": statistics.mean(len(s.input_ids) for s in samples),
        "attention": choose(heads, heads), "packed": packs, "fused_layers": fused, "compiled_layers": compiled,
        "seconds": time.monotonic() - began,
    }  # fmt: skip
    if device.type != "cuda":
        result["note"] = "no GPU: this shows that the benchmark runs, and no speed"
    sys.stdout.write(json.dumps(result | judged(rows, name), ensure_ascii=False, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="6b" if on_gpu else "tiny")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], help="default: what tune would take here")
    parser.add_argument("--batch-tokens", type=int, nargs="+", default=[4096, 8192, 16384] if on_gpu else [512])
    parser.add_argument("--steps", type=int, default=8, help="timed steps of each row")
    parser.add_argument("--warm-up", type=int, default=3, help="steps before them")
    parser.add_argument("--dialogues", choices=["cmd", "demo"], default="cmd")
    parser.add_argument("--samples", type=int, default=4000, help="at most")
    parser.add_argument("--compile", action="store_true", help="compile what stands between the products")
    parser.add_argument("--limit-s", type=float, default=240, help="no new row is begun after that")
    return parser.parse_args()


def prepared(arguments: argparse.Namespace) -> tuple[ChatGLMConfig, ChatGLMTokenizer, str, list[Sample]]:
    """The shape with the vocabulary's special ids, and the dialogues rendered in ChatGLM's format."""
    tokenizer = ChatGLMTokenizer(str(base_folder("embedded") / "ice_text.model"))
    special = {f"{n}_token_id": getattr(tokenizer, f"{n}_token_id") for n in ("bos", "eos", "mask", "gmask", "pad")}
    source, conversations = dialogues(arguments.dialogues)
    renderer = renderer_for(tokenizer)
    rendered = [item for c in conversations for item in renderer.training(c, MAX_LENGTH) if isinstance(item, Sample)]
    return ChatGLMConfig(**SHAPES[arguments.shape], **special), tokenizer, source, rendered[: arguments.samples]


def measured(
    model: Any, corpus: Corpus, config: ChatGLMConfig, arguments: argparse.Namespace, batch_tokens: int
) -> dict[str, Any]:
    """Steps as `tune` takes them: batches, losses, gradients, clipping, update; and a profile of two more."""
    device = model.device
    settings = TuneSettings(batch_tokens=batch_tokens, epochs=1, max_length=MAX_LENGTH)
    optimizers = optimizers_for(model, settings)
    steps = cycle(steps_of(corpus.train, settings, corpus.packing))
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    try:
        run(model, corpus, optimizers, list(islice(steps, arguments.warm_up)))
        taken = list(islice(steps, arguments.steps))
        wait(device)
        started = time.perf_counter()
        losses = run(model, corpus, optimizers, taken)
        wait(device)
        seconds = time.perf_counter() - started
        memory = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else peak_memory_mb() / 1e3
        with torch.profiler.profile() as profile:
            run(model, corpus, optimizers, list(islice(steps, 2)))
    except torch.OutOfMemoryError as error:
        model.zero_grad(set_to_none=True)
        return {"left_out": str(error).splitlines()[0]}
    read = [corpus.train[i] for batches in taken for indices in batches for i in indices]
    given = [b for batches in taken for of in batches for b in corpus.batches([corpus.train[i] for i in of], device)]
    work = work_of(read, config)
    return {
        "steps": len(taken), "seconds": seconds, "step_s": seconds / len(taken), "peak_memory_gb": memory,
        "tokens_per_s": work.tokens / seconds, "padding": 1 - work.tokens / sum(b.input_ids.numel() for b in given),
        "tflops_at_4n": work.at_4n / seconds / 1e12, "tflops_needed": work.needed / seconds / 1e12,
        "tflops_of_attention": work.attention / seconds / 1e12, "losses": losses, "work": asdict(work),
        "profile_of_2_steps": profile_table(profile, device),
    }  # fmt: skip


def run(
    model: Any, corpus: Corpus, optimizers: list[torch.optim.Optimizer], steps: list[list[list[int]]]
) -> list[float]:
    """Takes the steps and returns their losses; as in `tune`, the next batches are made while the device computes."""

    def batches_of(step: int) -> list[Any]:
        of = steps[step] if step < len(steps) else []
        return [b for indices in of for b in corpus.batches([corpus.train[i] for i in indices], model.device)]

    losses, ready = [], batches_of(0)
    for step in range(len(steps)):
        batches = ready
        numbers = _backward(model, batches, optimizers, 1.0)
        ready = batches_of(step + 1)
        losses.append(_finite(numbers, batches, step + 1)[0])
        _update(optimizers)
    return losses


def judged(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The rows with their share of the peak, the best one, and whether packing or buckets were faster."""
    known = peak_of(name)
    done = [row for row in rows if "left_out" not in row]
    peak = known[0] if known else max((row["products_tflops"] for row in done), default=0.0)
    source = known[1] if known else "this device is not in the table: the rate of the layers' products, measured here"
    for row in done:
        row["share_of_peak_at_4n"], row["share_of_peak_needed"] = (
            row[key] / peak for key in ("tflops_at_4n", "tflops_needed")
        )
    best = max(done, key=lambda row: row["tokens_per_s"], default=None)
    told = {"peak_tflops": peak, "peak_source": source, "target_share_at_4n": TARGET, "runs": rows}
    if best is None:
        return told
    return told | {
        "best": {key: best[key] for key in ("batch_tokens", "rows", "tokens_per_s", "share_of_peak_at_4n")},
        "target_met": best["share_of_peak_at_4n"] >= TARGET if known else None,
    }


if __name__ == "__main__":
    main()
