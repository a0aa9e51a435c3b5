"""The loss against a plain loop over unpadded rows in float64, and what must not change it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

from doctorglm.render import IGNORED, Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate
from doctorglm.tune.loop import _backward, mean_nats
from doctorglm.tune.loss import token_nats
from doctorglm.tune.optimizers import optimizers_for
from doctorglm.tune.settings import TuneSettings

Load = Callable[..., tuple[Any, list[Sample]]]


def by_hand(model: Any, samples: list[Sample]) -> list[float]:
    """Nats of every supervised token: one row at a time, all logits, softmax written out."""
    nats = []
    for sample in samples:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([sample.input_ids]), use_cache=False).logits[0].double()
        for place, label in enumerate(sample.labels):
            if label != IGNORED:
                row = logits[place - 1].tolist()
                highest = max(row)
                nats.append(math.log(sum(math.exp(x - highest) for x in row)) + highest - row[label])
    return nats


def test_nats_are_those_of_a_plain_loop_in_float64(base: Path, samples: Load) -> None:
    model, rendered = samples(base)
    expected = by_hand(model.double(), rendered)
    with torch.no_grad():
        nats = token_nats(model.float(), collate(rendered, 0))
    assert nats.tolist() == pytest.approx(expected, abs=2e-5)
    assert nats.dtype == torch.float32
    assert mean_nats(model, rendered, 100, 0) == pytest.approx(sum(expected) / len(expected), abs=1e-5)


def test_the_mean_is_what_the_model_itself_calls_its_loss(base: Path, samples: Load) -> None:
    model, (sample, *_) = samples(base)
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor([sample.input_ids]), labels=torch.tensor([sample.labels])).loss
        ours = token_nats(model, collate([sample], 0)).mean()
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_the_head_sees_supervised_positions_only(base: Path, samples: Load) -> None:
    model, rendered = samples(base)
    batch = collate(rendered, 0)
    seen = []
    model.get_output_embeddings().register_forward_hook(lambda _m, args, _out: seen.append(tuple(args[0].shape)))
    token_nats(model, batch)
    assert seen == [(sum(s.supervised for s in rendered), 32)]


def test_the_model_is_left_as_it_was(base: Path, samples: Load) -> None:
    model, rendered = samples(base)
    token_nats(model, collate(rendered, 0))
    assert model(input_ids=torch.tensor([rendered[0].input_ids])).logits.dim() == 3
    with pytest.raises(IndexError):
        token_nats(model, collate([Sample("r", 0, [10**6, 2], [IGNORED, 2])], 0))
    assert model(input_ids=torch.tensor([rendered[0].input_ids])).logits.dim() == 3


def test_what_a_model_does_to_its_logits_is_kept(sample_of: Callable[..., Sample]) -> None:
    """Gemma 2 caps them; others scale them."""
    config = Gemma2Config(
        vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, final_logit_softcapping=0.1, initializer_range=0.2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Gemma2ForCausalLM(config).eval()
    rows = [sample_of(4, 3), sample_of(7, 5)]
    with torch.no_grad():
        nats = token_nats(model, collate(rows, 0))
    assert nats.tolist() == pytest.approx(by_hand(model, rows), abs=1e-5)
    assert nats.min() > math.log(300) - 0.2, "capped at 0.1, no token can be likely"


def test_padding_never_changes_the_loss(base: Path, samples: Load) -> None:
    model, rendered = samples(base)
    short = min(rendered, key=lambda s: len(s.input_ids))
    long = max(rendered, key=lambda s: len(s.input_ids))
    assert len(long.input_ids) > 2 * len(short.input_ids)
    with torch.no_grad():
        alone = token_nats(model, collate([short], 0))
        for padding in (0, 3):
            beside = token_nats(model, collate([short, long], padding))[: len(alone)]
            assert torch.allclose(alone, beside, atol=1e-5)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_one_batch_of_four_is_four_batches_of_one(
    qwen_base: Path, samples: Load, sample_of: Callable[..., Sample], method: Any
) -> None:
    """C057: 5, 50, 500 and 5 answer tokens, loss and gradient."""
    rows = [sample_of(6, answer) for answer in (5, 50, 500, 5)]
    gradients = []
    for batches in ([collate(rows, 0)], [collate([row], 0) for row in rows]):
        model, _ = samples(qwen_base)
        model = adapt(model, TuneSettings(method=method)).double()
        _nudge(model)
        loss, norm = _backward(model, batches, optimizers_for(model, TuneSettings()), 1e9).tolist()
        gradients.append((loss, norm, [p.grad for p in model.parameters() if p.grad is not None]))
    (loss, norm, together), (loss_apart, norm_apart, apart) = gradients
    assert loss == pytest.approx(loss_apart, rel=1e-6)
    assert norm == pytest.approx(norm_apart, rel=1e-6)
    assert together
    for one, other in zip(together, apart, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-6 * float(one.abs().max()))


def _nudge(model: Any) -> None:
    """LoRA's B starts at zero, and then A has no gradient to compare."""
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.05)


def test_every_supervised_token_weighs_the_same(qwen_base: Path, samples: Load, sample_of: Any) -> None:
    model, _ = samples(qwen_base)
    model = adapt(model, TuneSettings(method="full"))
    rows = [sample_of(6, 3), sample_of(6, 40)]
    loss, _ = _backward(model, [collate([row], 0) for row in rows], optimizers_for(model, TuneSettings()), 1.0).tolist()
    nats = by_hand(model, rows)
    assert len(nats) == 43
    assert loss == pytest.approx(sum(nats) / 43, abs=1e-5)


def test_an_empty_prompt_gives_a_finite_loss(base: Path, samples: Load) -> None:
    """C056: also beside a longer row, in either place."""
    from doctorglm import models
    from doctorglm.conversation import Conversation, Message
    from doctorglm.render import renderer_for

    renderer = renderer_for(models.load(base)[1])
    empty = Conversation(id="e", messages=(Message("user", ""), Message("assistant", "多休息")))
    (sample,) = renderer.training(empty, 100)
    model, rendered = samples(base)
    model = adapt(model, TuneSettings())
    for batch in ([sample, rendered[0]], [rendered[0], sample]):
        nats = token_nats(model, collate(batch, 0))
        nats.mean().backward()
        assert nats.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


def test_gradients_are_clipped_to_the_norm(qwen_base: Path, samples: Load) -> None:
    model, rendered = samples(qwen_base)
    model = adapt(model, TuneSettings(method="full"))
    _, norm = _backward(model, [collate(rendered, 0)], optimizers_for(model, TuneSettings()), 0.01).tolist()
    assert norm > 0.01, "the norm before clipping is reported"
    clipped = math.sqrt(sum(float(p.grad.pow(2).sum()) for p in model.parameters()))
    assert clipped == pytest.approx(0.01, rel=1e-3)
