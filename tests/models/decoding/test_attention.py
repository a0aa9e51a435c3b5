"""A token's attention to float16 keys against float64 by hand; the roomy cache against transformers' own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers.cache_utils import DynamicLayer

from doctorglm.models.decoding import compiled
from doctorglm.models.decoding.attention import attend_one
from doctorglm.models.decoding.cache import ROOM, RoomyLayer

needs_compiler = pytest.mark.skipif(compiled.kernels() is None, reason="no compiler, or another processor")


def by_hand(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    out = torch.zeros(q.shape, dtype=torch.float64)
    for row in range(q.shape[0]):
        for head in range(q.shape[1]):
            scores = k[row, head].double() @ q[row, head, 0].double() / q.shape[-1] ** 0.5
            if mask is not None:
                # in float32, in which a blocked score is rounded to a thousandth
                scores = (scores.float() + mask[min(row, len(mask) - 1), 0, 0]).double()
            weights = (scores - scores.max()).exp()
            out[row, head, 0] = (weights / weights.sum()) @ v[row, head].double()
    return out


def given(rows: int, heads: int, columns: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(columns)
    q = torch.randn(rows, heads, 1, size) * 3
    room = torch.randn(2, rows, heads, columns + 5, size).half()
    return q, *room[:, :, :, :columns]


@needs_compiler
@pytest.mark.parametrize("shape", [(1, 2, 1, 64), (1, 3, 37, 128), (3, 2, 20, 64), (2, 1, 9, 192)])
@pytest.mark.parametrize("masked", ["no", "all rows", "each row"])
def test_it_is_attention(shape: tuple[int, int, int, int], masked: str) -> None:
    q, k, v = given(*shape)
    mask = None
    if masked != "no":
        mask = torch.zeros(1 if masked == "all rows" else shape[0], 1, 1, shape[2])
        mask[..., ::3] = -1e4
        if masked == "each row":
            mask[-1] = -1e4  # as a padded row is: it attends to all alike, and stays finite
    out = attend_one(q, k, v, mask)
    assert out is not None
    torch.testing.assert_close(
        out.double(), by_hand(q, k, v, mask), atol=1e-3 if masked == "each row" else 2e-6, rtol=2e-6
    )


@needs_compiler
def test_scores_far_apart_and_no_numbers() -> None:
    q, k, v = given(1, 1, 6, 64)
    q *= 1000
    out = attend_one(q, k, v, None)
    assert out is not None
    torch.testing.assert_close(out.double(), by_hand(q, k, v, None), atol=2e-5, rtol=2e-5)
    q[0, 0, 0, 3] = float("nan")
    out = attend_one(q, k, v, None)
    assert out is not None and bool(out.isnan().all())


def test_what_it_is_not_made_for_is_left_to_torch() -> None:
    q, k, v = given(1, 2, 8, 64)
    assert attend_one(q.expand(-1, -1, 2, -1), k, v, None) is None
    assert attend_one(q, k.float(), v.float(), None) is None
    assert attend_one(q.requires_grad_(), k, v, None) is None
    assert attend_one(q.detach(), k.transpose(1, 2).contiguous().transpose(1, 2), v, None) is None
    assert attend_one(*given(1, 2, 8, 32), None) is None


def both() -> tuple[RoomyLayer, DynamicLayer]:
    return RoomyLayer(torch.float16), DynamicLayer()


def same(ours: Any, theirs: Any) -> None:
    assert torch.equal(ours.keys, theirs.keys) and torch.equal(ours.values, theirs.values)
    assert ours.get_seq_length() == theirs.get_seq_length() == ours.keys.shape[2]


def test_the_roomy_cache_holds_what_the_growing_one_does() -> None:
    """A prompt, tokens beyond the room, beams, a crop, rows that are chosen."""
    torch.manual_seed(0)
    ours, theirs = both()
    for count in (ROOM - 1, 1, 1, 3):
        k, v = torch.randn(2, 2, 3, count, 4).half()
        for layer in (ours, theirs):
            layer.update(k, v)
        same(ours, theirs)
    order = torch.tensor([1, 0])
    changes: list[Callable[[Any], None]] = [
        lambda layer: layer.reorder_cache(order),
        lambda layer: layer.crop(-2),
        lambda layer: layer.batch_repeat_interleave(2),
        lambda layer: layer.batch_select_indices(torch.tensor([3, 0])),
    ]
    for change in changes:
        change(ours)
        change(theirs)
        same(ours, theirs)
        k, v = torch.randn(2, len(ours.keys), 3, 1, 4).half()
        for layer in (ours, theirs):
            layer.update(k, v)
        same(ours, theirs)


def test_a_token_copies_no_others() -> None:
    layer = RoomyLayer(torch.float16)
    layer.update(*torch.randn(2, 1, 2, 5, 4))
    place = layer.keys.data_ptr()
    layer.update(*torch.randn(2, 1, 2, 1, 4))
    assert layer.keys.data_ptr() == place and layer.keys.shape[2] == 6 and layer.keys.dtype == torch.float16
    layer.reset()
    assert layer.get_seq_length() == 0
