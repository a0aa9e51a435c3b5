"""Which weights are kept and when a run stops, by hand; and through the loop, killed and resumed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import language
from doctorglm.render import Sample
from doctorglm.tune import loop
from doctorglm.tune.adapt import adapt
from doctorglm.tune.corpus import Corpus
from doctorglm.tune.loop import train
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.standing import Standing, trainable
from doctorglm.tune.stopping import Losses, out_of_patience, outcome, record, within_bound

BASE = Losses(valid=3.0, general=2.0)
Load = Callable[..., tuple[Any, list[Sample]]]
Change = Callable[..., TuneSettings]


class Silent:
    """A progress line that keeps its remarks."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def update(self, done: float, note: str = "") -> None:
        self.notes.append(note)


class Killed(BaseException):
    """As SIGKILL."""


def after(*validations: tuple[float, float], **settings: Any) -> tuple[Standing, TuneSettings, list[bool]]:
    """A run of 10 steps a validation with these losses (valid, general)."""
    wanted, standing = TuneSettings(**settings), Standing()
    better = []
    for number, (valid, general) in enumerate(validations, 1):
        standing.step = 10 * number
        better.append(record(standing, standing.step, Losses(valid=valid, general=general), BASE, wanted))
    return standing, wanted, better


def test_the_lowest_validation_loss_within_the_bound_is_kept() -> None:
    """The third is lower than the second, but has forgotten 0.08 nats; the fourth is worse than the second."""
    standing, settings, better = after((2.8, 2.01), (2.6, 2.04), (2.4, 2.08), (2.7, 2.0))
    assert better == [True, True, False, False]
    assert (standing.best_step, standing.best_valid) == (20, 2.6)
    assert standing.best_forgetting == pytest.approx(0.04)
    told = outcome(standing, BASE, settings, 40)
    assert told["best"] == {
        "step": 20, "valid_loss": 2.6, "general_nll": 2.04, "forgetting": pytest.approx(0.04), "within_bound": True,
    }  # fmt: skip
    assert told["forgetting"] == pytest.approx({"kept": 0.04, "last": 0.0, "highest": 0.08})
    assert told["before"] == {"valid_loss": 3.0, "general_nll": 2.0}
    assert told["stopped"]["reason"] == "all steps"
    assert told["stopped"]["en"] == (
        "All 40 steps were done. The weights of step 20 are kept: the validation loss is lowest after step 30, but "
        "more than max_forgetting=0.05 nats were forgotten there."
    )
    assert "保留第 20 步的权重：第 30 步的验证损失更低，但遗忘超过 max_forgetting=0.05 nat。" in told["stopped"]["zh"]


def test_without_a_bound_the_lowest_validation_loss_is_kept() -> None:
    standing, settings, _ = after((2.8, 2.01), (2.4, 2.9), (2.7, 2.0), max_forgetting=0)
    assert standing.best_step == 20 and standing.best_forgetting == pytest.approx(0.9)
    assert outcome(standing, BASE, settings, 30)["best"]["within_bound"] is True


def test_where_all_forget_too_much_the_least_is_kept_until_one_is_within() -> None:
    standing, settings, better = after((2.5, 2.3), (2.4, 2.4), (2.6, 2.2))
    assert better == [True, False, True]
    told = outcome(standing, BASE, settings, 30)
    assert told["best"]["step"] == 30 and told["best"]["within_bound"] is False
    assert "none had forgotten less; all had forgotten more than max_forgetting=0.05" in told["stopped"]["en"]
    assert "replay" in told["stopped"]["zh"]
    standing, _, better = after((2.5, 2.3), (2.9, 2.05), (2.4, 2.06))
    assert better == [True, True, False] and standing.best_step == 20


def test_an_equal_loss_is_no_improvement() -> None:
    assert after((2.5, 2.0), (2.5, 2.0))[2] == [True, False]


def test_without_general_text_there_is_no_bound_and_no_meter() -> None:
    standing, settings = Standing(), TuneSettings()
    assert record(standing, 5, Losses(valid=2.5), Losses(valid=3.0), settings)
    assert within_bound(None, settings)
    assert outcome(standing, Losses(valid=3.0), settings, 5)["forgetting"] is None


def test_without_validation_data_the_meter_is_read_and_nothing_chosen() -> None:
    standing, settings = Standing(step=5), TuneSettings(patience=1)
    for step in (5, 10):
        assert not record(standing, step, Losses(general=2.5), Losses(general=2.0), settings)
    told = outcome(standing, Losses(general=2.0), settings, 5)
    assert told["best"] is None and told["forgetting"] == {"kept": 0.5, "last": 0.5, "highest": 0.5}
    assert "the last weights are kept" in told["stopped"]["en"] and "保留最后的权重" in told["stopped"]["zh"]
    assert not out_of_patience(standing, settings)


