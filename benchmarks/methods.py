"""Every method on every family, on a CPU: tokens a second, share of the limit and memory, beside TRL and LLaMA-Factory.

    bash benchmarks/peers/setup.sh                     (once: the peers' environments)
    python benchmarks/methods.py                       (leaves runs/methods, and goes on there when it is started again)
    python benchmarks/methods.py --tiny --work /tmp/methods       only that it runs: two narrow layers, few dialogues

Protocol. Four families of random weights near 42M parameters (Qwen2, Llama, GLM as ChatGLM2 and 3 are converted onto
it, ChatGLM-6B's own shape) are trained for one pass over the same `--dialogues` of CMD, by each method: LoRA, every
weight, P-tuning v2 with the default number of tokens, QLoRA on NF4, INT8 and INT4. Peers have the setting that was
their fastest in `tune_cpu.py`: rows of like length, four a batch. Each is asked for LoRA, every weight, prefix tuning
(PEFT's, begun from our prefix) and QLoRA on NF4 (bitsandbytes); what one cannot is tried once, and its error kept. The
plain loop does LoRA and every weight. All take turns, `--rounds` times, on two threads, each row in a process of its
own that was forked after the imports. Nothing else may run meanwhile.

Compared are rows with the same ids and labels and the same loss of the untouched model, within 1e-4 nats a token: the
others are kept and marked. The clock starts behind one pass forward and back, so that memory was touched before. A
ratio is taken within a turn; shown are the median and the smallest and largest of the turns. Memory is the process's
peak above what it held after its imports.

The limit, in products: 4 x (matmul weights without head) x all tokens + 4 x head x supervised tokens, for every weight
6 in place of 4, at the rate of these shapes' products measured before and after every row, by torch.mm, on which peers
stand, and by oneDNN, on which ours do; for every weight the products for the weights' gradients are in the rate too.
P-tuning needs no gradient of weights: 4; attention, with a prefix or without, is in no limit. QLoRA stands beside two:
LoRA's, in which unpacking counts as loss, and one with unpacking, each weight once forward and once backward for every
row of a batch, in the time that `formats.unpack` alone takes for it, tile by tile.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import torch

from _record import circumstances
from _work import prepare
from doctorglm import models
from doctorglm.models.prefix.files import write_prefix
from doctorglm.models.quantized.formats import QUANTIZATIONS, Quantization
from doctorglm.models.quantized.linear import QuantizedLinear
from doctorglm.runs import _versions
from doctorglm.tune.adapt import adapt
from doctorglm.tune.settings import TuneSettings
from tune_cpu import HERE, PYTHON, ROOT, SAME_LOSS, head, rates

FAMILIES = ("qwen2", "llama", "glm", "chatglm")
METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "full": {"method": "full"},
    "ptuning": {"method": "ptuning"},
    **{f"qlora {kind}": {"method": "qlora", "quantization": kind} for kind in QUANTIZATIONS},
}
ASKED = {"lora": "lora", "full": "full", "ptuning": "ptuning", "qlora nf4": "qlora"}
"""What peers are asked for, by our names."""
PEERS: dict[str, dict[str, Any]] = {
    "trl_sft": {"batch_size": 4, "group_by_length": True},
    "llama_factory": {"batch_size": 4, "group_by_length": True},
    "plain": {"batch_size": 4, "pool_batches": 8},
}
OF_PLAIN = ("lora", "full")
SAMPLE_LAYERS = 3
"""Layers whose products are timed between two rows."""

Row = dict[str, Any]


def cells(threads: int) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(family, method, runner, its settings) of everything that is measured in one round, in its order."""
    for family in FAMILIES:
        for method, own in METHODS.items():
            yield family, method, "ours", {**own, "threads": threads}
            for runner, settings in PEERS.items():
                if method in (OF_PLAIN if runner == "plain" else ASKED):
                    yield family, method, runner, {**settings, "method": ASKED[method], "threads": threads}


