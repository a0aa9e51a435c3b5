"""A student learns, stops where nothing gets better, and a run that was killed ends with the same weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.distill import loop
from doctorglm.distill.batches import collate
from doctorglm.distill.making import new_model
from doctorglm.distill.samples import Sample, samples
from doctorglm.distill.vocabulary import make_vocabulary
from doctorglm.errors import ModelError
from doctorglm.translate.student.folder import marian_tokenizer
from doctorglm.tune.digest import digest

from .conftest import settings, written


class Line:
    def update(self, done: float, note: str = "") -> None: ...


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Sample], list[Sample]]:
    folder = tmp_path_factory.mktemp("vocabulary")
    make_vocabulary((said for one in written(400) for said in (one.english, one.chinese)), 600, folder)
    tokenizer = marian_tokenizer(folder)
    made = [samples(written(n, seed), tokenizer, None, settings())[0] for n, seed in ((400, 0), (40, 1))]
    return tokenizer, made[0], made[1]


def train(ready: Any, folder: Path, **given: object) -> tuple[Any, Any]:
    tokenizer, train_part, valid = ready
    chosen = settings(**given)
    model = new_model(tokenizer, chosen)
    return model, loop.train(model, (train_part, valid), chosen, folder, Line(), {"which": str(given)})


def test_the_loss_on_what_is_held_out_falls_far(ready: Any, tmp_path: Path) -> None:
    _, standing = train(ready, tmp_path, epochs=8)
    first, best = standing.history[0][1], standing.best_valid

    assert best < 0.5 * first
    assert standing.best_step == min(standing.history, key=lambda one: one[1])[0]


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    ready: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train(ready, tmp_path / "whole", dropout=0.1)
    made = loop._step
    count = iter(range(100))

    def killed(*given: Any) -> Any:
        if next(count) == 6:
            raise KeyboardInterrupt
        return made(*given)

    monkeypatch.setattr(loop, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(ready, tmp_path / "parts", dropout=0.1, checkpoint_every_s=1e-9)
    monkeypatch.setattr(loop, "_step", made)
    continued, standing = train(ready, tmp_path / "parts", dropout=0.1, checkpoint_every_s=1e-9)

    assert standing.step == len((tmp_path / "parts" / "metrics.jsonl").read_text().splitlines())
    assert digest(continued.state_dict()) == digest(whole.state_dict())


def test_it_stops_when_patience_ends_and_keeps_the_best(ready: Any, tmp_path: Path) -> None:
    model, standing = train(ready, tmp_path, epochs=40, patience=2, learning_rate=0.2, optimizer="adamw")
    _, train_part, valid = ready
    steps = len(loop.steps_of(train_part, settings(epochs=40)))

    assert standing.step < steps
    assert [step > standing.best_step for step, _ in standing.history][-2:] == [True, True]
    assert loop.mean_nats(model, valid, 512) == pytest.approx(standing.best_valid, abs=1e-5)


def test_the_loss_is_torchs_smoothed_cross_entropy_without_padding(ready: Any) -> None:
    tokenizer, train_part, _ = ready
    model = new_model(tokenizer, settings()).eval()
    batch = collate(train_part, [(0, False), (1, False), (2, False)], tokenizer.pad_token_id)
    logits = model(
        input_ids=batch.source, attention_mask=batch.mask, decoder_input_ids=batch.given
    ).logits  # the model's own way to its logits
    expected = torch.nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=-100)(
        logits.flatten(0, 1), batch.target.flatten()
    )

    assert float(loop._loss(model, batch, 0.1, "mean").detach()) == pytest.approx(float(expected.detach()), abs=1e-5)


def test_a_training_that_diverges_says_so(ready: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as told:
        train(ready, tmp_path, learning_rate=1e30, optimizer="adamw", epochs=5, patience=0)

    assert "learning_rate" in told.value.text.en


def test_metrics_have_a_line_for_each_step(ready: Any, tmp_path: Path) -> None:
    _, standing = train(ready, tmp_path, max_steps=7)
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]

    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6, 7] == list(range(1, standing.step + 1))
    assert [row["step"] for row in rows if "valid_loss" in row] == [5, 7]
    assert sum(row["tokens"] for row in rows) == standing.tokens
