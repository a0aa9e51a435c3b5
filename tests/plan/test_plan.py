"""The whole plan: fields, devices and prices, variants, what fits, and what is refused."""

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from doctorglm.errors import ConfigError, DataError
from doctorglm.language import choose
from doctorglm.plan import PlanSettings, paper, plan
from doctorglm.plan.calibration import constants
from doctorglm.plan.devices import Device, device_of, devices
from doctorglm.plan.memory import Parts
from doctorglm.plan.planning import ROOM, saving_for
from doctorglm.plan.shape import base_of, known
from doctorglm.plan.tables import advice, sentence, tables
from doctorglm.plan.tokens import tokens_of
from doctorglm.plan.work import work_of
from doctorglm.settings import build

CARD = "A100-80G"


def planned(data: Path, base: str = "chatglm-6b", device: str = CARD, **settings: Any) -> Any:
    return plan(base, data, device, PlanSettings(**settings))


def test_the_contract_of_json(data: Path) -> None:
    told = json.loads(json.dumps(planned(data).to_dict()))
    parts = told["memory_gb"]
    assert set(parts) == {
        "weights", "adapter", "gradients", "optimizer", "activations", "logits", "workspace", "total",
    }  # fmt: skip
    assert parts["total"] == pytest.approx(sum(v for k, v in parts.items() if k != "total"), abs=1e-3)
    assert told["fits"] is True and told["hours"] > 0 and told["usd"] > 0
    assert told["usd"] == pytest.approx(told["hours"] * 1.30, abs=1e-4)
    assert told["assumptions"] and all(isinstance(text, str) for text in told["assumptions"])
    assert [one["weights"] for one in told["variants"]] == ["not quantised", "int8", "int4", "nf4"]
    weights = [one["memory_gb"]["weights"] for one in told["variants"]]
    assert weights[0] > weights[1] > weights[3] > weights[2]


def test_the_cards_that_fit_are_those_with_the_memory(data: Path) -> None:
    of = planned(data, recompute="none")
    for name, one in of.cards.items():
        memory = devices()[name].memory_gb
        assert memory is not None
        assert one.fits == (one.memory.total <= ROOM * memory * 1e9), name
    assert of.cards["H100-80G"].fits and not of.cards["T4-16G"].fits


def test_the_least_recomputation_that_fits_is_chosen(data: Path) -> None:
    base, fitted = base_of("chatglm-6b"), constants()
    work = work_of(tokens_of(base, data, "train", 512, fitted), PlanSettings(), on_cpu=False)
    needs = {}
    for saving in ("none", "selective", "full"):
        forced = planned(data, recompute=saving)
        needs[saving] = forced.chosen.memory.total
        assert forced.chosen.saving == saving
    assert needs["none"] > needs["selective"] > needs["full"]

    def on(memory: float) -> str:
        device = replace(device_of(CARD), memory=memory / ROOM)
        return saving_for(base.shape, PlanSettings(), work, device, fitted)

    assert [on(needs[s] * 1.001) for s in ("none", "selective", "full")] == ["none", "selective", "full"]
    assert on(needs["full"] / 2) == "full"


def test_the_largest_batch_fits_and_twice_that_does_not(data: Path) -> None:
    most = planned(data, device="RTX-4090-24G", recompute="none").batch_tokens
    assert most is not None
    assert planned(data, device="RTX-4090-24G", recompute="none", batch_tokens=most).chosen.fits
    assert planned(data, device="T4-16G", recompute="none").batch_tokens is None


# field -> (another value, what else has to be set for it to matter)
CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "method": ("full", {}),
    "quantization": ("int8", {"method": "qlora"}),
    "quantization_embeddings": (True, {"method": "qlora", "quantization": "int8", "base": "chatglm-6b"}),
    "optimizer": ("lion", {}),
    "epochs": (5, {}),
    "max_steps": (1, {}),
    "batch_tokens": (512, {}),
    "packing": (False, {"batch_tokens": 300}),
    "fuse": (False, {"device": "cpu"}),
    "accumulation": (2, {"batch_tokens": 256}),
    "max_length": (60, {}),
    "lora_rank": (64, {}),
    "lora_dropout": (0.1, {"device": "cpu"}),
    "lora_targets": ("q_proj", {}),
    "prefix_tokens": (32, {"method": "ptuning"}),
    "prefix_projection": (True, {"method": "ptuning"}),
    "prefix_hidden": (64, {"method": "ptuning", "prefix_projection": True}),
    "recompute": ("full", {}),
    "validate_every": (1, {"valid": True, "batch_tokens": 128}),
    "devices": ("FILE", {}),
}


