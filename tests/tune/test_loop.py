"""A run that is stopped, by whatever, ends as one that was not; and one that goes wrong says where."""

import functools
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.errors import ModelError
from doctorglm.render import Sample
from doctorglm.tune import checkpoint, loop
from doctorglm.tune.adapt import adapt
from doctorglm.tune.loop import Corpus, mean_nats, steps_of, train
from doctorglm.tune.settings import TuneSettings

Load = Callable[..., tuple[Any, list[Sample]]]
Change = Callable[..., TuneSettings]


class Silent:
    """A progress line that shows nothing."""

    def update(self, done: float, note: str = "") -> None:
        """Nothing."""


class Killed(BaseException):
    """As SIGKILL: nothing of ours runs after it."""


class KilledAt:
    """A progress line at which the process ends after a step."""

    def __init__(self, step: int, by: type[BaseException] = Killed) -> None:
        self._step, self._by = step, by

    def update(self, done: float, note: str = "") -> None:
        if done == self._step:
            raise self._by


@pytest.fixture(scope="module")
def start(qwen_base: Path, samples: Load) -> Callable[..., tuple[Any, Corpus]]:
    """A fresh model, adapted, and its corpus: 12 conversations to train on, 4 to validate on."""

    def make(settings: TuneSettings, valid: bool = True) -> tuple[Any, Corpus]:
        model, rendered = samples(qwen_base, 12)
        held_out = samples(qwen_base, 4, seed=1)[1] if valid else []
        return adapt(model, settings), Corpus(rendered, held_out, 0)

    return make


@pytest.fixture
def run(start: Any, tmp_path: Path) -> Callable[..., Any]:
    """Trains in `tmp_path/NAME`; returns the final weights, bit by bit, and where the run stands."""

    def go(settings: TuneSettings, name: str = "run", line: Any = None, valid: bool = True) -> Any:
        model, corpus = start(settings, valid)
        standing = train(model, corpus, settings, tmp_path / name, line or Silent())
        return checkpoint.trainable(model), standing

    return go


@pytest.fixture(scope="module")
def whole(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[TuneSettings], Any]:
    """Weights, standing and metrics of a run that nothing stopped; made once for the same settings."""

    @functools.cache
    def go(settings: TuneSettings) -> Any:
        folder = tmp_path_factory.mktemp("whole")
        model, corpus = start(settings)
        standing = train(model, corpus, settings, folder, Silent())
        return checkpoint.trainable(model), standing, without_time(metrics(folder))

    return go


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def without_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_sample_once_in_every_epoch(start: Any, quick: TuneSettings, changed: Change) -> None:
    _, corpus = start(quick)
    for accumulation in (1, 3):
        settings = changed(quick, accumulation=accumulation, epochs=3)
        steps = steps_of(corpus.train, settings)
        seen = Counter(i for step in steps for batch in step for i in batch)
        assert seen == dict.fromkeys(range(len(corpus.train)), 3)
        assert max(map(len, steps)) == accumulation
    assert len(steps_of(corpus.train, changed(quick, max_steps=2))) == 2


def test_the_loss_falls_and_the_metrics_say_so(run: Any, quick: TuneSettings, changed: Change, tmp_path: Path) -> None:
    _, standing = run(changed(quick, epochs=4, validate_every=1))
    rows = metrics(tmp_path / "run")
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[-1]["valid_loss"] < rows[0]["valid_loss"] - 0.2
    assert sum(row["loss"] for row in rows[-3:]) < sum(row["loss"] for row in rows[:3])
    assert sum(row["tokens"] for row in rows) == standing.tokens
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    assert max(row["learning_rate"] for row in rows) == quick.learning_rate


def test_tokens_are_counted_without_padding(run: Any, start: Any, quick: TuneSettings) -> None:
    _, corpus = start(quick)
    _, standing = run(quick)
    assert standing.tokens == quick.epochs * sum(len(s.input_ids) for s in corpus.train)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("optimizer", ["adamw", "lion", "muon"])
