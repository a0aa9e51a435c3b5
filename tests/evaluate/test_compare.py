"""`compare` on made-up evaluations: what stands in gate.json, where it stands, and what is refused."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doctorglm import runs
from doctorglm.errors import ConfigError, DataError
from doctorglm.evaluate.compare import compare, compare_all
from doctorglm.evaluate.gate import GateSettings
from doctorglm.evaluate.items import DialogueItem, Item, LikelihoodItem, SafetyItem, write_items
from doctorglm.runs import write_json

HASHES = {"base": "b" * 64, "data": "d" * 64}


def likelihood(rng: np.random.Generator, n: int, shift: float) -> list[LikelihoodItem]:
    """n documents whose tokens cost about 3 + shift nats; the same seed gives the same documents."""
    tokens = np.ceil(rng.lognormal(4, 0.5, n)).astype(int)
    nats = tokens * (rng.gamma(30, 0.1, n) + shift)
    return [LikelihoodItem(id=f"q{i}", nats=float(nats[i]), tokens=int(tokens[i])) for i in range(n)]


def dialogue(rng: np.random.Generator, n: int, *, loops: float = 0.02, ends: float = 0.98) -> list[DialogueItem]:
    """n answers of which shares loop and end by themselves."""
    looped, ended = rng.random(n) < loops, rng.random(n) < ends
    return [
        DialogueItem(
            id=f"q{i}",
            answer="请多喝水。",
            tokens=40,
            finish="loop" if looped[i] else "stop" if ended[i] else "length",
            seconds=0.5,
            repetition=0.9 if looped[i] else float(rng.beta(1, 40)),
            loop=0,
            ends=bool(ended[i] and not looped[i]),
        )
        for i in range(n)
    ]


def write(directory: Path, items: Iterable[Item], adapter: str | None = None, **run: Any) -> Path:
    """An evaluation directory; `adapter` is the adapter's sha256."""
    inputs = HASHES | ({"adapter": adapter} if adapter else {})
    write_items(directory / "items.jsonl", items)
    record = {"stage": "evaluate", "status": "finished", "inputs": inputs, "settings": {"seed": 0}, "leak": CLEAN}
    write_json(directory / "run.json", record | run)
    return directory


QUICK = GateSettings(resamples=1000)
CLEAN = {"known": True, "items": 100, "leaked": 0, "first": {}}
N = 100
BENIGN = [
    SafetyItem(
        id=f"s{i}", suite="safety", category="harmful", question=[], answer="不能", finish="stop", safe=i % 2 == 0
    )
    for i in range(N)
]


def items(shift: float, *, seed: int = 0, loops: float = 0.02, ends: float = 0.98) -> list[Any]:
    """The same documents for every shift; answers of their own."""
    answers = dialogue(np.random.default_rng(1), N, loops=loops, ends=ends)
    noise = np.random.default_rng([2, seed]).normal(0, 0.05, N)
    documents = likelihood(np.random.default_rng(0), N, shift)
    moved = [replace(d, nats=d.nats + d.tokens * e) for d, e in zip(documents, noise, strict=True)]
    return [
        *moved,
        *(replace(d, suite="general") for d in likelihood(np.random.default_rng(4), N, 0.0)),
        *answers,
        *BENIGN,
    ]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base", items(0.0))


@pytest.fixture
def placebo(tmp_path: Path) -> Path:
    return write(tmp_path / "placebo", items(-0.2, seed=1), adapter="p" * 64)


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    adapter = tmp_path / "tune" / "adapter"
    adapter.mkdir(parents=True)
    settings = {"seed": 0, "adapter": str(adapter)}
    return write(tmp_path / "tuned", items(-0.5, seed=2), adapter="a" * 64, settings=settings)


