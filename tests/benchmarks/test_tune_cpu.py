"""What the comparison of trainers does with its rows; the trainers themselves are not run here."""

import json
from pathlib import Path
from typing import Any

import pytest

import tune_cpu

PRODUCTS = {"layers": 2, "of_layer": [[3, 5], [5, 3]], "head": [3, 7]}


def row(runner: str, seconds: float, asked: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "runner": runner, "asked": asked or {}, "seconds": seconds, "same_tokens": True, "first_loss_all": 9.0,
        "tokens": 100, "supervised_tokens": 40, "dialogues": 4,
    } | more  # fmt: skip


def test_the_fastest_setting_of_each_peer_is_compared_packed_and_padded_apart() -> None:
    rows = [
        row("plain", 9.0, {"batch_size": 1}),
        row("plain", 7.0, {"batch_size": 4}),
        row("trl_sft", 12.0, {"batch_size": 4}),
        row("trl_sft", 11.0, {"packing": True, "max_length": 512}),
        row("trl_sft", 13.0, {"packing": True, "max_length": 256}),
    ]
    assert list(tune_cpu.fastest(rows)) == [
        {"runner": "plain", "settings": {"batch_size": 4}},
        {"runner": "trl_sft", "settings": {"batch_size": 4}},
        {"runner": "trl_sft", "settings": {"packing": True, "max_length": 512}},
    ]


def test_a_peer_that_trains_on_something_else_is_not_compared() -> None:
    rows = [
        row("plain", 9.0),
        row("llama_factory", 5.0, {"packing": True}, first_loss_all=8.9),
        row("trl_sft", 4.0, {"packing": True}, same_tokens=False),
        {"runner": "trl_sft", "asked": {}, "failed": ["no memory"]},
    ]
    assert [one["runner"] for one in tune_cpu.fastest(rows)] == ["plain"]


def test_the_share_of_the_limit_is_that_of_the_definition() -> None:
    made = tune_cpu.with_speed(row("ours", 2.0), PRODUCTS, {"torch.mm": 1e-6, "oneDNN": 2e-6})
    # 4 x weights x tokens + 4 x head x supervised tokens, over two seconds, in GFLOP/s
    gflops = (4 * 60 * 100 + 4 * 21 * 40) / 2 / 1e9
    assert made["share_of_limit"] == pytest.approx({"torch.mm": gflops / 1e-6, "oneDNN": gflops / 2e-6})
    assert (made["tokens_per_s"], made["dialogues_per_s"]) == (50, 2)


def test_a_row_that_is_there_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def measured(work: Path, runner: str, settings: dict[str, Any], limit: int) -> dict[str, Any]:
        asked.append((runner, settings, limit))
        return row(runner, 1.0, settings)

    monkeypatch.setattr(tune_cpu, "measured", measured)
    monkeypatch.setattr(tune_cpu, "rates", lambda products: {"torch.mm": 1.0})
    one = {"runner": "plain", "settings": {}}
    first = tune_cpu.Rows(tmp_path, PRODUCTS).of("sweep", one, 60, 0)
    again = tune_cpu.Rows(tmp_path, PRODUCTS)
    assert again.of("sweep", one, 60, 0) == first and len(asked) == 1
    for phase, limit, turn in (("compare", 60, 0), ("sweep", 61, 0), ("sweep", 60, 1)):
        again.of(phase, one, limit, turn)
    assert len(asked) == 4
    monkeypatch.setattr(tune_cpu, "head", lambda: "of other code")
    again.of("sweep", one, 60, 0)
    assert len(asked) == 5 and len((tmp_path / "rows.jsonl").read_text("utf-8").splitlines()) == 5


def test_the_products_of_a_layer_are_measured_by_both_kernels() -> None:
    found = tune_cpu.rates(PRODUCTS, tokens=16)
    assert found.keys() == {"torch.mm", "oneDNN"} and all(rate > 0 for rate in found.values())
    assert json.loads(json.dumps(found)) == found
