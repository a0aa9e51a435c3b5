"""Every sample once, next to others of its length; tensors against a plain loop."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.render import IGNORED, Sample
from doctorglm.tune.batches import collate, order

lengths = st.lists(st.integers(2, 60), min_size=1, max_size=120)
quietly = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def of_length(length: int, name: str = "r") -> Sample:
    ids = list(range(10, 10 + length))
    return Sample(name, 0, ids, [IGNORED, *ids[1:]])


def longest(samples: list[Sample], batch: list[int]) -> int:
    return max(len(samples[i].input_ids) for i in batch)


@quietly
@given(lengths, st.integers(2, 400), st.integers(0, 3), st.integers(0, 3))
def test_every_sample_is_in_one_batch_of_an_epoch(many: list[int], batch_tokens: int, seed: int, epoch: int) -> None:
    samples = [of_length(n) for n in many]
    batches = order(samples, batch_tokens, seed, epoch)
    assert Counter(i for batch in batches for i in batch) == Counter(range(len(samples)))
    assert all(len(batch) == 1 or len(batch) * longest(samples, batch) <= batch_tokens for batch in batches)


def test_padding_is_a_small_share() -> None:
    """Lengths as of real dialogues, 20 to 400; a plain order would waste a third."""
    samples = [of_length(20 + i * 7919 % 381) for i in range(2000)]
    batches = order(samples, 2048, seed=0, epoch=0)
    columns = sum(len(batch) * longest(samples, batch) for batch in batches)
    tokens = sum(len(s.input_ids) for s in samples)
    assert 1 - tokens / columns < 0.05
    assert tokens / len(batches) > 0.85 * 2048


def test_the_order_is_the_seeds_and_the_epochs() -> None:
    samples = [of_length(5 + i % 20) for i in range(100)]
    first = order(samples, 100, seed=0, epoch=0)
    assert first == order(samples, 100, seed=0, epoch=0)
    assert first != order(samples, 100, seed=0, epoch=1)
    assert first != order(samples, 100, seed=1, epoch=0)


def test_short_and_long_batches_are_mixed() -> None:
    """A training that ends with all the long samples would end on another distribution."""
    samples = [of_length(5 + i % 60) for i in range(240)]
    sizes = [longest(samples, batch) for batch in order(samples, 300, seed=0, epoch=0)]
    half = len(sizes) // 2
    assert sum(sizes[:half]) / half == pytest.approx(sum(sizes[half:]) / (len(sizes) - half), rel=0.3)


def test_collated_tensors_are_those_of_a_plain_loop() -> None:
    samples = [
        Sample("a", 0, [11, 12, 13, 14], [IGNORED, IGNORED, 13, 14]),
        Sample("b", 0, [21, 22], [IGNORED, 22]),
        Sample("c", 0, [31, 32, 33, 34, 35], [IGNORED, 32, IGNORED, 34, 35]),
    ]
    batch = collate(samples, pad_token_id=0)
    assert batch.input_ids.tolist() == [[11, 12, 13, 14, 0], [21, 22, 0, 0, 0], [31, 32, 33, 34, 35]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]
    # what stands before a supervised token predicts it
    expected = [
        (5 * row + place - 1, label, row)
        for row, sample in enumerate(samples)
        for place, label in enumerate(sample.labels)
        if label != IGNORED
    ]
    assert list(zip(batch.places.tolist(), batch.targets.tolist(), batch.rows.tolist(), strict=True)) == expected
    assert batch.record_ids == ("a", "b", "c")


def test_the_padding_id_may_be_an_end_token() -> None:
    """C048: the mask is by position, so that a padding id among the labels stays a label."""
    batch = collate([Sample("a", 0, [5, 2], [IGNORED, 2]), Sample("b", 0, [5, 6, 2], [IGNORED, 6, 2])], pad_token_id=2)
    assert batch.targets.tolist() == [2, 6, 2]
    assert batch.attention_mask.tolist() == [[1, 1, 0], [1, 1, 1]]
