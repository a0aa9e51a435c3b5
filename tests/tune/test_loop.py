"""A run that is stopped, by whatever, ends as one that was not; and one that goes wrong says where."""

import errno
import functools
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import language
from doctorglm.errors import DoctorGLMError, ModelError
from doctorglm.render import Sample
from doctorglm.tune import corpus, loop
from doctorglm.tune.adapt import adapt
from doctorglm.tune.checkpoint import Checkpoints
from doctorglm.tune.corpus import Corpus, place_in_data, steps_of
from doctorglm.tune.loop import mean_nats, train
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.standing import restore_trainable, trainable

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
        return trainable(model), standing

    return go


@pytest.fixture(scope="module")
def whole(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[TuneSettings], Any]:
    """Weights, standing and metrics of a run that nothing stopped; made once for the same settings."""

    @functools.cache
    def go(settings: TuneSettings) -> Any:
        folder = tmp_path_factory.mktemp("whole")
        model, corpus = start(settings)
        standing = train(model, corpus, settings, folder, Silent())
        return trainable(model), standing, without_time(metrics(folder))

    return go


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def without_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def newest(folder: Path) -> dict[str, Any]:
    """What the newest checkpoint of a run holds."""
    found: dict[str, Any] = torch.load(max((folder / "checkpoints").glob("step-*.pt")), weights_only=True)
    return found


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
    keep_only = Checkpoints.save
    with monkeypatch.context() as patch:
        patch.setattr(
            Checkpoints,
            "save",
            lambda self, m, o, standing, at: standing.step == 3 and keep_only(self, m, o, standing, at),
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
    assert newest(tmp_path / "stopped")["standing"]["step"] == 4
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
    assert newest(tmp_path / "stopped")["standing"]["step"] == 3
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
    restore_trainable(model, weights)
    assert mean_nats(model, corpus.valid, 300, 0) == pytest.approx(losses[standing.best_step], abs=1e-6)


def test_without_validation_data_the_last_weights_are_left(run: Any, quick: TuneSettings, tmp_path: Path) -> None:
    weights, standing = run(quick, valid=False)
    assert same(weights, newest(tmp_path / "run")["weights"])
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
    saved = newest(tmp_path)
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
    assert not list((tmp_path / "checkpoints").glob("best-*.pt"))
    assert [row["step"] for row in metrics(tmp_path)] == [1, 2], "a step that is not whole leaves no line"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
@pytest.mark.parametrize(("at", "allowed"), [("write", 5), ("fsync", 13), ("fsync", 14)])
def test_a_disk_that_refuses_a_checkpoint_leaves_the_one_before(
    run: Any, whole: Any, quick: TuneSettings, tmp_path: Path, monkeypatch: Any, number: int, at: str, allowed: int
) -> None:
    """Some disks say only when they are asked to make sure that they had no room."""
    real, calls = {"write": torch.save, "fsync": os.fsync}[at], Counter[str]()

    def full(*args: Any) -> None:
        calls["done"] += 1
        if calls["done"] > allowed:
            if at == "write":
                args[1].write(b"half of it")
            raise OSError(number, os.strerror(number))
        real(*args)

    weights, _, _ = whole(quick)
    with monkeypatch.context() as patch:
        patch.setattr(torch if at == "write" else os, real.__name__, full)
        with pytest.raises(DoctorGLMError) as caught:
            run(quick, "full")
    assert caught.value.exit_code == 2
    found = re.search(
        r"/full/(?:checkpoints/(?:step|best)-\d+\.pt|metrics\.jsonl): .+: [\d.,]+ [kM]B are needed, "
        r"[\d.,]+ MB are free on it\. Make room and give the same command again; it goes "
        r"on after step (\d), whose checkpoint is whole\.$",
        str(caught.value),
    )
    assert found, str(caught.value)
    assert (tmp_path / f"full/checkpoints/step-0000000{found[1]}.pt").exists()
    language.choose("zh")
    assert f"从第 {found[1]} 步之后继续" in str(caught.value)
    assert not list((tmp_path / "full").rglob("*.tmp"))
    resumed, _ = run(quick, "full")
    assert same(weights, resumed)


def test_a_full_disk_under_the_metrics_is_said_too(
    run: Any, whole: Any, quick: TuneSettings, changed: Change, tmp_path: Path, monkeypatch: Any
) -> None:
    """A part of the line may be there; it is removed and the step done again."""

    class Full:
        name, taken = str(tmp_path / "full/metrics.jsonl"), 0

        def write(self, data: bytes) -> int:
            if self.taken:
                raise OSError(errno.ENOSPC, "No space left on device")
            with Path(self.name).open("ab") as out:
                self.taken = out.write(data[:9])
            return self.taken

    weights, _, rows = whole(quick)
    real = loop.append_row

    def append(metrics: Any, row: Any, kept: int) -> None:
        real(Full() if row["step"] == 5 else metrics, row, kept)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "append_row", append)
        with pytest.raises(DoctorGLMError, match=r"metrics\.jsonl: the disk is full: .*goes on after step 4, whose"):
            run(quick, "full")
    assert (tmp_path / "full/metrics.jsonl").read_bytes().endswith(b'\n{"step": ')
    resumed, _ = run(quick, "full")
    assert same(weights, resumed) and without_time(metrics(tmp_path / "full")) == rows