def test_killed_and_resumed_ends_with_the_same_weights_bit_by_bit(
    run: Any,
    whole: Any,
    quick: TuneSettings,
    changed: Change,
    tmp_path: Path,
    monkeypatch: Any,
    method: Any,
    optimizer: Any,
) -> None:
    """Killed at step 5 with the last checkpoint at step 3: the metrics are two lines ahead."""
    dropout = 0.3 if method == "lora" else 0.0
    settings = changed(quick, method=method, optimizer=optimizer, lora_dropout=dropout, weight_decay=0.1)
    weights, ended, rows = whole(settings)
    keep_only = checkpoint.save
    with monkeypatch.context() as patch:
        patch.setattr(
            checkpoint, "save", lambda path, m, o, standing: standing.step == 3 and keep_only(path, m, o, standing)
        )
        with pytest.raises(Killed):
            run(settings, "killed", KilledAt(5))
    assert [row["step"] for row in metrics(tmp_path / "killed")] == [1, 2, 3, 4, 5]
    resumed, standing = run(settings, "killed")
    assert same(weights, resumed)
    assert without_time(metrics(tmp_path / "killed")) == rows
    assert (standing.step, standing.best_step, standing.best_valid) == (ended.step, ended.best_step, ended.best_valid)
    assert standing.history == ended.history and standing.tokens == ended.tokens


def test_interrupted_between_steps_goes_on_from_there(
    run: Any, whole: Any, quick: TuneSettings, changed: Change, tmp_path: Path
) -> None:
    """Ctrl-C saves, although the next checkpoint is hours away."""
    settings = changed(quick, checkpoint_every_s=9999)
    weights, _, rows = whole(settings)
    with pytest.raises(KeyboardInterrupt):
        run(settings, "stopped", KilledAt(4, KeyboardInterrupt))
    saved = torch.load(tmp_path / "stopped/checkpoints/last.pt", weights_only=True)
    assert saved["standing"]["step"] == 4
    resumed, _ = run(settings, "stopped")
    assert same(weights, resumed)
    assert without_time(metrics(tmp_path / "stopped")) == rows


@pytest.mark.parametrize("where", ["_update", "_validate_and_keep", "_backward"])
def test_interrupted_within_a_step_never_saves_half_of_it(
    run: Any, whole: Any, quick: TuneSettings, changed: Change, tmp_path: Path, monkeypatch: Any, where: str
) -> None:
    """The weights may have moved, the step is not counted: what is saved is an earlier whole step."""
    settings = changed(quick, validate_every=1)
    weights, _, rows = whole(settings)
    real, calls = getattr(loop, where), Counter[str]()

    def interrupted(*args: Any) -> Any:
        calls[where] += 1
        if calls[where] == 4:
            if where == "_update":
                args[0][0].step()
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(settings, "stopped")
    assert torch.load(tmp_path / "stopped/checkpoints/last.pt", weights_only=True)["standing"]["step"] == 3
    resumed, _ = run(settings, "stopped")
    assert same(weights, resumed)
    assert without_time(metrics(tmp_path / "stopped")) == rows


@pytest.mark.parametrize(
    "torn", ['{"step": 4, "lo', '{"step": 4, "loss"\n{"step": 5}\n', "\x00\x00\n", '{"loss": 1}\n']
)
def test_a_torn_line_is_cut_off(
    run: Any, whole: Any, quick: TuneSettings, changed: Change, tmp_path: Path, torn: str
) -> None:
    settings = changed(quick, max_steps=6)
    _, _, rows = whole(settings)
    with pytest.raises(Killed):
        run(settings, "torn", KilledAt(4))
    file = tmp_path / "torn/metrics.jsonl"
    kept = "".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:3])
    file.write_text(kept + torn, encoding="utf-8")
    run(settings, "torn")
    assert without_time(metrics(tmp_path / "torn")) == rows


