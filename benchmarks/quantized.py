"""What quantised bases cost and keep: the weights' memory, the loss before training, LoRA beside QLoRA, and merges.

For each base (the embedded one, and with --model a folder of weights) and each of nf4, int8 and int4: bytes of the
weights, nats a token on held-out dialogues before any training; the same after equally many steps of the same batches
of `lora` and of `qlora`; and of each adapter, merged, mean KL and logits beside what tuning itself changed.
--tiny takes two steps, to see that it runs. Data are the demo's dialogues. One JSON object is printed.
"""

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from _record import circumstances
from doctorglm import demo, models
from doctorglm.conversation import read_conversations, write_conversations
from doctorglm.errors import ModelError
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.loading import base_folder
from doctorglm.models.merging import merge
from doctorglm.models.quantized.divergence import share_of
from doctorglm.models.quantized.formats import QUANTIZATIONS
from doctorglm.models.quantized.layers import parameter_count, weight_bytes
from doctorglm.render import Sample, renderer_for
from doctorglm.tune import TuneSettings, tune
from doctorglm.tune.loop import mean_nats

_UNGATED = {"passed": False, "allow_ungated": True}
_MERGES = ("tuning", "dequantised", "full", "packed_again")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder of weights, measured beside the embedded base")
    parser.add_argument("--tiny", action="store_true", help="two steps on few dialogues: only that it runs")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--out", type=Path, help="where runs are kept; default: a temporary folder")
    given = parser.parse_args()
    bases = ["embedded", *([given.model] if given.model else [])]
    steps = 2 if given.tiny else given.steps
    with tempfile.TemporaryDirectory() as scratch:
        work = given.out or Path(scratch)
        data = _write_data(work / "data", 12 if given.tiny else 420)
        measured = {Path(base).name: _measure(base, data, work, steps, given.learning_rate) for base in bases}
    versions = {"torch": torch.__version__}
    shown = "python benchmarks/quantized.py" + (" --tiny" if given.tiny else "")
    result = circumstances(shown, versions) | {"steps": steps, "bases": measured}
    print(json.dumps(result, ensure_ascii=False, indent=1))


def _write_data(folder: Path, most: int) -> Path:
    """The demo's dialogues to train on, those that it holds out to validate on."""
    for part, file in (("train", demo.DATA), ("valid", demo.HELD_OUT)):
        conversations = [c for c in read_conversations(file) if c.turns]
        write_conversations(folder / f"{part}.jsonl", conversations[: most if part == "train" else min(most, 80)])
    return folder


def _measure(base: str, data: Path, work: Path, steps: int, rate: float) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for kind in ("none", *QUANTIZATIONS):
        began = time.monotonic()
        model, tokenizer = models.load(base, quantization=kind)
        loaded = time.monotonic() - began
        held_out = _samples(tokenizer, data / "valid.jsonl")
        rows[kind] = {
            "weight_bytes": weight_bytes(model),
            "bits_a_weight": 8 * weight_bytes(model) / parameter_count(model),
            "load_s": round(loaded, 2),
            "nats_before": mean_nats(model, held_out, 2048, 0),
        }
        del model
        gc.collect()
        rows[kind] |= _tuned(base, kind, data, work / Path(base).name / kind, steps, rate)
    return rows


def _samples(tokenizer: Any, file: Path) -> list[Sample]:
    renderer = renderer_for(tokenizer)
    found = [item for c in read_conversations(file) for item in renderer.training(c, 512)]
    return [item for item in found if isinstance(item, Sample)]


def _tuned(base: str, kind: str, data: Path, out: Path, steps: int, rate: float) -> dict[str, Any]:
    """The run's figures, and what merging its adapter changes."""
    quantised: Any = {} if kind == "none" else {"method": "qlora", "quantization": kind}
    settings = TuneSettings(
        learning_rate=rate, lora_rank=16, lora_alpha=32, max_steps=steps, epochs=50, validate_every=0, **quantised
    )
    record = tune(base, data, out, settings).record
    kept = ("training_s", "tokens_per_s", "peak_memory_mb", "fused_layers", "steps")
    found = {name: record[name] for name in kept} | {"nats_after": record["best"]["valid_loss"]}
    return found | {"merges": _merged(base, out, kind)}


def _merged(base: str, out: Path, kind: str) -> dict[str, Any]:
    """Of each merge `divergence.apart`, and its share of what tuning changed; or why it is refused."""
    folder, found = base_folder(base), {}
    choices: Sequence[Any] = [None] if kind == "none" else ["dequantised", "full"]
    for onto in choices:
        target = out / f"merged-{onto}"
        try:
            done = merge(
                out / "adapter", folder, target, fingerprint=base_fingerprint(folder), gate=_UNGATED, onto=onto
            )
        except ModelError as refused:
            found[str(onto)] = {"refused": refused.text.en.replace(str(out), "RUN")}
            continue
        report = done["divergence"].get("quantized") or done["divergence"]
        of = {name: report[name] for name in _MERGES if name in report}
        found[str(onto)] = {name: one | {"share": share_of(one, report["tuning"])} for name, one in of.items()}
    return found


if __name__ == "__main__":
    main()