@pytest.mark.parametrize("name", [f.name for f in fields(PlanSettings)])
def test_every_setting_changes_something(name: str, base: Path, data: Path, tmp_path: Path) -> None:
    value, needed = CHANGES[name]
    needed = dict(needed)
    device, of = needed.pop("device", CARD), needed.pop("base", str(base))
    if needed.pop("valid", False):
        (data / "valid.jsonl").write_bytes((data / "train.jsonl").read_bytes())
    if name == "devices":
        value = str(tmp_path / "own.yaml")
        Path(value).write_text(yaml.safe_dump({CARD: {"memory_gb": 80, "tflops": 312, "usd_per_hour": 9}}), "utf-8")

    def outcome(settings: PlanSettings) -> Any:
        made = plan(of, data, device, settings)
        return made.chosen.memory, made.work, made.chosen.usd if device != "cpu" else None

    usual = PlanSettings(**needed)
    assert getattr(usual, name) != value
    assert outcome(usual) != outcome(replace(usual, **{name: value}))


def test_settings_without_effect_are_said(data: Path) -> None:
    told = planned(data, method="full", base="qwen2.5-0.5b").to_dict()["assumptions"]
    assert any("lora_rank" in line and "Not looked at" in line for line in told)


def test_a_price_of_ones_own(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "devices.yaml"
    own = {"cpu": {"usd_per_hour": 0.2}, "MY-48G": {"memory_gb": 48, "tflops": 100, "usd_per_hour": 1}}
    file.write_text(yaml.safe_dump(own), "utf-8")
    assert planned(data, device="my-48g", devices=str(file)).chosen.usd == pytest.approx(
        planned(data, device="MY-48G", devices=str(file)).chosen.hours
    )
    on_cpu = planned(data, base="embedded", device="cpu", devices=str(file), max_steps=1).chosen
    assert on_cpu.usd == pytest.approx(0.2 * on_cpu.hours)
    assert planned(data, base="embedded", device="cpu", max_steps=1).chosen.usd is None


def test_every_shipped_price_says_where_it_is_from() -> None:
    for name, entry in devices().items():
        assert entry.price.startswith(("assumed, 20", "none")) or "https://" in entry.price, name
        assert name == "cpu" or (entry.specification.startswith("https://") and entry.memory_gb and entry.tflops)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("[1, 2]", DataError, "a device's name"),
        ("a: {b", DataError, "not YAML"),
        ("X: {memory_gb: -1, tflops: 1}", ConfigError, "memory_gb=-1"),
        ("X: {memory: 1}", ConfigError, "unknown setting `memory`"),
        ("X: {memory_gb: 8}", ConfigError, "tflops are needed"),
    ],
)
def test_a_wrong_file_of_devices_is_refused(
    data: Path, tmp_path: Path, text: str, kind: type[Exception], said: str
) -> None:
    file = tmp_path / "devices.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(kind, match=said):
        planned(data, device="X", devices=str(file))
    with pytest.raises(DataError, match="cannot be read"):
        planned(data, devices=str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "A100"}, r"--device A100: not known; did you mean `A100-80G`\?"),
        ({"device": "h100"}, r"did you mean `H100-80G`\?"),
        ({"device": "abacus"}, r"--device abacus: not known\. There are cpu, "),
        ({"method": "ptuning", "prefix_tokens": 2048}, "prefix_tokens=2048: chatglm-6b reads 2048 tokens"),
        ({"lora_targets": "q_proj"}, "chatglm-6b has no such linear layer; it has query_key_value"),
    ],
)
def test_what_cannot_be_is_refused(data: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        planned(data, **settings)


@pytest.mark.parametrize("name", ["chatglm-6b", "chatglm2-6b"])
def test_a_quantised_base_is_planned_as_such_and_not_trained_whole(name: str, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "int4"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**known()[name]["config"], "quantization_bit": 4}), "utf-8")
    asked = planned(data, base=str(folder)).chosen
    same = planned(data, base=name, method="qlora", quantization="int4").chosen
    assert (asked.weights, asked.memory) == ("int4", same.memory)
    with pytest.raises(ConfigError, match="quantised to 4 bits"):
        planned(data, base=str(folder), method="full")