def test_a_line_that_lacks_only_its_end_is_kept(
    run: Any, whole: Any, quick: TuneSettings, changed: Change, tmp_path: Path
) -> None:
    settings = changed(quick, max_steps=6)
    _, _, rows = whole(settings)
    with pytest.raises(KeyboardInterrupt):
        run(settings, "torn", KilledAt(4, KeyboardInterrupt))
    file = tmp_path / "torn/metrics.jsonl"
    file.write_text(file.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    run(settings, "torn")
    assert without_time(metrics(tmp_path / "torn")) == rows


def test_a_finished_training_trains_no_more(run: Any, quick: TuneSettings, monkeypatch: Any) -> None:
    """Killed after the last step and before the adapter was written."""
    weights, _ = run(quick)
    monkeypatch.setattr(loop, "_backward", lambda *_: pytest.fail("a step was done"))
    again, _ = run(quick)
    assert same(weights, again)


def test_the_best_validated_weights_are_left(
    run: Any, start: Any, quick: TuneSettings, changed: Change, tmp_path: Path
) -> None:
    """A rate so high that the run gets worse after its first steps."""
    settings = changed(quick, learning_rate=0.5, epochs=4, validate_every=1, schedule="constant", warmup=0)
    weights, standing = run(settings)
    losses = {row["step"]: row["valid_loss"] for row in metrics(tmp_path / "run")}
    assert standing.best_step == min(losses, key=lambda step: losses[step]) < standing.step
    model, corpus = start(settings)
    checkpoint.restore_trainable(model, weights)
    assert mean_nats(model, corpus.valid, 300, 0) == pytest.approx(losses[standing.best_step], abs=1e-6)


def test_without_validation_data_the_last_weights_are_left(run: Any, quick: TuneSettings, tmp_path: Path) -> None:
    weights, standing = run(quick, valid=False)
    saved = torch.load(tmp_path / "run/checkpoints/last.pt", weights_only=True)
    assert same(weights, saved["weights"])
    assert standing.history == [] and not any("valid_loss" in row for row in metrics(tmp_path / "run"))


@pytest.mark.parametrize(("every", "expected"), [(0, [8]), (3, [3, 6, 8]), (4, [4, 8])])
def test_validation_is_at_its_steps_and_at_the_end(
    run: Any, quick: TuneSettings, changed: Change, tmp_path: Path, every: int, expected: list[int]
) -> None:
    run(changed(quick, max_steps=8, validate_every=every))
    assert [row["step"] for row in metrics(tmp_path / "run") if "valid_loss" in row] == expected


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_numbers_that_are_not_finite_stop_the_run(
    start: Any, quick: TuneSettings, tmp_path: Path, value: float
) -> None:
    """At its step, with its records; the last good checkpoint and the metrics up to it stay."""
    model, corpus = start(quick)

    class Breaks(Silent):
        def update(self, done: float, note: str = "") -> None:
            if done == 3:
                with torch.no_grad():
                    model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight[0, 0] = value

    records = {corpus.train[i].record_id for batch in steps_of(corpus.train, quick)[3] for i in batch}
    with pytest.raises(
        ModelError, match=r"^step 4: loss nan.*; records .*The last checkpoint is kept.*learning_rate"
    ) as e:
        train(model, corpus, quick, tmp_path, Breaks())
    named = str(e.value).split("records ")[1].split(". The")[0]
    assert set(named.removesuffix(" ...").split(", ")) <= records and named
    assert [row["step"] for row in metrics(tmp_path)] == [1, 2, 3]
    saved = torch.load(tmp_path / "checkpoints/last.pt", weights_only=True)
    assert saved["standing"]["step"] == 3
    assert all(weight.isfinite().all() for weight in saved["weights"].values())


def test_an_infinite_gradient_stops_the_run_too(start: Any, quick: TuneSettings, tmp_path: Path) -> None:
    model, corpus = start(quick)
    weight = next(p for p in model.parameters() if p.requires_grad)
    weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(ModelError, match=r"^step 1: loss \d.*gradient norm (inf|nan); records"):
        train(model, corpus, quick, tmp_path, Silent())
    assert not (tmp_path / "checkpoints").exists()


def test_a_loss_of_exactly_nothing_stops_the_run(
    start: Any, quick: TuneSettings, tmp_path: Path, monkeypatch: Any
) -> None:
    """C054: what a broken half-precision run shows."""
    model, corpus = start(quick)
    real = loop.token_nats
    monkeypatch.setattr(loop, "token_nats", lambda m, batch: real(m, batch) * 0)
    with pytest.raises(ModelError, match=r"^step 1: loss 0\.0"):
        train(model, corpus, quick, tmp_path, Silent())


def test_a_validation_loss_that_is_not_finite_stops_the_run(
    start: Any, quick: TuneSettings, tmp_path: Path, monkeypatch: Any
) -> None:
    model, corpus = start(quick)
    monkeypatch.setattr(loop, "mean_nats", lambda *_: math.nan)
    with pytest.raises(ModelError, match=r"^step 3: validation loss nan; records t1-"):
        train(model, corpus, quick, tmp_path, Silent())
    assert not (tmp_path / "checkpoints/best.pt").exists()
    assert [row["step"] for row in metrics(tmp_path)] == [1, 2], "a step that is not whole leaves no line"


def test_a_full_disk_leaves_the_last_whole_checkpoint(
    run: Any, whole: Any, quick: TuneSettings, tmp_path: Path, monkeypatch: Any
) -> None:
    real, saves = torch.save, Counter[str]()

    def full(state: Any, out: Any) -> None:
        saves["done"] += 1
        if saves["done"] > 4:
            out.write(b"half of it")
            raise OSError(28, "No space left on device")
        real(state, out)

    weights, _, _ = whole(quick)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(OSError, match="No space left"):
            run(quick, "full")
    assert sorted(p.name for p in (tmp_path / "full/checkpoints").iterdir()) == ["best.pt", "last.pt"]
    resumed, _ = run(quick, "full")
    assert same(weights, resumed)