class Trainers:
    """The runners' processes: one for each environment's script, which forks for every row."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._running: dict[str, subprocess.Popen[str]] = {}

    def of(self, runner: str, work: Path, settings: Mapping[str, Any], limit: int) -> Row:
        """What a runner reports of one row, or `failed` with its reason."""
        if runner not in self._running:
            self._running[runner] = _started(runner)
        process = self._running[runner]
        job = {"work": str(work), "settings": settings, "limit": limit, "timeout_s": self._timeout_s}
        to, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        to.write(json.dumps(job) + "\n")
        to.flush()
        for line in answers:
            if line.startswith("{"):
                answer: Row = json.loads(line)
                return answer
        sys.exit(f"{runner}.py ended (code {process.wait()}). What it printed on stderr says why.")

    def close(self) -> None:
        """Ends them."""
        for process in self._running.values():
            cast(IO[str], process.stdin).close()
            process.wait()


def _started(runner: str) -> "subprocess.Popen[str]":
    python = ROOT / PYTHON.get(runner, ".venv") / "bin" / "python"
    if not python.exists():
        sys.exit(f"{python.relative_to(ROOT)} is missing. Run `bash benchmarks/peers/setup.sh` first.")
    command = [str(python), str(HERE / "peers" / f"{runner}.py"), "--serve"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


class Measured:
    """The rows so far, on disk; a row that is there is not measured again."""

    def __init__(self, folder: Path, works: Mapping[str, Row], trainers: Trainers, limit: int) -> None:
        self._folder, self._works, self._trainers, self._limit = folder, works, trainers, limit
        self._file = folder / "rows.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self._kept = {row["key"]: row for row in map(json.loads, lines)}

    def of(self, cell: tuple[str, str, str, dict[str, Any]], turn: int) -> Row:
        """The row of a cell in one turn, with the rates of its products before and after."""
        family, method, runner, settings = cell
        key = json.dumps([family, method, runner, settings, turn, self._limit, head()], sort_keys=True)
        if key not in self._kept:
            row = self._measured(family, method, runner, settings)
            row |= {"key": key, "family": family, "method": method, "runner": runner, "turn": turn}
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._kept[key] = row
            shown = row.get("failed") or f"{row['tokens'] / row['seconds']:,.0f} tokens/s"
            print(f"{turn} {family} {method} {runner}: {shown}", file=sys.stderr, flush=True)
        return {name: value for name, value in self._kept[key].items() if name != "key"}

    def _measured(self, family: str, method: str, runner: str, settings: dict[str, Any]) -> Row:
        products, full = self._works[family]["products"], method == "full"
        before = _sampled(products, full)
        row = self._trainers.of(runner, self._folder / family, settings, self._limit)
        row["gflops"] = [before, _sampled(products, full)]
        if runner == "ours" and method.startswith("qlora"):
            row["unpacking_s"] = unpacking(products, cast(Quantization, settings["quantization"]))
        for unused in ("step_seconds", "settings"):
            row.pop(unused, None)
        return row


def _sampled(products: Row, full: bool) -> dict[str, float]:
    return rates({**products, "layers": min(SAMPLE_LAYERS, products["layers"])}, weight_gradients=full)


def unpacking(products: Row, kind: Quantization) -> float:
    """Seconds to unpack every layer's weights once, tile by tile as the layers do it, without a product."""
    layers = [
        QuantizedLinear.of(torch.nn.Linear(i, o, bias=False).requires_grad_(False), kind, "")
        for i, o in products["of_layer"]
    ]
    like = torch.empty(1)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        for layer in layers:
            for _ in layer.tiles(like):
                pass
        times.append(time.perf_counter() - started)
    return statistics.median(times) * cast(int, products["layers"])


def with_speed(row: Row, products: Row, medians: Mapping[str, float]) -> Row:
    """The row with its tokens a second, its shares of the limit, and its memory above the imports."""
    if "failed" in row:
        return row
    each = 6 if row["method"] == "full" else 4
    weights = products["layers"] * sum(i * o for i, o in products["of_layer"])
    in_head = products["head"][0] * products["head"][1]
    flops = each * (weights * row["tokens"] + in_head * row["supervised_tokens"])
    least_s = {kernel: flops / 1e9 / rate for kernel, rate in medians.items()}
    found = {
        "tokens_per_s": row["tokens"] / row["seconds"],
        "share_of_limit": {kernel: s / row["seconds"] for kernel, s in least_s.items()},
        "memory_mb": row["peak_memory_mb"] - row["imports_mb"],
    }
    if "unpacking_s" in row:
        unpacked_s = 2 * row["batches"] * row["unpacking_s"]
        found["share_with_unpacking"] = {k: (s + unpacked_s) / row["seconds"] for k, s in least_s.items()}
    return row | found


def compared(rows: Sequence[Row]) -> list[Row]:
    """Of every family, method and trainer its medians; of peers the ratio of ours to theirs, or why there is none."""
    found = []
    for family in FAMILIES:
        for method in METHODS:
            of_cell = [row for row in rows if (row["family"], row["method"]) == (family, method)]
            ours = [row for row in of_cell if row["runner"] == "ours"]
            for runner in ("ours", *PEERS):
                theirs = [row for row in of_cell if row["runner"] == runner]
                if theirs:
                    found.append({"family": family, "method": method, "runner": runner} | _told(ours, theirs))
    return found