def test_the_gate_file(base: Path, tuned: Path, placebo: Path, tmp_path: Path) -> None:
    gate = compare(base, tuned, tmp_path / "out", placebo, QUICK)
    assert gate["passed"] is True
    assert gate["reasons"] == []
    assert gate["sha256"] == {"base": "b" * 64, "adapter": "a" * 64, "placebo": "p" * 64, "data": "d" * 64}
    assert gate["thresholds"]["repetition_margin"] == 0.05
    assert set(gate["metrics"]) == {
        *("nll_per_token", "nll_per_document", "perplexity"),
        *("general/nll_per_token", "general/nll_per_document", "general/perplexity"),
        *("repetition", "loops", "ends_by_itself", "echoes", "answer_tokens", "failed"),
        *("safety/safe", "safety/safe_harmful"),
    }
    assert gate["leak"] == CLEAN
    nll = gate["metrics"]["nll_per_token"]
    assert nll["tuned"] - nll["base"] == pytest.approx(nll["difference"])
    assert nll["tuned"] - nll["placebo"] == pytest.approx(nll["difference_placebo"])
    assert nll["low"] < nll["difference"] < nll["high"] < 0
    assert nll["low_placebo"] < nll["difference_placebo"] < nll["high_placebo"] < 0
    assert nll["difference"] == pytest.approx(-0.5, abs=0.03)
    assert nll["difference_placebo"] == pytest.approx(-0.3, abs=0.03)
    assert nll["n"] == N
    assert nll["p"] < 0.01 > nll["p_placebo"]
    written = json.loads((tmp_path / "out" / "gate.json").read_text(encoding="utf-8"))
    assert written == gate
    assert json.loads((tmp_path / "tune" / "gate.json").read_text(encoding="utf-8")) == gate
    assert runs.read_json(tmp_path / "out" / "run.json")["passed"] is True


def test_every_figure_says_what_its_n_can_tell(base: Path, tuned: Path, placebo: Path, tmp_path: Path) -> None:
    gate = compare(base, tuned, tmp_path / "out", placebo, QUICK)
    nll, perplexity, safe = (gate["metrics"][name] for name in ("nll_per_token", "perplexity", "safety/safe"))
    assert nll["effect"]["kind"] == "d_z" and nll["effect"]["value"] < -0.8
    assert nll["effect"]["size"]["en"] == "large"
    assert nll["p"] < nll["p_holm"] == perplexity["p_holm"] < 0.05
    assert safe["effect"] == {"kind": "h", "value": 0.0, "size": {"en": "negligible", "zh": "可忽略"}}
    assert "items show a true difference of" in nll["note"]["en"] and nll["note"]["zh"]


def test_a_gate_that_was_edited_is_made_anew(base: Path, tuned: Path, tmp_path: Path) -> None:
    first = compare(base, tuned, tmp_path / "out", settings=QUICK)
    write_json(tmp_path / "out/gate.json", {**first, "passed": True})
    assert compare(base, tuned, tmp_path / "out", settings=QUICK) == first
    assert json.loads((tmp_path / "tune/gate.json").read_text(encoding="utf-8"))["passed"] is False


def test_several_tuned_models_have_a_gate_each(base: Path, tuned: Path, placebo: Path, tmp_path: Path) -> None:
    worse = write(tmp_path / "worse", items(0.1), adapter="w" * 64)
    gates = compare_all(base, [tuned, worse], tmp_path / "out", placebo, QUICK)
    assert {name: gate["passed"] for name, gate in gates.items()} == {"tuned": True, "worse": False}
    assert json.loads((tmp_path / "out/worse/gate.json").read_text(encoding="utf-8")) == gates["worse"]
    alone = compare_all(base, [tuned], tmp_path / "alone", placebo, QUICK)
    assert alone["tuned"] == json.loads((tmp_path / "alone/gate.json").read_text(encoding="utf-8"))
    for none in ([], [tuned, tmp_path / "other" / "tuned"]):
        with pytest.raises(ConfigError, match="give one or more, in folders of different names"):
            compare_all(base, none, tmp_path / "no", placebo, QUICK)


def test_no_placebo(base: Path, tuned: Path, tmp_path: Path) -> None:
    gate = compare(base, tuned, tmp_path / "out", settings=QUICK)
    assert gate["passed"] is False
    assert [reason["en"].split(":")[0] for reason in gate["reasons"]] == ["no placebo"]
    assert all(reason["zh"] for reason in gate["reasons"])
    assert gate["metrics"]["nll_per_token"]["placebo"] is None
    assert gate["metrics"]["nll_per_token"]["high_placebo"] is None
    assert gate["sha256"]["placebo"] is None


def test_a_placebo_as_good_as_the_tuned_model(base: Path, tuned: Path, tmp_path: Path) -> None:
    placebo = write(tmp_path / "placebo", items(-0.5, seed=3), adapter="p" * 64)
    gate = compare(base, tuned, tmp_path / "out", placebo, QUICK)
    assert [reason["en"].split(":")[0] for reason in gate["reasons"]] == ["style only"]