def test_patience_counts_validations_since_the_best() -> None:
    worse = [(2.6, 2.0)] * 4
    for waited in range(1, 5):
        standing, settings, _ = after((2.7, 2.0), (2.5, 2.0), *worse[:waited], patience=3)
        assert out_of_patience(standing, settings) == (waited >= 3)
    assert not out_of_patience(after((2.5, 2.0), *worse, patience=0)[0], TuneSettings(patience=0))
    told = outcome(after((2.5, 2.0), *worse[:3], patience=3)[0], BASE, TuneSettings(patience=3), 200)["stopped"]
    assert (told["reason"], told["step"], told["of"]) == ("patience", 40, 200)
    assert told["en"] == (
        "Stopped after step 40 of 200: 3 validations without better weights (patience). The weights of step 10 are "
        "kept: their validation loss is the lowest, at 2.50 nats per token."
    )
    assert told["zh"].startswith("在第 40 步（共 200 步）停止：连续 3 次验证没有更好的权重")


def test_what_forgets_too_much_ends_the_patience_too() -> None:
    """The validation loss falls and falls, but only the first weights are within the bound."""
    standing, settings, _ = after((2.7, 2.0), (2.6, 2.3), (2.5, 2.4), patience=2)
    assert out_of_patience(standing, settings) and standing.best_step == 10


@pytest.fixture(scope="module")
def start(qwen_base: Path, samples: Load) -> Callable[..., tuple[Any, Corpus]]:
    def make(settings: TuneSettings) -> tuple[Any, Corpus]:
        model, rendered = samples(qwen_base, 12)
        held_out = [samples(qwen_base, 3, seed=seed)[1] for seed in (1, 2)]
        return adapt(model, settings), Corpus(rendered, held_out[0], 0, general=held_out[1])

    return make


def metrics(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_a_run_stops_and_killed_anywhere_stops_at_the_same_step(
    start: Any, quick: TuneSettings, changed: Change, tmp_path: Path, monkeypatch: Any
) -> None:
    """Losses are told: valid 3.0, 2.5, then none better. Killed at each step in turn, before and after the stop."""
    settings = changed(quick, epochs=4, validate_every=1, patience=3)
    told = [3.0, 2.5, 2.6, 2.7, 2.6, 2.4]
    base = Losses(valid=3.2, general=2.0)
    model, corpus = start(settings)

    def measured(_: Any, samples: Any, *rest: Any) -> float:
        return told[steps[-1]] if samples is corpus.valid else 2.0 + 0.01 * steps[-1]

    steps = [0]
    real = loop._validate_and_keep

    def validating(*args: Any) -> Any:
        steps.append(args[4] - 1)
        return real(*args)

    monkeypatch.setattr(loop, "mean_nats", measured)
    monkeypatch.setattr(loop, "_validate_and_keep", validating)
    line = Silent()
    whole = train(model, corpus, settings, tmp_path / "whole", line, None, base)
    assert (whole.step, whole.best_step) == (5, 2)
    assert [row["valid_loss"] for row in metrics(tmp_path / "whole")] == told[:5]
    assert [row["forgetting"] for row in metrics(tmp_path / "whole")] == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])
    assert "valid 2.600 · forgotten +0.040 · " in line.notes[-1]
    kept = trainable(model)

    class KilledAt(Silent):
        def update(self, done: float, note: str = "") -> None:
            if done == stop:
                raise Killed

    for stop in (1, 3, 5):
        model, corpus = start(settings)
        with pytest.raises(Killed):
            train(model, corpus, settings, tmp_path / str(stop), KilledAt(), None, base)
        model, corpus = start(settings)
        resumed = train(model, corpus, settings, tmp_path / str(stop), Silent(), None, base)
        assert (resumed.step, resumed.best_step, resumed.history) == (5, 2, whole.history)
        assert metrics(tmp_path / str(stop)) == metrics(tmp_path / "whole")
        assert all(torch.equal(value, kept[name]) for name, value in trainable(model).items())
    monkeypatch.setattr(loop, "_backward", lambda *_: pytest.fail("a step was done after the stop"))
    model, corpus = start(settings)
    assert train(model, corpus, settings, tmp_path / "whole", Silent(), None, base).step == 5


def test_general_text_changes_nothing_of_the_training(
    start: Any, quick: TuneSettings, changed: Change, tmp_path: Path
) -> None:
    """Losses, gradients and weights are those of a run that validates on nothing; with dropout, which draws numbers."""
    settings = changed(quick, max_steps=4, validate_every=1, lora_dropout=0.3)
    ended = []
    for name in ("with", "without"):
        model, corpus = start(settings)
        if name == "without":
            corpus = Corpus(corpus.train, [], 0)
        train(model, corpus, settings, tmp_path / name, Silent(), None, BASE)
        ended.append(
            ([{k: row[k] for k in ("loss", "grad_norm")} for row in metrics(tmp_path / name)], trainable(model))
        )
    assert ended[0][0] == ended[1][0]


def test_the_live_line_speaks_the_readers_language() -> None:
    standing = Standing(history=[(1, 2.5)], general=[(1, 1.9)], tokens=100, seconds=2.0)
    language.choose("zh")
    assert loop._live(2.25, standing, BASE) == "loss 2.250 · 验证 2.500 · 遗忘 -0.100 · 50 tokens/s"
    language.choose("en")
    assert loop._live(2.25, Standing(tokens=100, seconds=2.0), BASE) == "loss 2.250 · 50 tokens/s"
