"""Time by a trial: hand arithmetic, what a plan says of it, and what it does without."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.language import Text
from doctorglm.plan import PlanSettings, devices, plan
from doctorglm.plan.calibration import constants
from doctorglm.plan.devices import Device, at_hand, device_of
from doctorglm.plan.seconds import Validation, reading_flops, seconds_of
from doctorglm.plan.shape import base_of, few_layers, model_of, shape_of
from doctorglm.plan.timed import Timed, extrapolated
from doctorglm.plan.work import Row, Work

TIMED = Timed(row_s=2.0, row_flops=1e12, update_s=0.5, reading_s=1.0, reading_flops=4e11, tokens=2000, layers=3)
CPU = Device(name="cpu", memory=1e12, half=False, flops=None, usd_per_hour=None, price="")
N, HEAD = 28 * 12 * 4096**2, 130_528 * 4096


def test_by_hand() -> None:
    # ten rows of 2 s in five steps; validations of twice what was read
    assert TIMED.training(10e12, 5) == 22.5
    assert TIMED.reading(8e11) == 2.0
    assert TIMED.record() == {
        "row_s": 2.0, "row_flops": 1e12, "update_s": 0.5, "reading_s": 1.0, "reading_flops": 4e11, "tokens": 2000,
        "layers": 3,
    }  # fmt: skip


def test_the_layers_that_were_not_read_are_like_those_that_were() -> None:
    # 1 s of head and loss, 2 s a layer: with three layers 7, with one 3, with twelve 25
    assert extrapolated(3.0, 7.0, layers=12, more=2) == 25.0
    assert extrapolated(3.0, 5.0, layers=2, more=1) == 5.0
    assert extrapolated(3.0, 3.0, layers=1, more=0) == 3.0
    # noise makes no time negative
    assert extrapolated(3.0, 2.9, layers=12, more=2) == 3.0


def test_a_run_is_as_many_rows_as_it_computes_and_as_many_updates_as_steps() -> None:
    shape, known = base_of("chatglm-6b").shape, replace(constants(), beside_trial=1.1)
    largest = Row(tokens=2048, squares=0.0, supervised=800)
    work = Work(steps=100, tokens=1e6, computed=1e6, supervised=4e5, squares=0.0, largest=largest)
    validation = Validation(times=3, tokens=1e5, supervised=2e4, squares=1e6)
    found = seconds_of(
        shape, PlanSettings(method="full"), work, validation, CPU, "none", None, known, TIMED
    )  # fmt: skip
    assert found.training == pytest.approx(1.1 * (2.0 * 6 * (N * 1e6 + HEAD * 4e5) / 1e12 + 100 * 0.5))
    read = 2 * (N * 1e5 + HEAD * 2e4) + 4 * 28 * 4096 * 1e6
    assert reading_flops(shape, 1e5, 2e4, 1e6) == read
    assert found.validation == pytest.approx(3 * read / 4e11)
    # recomputation is in what was timed and in what is computed, so that it does not count twice
    again = replace(TIMED, row_flops=1e12 * 8 / 6)
    settings = PlanSettings(method="full")
    same = seconds_of(shape, settings, replace(work, supervised=0.0), validation, CPU, "full", None, known, again)
    once = seconds_of(shape, settings, replace(work, supervised=0.0), validation, CPU, "none", None, known, TIMED)
    assert same.training == pytest.approx(once.training)


def planned(data: Path, told: Any, device: str = "cpu", **settings: Any) -> Any:
    asked: list[Any] = []

    def trial(*args: Any) -> Any:
        asked.append(args)
        return told

    of = plan("embedded", data, device, PlanSettings(**settings), trial)
    return of, asked


def test_a_plan_for_this_machine_is_timed_and_says_so(data: Path) -> None:
    slow = replace(TIMED, row_s=2e5)
    of, asked = planned(data, slow, recompute="selective")
    formulas = plan("embedded", data, "cpu", PlanSettings(recompute="selective"))
    ((base, settings, tokens, device, saving),) = asked
    assert (base.name, settings.recompute, saving, device.name) == ("embedded", "selective", "selective", "cpu")
    assert tokens.lengths == of.tokens.lengths
    assert of.chosen.memory == formulas.chosen.memory
    told = of.to_dict()
    assert told["trial"] == slow.record() and json.dumps(told)
    assert any("timed on this machine by a trial of 3 layers" in line for line in told["assumptions"])
    assert not any("Rates of this machine" in line for line in told["assumptions"])
    # other ways of holding the weights are as much slower than the formulas say as the one that was tried
    by = of.chosen.seconds.training / formulas.chosen.seconds.training
    assert by > 10 and of.variants[0] == of.chosen
    for one, other in zip(of.variants[1:], formulas.variants[1:], strict=True):
        assert one.seconds.training / other.seconds.training == pytest.approx(by)
    # a hundred thousand pairs in one pass, on this machine
    assert of.paper[-1].hours > 10 * formulas.paper[-1].hours / 2


def test_without_a_trial_the_formulas_stand_and_the_reason_is_said(data: Path) -> None:
    of, _ = planned(data, Text(en="no memory for it.", zh="内存不足。"))
    told = of.to_dict()
    assert told["trial"] is None
    assert any("not timed on this machine: no memory for it." in line for line in told["assumptions"])
    assert any("Rates of this machine" in line for line in told["assumptions"])
    silent = plan("embedded", data, "cpu", PlanSettings()).to_dict()
    assert silent["trial"] is None and not any("not timed" in line for line in silent["assumptions"])


def test_a_card_that_is_not_here_is_not_tried(data: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    of, asked = planned(data, TIMED, "A100-80G")
    assert asked == [] and of.trial is None
    assert any("Assumed, not measured on a GPU" in line for line in of.to_dict()["assumptions"])


@pytest.mark.parametrize(
    ("name", "gib", "here"),
    [
        ("NVIDIA A100-SXM4-80GB", 79.1, True),
        ("NVIDIA A100-SXM4-40GB", 39.4, False),
        ("NVIDIA H100 80GB HBM3", 79.6, False),
    ],
)
def test_a_card_that_torch_sees_is_at_hand(name: str, gib: float, here: bool, monkeypatch: Any) -> None:
    assert at_hand(CPU) == torch.device("cpu")
    fake = {
        "is_available": lambda: True, "current_device": lambda: 1, "get_device_name": lambda _: name,
        "mem_get_info": lambda _: (0, gib * 2**30),
    }  # fmt: skip
    for called, answer in fake.items():
        monkeypatch.setattr(devices.torch.cuda, called, answer)
    assert at_hand(device_of("A100-80G")) == (torch.device("cuda", 1) if here else None)


@pytest.mark.parametrize("name", ["chatglm-6b", "chatglm2-6b", "qwen2.5-0.5b"])
def test_fewer_layers_of_a_base_are_else_the_same(name: str) -> None:
    base = base_of(name)
    with torch.device("meta"):
        few = shape_of(model_of(few_layers(base, 3)))
    of_layer = {
        "chatglm-6b": 12 * 4096**2 + 12288 + 4096 + 16384 + 4096 + 4 * 4096,
        "chatglm2-6b": 4096 * (4096 + 256 * 2) + 4096**2 + 3 * 4096 * 13696 + 4096 + 512 + 2 * 4096,
        "qwen2.5-0.5b": 896 * (896 + 2 * 128) + 896**2 + 3 * 896 * 4864 + 896 + 256 + 2 * 896,
    }[name]
    assert base.shape.parameters - few.parameters == (base.shape.layers - 3) * of_layer
    assert replace(few, layers=base.shape.layers, parameters=base.shape.parameters) == base.shape
