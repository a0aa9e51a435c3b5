"""The search for a learning rate: the grid and the choice by hand; short runs of a tiny base, one of which diverges."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from doctorglm import language
from doctorglm.conversation import read_conversations
from doctorglm.errors import ConfigError, DataError
from doctorglm.report.blocks import Commands, Figure, Table, Verdict
from doctorglm.report.page import render
from doctorglm.settings import build
from doctorglm.tune import TuneSettings, loop, stage
from doctorglm.tune import search as search_module
from doctorglm.tune.search import SearchSettings, Trial, at_rate, rates, recommended, search
from doctorglm.tune.search_page import search_page

BOUND = TuneSettings(max_forgetting=0.05)


def trials(*of: tuple[float, float | None, float | None]) -> list[Trial]:
    return [
        Trial(
            rate, valid, None if forgotten is None else 2 + forgotten, forgotten, None if valid else "step 3: loss nan"
        )
        for rate, valid, forgotten in of
    ]


def test_the_grid_rises_by_the_factor_around_the_given_rate() -> None:
    assert rates(TuneSettings(learning_rate=2e-3), SearchSettings()) == [0.000222, 0.000667, 0.002, 0.006, 0.018]
    assert rates(TuneSettings(learning_rate=1e-4), SearchSettings(points=2, factor=4)) == [5e-5, 2e-4]
    assert rates(TuneSettings(learning_rate=1.2345e-4), SearchSettings(points=3, factor=10))[1] == 1.2345e-4


def test_muons_own_rate_rises_along() -> None:
    muon = at_rate(TuneSettings(optimizer="muon", learning_rate=1e-3, muon_learning_rate=0.02), 3e-3)
    assert (muon.learning_rate, muon.muon_learning_rate) == (3e-3, 0.06)
    assert at_rate(TuneSettings(), 3e-3) == TuneSettings(learning_rate=3e-3)


def test_the_lowest_loss_is_taken() -> None:
    chosen, why = recommended(trials((1e-4, 3.0, 0.0), (3e-4, 2.5, 0.01), (9e-4, 2.7, 0.02)), BOUND, 0.01)
    assert chosen and chosen.learning_rate == 3e-4
    assert why.en == "learning_rate=0.0003: the lowest validation loss, 2.500 nats per token."
    assert why.zh == "learning_rate=0.0003：验证损失最低，为 2.500 nat / token。"


def test_of_losses_that_are_alike_the_lower_rate() -> None:
    tried = trials((1e-4, 3.0, 0.0), (3e-4, 2.505, 0.0), (9e-4, 2.5, 0.0), (2.7e-3, 2.6, 0.0))
    assert recommended(tried, BOUND, 0.01)[0] == tried[1]
    assert "is as good as the best, 2.500" in recommended(tried, BOUND, 0.01)[1].en
    assert recommended(tried, BOUND, 0.001)[0] == tried[2]


def test_a_rate_that_forgets_too_much_or_diverges_is_not_taken() -> None:
    tried = trials((1e-4, 3.0, 0.0), (3e-4, 2.8, 0.05), (9e-4, 2.4, 0.051), (2.7e-3, None, None))
    chosen, why = recommended(tried, BOUND, 0.01)
    assert chosen == tried[1]
    assert "1 forget more than max_forgetting=0.05; 1 diverged" in why.en and "1 个发散" in why.zh
    assert recommended(tried, TuneSettings(max_forgetting=0), 0.01)[0] == tried[2]


def test_the_end_of_the_grid_is_said() -> None:
    falling = trials((1e-4, 3.0, 0.0), (3e-4, 2.8, 0.0), (9e-4, 2.4, 0.0))
    assert (
        "end of the grid: search again around it, higher rates may be better" in recommended(falling, BOUND, 0.01)[1].en
    )
    assert "更低的学习率可能更好" in recommended(falling[2:] + trials((2e-3, 3.0, 0.0)), BOUND, 0.01)[1].zh


def test_no_rate_left_is_said_with_the_remedy() -> None:
    chosen, why = recommended(trials((1e-3, None, None), (3e-3, None, None)), BOUND, 0.01)
    assert chosen is None and why.en == "All 2 rates diverged. Search again around a lower learning_rate."
    chosen, why = recommended(trials((1e-3, 2.5, 0.2), (3e-3, None, None)), BOUND, 0.01)
    assert chosen is None and "forgets more than max_forgetting=0.05" in why.en and "replay" in why.zh


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's page costs a second and has its own tests."""
    monkeypatch.setattr(stage, "_write_page", lambda *_: "report.html")


SMALL = SearchSettings(points=3, factor=10, steps=2, conversations=12, valid=4)
USUAL = TuneSettings(batch_tokens=200, lora_rank=2, learning_rate=0.01, patience=1)


