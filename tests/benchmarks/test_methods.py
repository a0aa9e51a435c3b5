"""What the comparison of methods does with its rows, and how a runner forks for them; nothing is trained here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import methods

PRODUCTS = {"layers": 2, "of_layer": [[3, 5], [5, 3]], "head": [3, 7]}
RUNNER = """
import os, sys, time
sys.path.insert(0, {folder!r})
import torch
from _common import Clock, Job, report
from _runner import run

def main(asked: Job) -> None:
    print("what a library prints")
    if asked.settings["how"] == "fails":
        raise MemoryError("no room")
    if asked.settings["how"] == "hangs":
        time.sleep(60)
    clock = Clock()
    clock.start()
    clock.step()
    clock.losses.append(float(os.getpid()))
    report(asked, "torch", clock, asked.rendered, 1.5)

run({{"threads": 1, "how": "works"}}, main)
"""


def row(method: str, runner: str, turn: int, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "family": "qwen2", "method": method, "runner": runner, "turn": turn, "seconds": seconds, "same_tokens": True,
        "first_loss_all": 9.0, "tokens": 100, "supervised_tokens": 40, "peak_memory_mb": 900.0, "imports_mb": 400.0,
        "trained": 5, "batches": 3,
    } | more  # fmt: skip


@pytest.mark.parametrize(("method", "each"), [("lora", 4), ("ptuning", 4), ("full", 6), ("qlora nf4", 4)])
def test_the_share_of_the_limit_is_that_of_the_definition(method: str, each: int) -> None:
    made = methods.with_speed(row(method, "ours", 0, 2.0), PRODUCTS, {"torch.mm": 1e-6, "oneDNN": 2e-6})
    # each x weights x tokens + each x head x supervised tokens, over two seconds, in GFLOP/s
    gflops = each * (60 * 100 + 21 * 40) / 2 / 1e9
    assert made["share_of_limit"] == pytest.approx({"torch.mm": gflops / 1e-6, "oneDNN": gflops / 2e-6})
    assert (made["tokens_per_s"], made["memory_mb"]) == (50, 500) and "share_with_unpacking" not in made


def test_unpacking_is_in_the_second_limit_once_each_way_for_every_row() -> None:
    made = methods.with_speed(row("qlora int4", "ours", 0, 2.0, unpacking_s=0.1), PRODUCTS, {"oneDNN": 1e-3})
    gflops = 4 * (60 * 100 + 21 * 40) / 1e9
    assert made["share_with_unpacking"]["oneDNN"] == pytest.approx((gflops / 1e-3 + 2 * 3 * 0.1) / 2)


def test_a_ratio_is_taken_within_a_turn_and_only_where_losses_are_equal() -> None:
    rows = [
        *(row("lora", "ours", turn, seconds) for turn, seconds in enumerate([1.0, 2.0, 4.0])),
        *(row("lora", "trl_sft", turn, seconds) for turn, seconds in enumerate([3.0, 4.0, 6.0])),
        *(row("lora", "plain", turn, 1.0, first_loss_all=8.9) for turn in range(3)),
        {**row("lora", "llama_factory", 0, 1.0), "failed": "ValueError: no such model"},
    ]
    rates = {"oneDNN": 1e-6}
    ours, trl, other, plain = methods.compared([methods.with_speed(r, PRODUCTS, rates) for r in rows])
    assert "ours_is_times_as_fast" not in ours
    assert ours["tokens_per_s"] == {"value": 50.0, "low": 25.0, "high": 100.0, "n": 3}
    assert trl["ours_is_times_as_fast"] == {"value": 2.0, "low": 1.5, "high": 3.0, "n": 3}
    assert trl["losses_apart"] == 0 and trl["ours_takes_of_the_memory"]["value"] == 1
    assert other["cannot"] == "ValueError: no such model"
    assert plain["losses_apart"] == pytest.approx(0.1) and "ours_is_times_as_fast" not in plain


def test_a_row_is_kept_and_what_failed_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Trainers:
        def of(self, runner: str, work: Path, settings: Any, limit: int) -> dict[str, Any]:
            asked.append(f"{work.name} {runner} {settings.get('method')}")
            return {"failed": "no"} if runner == "plain" else row("", runner, 0, 1.0)

    monkeypatch.setattr(methods, "_sampled", lambda *_: {"torch.mm": 1.0})
    cell = ("llama", "lora", "ours", {})
    works = {"llama": {"products": PRODUCTS}}
    first = methods.Measured(tmp_path, works, Trainers(), 5).of(cell, 0)  # type: ignore[arg-type]
    again = methods.Measured(tmp_path, works, Trainers(), 5)  # type: ignore[arg-type]
    assert again.of(cell, 0) == first and asked == ["llama ours None"] and first["family"] == "llama"
    again.of(cell, 1)
    monkeypatch.setattr(methods, "head", lambda: "of other code")
    again.of(cell, 1)
    assert len(asked) == 3
    assert again.of(("llama", "lora", "plain", {}), 0)["failed"] == "no"


def test_every_method_of_every_family_is_measured_and_each_peer_is_asked_for_what_it_may_have() -> None:
    cells = list(methods.cells(2))
    ours = {(family, method) for family, method, runner, _ in cells if runner == "ours"}
    assert len(ours) == 4 * 6
    of_trl = [(family, method) for family, method, runner, _ in cells if runner == "trl_sft"]
    assert len(of_trl) == 4 * 4 and ("chatglm", "lora") in of_trl and ("qwen2", "qlora int4") not in of_trl
    assert next(s for _, m, r, s in cells if (m, r) == ("qlora nf4", "trl_sft"))["method"] == "qlora"
    assert {settings["threads"] for *_, settings in cells} == {2}


def test_unpacking_takes_time_for_every_kind() -> None:
    products = {"layers": 2, "of_layer": [[128, 64], [64, 128]], "head": [64, 7]}
    assert all(methods.unpacking(products, kind) > 0 for kind in methods.QUANTIZATIONS)


def test_a_runner_forks_for_every_row(tmp_path: Path) -> None:
    """Each in a process of its own; one that fails or hangs is told, and the next one runs."""
    script = tmp_path / "runner.py"
    script.write_text(RUNNER.format(folder=str(methods.HERE / "peers")), "utf-8")
    (tmp_path / "rendered.jsonl").write_text('{"input_ids": [1, 2], "labels": [-100, 2]}\n' * 3, "utf-8")
    asked = [("works", 30), ("fails", 30), ("hangs", 0.5), ("works", 30)]
    lines = [
        json.dumps({"work": str(tmp_path), "settings": {"how": how}, "limit": 2, "timeout_s": seconds})
        for how, seconds in asked
    ]
    done = subprocess.run(
        [sys.executable, str(script), "--serve"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    first, failed, late, last = map(json.loads, done.stdout.splitlines())
    assert (failed, late) == ({"failed": "MemoryError: no room"}, {"failed": "took longer than 0.5 s"})
    assert first["losses"] != last["losses"] and first["tokens"] == 4 and first["same_tokens"]
    assert 0 < first["imports_mb"] <= first["peak_memory_mb"]
    alone = [sys.executable, str(script), "--work", str(tmp_path), "--settings", '{"how": "works"}']
    done = subprocess.run(alone, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["tokens"] == 6 and "what a library prints" in done.stderr
