"""`generate` against the slow oracle: batches, early ends, beams, sampling, with and without a cache."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from doctorglm.models.chatglm.positions import position_ids

PAD, EOP, MASK, GMASK, SOP = 3, 35, 36, 37, 34
Pad = Callable[[list[list[int]], str], tuple[torch.Tensor, torch.Tensor]]


@pytest.mark.parametrize("two_positions", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_in_a_batch_equals_each_row_alone(
    tiny: Callable[..., Any], prompts: list[list[int]], pad: Pad, side: str, use_cache: bool, two_positions: bool
) -> None:
    t = tiny(position_encoding_2d=two_positions)
    ids, mask = pad(prompts, side)
    out = t.model.generate(
        ids, attention_mask=mask, max_new_tokens=6, do_sample=False, use_cache=use_cache, eos_token_id=None
    )
    assert torch.equal(out[:, : ids.shape[1]], ids), "prompts come back as they were given"
    for row, prompt in enumerate(prompts):
        assert out[row, ids.shape[1] :].tolist() == t.oracle.greedy(prompt, 6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_found_without_a_mask(
    tiny: Callable[..., Any], prompts: list[list[int]], pad: Pad, side: str
) -> None:
    t = tiny()
    ids, mask = pad(prompts, side)
    given = t.model.generate(ids, attention_mask=mask, max_new_tokens=4, do_sample=False)
    assert torch.equal(t.model.generate(input_ids=ids, max_new_tokens=4, do_sample=False), given)


def test_a_row_that_ends_early_is_filled_with_padding(
    tiny: Callable[..., Any], prompts: list[list[int]], pad: Pad
) -> None:
    t = tiny()
    alone = [t.oracle.greedy(prompt, 8) for prompt in prompts]
    cut = {end: [a[: a.index(end) + 1] if end in a else a for a in alone] for end in range(40)}
    end = max(cut, key=lambda token: len({len(answer) for answer in cut[token]}))
    assert len({len(answer) for answer in cut[end]}) > 2, "rows must end at several places"
    ids, mask = pad(prompts, "left")
    out = t.model.generate(ids, attention_mask=mask, max_new_tokens=8, do_sample=False, eos_token_id=end)
    for row, answer in enumerate(cut[end]):
        assert out[row, ids.shape[1] :].tolist() == answer + [PAD] * (8 - len(answer))


def test_pad_and_end_come_from_the_config(tiny: Callable[..., Any]) -> None:
    generation = tiny(pad_token_id=4, eos_token_id=9).model.generation_config
    assert (generation.pad_token_id, generation.eos_token_id) == (4, 9)


def test_beams_wide_enough_find_the_likeliest_answer(
    tiny: Callable[..., Any], prompts: list[list[int]], pad: Pad
) -> None:
    t = tiny()
    chosen = prompts[1:3]
    ids, mask = pad(chosen, "left")
    likeliest = [t.oracle.most_likely(prompt, 2) for prompt in chosen]
    for use_cache in (True, False):
        out = t.model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=2,
            num_beams=40,
            do_sample=False,
            use_cache=use_cache,
            eos_token_id=None,
        )
        assert out[:, ids.shape[1] :].tolist() == likeliest


def test_narrow_beams_in_a_batch_equal_each_row_alone(
    tiny: Callable[..., Any], prompts: list[list[int]], pad: Pad
) -> None:
    t = tiny()
    kept = {"max_new_tokens": 6, "num_beams": 3, "num_return_sequences": 2, "do_sample": False}
    for side in ("left", "right"):
        ids, mask = pad(prompts, side)
        batch = t.model.generate(ids, attention_mask=mask, **kept)
        for row, prompt in enumerate(prompts):
            alone = t.model.generate(torch.tensor([prompt]), **kept)[:, len(prompt) :]
            width = alone.shape[1]
            assert torch.equal(batch[2 * row : 2 * row + 2, ids.shape[1] :][:, :width], alone)
            assert torch.equal(batch[2 * row, : ids.shape[1]], ids[row])


def test_sampling_follows_the_oracles_distribution(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    t = tiny()
    probabilities = (t.oracle.logits(prompts[0])[-1] / 4.0).softmax(-1)
    torch.manual_seed(0)
    drawn = t.model.generate(
        torch.tensor([prompts[0]]),
        do_sample=True,
        temperature=4.0,
        top_k=0,
        max_new_tokens=1,
        num_return_sequences=3000,
    )[:, -1]
    shares = torch.bincount(drawn, minlength=40) / len(drawn)
    assert (shares - probabilities).abs().max() < 0.03, "three standard errors at p = 0.5"


def test_given_position_ids_are_used(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    t = tiny()
    ids = torch.tensor([prompts[0], prompts[0]])
    expected = t.oracle.greedy(prompts[0], 5)
    shifted = position_ids(t.config, ids, None) + 3
    for beams in (1, 3):
        kept = {"max_new_tokens": 5, "do_sample": False, "num_beams": beams, "eos_token_id": None}
        out = t.model.generate(ids, position_ids=shifted, **kept)
        assert torch.equal(out, t.model.generate(ids, **kept))
        if beams == 1:
            assert out[0, len(prompts[0]) :].tolist() == expected


def test_prompt_lookup_rolls_the_cache_back(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    t = tiny()
    prompt = [20, 21, 20, 21, 20, GMASK, SOP]
    out = t.model.generate(
        torch.tensor([prompt]), max_new_tokens=12, do_sample=False, prompt_lookup_num_tokens=3, eos_token_id=None
    )
    assert out[0, len(prompt) :].tolist() == t.oracle.greedy(prompt, 12)


def test_generating_in_training_mode_with_checkpointing(
    tiny: Callable[..., Any], checkpoint: Callable[[Any], None], prompts: list[list[int]]
) -> None:
    t = tiny()
    t.model.train()
    checkpoint(t.model)
    out = t.model.generate(torch.tensor([prompts[0]]), max_new_tokens=4, do_sample=False, eos_token_id=None)
    assert out[0, len(prompts[0]) :].tolist() == t.oracle.greedy(prompts[0], 4)


def test_a_prompt_read_in_pieces_is_refused(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="one piece"):
        tiny().model.generate(torch.tensor([prompts[0]]), max_new_tokens=2, prefill_chunk_size=4)


def test_generated_states(tiny: Callable[..., Any], prompts: list[list[int]]) -> None:
    t = tiny()
    out = t.model.generate(
        torch.tensor([prompts[0]]),
        max_new_tokens=3,
        do_sample=False,
        eos_token_id=None,
        return_dict_in_generate=True,
        output_logits=True,
        output_hidden_states=True,
    )
    answer = t.oracle.greedy(prompts[0], 3)
    whole = t.oracle.logits(prompts[0] + answer)
    for step in range(3):
        torch.testing.assert_close(out.logits[step][0].double(), whole[len(prompts[0]) + step - 1], atol=5e-4, rtol=0)
    assert len(out.hidden_states[1]) == t.config.num_layers + 1
