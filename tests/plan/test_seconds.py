"""Time: the limit of the design by hand, and what changes it."""

from dataclasses import replace

import pytest

from doctorglm.plan.calibration import constants
from doctorglm.plan.devices import Device, device_of
from doctorglm.plan.memory import way_of
from doctorglm.plan.probe import Rates, rates_of
from doctorglm.plan.seconds import Validation, flops_of, seconds_of
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import base_of
from doctorglm.plan.work import Row, Work

WORK = Work(
    steps=100,
    tokens=1e6,
    computed=1e6,
    supervised=4e5,
    squares=2e8,
    largest=Row(tokens=2048, squares=5e5, supervised=800),
)
CPU = Device(name="cpu", memory=1e12, half=False, flops=None, usd_per_hour=None, price="")
RATES = Rates(product=4e11, mm=2e11, bandwidth=1e10)
GLM = base_of("chatglm-6b").shape
N, HEAD = 28 * 12 * 4096**2, 130_528 * 4096


@pytest.mark.parametrize(("method", "each"), [("lora", 4), ("full", 6), ("ptuning", 4), ("qlora", 4)])
def test_the_limit_by_hand(method: "str", each: int) -> None:
    of = flops_of(GLM, PlanSettings(method=method), WORK, "beside", "none")  # type: ignore[arg-type]
    assert of.products == pytest.approx(each * (N * 1e6 + HEAD * 4e5))


def test_recomputation_adds_a_forward_pass_or_half_of_one() -> None:
    of = {s: flops_of(GLM, PlanSettings(), WORK, "beside", s).products for s in ("none", "selective", "full")}  # type: ignore[arg-type]
    assert of["full"] - of["none"] == pytest.approx(2 * N * 1e6)
    assert of["selective"] - of["none"] == pytest.approx(N * 1e6)


def test_attention_counts_columns_of_a_prefix_too() -> None:
    alone = flops_of(GLM, PlanSettings(), WORK, "beside", "none").attention
    assert alone == 12 * 28 * 4096 * 2e8
    prefixed = flops_of(GLM, PlanSettings(method="ptuning", prefix_tokens=64), WORK, "beside", "none").attention
    assert prefixed == 12 * 28 * 4096 * (2e8 + 64 * 1e6)


def test_a_card_runs_at_its_share_of_the_peak() -> None:
    card, known = device_of("H100-80G"), replace(constants(), gpu_efficiency=0.5)
    of = flops_of(GLM, PlanSettings(), WORK, "beside", "none")
    found = seconds_of(GLM, PlanSettings(), WORK, Validation(), card, "none", None, known)
    assert found.training == pytest.approx((of.products + of.thin + of.attention / 2) / (989e12 * 0.5))
    slower = seconds_of(GLM, PlanSettings(method="qlora"), WORK, Validation(), card, "none", None, known)
    assert slower.training == pytest.approx(found.training / known.dequantise)


def test_validation_is_paid_for() -> None:
    card = device_of("H100-80G")
    once = Validation(times=1, tokens=1e6, supervised=4e5, squares=0)
    first = seconds_of(GLM, PlanSettings(), WORK, once, card, "none", None, constants())
    assert first.validation == pytest.approx(2 * (N * 1e6 + HEAD * 4e5) / (989e12 * constants().gpu_efficiency))
    thrice = seconds_of(GLM, PlanSettings(), WORK, replace(once, times=3), card, "none", None, constants())
    assert thrice.total - thrice.training == pytest.approx(3 * first.validation)


def test_on_a_cpu_every_constant_counts() -> None:
    shape = base_of("embedded").shape
    assert way_of(shape, PlanSettings(), CPU) == "fused"
    usual = seconds_of(shape, PlanSettings(), WORK, Validation(), CPU, "none", RATES, constants()).training
    for name in ("products", "passes", "attention"):
        changed = replace(constants(), **{name: 2 * getattr(constants(), name)})
        assert seconds_of(shape, PlanSettings(), WORK, Validation(), CPU, "none", RATES, changed).training != usual
    slow = replace(RATES, product=RATES.product / 2)
    assert seconds_of(shape, PlanSettings(), WORK, Validation(), CPU, "none", slow, constants()).training > usual


def test_the_probe_gives_rates_of_this_machine() -> None:
    found = rates_of(base_of("embedded").shape, 128)
    assert 1e8 < found.product < 1e15 and 1e8 < found.mm < 1e15 and 1e8 < found.bandwidth < 1e13
    assert rates_of(base_of("embedded").shape, 128) is found
    assert rates_of(base_of("embedded").shape, 128, again=True) is not found
