"""Training: recomputation changes nothing, gradients are the oracle's, PEFT wraps, trains, merges and generates."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

ANSWER = [17, 4, 29, 11, 35]


def gradients(model: Any, ids: torch.Tensor, labels: torch.Tensor, **asked: Any) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model(ids, labels=labels, **asked).loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def example(prompt: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([prompt + ANSWER]), torch.tensor([[-100] * len(prompt) + ANSWER])


@pytest.mark.parametrize("use_cache", [True, False, None])
def test_recomputation_gives_the_same_gradients(
    tiny: Callable[..., Any], checkpoint: Callable[[Any], None], prompts: list[list[int]], use_cache: bool | None
) -> None:
    t = tiny()
    t.model.train()
    ids, labels = example(prompts[0])
    plain = gradients(t.model, ids, labels)
    checkpoint(t.model)
    recomputed = gradients(t.model, ids, labels, use_cache=use_cache)
    out = t.model(ids, use_cache=use_cache)
    assert out.get("cache") is None and out.get("past_key_values") is None
    assert plain.keys() == recomputed.keys() == dict(t.model.named_parameters()).keys()
    for name, value in plain.items():
        torch.testing.assert_close(recomputed[name], value, atol=1e-5, rtol=1e-5)


def test_recomputation_happens(
    tiny: Callable[..., Any], checkpoint: Callable[[Any], None], prompts: list[list[int]]
) -> None:
    t = tiny()
    t.model.train()
    calls = []
    t.model.transformer.layers[0].attention.register_forward_pre_hook(lambda *_: calls.append(1))
    checkpoint(t.model)
    gradients(t.model, *example(prompts[0]))
    assert len(calls) == 2


def test_gradients_follow_the_oracles_loss(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    """Directional derivative of the loss, by central differences of the float64 oracle."""
    t = tiny(tie_word_embeddings=False)
    ids, labels = example(prompts[0])
    grads = gradients(t.model.train(), ids, labels)
    torch.manual_seed(1)
    direction = {name: torch.randn_like(g).double() for name, g in grads.items()}
    size = 1e-5

    def loss(sign: int) -> float:
        moved = {name: p.detach().double() + sign * size * direction[name] for name, p in t.model.named_parameters()}
        nats, count = type(t.oracle)(moved, t.config).loss(ids[0].tolist(), labels[0].tolist())
        return nats / count

    slope = (loss(1) - loss(-1)) / (2 * size)
    ours = sum((g.double() * direction[name]).sum().item() for name, g in grads.items())
    assert ours == pytest.approx(slope, rel=1e-4)


def test_training_keeps_no_cache(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    t = tiny()
    ids, labels = example(prompts[0])
    assert t.model(ids).to_tuple()[1] is not None
    out = t.model.train()(ids, labels=labels)
    assert out.get("cache") is None and out.get("past_key_values") is None


def test_lora_wraps_trains_merges_and_generates(
    tiny: Callable[..., Any], checkpoint: Callable[[Any], None], prompts: list[list[int]]
) -> None:
    t = tiny()
    torch.manual_seed(0)
    adapted = get_peft_model(t.model, LoraConfig(r=4, target_modules=["query_key_value"], task_type="CAUSAL_LM"))
    checkpoint(adapted.base_model.model)
    adapted.base_model.model.enable_input_require_grads()
    ids, labels = example(prompts[0])
    optimizer = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=0.1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = adapted.train()(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    with_adapter = adapted.eval()(input_ids=ids).logits
    answer = adapted.generate(input_ids=ids[:, : len(prompts[0])], max_new_tokens=6, do_sample=False, eos_token_id=None)
    merged = adapted.merge_and_unload()
    torch.testing.assert_close(merged(ids).logits, with_adapter, atol=1e-3, rtol=0)
    oracle = type(t.oracle)(merged.state_dict(), t.config)
    assert answer[0, len(prompts[0]) :].tolist() == oracle.greedy(prompts[0], 6)
