"""ChatGLM-6B with a prefix: the published logits, the slow oracle, and every way of reading."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.models.documents import Documents, packed

from ...varlen import varlen
from .test_attention import exact, losses_and_gradients, same

__all__ = ["varlen"]
KINDS = [{}, {"prefix_projection": True}, {"position_encoding_2d": False}]


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_the_published_logits(published: Any, implementation: str) -> None:
    values = {key: value for key, value in published.values["config"].items() if key != "note"}
    model = ChatGLMForConditionalGeneration(ChatGLMConfig(**values, pre_seq_len=4)).eval()
    model.set_attn_implementation(implementation)
    weights = {n.removeprefix("prefix/"): t for n, t in published.tensors.items() if "weights/" in n}
    model.load_state_dict({n.removeprefix("weights/"): t for n, t in weights.items()})
    logits = model(published.input("single_gmask")).logits[:, -3:]
    theirs = published.tensors["prefix/official_alpha28/single_gmask/logits_last3"]
    torch.testing.assert_close(logits, theirs, atol=5e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracles_logits_and_answers(
    tiny: Callable[..., Any], prompts: list[list[int]], kind: dict[str, Any]
) -> None:
    t = tiny(pre_seq_len=3, **kind)
    for row in prompts[:3]:
        torch.testing.assert_close(
            t.model(torch.tensor([row])).logits[0].double(), t.oracle.logits(row), atol=2e-3, rtol=0
        )
    for use_cache in (True, False):
        answer = t.model.generate(
            torch.tensor([prompts[0]]), max_new_tokens=6, do_sample=False, use_cache=use_cache, eos_token_id=None
        )
        assert answer[0, len(prompts[0]) :].tolist() == t.oracle.greedy(prompts[0], 6)


@pytest.mark.parametrize("projection", [False, True])
def test_step_by_step_is_the_whole_text(tiny: Callable[..., Any], prompts: list[list[int]], projection: bool) -> None:
    model = tiny(pre_seq_len=3, prefix_projection=projection).model.double()
    out = model.generate(
        torch.tensor([prompts[3]]), max_new_tokens=5, min_new_tokens=5, do_sample=False, output_logits=True,
        return_dict_in_generate=True,
    )  # fmt: skip
    whole = model(out.sequences).logits[0, len(prompts[3]) - 1 : -1]
    torch.testing.assert_close(torch.cat(out.logits), whole.to(out.logits[0].dtype), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_is_its_rows(tiny: Callable[..., Any], prompts: list[list[int]], pad: Any, side: str) -> None:
    model = tiny(pre_seq_len=3).model.double()
    ids, mask = pad(prompts, side)
    logits = model(ids, attention_mask=mask).logits
    assert logits.isfinite().all()
    for row, own, one in zip(prompts, logits, mask.bool(), strict=True):
        torch.testing.assert_close(own[one], model(torch.tensor([row])).logits[0], **exact)
    how: dict[str, Any] = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None}
    answers = model.generate(ids, attention_mask=mask, **how)[:, ids.shape[1] :]
    for row, answer in zip(prompts, answers, strict=True):
        assert torch.equal(model.generate(torch.tensor([row]), **how)[0, len(row) :], answer)


@pytest.mark.parametrize("by_calls", [False, True])
def test_a_pack_is_its_documents(
    tiny: Callable[..., Any], prompts: list[list[int]], by_calls: bool, request: pytest.FixtureRequest
) -> None:
    calls = request.getfixturevalue("varlen") if by_calls else None
    model = tiny(pre_seq_len=3).model.double().requires_grad_(False)
    model.transformer.prefix_encoder.requires_grad_(True)
    rows = [[*row, 17, 4, 29][: len(row) + i] for i, row in enumerate(prompts)]  # the first ends with its prompt
    documents = Documents.of_lengths([len(row) for row in rows])
    ids = torch.tensor([[i for row in rows for i in row]])

    def together() -> torch.Tensor:
        with packed(model, documents):
            out: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0]
        return out

    alone = losses_and_gradients(
        model, lambda: torch.cat([model(torch.tensor([row]), use_cache=False).logits[0] for row in rows])
    )
    same(losses_and_gradients(model, together), alone)
    assert calls is None or set(calls) == {5}


@pytest.mark.parametrize("projection", [False, True])
def test_recomputation_gives_the_same_gradients(
    tiny: Callable[..., Any], checkpoint: Callable[[Any], None], prompts: list[list[int]], projection: bool
) -> None:
    model = tiny(pre_seq_len=3, prefix_projection=projection, prefix_dropout=0.0).model.double().train()
    ids = torch.tensor([[*prompts[0], 17, 4]])
    plain = losses_and_gradients(model, lambda: model(ids).logits)
    checkpoint(model)
    same(losses_and_gradients(model, lambda: model(ids).logits), plain)


def test_dropout_is_the_published_one(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    model = tiny(pre_seq_len=3).model.train()
    assert model.config.prefix_dropout == 0.1
    ids = torch.tensor([prompts[0]])
    assert not torch.equal(model(ids).logits, model(ids).logits)


def test_the_prefix_stays_in_32_bits(tiny: Callable[..., Any], tmp_path: Any) -> None:
    tiny(pre_seq_len=3).model.save_pretrained(tmp_path)
    model = ChatGLMForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert model.dtype == torch.bfloat16
    assert model.transformer.prefix_encoder.embedding.weight.dtype == torch.float32


def test_weights_of_attention_have_the_prefix_first(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    model = tiny(pre_seq_len=3).model
    weights = model(torch.tensor([prompts[0]]), output_attentions=True).attentions[0]
    assert weights.shape[-1] == 3 + len(prompts[0])
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
