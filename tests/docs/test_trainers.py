"""The tables of speed: medians, ratios within a turn, and what may not be compared."""

import re
from typing import Any

import pytest
import trainers

Row = dict[str, Any]


def row(trainer: str, seconds: float, asked: Row | None = None, **more: Any) -> Row:
    asked = asked or {}
    return {
        "runner": trainer, "trainer": trainer, "asked": asked, "settings": asked, "limit": 60, "seconds": seconds,
        "dialogues": 60, "dialogues_per_s": 60 / seconds, "tokens_per_s": 6000 / seconds, "same_tokens": True,
        "share_of_limit": {"torch.mm": 8 / seconds, "oneDNN": 7 / seconds}, "first_loss_all": 9.0,
        "loss_of_last_step": 5.0,
    } | more  # fmt: skip


@pytest.fixture
def recorded() -> Row:
    ours = [row("doctorglm", s, name="DoctorGLM") for s in (10.0, 11.0, 12.0)]
    plain = [row("transformers", s, {"batch_size": 4}, name="plain loop") for s in (15.0, 22.0, 30.0)]
    trl = [row("trl", s, {"packing": packing}) for packing in (True, False) for s in (40.0, 30.0, 36.0)]
    for slow in trl[:3]:
        slow["seconds"] *= 2
    turns = [r for turn in range(3) for r in (ours[turn], plain[turn], trl[turn], trl[3 + turn])]
    without = [
        r for turn in range(3)
        for r in (row("doctorglm", 10.0 + turn), row("doctorglm", 12.0 + turn, {"without": ["oneDNN's products"]}))
    ]  # fmt: skip
    profile = [row("doctorglm", 10.0, profile={"attention": 0.1 + n / 100, "everything else": 0.9}) for n in range(3)]
    swept = [
        row("transformers", 20.0, {"batch_size": 4}, name="plain loop"),
        row("trl", 30.0, {"packing": True}),
        row("llamafactory", 9.0, {"packing": True, "neat_packing": False}, first_loss_all=8.5),
        {"runner": "trl_sft", "asked": {"batch_size": 9}, "limit": 60, "failed": ["no memory"]},
    ]
    gflops = {"torch.mm": 178.4, "oneDNN": 201.2}
    return {"gflops": gflops, "runs": turns, "without": without, "profile": profile, "sweep": swept}


