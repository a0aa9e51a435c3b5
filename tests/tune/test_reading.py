"""How a run reads its data: packed and fused by default, padded where packing would change anything."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, MistralConfig

from doctorglm import models
from doctorglm.models.adapters import attach_adapter
from doctorglm.render import IGNORED, Sample
from doctorglm.tune import TuneSettings, reading, tune
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import in_rows
from doctorglm.tune.corpus import Corpus
from doctorglm.tune.loop import mean_nats
from doctorglm.tune.loss import token_nats
from doctorglm.tune.reading import fused_layers, reads_packed

QUICK = TuneSettings(epochs=2, batch_tokens=400, validate_every=3, lora_rank=2, learning_rate=0.01)


def losses(out: Path) -> list[float]:
    return [json.loads(row)["loss"] for row in (out / "metrics.jsonl").read_text("utf-8").splitlines()]


def test_fused_and_unfused_train_alike(base: Path, data: Path, tmp_path: Path, changed: Callable[..., Any]) -> None:
    """Step by step the same losses, and adapters that answer alike."""
    fused = tune(str(base), data, tmp_path / "fused", QUICK).record
    plain = tune(str(base), data, tmp_path / "plain", changed(QUICK, fuse=False)).record
    assert (fused["packed"], fused["fused_layers"], plain["packed"], plain["fused_layers"]) == (True, 2, True, 0)
    assert losses(tmp_path / "fused") == pytest.approx(losses(tmp_path / "plain"), rel=1e-4)
    ids = torch.tensor([[5, 6, 7, 8]]) if "qwen" in str(base) else None
    if ids is not None:
        answers = []
        for name in ("fused", "plain"):
            model, _ = models.load(base)
            with torch.no_grad():
                answers.append(attach_adapter(model, tmp_path / name / "adapter", base)(input_ids=ids).logits)
        assert torch.allclose(*answers, atol=1e-3)


def test_a_model_with_a_window_is_given_padded_rows(sample_of: Callable[..., Sample]) -> None:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = AutoModelForCausalLM.from_config(
        MistralConfig(vocab_size=300, sliding_window=8, num_key_value_heads=2, **sizes)
    )
    rows, model = [sample_of(5, 9), sample_of(12, 3)], adapt(model, QUICK)
    assert not reads_packed(model, rows, QUICK)
    assert fused_layers(model, rows, QUICK, packing=False) == 2 * 7, "linear layers, whose rows may be padded"
    (batch,) = Corpus(rows, [], 0).batches(rows, torch.device("cpu"))
    assert batch.documents is None and batch.input_ids.shape == (2, 15)
    assert token_nats(model, batch).isfinite().all()


def test_a_leak_is_found_and_packing_given_up(
    qwen_base: Path, samples: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that claims the interface and does not use it."""
    model, rendered = samples(qwen_base)
    assert reads_packed(model, rendered, QUICK)
    real = reading.token_nats
    monkeypatch.setattr(
        reading, "token_nats", lambda m, batch: real(m, batch) + (0.01 if batch.documents is not None else 0)
    )
    assert not reads_packed(model, rendered, QUICK)


def test_asked_not_to(qwen_base: Path, samples: Callable[..., Any], changed: Callable[..., Any]) -> None:
    model, rendered = samples(qwen_base)
    assert not reads_packed(model, rendered, changed(QUICK, packing=False))
    assert fused_layers(model, rendered, changed(QUICK, fuse=False), packing=True) == 0


def test_rows_are_of_nearly_equal_length() -> None:
    many = [Sample(str(i), 0, [5] * n, [5] * n) for i, n in enumerate([90, 10, 60, 40, 70, 30, 80, 20, 55, 45])]
    rows = in_rows(many, 260)
    assert [s for row in rows for s in row] == many
    assert [sum(len(s.input_ids) for s in row) for row in rows] == [270, 230]
    assert [len(row) for row in in_rows(many, 5)] == [1] * 10
    assert in_rows(many, 10**6) == [many]


def test_a_long_batch_is_read_in_rows(qwen_base: Path, samples: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("doctorglm.tune.corpus.ROW_TOKENS", 100)
    _, rendered = samples(qwen_base, 12)
    batches = Corpus(rendered, [], 0, packing=True).batches(rendered, torch.device("cpu"))
    assert len(batches) > 2
    assert sum(len(b.targets) for b in batches) == sum(s.supervised for s in rendered)


def test_validation_measures_the_fused_model(qwen_base: Path, samples: Callable[..., Any]) -> None:
    """Padded rows go through the model's own layers, with the adapters as they stand."""
    from doctorglm.tune.adapt import adapt

    model, rendered = samples(qwen_base)
    model = adapt(model, QUICK)
    before = mean_nats(model, rendered, 500, 0)
    assert fused_layers(model, rendered, QUICK, packing=True) == 2
    assert mean_nats(model, rendered, 500, 0) == pytest.approx(before, abs=1e-6)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if ".lora_B." in name:
                p.fill_(0.05)
    assert mean_nats(model, rendered, 500, 0) != pytest.approx(before, abs=1e-3)


def test_one_token_answers_and_a_batch_of_one(base: Path, samples: Callable[..., Any]) -> None:
    """Of the issue's bad input: the shortest that can be learned, alone and beside others."""
    model, rendered = samples(base, 3)
    first = next(i for i, label in enumerate(rendered[0].labels) if label != IGNORED)
    cut = Sample("one", 0, rendered[0].input_ids[: first + 1], [IGNORED] * first + [rendered[0].labels[first]])
    for rows in ([cut], [cut, rendered[1]], [rendered[1], cut, cut]):
        assert reads_packed(model, rows, QUICK)
        batches = Corpus(rows, [], 0, packing=True).batches(rows, torch.device("cpu"))
        assert all(token_nats(model, batch).isfinite().all() for batch in batches)
