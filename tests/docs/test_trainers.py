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