def cells(text: str, beginning: str) -> list[str]:
    (line,) = re.findall(rf"^\| {re.escape(beginning)} \|.*$", text, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_is_the_median_of_its_turns_with_their_ends(recorded: Row) -> None:
    shown = cells(trainers.trainers(recorded), "DoctorGLM")
    assert shown[1:] == ["as they are", "5.45 [5.00, 6.00]", "545", "73 % [67, 80]", "64 % [58, 70]"]


def test_ours_is_held_against_the_best_setting_of_each_peer_within_a_turn(recorded: Row) -> None:
    (sentence,) = (line for line in trainers.trainers(recorded).splitlines() if line.startswith("In the same turn"))
    # 15/10, 22/11, 30/12; TRL unpacked is its best: 40/10, 30/11, 36/12
    assert "2.00 [1.50, 2.50] times as fast as plain loop's best" in sentence
    assert "3.00 [2.73, 4.00] times as fast as TRL's best" in sentence


def test_a_part_is_held_against_the_whole_of_its_turn(recorded: Row) -> None:
    # 12/10, 13/11, 14/12
    assert cells(trainers.trainers(recorded), "without oneDNN's products")[1:] == ["1.182 [1.167, 1.200]", "0e+00"]


def test_where_the_time_goes_is_ordered(recorded: Row) -> None:
    text = trainers.trainers(recorded)
    assert cells(text, "attention")[1] == "11.0 % [10.0, 12.0]"
    assert text.index("| everything else |") < text.index("| attention |")


def test_a_setting_that_failed_or_leaked_says_so(recorded: Row) -> None:
    lines = trainers.trainers(recorded).splitlines()
    (failed,) = (line for line in lines if "batch_size=9" in line)
    (leaked,) = (line for line in lines if "neat_packing=False" in line)
    assert failed.endswith("| failed |")
    assert "another loss, by 5e-01 nats" in leaked


def spread(value: float, low: float, high: float) -> Row:
    return {"value": value, "low": low, "high": high, "n": 3}


@pytest.fixture
def of_methods() -> Row:
    speed = spread(1500.0, 1450.0, 1600.0)
    shares = {"torch.mm": spread(1.2, 1.1, 1.3), "oneDNN": spread(0.55, 0.5, 0.6)}
    unpacked = {"torch.mm": spread(1.25, 1.2, 1.3), "oneDNN": spread(0.61, 0.6, 0.62)}
    ours: Row = {"runner": "ours", "tokens_per_s": speed, "share_of_limit": shares, "memory_mb": spread(1234.0, 1, 2)}
    ratios: Row = {"ours_is_times_as_fast": spread(2.5, 2.4, 2.6), "ours_takes_of_the_memory": spread(0.8, 0.7, 0.9)}
    rows = [
        {"family": "qwen2", "method": "lora", **ours},
        {"family": "qwen2", "method": "lora", "runner": "trl_sft", "losses_apart": 2e-7, **ratios},
        {"family": "qwen2", "method": "lora", "runner": "plain", "losses_apart": 0.01, "same_tokens": True},
        {"family": "chatglm", "method": "qlora nf4", **ours, "share_with_unpacking": unpacked},
        {"family": "chatglm", "method": "qlora nf4", "runner": "trl_sft", "cannot": "ValueError: a|b"},
        {"family": "chatglm", "method": "qlora nf4", "runner": "llama_factory", "cannot": "ValueError: a|b"},
    ]
    rates = [
        {"family": "qwen2", "weight_gradients": full, "torch.mm": 200.4, "oneDNN": 450.6} for full in (False, True)
    ]
    return {"compared": rows, "gflops": rates, "rounds": 3, "dialogues": 40}


def test_every_method_stands_beside_its_limit_and_its_peers(of_methods: Row) -> None:
    text = trainers.methods(of_methods)
    assert cells(text, "Qwen2")[1:6] == ["lora", "1,500 [1,450, 1,600]", "120 % [110, 130]", "55 % [50, 60]", ""]
    assert cells(text, "Qwen2")[6:] == ["1,234", "2.50 [2.40, 2.60] (80 %)", "", "another loss, by 1e-02 nats"]
    assert cells(text, "ChatGLM-6B")[5:] == ["61 % [60, 62]", "1,234", "cannot (1)", "cannot (1)", ""]
    assert text.endswith("1. `ValueError: a/b`")
    assert "differ by at most 2e-07 nats" in text and "with gradients of weights 200 by torch.mm, 451 by oneDNN" in text


def test_a_prefix_stands_beside_lora_and_the_grid_is_in_the_order_of_its_losses() -> None:
    settings = [{"method": "lora", "lora_rank": 8}, {"method": "ptuning", "prefix_tokens": 64}]
    grid = [
        {"settings": s, "trained": 1000, "loss": loss, "validations": [[20, 4.5], [40, 4.25]]}
        for s, loss in zip(settings, (4.3, 4.2), strict=True)
    ]
    arm = {"trained": 1000, "loss": 4.0, "tokens_per_s": 5000.0, "memory_mb": 900.0, "runs": [{}] * 3}
    against = {"difference": 0.01, "low": -0.02, "high": 0.04, "p": 0.4, "n": 9}
    compared = {
        "lora": arm | {"settings": settings[0]},
        "ptuning": arm | {"settings": settings[1], "against_lora": against},
    }
    text = trainers.prefixes({"base_loss": 4.4, "steps": 40, "grid": grid, "compared": compared})
    assert cells(text, "ptuning: ptuning, prefix_tokens=64")[1:] == [
        "1,000", "4.0000", "+0.0100 [-0.0200, +0.0400]", "5,000", "900",
    ]  # fmt: skip
    assert text.index("| ptuning, prefix_tokens=64 |") < text.index("| lora, lora_rank=8 |")
    assert "4.500 after 20, 4.250 after 40" in text and "After 80 steps" in text and "3 seeds" in text