@pytest.mark.usefixtures("no_page")
def test_a_search_killed_and_resumed_with_a_rate_that_diverges(
    qwen_base: Path, data: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    """The loss of the highest rate is infinite from its second step on: a finding, not an error."""
    real, asked = loop._backward, []

    def too_high(model: Any, batches: Any, optimizers: Any, norm: float) -> Any:
        numbers = real(model, batches, optimizers, norm)
        rate = max(group["lr"] for group in optimizers[0].param_groups)
        asked.append(rate)
        return numbers * float("inf") if rate > 0.02 else numbers

    monkeypatch.setattr(loop, "_backward", too_high)
    calls: list[float] = []

    def tuned(base: str, data: Path, out: Path, settings: TuneSettings, **named: Any) -> Any:
        if len(calls) == 1 and "killed" in str(out):
            calls.append(0)
            raise KeyboardInterrupt
        calls.append(settings.learning_rate)
        return stage.tune(base, data, out, settings, **named)

    monkeypatch.setattr(search_module, "tune", tuned)
    with pytest.raises(KeyboardInterrupt):
        search(str(qwen_base), data, tmp_path / "killed", USUAL, SMALL)
    record = search(str(qwen_base), data, tmp_path / "killed", USUAL, SMALL).record
    assert calls == [0.001, 0, 0.01, 0.1], "what was tried is not tried again"
    assert [trial["learning_rate"] for trial in record["trials"]] == [0.001, 0.01, 0.1]
    assert [trial["diverged"] is None for trial in record["trials"]] == [True, True, False]
    assert (
        record["trials"][2]["diverged"].startswith("step 2: loss inf") or "step 1: " in record["trials"][2]["diverged"]
    )
    assert record["trials"][2]["valid_loss"] is None and "rate 0.1: step" in capsys.readouterr().err
    found = json.loads((tmp_path / "killed/search.json").read_text("utf-8"))
    assert found["trials"] == record["trials"] and found["recommended"] == record["recommended"]
    best = min(record["trials"][:2], key=lambda trial: trial["valid_loss"])
    assert record["recommended"] == {"learning_rate": best["learning_rate"]}
    assert len(list(read_conversations(tmp_path / "killed/data/train.jsonl"))) == 12
    assert len(list(read_conversations(tmp_path / "killed/data/valid.jsonl"))) == 4
    bases = {(tmp_path / f"killed/rate-{rate}/base.json").read_bytes() for rate in ("0.001", "0.01", "0.1")}
    assert len(bases) == 1
    assert not list(tmp_path.glob("killed/rate-*/adapter")) and not list(tmp_path.glob("killed/rate-*/checkpoints"))
    again = search(str(qwen_base), data, tmp_path / "killed", USUAL, SMALL)
    assert again.finished and len(calls) == 4
    with pytest.raises(ConfigError, match="holds another run"):
        search(str(qwen_base), data, tmp_path / "killed", USUAL, replace(SMALL, steps=3))


CHANGES: dict[str, Any] = {"points": 2, "factor": 5.0, "steps": 3, "conversations": 5, "valid": 2, "tie": 9.0}


@pytest.mark.parametrize("name", [f.name for f in fields(SearchSettings)])
def test_every_setting_changes_something(
    name: str, qwen_base: Path, data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """With runs that are told: which they are, on what data, and which rate is recommended."""

    class Ran:
        record: ClassVar[dict[str, Any]] = {}

    seen: list[Any] = []

    def told(base: str, of: Path, out: Path, settings: TuneSettings, **_: Any) -> Ran:
        sizes = [len(list(read_conversations(of / f"{part}.jsonl"))) for part in ("train", "valid")]
        seen.append((settings, sizes))
        Ran.record = {"best": {"valid_loss": 2.0 - len(seen), "general_nll": None, "forgetting": None}}
        return Ran()

    monkeypatch.setattr(search_module, "tune", told)
    ended = []
    for which in (SMALL, replace(SMALL, **{name: CHANGES[name]})):
        seen.clear()
        record = search(str(qwen_base), data, tmp_path / str(len(ended)), USUAL, which).record
        ended.append(([*seen], record["recommended"]))
    assert ended[0] != ended[1]


def test_rates_need_data_to_be_compared_on(
    qwen_base: Path, talk: Any, write_data: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"valid\.jsonl: no such file\. Rates are compared on data"):
        search(str(qwen_base), write_data(talk(3)), tmp_path / "out", USUAL, SMALL)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pair", [{"points": 1}, {"factor": 1}, {"steps": 0}, {"tie": -1}])
def test_an_impossible_search_is_refused(pair: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="search: "):
        build(SearchSettings, pair, "search")


def test_the_page_has_the_reason_the_picture_and_how_to_go_on() -> None:
    tried = trials((1e-4, 3.0, -0.01), (3e-4, 2.512, 0.02), (9e-4, None, None))
    chosen, why = recommended(tried, BOUND, 0.01)
    assert chosen is not None
    found = {"trials": [vars(t) for t in tried], "recommended": {"learning_rate": chosen.learning_rate},
             "reason": {"en": why.en, "zh": why.zh}}  # fmt: skip
    page = search_page(found, BOUND, ["doctorglm tune --search", "doctorglm tune learning_rate=0.0003"], "s")
    blocks = {type(block): block for block in page.blocks}
    verdict, figure, table = blocks[Verdict], blocks[Figure], blocks[Table]
    assert isinstance(verdict, Verdict) and isinstance(figure, Figure) and isinstance(table, Table)
    assert verdict.sentence == why and [n.value for n in verdict.numbers] == ["0.0003", "2.512", "+0.020"]
    for drawing in (figure.chart.wide, figure.chart.narrow):
        assert all(text in drawing.en for text in ("2.512", "recommended", "no value", "bound 0.050", "0.0009"))
        assert "推荐" in drawing.zh and "无值" in drawing.zh
    assert [str(row[0]) for row in table.rows] == ["0.0001", "0.0003", "0.0009"]
    assert "diverged: step 3: loss nan" in str(getattr(table.rows[2][3], "en", ""))
    assert isinstance(blocks[Commands], Commands) and "learning_rate=0.0003" in render(page)


def test_a_search_without_any_finite_run_has_a_page_too() -> None:
    tried = trials((1e-3, None, None), (3e-3, None, None))
    _, why = recommended(tried, BOUND, 0.01)
    found = {"trials": [vars(t) for t in tried], "recommended": None, "reason": {"en": why.en, "zh": why.zh}}
    page = search_page(found, BOUND, ["doctorglm tune --search"], "s")
    assert not [block for block in page.blocks if isinstance(block, Figure)]
    language.choose("zh")
    assert "全部发散" in render(page)
