"""Batches hold every sample once, no more tokens than they may, and are the same for the same seed."""

import random

import torch

from doctorglm.distill.batches import collate, epoch
from doctorglm.distill.samples import Sample

chance = random.Random(1)
SAMPLES = [
    Sample(tuple(range(chance.randint(2, 40))), tuple(range(chance.randint(2, 60))),
           tuple(range(45)) if i % 3 == 0 else None)
    for i in range(300)
]  # fmt: skip


def test_every_sample_stands_once() -> None:
    batches = epoch(SAMPLES, 512, 0.5, 0)

    assert sorted(i for batch in batches for i, _ in batch) == list(range(300))


def test_no_batch_has_more_tokens_than_it_may_with_its_padding() -> None:
    for chosen in epoch(SAMPLES, 512, 0.5, 0):
        batch = collate(SAMPLES, chosen, 9)
        assert batch.source.numel() + batch.target.numel() <= 512


def test_sentences_of_like_lengths_stand_together() -> None:
    batches = [collate(SAMPLES, chosen, 9) for chosen in epoch(SAMPLES, 512, 0.0, 0)]
    real = sum(len(one.source) + len(one.target) for one in SAMPLES)

    assert real / sum(b.source.numel() + b.target.numel() for b in batches) > 0.75


def test_the_seed_fixes_the_order_and_which_have_tags() -> None:
    assert epoch(SAMPLES, 512, 0.5, 3) == epoch(SAMPLES, 512, 0.5, 3)
    assert epoch(SAMPLES, 512, 0.5, 3) != epoch(SAMPLES, 512, 0.5, 4)


def test_only_what_has_tags_is_shown_with_them_and_about_so_often() -> None:
    chosen = {i: tags for batch in epoch(SAMPLES, 512, 0.5, 0) for i, tags in batch}

    assert not any(tags for i, tags in chosen.items() if i % 3)
    assert 30 <= sum(chosen.values()) <= 70


def test_targets_are_given_one_place_later_and_padding_does_not_count() -> None:
    samples = [Sample((5, 6, 0), (7, 8, 9, 0)), Sample((5, 0), (7, 0))]
    batch = collate(samples, [(0, False), (1, False)], 99)

    assert batch.source.tolist() == [[5, 6, 0], [5, 0, 99]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch.given.tolist() == [[99, 7, 8, 9], [99, 7, 0, 99]]
    assert batch.target.tolist() == [[7, 8, 9, 0], [7, 0, -100, -100]]
    assert batch.source.dtype == torch.int64