def test_a_base_with_packed_embeddings(data: Path, tmp_path: Path) -> None:
    """0.53 GB less in 8 bits on a card that computes in 16; of a folder, by its config alone."""
    values = {**known()["chatglm-6b"]["config"], "quantization_bit": 8, "quantization_embeddings": True}
    (tmp_path / "config.json").write_text(json.dumps(values), "utf-8")
    found = planned(data, base=str(tmp_path))
    asked = planned(data, method="qlora", quantization="int8", quantization_embeddings=True)
    without = planned(data, method="qlora", quantization="int8")
    assert found.chosen.memory == asked.chosen.memory and found.settings.quantization_embeddings
    less = without.chosen.memory.weights - asked.chosen.memory.weights
    assert less == pytest.approx(130_528 * 4096 - 2 * 130_528)
    assert any("embeddings and head too" in text.en for text in found.assumptions)
    assert not any("embeddings and head too" in text.en for text in without.assumptions)
    for settings in ({"quantization": "nf4"}, {"base": "qwen2.5-0.5b", "quantization": "int8"}):
        with pytest.raises(ConfigError, match="only a ChatGLM-6B in int8 or int4 has its embedding and head packed"):
            planned(data, method="qlora", quantization_embeddings=True, **settings)


def test_rank_0_is_refused() -> None:
    with pytest.raises(ConfigError, match="lora_rank=0: it must be at least 1"):
        build(PlanSettings, {"lora_rank": 0}, "plan")


def test_samples_are_cut_to_the_context(data: Path, base: Path) -> None:
    assert plan(str(base), data, CARD, PlanSettings(max_length=4096)).settings.max_length == 512
    prefixed = PlanSettings(max_length=4096, method="ptuning", prefix_tokens=100)
    assert plan(str(base), data, CARD, prefixed).settings.max_length == 412


def test_both_readings_of_the_papers_price() -> None:
    first, second, its_hours = paper.readings(1.5)
    assert (first.hours, first.usd, first.usd_per_hour) == (13, 18.75, pytest.approx(1.4423, abs=1e-4))
    assert (second.hours, second.usd, second.inferred) == (12.5, 18.75, ("hours", "usd_per_hour"))
    # at 1.5 USD an hour 13 hours cost 19.50, or 4 % more pairs
    assert (its_hours.pairs, its_hours.usd) == (pytest.approx(104_000), 19.5)


def test_ours_stands_beside_the_paper_for_as_many_pairs(data: Path) -> None:
    rows = planned(data).paper
    assert rows[-1].reading.en.startswith("this plan") and rows[-1].pairs == 100_000 and not rows[-1].inferred
    # 20 answers of one epoch, scaled up
    once = planned(data, epochs=1).chosen
    assert rows[-1].hours == pytest.approx(once.hours * 5000, rel=0.02)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_tables_are_in_both_languages(data: Path, language: Any) -> None:
    choose(language)
    of = planned(data, base="qwen2.5-7b", method="full", device="RTX-4090-24G")
    said = [str(table.title) for table in tables(of)] + [sentence(of), advice(of)]
    assert all(said) and ("放不下" in said[-2]) == (language == "zh")
    assert ("too much" in said[-1]) == (language == "en")


def test_advice_is_given_where_nothing_fits_only(data: Path) -> None:
    assert advice(planned(data)) == ""
    small = planned(data, device="T4-16G")
    assert not small.chosen.fits
    assert "quantization=int" in advice(small)


def test_parts_add_up() -> None:
    parts = Parts(weights=1e9, adapter=2e9, gradients=3e9, optimizer=4e9, activations=5e9, logits=6e9, workspace=7e9)
    assert parts.total == 28e9 and parts.in_gb()["total"] == 28


def test_no_price_is_no_number(data: Path) -> None:
    rows = planned(data, base="embedded", device="cpu", max_steps=1).paper
    assert math.isnan(rows[-1].usd)


def test_a_device_is_found_in_any_case() -> None:
    found: Callable[[str], Device] = device_of
    assert found("a100-80g").name == CARD
