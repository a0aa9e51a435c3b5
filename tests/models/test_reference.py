"""Every tensor, id, loss and gradient norm of the published ChatGLM-6B code on a tiny random model, within 5e-4."""

from typing import Any

import pytest
import torch

from doctorglm.models.chatglm.positions import BLOCKED, position_ids, prefill_mask

ATOL = 5e-4


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=ATOL, rtol=0)


def test_logits_and_hidden_states(published: Any) -> None:
    out = published.model(published.input("single_gmask"), output_hidden_states=True)
    close(out.logits, published["single_gmask/logits"])
    assert len(out.hidden_states) == 4
    close(torch.stack(out.hidden_states), published["single_gmask/hidden_states_bsh"])


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_attention_implementations_agree_with_the_published_one(published: Any, implementation: str) -> None:
    published.model.set_attn_implementation(implementation)
    close(published.model(published.input("single_gmask")).logits, published["single_gmask/logits"])


def test_attention_weights(published: Any) -> None:
    out = published.model(published.input("single_gmask"), output_attentions=True)
    close(out.attentions[1], published["single_gmask/attn_probs_layer1"])


def test_keys_and_values_in_the_cache(published: Any) -> None:
    out = published.model(published.input("single_gmask"), use_cache=True)
    layer = (out.get("cache") or out.get("past_key_values")).layers[2]
    close(layer.keys.permute(2, 0, 1, 3), published["single_gmask/key_layer2_sbnh"])
    close(layer.values.permute(2, 0, 1, 3), published["single_gmask/value_layer2_sbnh"])


def test_mask_and_position_ids(published: Any) -> None:
    ids, config = published.input("single_gmask"), published.model.config
    assert torch.equal(position_ids(config, ids, None), published["single_gmask/position_ids"])
    blocked = prefill_mask(config, ids, None, ids.shape[1], torch.float32) == BLOCKED
    assert torch.equal(blocked, published["single_gmask/mask_true_is_blocked"].bool())


def test_the_published_mask_and_positions_may_be_given(published: Any) -> None:
    out = published.model(
        published.input("single_gmask"),
        attention_mask=published["single_gmask/mask_true_is_blocked"].bool(),
        position_ids=published["single_gmask/position_ids"],
    )
    close(out.logits, published["single_gmask/logits"])


@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_ids(published: Any, use_cache: bool) -> None:
    theirs = published["greedy_single/ids"]
    ours = published.model.generate(published.input("prompt"), max_new_tokens=10, do_sample=False, use_cache=use_cache)
    assert torch.equal(ours, theirs)


def test_loss_and_gradient_norms(published: Any) -> None:
    model = published.model.train()
    out = model(published.input("train_ids"), labels=published.input("train_labels"))
    close(out.logits[0], published["train/logits_row0"])
    assert out.loss.item() == pytest.approx(published.values["losses"]["official_alpha28/train"], abs=ATOL)
    out.loss.backward()
    parameters = dict(model.named_parameters())
    expected = dict(published.values["grad_norms"]["official_alpha28"])
    # the published run kept head and embedding apart; tied, their gradients add up
    del expected["lm_head.weight"]
    expected["transformer.word_embeddings.weight"] = published.values["grad_norms_tied"]["official_alpha28"]
    for name, norm in expected.items():
        assert parameters[name].grad.norm().item() == pytest.approx(norm, abs=ATOL, rel=1e-5), name


def test_untied_gradients(published: Any) -> None:
    config = type(published.model.config)(**{**published.model.config.to_dict(), "tie_word_embeddings": False})
    model = type(published.model)(config)
    model.load_state_dict(published.model.state_dict())
    model(published.input("train_ids"), labels=published.input("train_labels")).loss.backward()
    norms = published.values["grad_norms"]["official_alpha28"]
    assert model.lm_head.weight.grad.norm().item() == pytest.approx(norms["lm_head.weight"], abs=ATOL)
    embedding = model.transformer.word_embeddings.weight.grad.norm().item()
    assert embedding == pytest.approx(norms["transformer.word_embeddings.weight"], abs=ATOL)