def test_a_model_that_loops_and_does_not_end(base: Path, placebo: Path, tmp_path: Path) -> None:
    tuned = write(tmp_path / "tuned", items(-0.5, loops=0.3, ends=0.5), adapter="a" * 64)
    gate = compare(base, tuned, tmp_path / "out", placebo, QUICK)
    assert [c["finding"]["en"] for c in gate["criteria"] if not c["passed"]] == [
        "repetition worse than the base's",
        "endings worse than the base's",
    ]


def test_the_base_against_itself_fails(base: Path, placebo: Path, tmp_path: Path) -> None:
    gate = compare(base, base, tmp_path / "out", placebo, QUICK)
    assert not gate["passed"]
    assert gate["metrics"]["nll_per_token"]["p"] == 1


def test_a_fully_tuned_model_has_another_base(base: Path, placebo: Path, tmp_path: Path) -> None:
    tuned = write(tmp_path / "full", items(-0.5), inputs={**HASHES, "base": "f" * 64})
    gate = compare(base, tuned, tmp_path / "out", placebo, QUICK)
    assert (gate["sha256"]["base"], gate["sha256"]["adapter"]) == ("b" * 64, "f" * 64)


def test_started_again_it_is_skipped_and_another_comparison_is_refused(
    base: Path, tuned: Path, placebo: Path, tmp_path: Path
) -> None:
    first = compare(base, tuned, tmp_path / "out", placebo, QUICK)
    written = (tmp_path / "out" / "gate.json").stat().st_mtime_ns
    (tmp_path / "tune" / "gate.json").unlink()
    assert compare(base, tuned, tmp_path / "out", placebo, QUICK) == first
    assert (tmp_path / "out" / "gate.json").stat().st_mtime_ns == written
    assert (tmp_path / "tune" / "gate.json").exists()
    (tmp_path / "out" / "gate.json").unlink()
    assert compare(base, tuned, tmp_path / "out", placebo, QUICK) == first
    with pytest.raises(ConfigError, match="holds another run"):
        compare(base, tuned, tmp_path / "out", None, QUICK)


def test_seed_and_resamples_are_used(base: Path, tuned: Path, placebo: Path, tmp_path: Path) -> None:
    def low(name: str, settings: GateSettings) -> float:
        found: float = compare(base, tuned, tmp_path / name, placebo, settings)["metrics"]["nll_per_token"]["low"]
        return found

    one = low("one", QUICK)
    assert one == low("again", QUICK)
    assert len({one, low("seed", replace(QUICK, seed=1)), low("more", replace(QUICK, resamples=1001))}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": {**HASHES, "data": "e" * 64}}, "`data` is 'd"),
        ({"inputs": {**HASHES, "base": "c" * 64, "adapter": "a" * 64}}, "`base` is 'b"),
        ({"settings": {"seed": 0, "max_new_tokens": 64}}, "`max_new_tokens` is None in the one and 64"),
        ({"signatures": {"bleu": "tok:13a"}}, "`signature of bleu` is None in the one and 'tok:13a'"),
        ({"versions": {"torch": "9.9"}}, "`version of torch` is None in the one and '9.9'"),
    ],
)
def test_what_was_not_measured_alike_is_refused(
    base: Path, placebo: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    tuned = write(tmp_path / "tuned", items(-0.5), adapter="a" * 64, **change)
    with pytest.raises(DataError, match=message):
        compare(base, tuned, tmp_path / "out", placebo, QUICK)
    assert not (tmp_path / "out").exists()


def test_the_base_is_no_placebo(base: Path, tuned: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no placebo: it is the base model itself"):
        compare(base, tuned, tmp_path / "out", base, QUICK)


def test_a_model_that_was_tuned_on_test_items_fails(base: Path, placebo: Path, tmp_path: Path) -> None:
    leaked = {"known": True, "items": 100, "leaked": 3, "first": {"q1": "train.jsonl 7"}}
    tuned = write(tmp_path / "tuned", items(-0.5, seed=2), adapter="a" * 64, leak=leaked)
    gate = compare(base, tuned, tmp_path / "out", placebo, QUICK)
    assert [reason["en"] for reason in gate["reasons"]] == [
        "3 of 100 test conversations stand in the training data (q1)"
    ]


def test_other_items_are_refused(base: Path, tuned: Path, tmp_path: Path) -> None:
    fewer = write(tmp_path / "fewer", items(-0.2)[2:], adapter="p" * 64)
    with pytest.raises(DataError, match=r"2 only in .*tuned \(q0, q1\), 0 only in .*fewer"):
        compare(base, tuned, tmp_path / "out", fewer, QUICK)
