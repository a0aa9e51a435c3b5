"""A step's samples among processes: each once, in order, as even as whole samples allow."""

import random

import pytest

from doctorglm.tune.dividing import divided


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_every_sample_is_in_one_share_and_batches_keep_their_order(processes: int) -> None:
    draw = random.Random(processes)
    for _ in range(50):
        lengths = [draw.randint(1, 60) for _ in range(draw.randint(1, 30))]
        indices = draw.sample(range(len(lengths)), len(lengths))
        cuts = sorted(draw.sample(range(1, len(indices)), min(3, len(indices) - 1)))
        batches = [indices[a:b] for a, b in zip([0, *cuts], [*cuts, len(indices)], strict=True)]
        shares = divided(batches, lengths.__getitem__, processes)
        assert len(shares) == processes and all(batch for share in shares for batch in share)
        assert [i for share in shares for batch in share for i in batch] == indices
        whole = {i: number for number, batch in enumerate(batches) for i in batch}
        assert all(len({whole[i] for i in batch}) == 1 for share in shares for batch in share), "no batch is joined"
        even, longest = sum(lengths) / processes, max(lengths)
        for share in shares:
            assert abs(sum(lengths[i] for batch in share for i in batch) - even) <= longest


def test_by_hand() -> None:
    tokens = [10, 10, 10, 10].__getitem__
    assert divided([[0, 1], [2, 3]], tokens, 2) == [[[0, 1]], [[2, 3]]]
    assert divided([[3, 2, 1, 0]], tokens, 2) == [[[3, 2]], [[1, 0]]]
    assert divided([[0, 1, 2]], tokens, 2) == [[[0]], [[1, 2]]]
    assert divided([[2]], tokens, 3) == [[], [[2]], []]
    assert divided([[0], [1]], [1, 99].__getitem__, 2) == [[[0]], [[1]]]