def _told(ours: Sequence[Row], theirs: Sequence[Row]) -> Row:
    if "failed" in theirs[0]:
        return {"cannot": theirs[0]["failed"]}
    told: Row = {name: _spread([row[name] for row in theirs]) for name in ("tokens_per_s", "memory_mb")}
    for name in ("share_of_limit", "share_with_unpacking"):
        if name in theirs[0]:
            told[name] = {kernel: _spread([row[name][kernel] for row in theirs]) for kernel in theirs[0][name]}
    told |= {name: theirs[0][name] for name in ("trained", "first_loss_all", "fused_layers") if name in theirs[0]}
    if theirs[0]["runner"] == "ours" or not ours or "failed" in ours[0]:
        return told
    apart = max(abs(a["first_loss_all"] - b["first_loss_all"]) for a, b in zip(ours, theirs, strict=True))
    told |= {"losses_apart": apart, "same_tokens": all(row["same_tokens"] for row in (*ours, *theirs))}
    if apart < SAME_LOSS and told["same_tokens"]:
        told["ours_is_times_as_fast"] = _spread(
            [b["seconds"] / a["seconds"] for a, b in zip(ours, theirs, strict=True)]
        )
        told["ours_takes_of_the_memory"] = _spread(
            [a["memory_mb"] / b["memory_mb"] for a, b in zip(ours, theirs, strict=True)]
        )
    return told


def _spread(values: Sequence[float]) -> Row:
    return {"value": statistics.median(values), "low": min(values), "high": max(values), "n": len(values)}


def with_prefix(work: Path) -> None:
    """Writes the prefix from which P-tuning begins, ours and PEFT's, to `work`/prefix."""
    if (work / "prefix").exists():
        return
    model, tokenizer = models.load(str(work / "base"), dtype=torch.float32)
    model = adapt(model, TuneSettings(method="ptuning", prefix_init="random"), tokenizer)
    unfinished = work / "prefix.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    write_prefix(model, unfinished)
    unfinished.rename(work / "prefix")


def medians_of(rows: Sequence[Row]) -> dict[str, float]:
    """The median rate of each kernel."""
    found = [rate for row in rows for rate in row["gflops"]]
    return {kernel: statistics.median(rate[kernel] for rate in found) for kernel in found[0]}


def main() -> None:
    arguments = _arguments()
    threads, rounds, limit = (1, 1, 6) if arguments.tiny else (2, arguments.rounds, arguments.dialogues)
    torch.set_num_threads(threads)
    folder = arguments.work
    works = {}
    for family in FAMILIES:
        works[family] = prepare(folder / family, 20 if arguments.tiny else 400, shape=family, small=arguments.tiny)
        with_prefix(folder / family)
    trainers = Trainers(arguments.timeout)
    measured = Measured(folder, works, trainers, limit)
    rows: list[Row] = []
    for turn in range(rounds):
        cannot = {_name(row) for row in rows if "failed" in row}
        rows += [measured.of(cell, turn) for cell in cells(threads) if cell[:3] not in cannot]
    trainers.close()
    kinds: dict[tuple[str, bool], list[Row]] = {}
    for row in rows:
        kinds.setdefault((row["family"], row["method"] == "full"), []).append(row)
    medians = {kind: medians_of(of) for kind, of in kinds.items()}
    rows = [
        with_speed(row, works[row["family"]]["products"], medians[row["family"], row["method"] == "full"])
        for row in rows
    ]
    gflops = [{"family": family, "weight_gradients": full, **rate} for (family, full), rate in medians.items()]
    result = circumstances(f"python benchmarks/methods.py{arguments.shown}", _versions())
    result |= {"dialogues": limit, "rounds": rounds, "works": works, "gflops": gflops}
    result |= {"compared": compared(rows), "rows": rows}
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _name(row: Row) -> tuple[str, str, str]:
    return row["family"], row["method"], row["runner"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=90, help="seconds that one row may take")
    parser.add_argument("--work", type=Path, default=Path("runs/methods"))
    parser.add_argument("--tiny", action="store_true", help="only that it runs")
    arguments = parser.parse_args()
    arguments.shown = "".join(
        f" --{name} {getattr(arguments, name)}"
        for name in ("dialogues", "rounds")
        if getattr(arguments, name) != parser.get_default(name)
    ) + (" --tiny" if arguments.tiny else "")
    return arguments


if __name__ == "__main__":
    main()