def test_another_error_while_writing_stays_what_it_is(run: Any, quick: TuneSettings, monkeypatch: Any) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        run(quick)


def test_the_first_checkpoint_that_does_not_fit_says_that_all_begins_again(
    run: Any, quick: TuneSettings, monkeypatch: Any
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(DoctorGLMError, match=r"give the same command again; it begins at step 1\.$"):
        run(quick)


def test_the_place_in_the_data_by_hand() -> None:
    """Two epochs of five samples, in steps of one or two batches."""
    steps = [[[0, 1], [2]], [[3, 4]], [[4], [0, 2]], [[1, 3]]]
    places = [place_in_data(steps, 5, step) for step in range(5)]
    assert [(p["step"], p["epoch"], p["samples"]) for p in places] == [
        (0, 0, 0), (1, 0, 3), (2, 1, 0), (3, 1, 3), (4, 2, 0),
    ]  # fmt: skip


def test_best_weights_ahead_of_the_checkpoint_do_not_leak_into_the_result(
    run: Any, start: Any, quick: TuneSettings, changed: Change, tmp_path: Path, monkeypatch: Any
) -> None:
    """Killed with the best weights of step 6 on the disk and the checkpoint at step 5, which names those of step 3.

    When the loss of step 6 then turns out higher, as it may on another machine, the result is that of step 3.
    """
    settings = changed(quick, max_steps=6)
    real, calls = loop.mean_nats, Counter[str]()

    def told(losses: list[float]) -> Callable[..., float]:
        calls.clear()

        def measured(*args: Any) -> float:
            calls["done"] += 1
            return losses[calls["done"] - 1]

        return measured

    monkeypatch.setattr(loop, "mean_nats", told([3.0, 2.0]))
    monkeypatch.setattr(loop, "append_row", killing(loop.append_row, 6))
    with pytest.raises(Killed):
        run(settings, "killed")
    monkeypatch.undo()
    assert sorted(p.name for p in (tmp_path / "killed/checkpoints").iterdir()) == [
        "best-00000003.pt", "best-00000006.pt", "step-00000004.pt", "step-00000005.pt",
    ]  # fmt: skip
    third = torch.load(tmp_path / "killed/checkpoints/best-00000003.pt", weights_only=True)["weights"]
    monkeypatch.setattr(loop, "mean_nats", told([4.0]))
    weights, standing = run(settings, "killed")
    assert (standing.best_step, standing.best_valid, standing.history) == (3, 3.0, [(3, 3.0), (6, 4.0)])
    assert same(weights, third)
    assert not (tmp_path / "killed/checkpoints/best-00000006.pt").exists()
    assert real is not loop.mean_nats


def killing(real: Callable[..., Any], at: int) -> Callable[..., Any]:
    """The function, which ends the process at its call number `at`."""
    calls = Counter[str]()

    def called(*args: Any) -> Any:
        calls["done"] += 1
        if calls["done"] == at:
            raise Killed
        return real(*args)

    return called


def test_the_order_of_the_data_is_a_part_of_the_runs_identity(
    run: Any, quick: TuneSettings, tmp_path: Path, monkeypatch: Any
) -> None:
    """Another version may order the same data otherwise, and then a sample would be seen twice or never."""
    with pytest.raises(Killed):
        run(quick, "run", KilledAt(3))
    real = corpus.order
    monkeypatch.setattr(corpus, "order", lambda *args, **kwargs: real(*args, **kwargs)[::-1])
    with pytest.raises(ModelError, match=r"of another run \(order of the data: [0-9a-f]{8}\.\.\. -> "):
        run(quick)


def test_a_damaged_checkpoint_costs_its_steps_and_nothing_else(
    run: Any, whole: Any, quick: TuneSettings, tmp_path: Path, capsys: Any
) -> None:
    weights, _, rows = whole(quick)
    with pytest.raises(Killed):
        run(quick, "run", KilledAt(6))
    assert (tmp_path / "run/checkpoints/step-00000005.pt").exists()
    last = tmp_path / "run/checkpoints/step-00000005.pt"
    last.write_bytes(last.read_bytes()[:-900])
    resumed, _ = run(quick)
    assert "step-00000005.pt: damaged" in capsys.readouterr().err
    assert same(weights, resumed) and without_time(metrics(tmp_path / "run")) == rows


@pytest.mark.parametrize("method", ["lora", "full"])
def test_resumed_on_several_threads_ends_with_the_same_weights(
    start: Any, quick: TuneSettings, changed: Change, tmp_path: Path, method: Any
) -> None:
    """On as many as a machine has, the sums of a step have one order too."""
    torch.set_num_threads(max(2, os.cpu_count() or 2))
    settings = changed(quick, method=method, lora_dropout=0.2 if method == "lora" else 0.0)
    ended = []
    for name, stop in (("whole", None), ("killed", 5)):
        if stop:
            with pytest.raises(Killed):
                model, corpus = start(settings)
                train(model, corpus, settings, tmp_path / name, KilledAt(stop))
        model, corpus = start(settings)
        train(model, corpus, settings, tmp_path / name, Silent())
        ended.append(trainable(model))
    assert same(*ended)
