"""Cohen's kappa against published arithmetic and the bootstrap; the win rate's interval by simulation."""

from collections import Counter

import numpy as np
import pytest

from doctorglm.evaluate.judge.agreement import agreement, balance


def judgements(table: dict[tuple[str, str], int]) -> tuple[list[str], list[str]]:
    pairs = [pair for pair, count in table.items() for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_kappa_by_hand() -> None:
    # po = 35/50; pe = (25/50)(30/50) + (25/50)(20/50) = 0.5
    found = agreement(*judgements({("win", "win"): 20, ("win", "loss"): 5, ("loss", "win"): 10, ("loss", "loss"): 15}))
    assert found is not None and found.kappa is not None
    assert found.kappa.value == pytest.approx(0.4)
    assert (found.share.value, found.share.n) == (0.7, 50)


def test_kappa_of_three_categories_and_its_error() -> None:
    table = {("win", "win"): 44, ("win", "tie"): 5, ("win", "loss"): 1, ("tie", "win"): 7, ("tie", "tie"): 20,
             ("tie", "loss"): 3, ("loss", "win"): 9, ("loss", "tie"): 5, ("loss", "loss"): 6}  # fmt: skip
    ours, theirs = judgements(table)
    found = agreement(ours, theirs)
    assert found is not None and found.kappa is not None
    # by hand: po = 0.70; pe = (50*60 + 30*30 + 20*10)/100^2 = 0.41; kappa = 0.29/0.59
    assert found.kappa.value == pytest.approx(0.29 / 0.59)
    rng = np.random.default_rng(1)
    drawn = [kappa_by_counting([(ours[i], theirs[i]) for i in rng.integers(0, 100, 100)]) for _ in range(2000)]
    assert found.kappa.low is not None and found.kappa.high is not None
    error = (found.kappa.high - found.kappa.low) / (2 * 1.959964)
    assert error == pytest.approx(float(np.std(drawn)), rel=0.06)


def test_the_error_of_kappa_where_the_judges_lean_apart() -> None:
    table = {("win", "win"): 120, ("win", "loss"): 160, ("loss", "win"): 40, ("loss", "loss"): 80}
    ours, theirs = judgements(table)
    found = agreement(ours, theirs)
    assert found is not None and found.kappa is not None
    assert found.kappa.low is not None and found.kappa.high is not None
    rng = np.random.default_rng(2)
    drawn = [kappa_by_counting([(ours[i], theirs[i]) for i in rng.integers(0, 400, 400)]) for _ in range(1500)]
    error = (found.kappa.high - found.kappa.low) / (2 * 1.959964)
    assert error == pytest.approx(float(np.std(drawn)), rel=0.06)


def kappa_by_counting(pairs: list[tuple[str, str]]) -> float:
    n = len(pairs)
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / n
    expected = sum(first[c] * second[c] for c in first) / n**2
    return (observed - expected) / (1 - expected)


def test_the_ends_of_kappa() -> None:
    perfect = agreement(["win", "loss"] * 5, ["win", "loss"] * 5)
    assert perfect is not None and perfect.kappa is not None
    assert (perfect.kappa.value, perfect.kappa.low) == (1.0, None)
    assert perfect.share.low is not None and perfect.share.low < 0.75
    opposite = agreement(["win", "loss"] * 5, ["loss", "win"] * 5)
    assert opposite is not None and opposite.kappa is not None and opposite.kappa.value == -1.0
    one_sided = agreement(["win"] * 5, ["win"] * 5)
    assert one_sided is not None and one_sided.kappa is None, "chance explains all of it"
    assert agreement([], []) is None


def test_balance_by_hand() -> None:
    found = balance([True, True, True, False, False], [False, False, False, True, False])
    assert found is not None
    assert found.value == pytest.approx((3 + 0.5) / 5)
    assert found.low is not None and found.high is not None and 0 <= found.low < 0.7 < found.high <= 1
    assert balance([], []) is None
    # ten ties in a row are not the certainty that nobody is better
    ties = balance([False] * 10, [False] * 10)
    assert ties is not None and ties.low is not None and ties.high is not None
    assert ties.value == 0.5 and ties.low < 0.4 and ties.high > 0.6


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize(
    "shares", [(0.4, 0.3, 0.3), (0.1, 0.8, 0.1), (0.6, 0.1, 0.3), (0.5, 0.0, 0.5), (0.9, 0.05, 0.05)]
)
def test_the_win_rates_interval_holds_the_truth_in_95_percent(shares: tuple[float, float, float], n: int) -> None:
    truth = shares[0] + shares[1] / 2
    held = 0
    counts = np.random.default_rng(7).multinomial(n, shares, size=1500)
    for wins, _, losses in counts.tolist():
        found = balance([True] * wins + [False] * (n - wins), [False] * (n - losses) + [True] * losses)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert held / len(counts) >= 0.935
