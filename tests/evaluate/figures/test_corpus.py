"""Figures of whole sets: against sacrebleu's own resampling, the ratio of sums, and by hand."""

import numpy as np
import pytest
import sacrebleu
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest

from doctorglm.errors import DataError
from doctorglm.evaluate.figures.corpus import Corpus, corpus_difference, corpus_interval, corpus_value, share_of
from doctorglm.evaluate.figures.overlap import bleu, bleu_of, chrf, chrf_of
from doctorglm.evaluate.statistics import Floats, bootstrap_interval, paired_difference

WORDS = ["发烧", "咳嗽", "头痛", "三天", "建议", "休息", "多喝水", "检查", "血常规", "吃药", "一天两次", "门诊", "饮食"]


def written(seed: int, n: int, kept: float) -> tuple[list[str], list[str]]:
    """Answers that keep a share of their reference's words, and the references."""
    rng = np.random.default_rng(seed)
    references = [[WORDS[i] for i in rng.integers(0, len(WORDS), rng.integers(4, 14))] for _ in range(n)]
    answers = [[word if rng.random() < kept else WORDS[rng.integers(len(WORDS))] for word in r] for r in references]
    return ["".join(a) for a in answers], ["".join(r) for r in references]


def rows(answers: list[str], references: list[str]) -> list[tuple[int, ...]]:
    return [bleu(*pair, "zh").sums for pair in zip(answers, references, strict=True)]


def test_value_is_that_of_the_set() -> None:
    answers, references = written(1, 30, 0.7)
    counts = rows(answers, references)
    expected = sacrebleu.corpus_bleu(answers, [references], tokenize="zh").score
    assert corpus_value(counts, bleu_of) == pytest.approx(expected, rel=1e-12)
    found = corpus_interval(counts, bleu_of, resamples=1000)
    assert found.value == corpus_value(counts, bleu_of) and found.n == 30
    assert found.low is not None and found.high is not None and found.low < found.value < found.high
    by_characters = [chrf(*pair).sums for pair in zip(answers, references, strict=True)]
    assert corpus_value(by_characters, chrf_of) == pytest.approx(sacrebleu.corpus_chrf(answers, [references]).score)


def test_a_ratio_of_sums_has_the_interval_of_statistics() -> None:
    rng = np.random.default_rng(2)
    weights = rng.integers(1, 9, 40).astype(float)
    ours, theirs = weights * rng.random(40), weights * rng.random(40)

    def table(values: Floats) -> Floats:
        return np.column_stack([values, weights])

    assert corpus_interval(table(ours), share_of, resamples=2000) == bootstrap_interval(ours, weights, resamples=2000)
    assert corpus_difference(table(ours), table(theirs), share_of, resamples=2000) == paired_difference(
        ours, theirs, weights, resamples=2000
    )


def test_interval_is_about_that_of_sacrebleu() -> None:
    answers, references = written(3, 80, 0.6)
    found = corpus_interval(rows(answers, references), bleu_of, resamples=4000)
    theirs = BLEU(tokenize="zh").corpus_score(answers, [references], n_bootstrap=2000)
    assert found.low is not None and found.high is not None
    # sacrebleu's are plain percentiles without our widening for small n
    assert (found.high - found.low) / 2 == pytest.approx(theirs._ci, rel=0.1)


@pytest.mark.parametrize(("kept", "is_alike"), [(0.6, True), (0.75, False)])
def test_difference_and_p_are_about_those_of_sacrebleu(kept: float, is_alike: bool) -> None:
    ours, references = written(4, 40, kept)
    theirs = written(4, 40, 0.6)[0] if not is_alike else [a + "。" for a in written(4, 40, 0.6)[0]]
    assert written(4, 40, 0.6)[1] == references
    found = corpus_difference(rows(ours, references), rows(theirs, references), bleu_of, resamples=4000)
    systems = [("theirs", theirs), ("ours", ours)]
    test = PairedTest(systems, {"BLEU": BLEU(tokenize="zh")}, [references], test_type="ar", n_samples=4000)
    base, other = test()[1]["BLEU"]
    assert found.difference == pytest.approx(other.score - base.score, rel=1e-9)
    assert found.p == pytest.approx(other.p_value, abs=0.03)
    assert found.low is not None and found.high is not None
    assert (found.low > 0) is (found.p < 0.05) or abs(found.p - 0.05) < 0.03


def test_equal_systems_do_not_differ() -> None:
    counts = rows(*written(5, 20, 0.5))
    found = corpus_difference(counts, counts, bleu_of, resamples=1000)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_intervals_cover_what_they_should() -> None:
    """Of small sets drawn from a large one, about 95 % of the intervals hold the large one's BLEU."""
    table = np.asarray(rows(*written(6, 3000, 0.6)), dtype=float)
    truth = corpus_value(table, bleu_of)
    rng = np.random.default_rng(7)
    held = 0
    for trial in range(200):
        found = corpus_interval(table[rng.integers(0, len(table), 50)], bleu_of, resamples=1000, seed=trial)
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert 0.90 <= held / 200 <= 0.99  # three standard errors of 200 trials are 0.046


def test_nothing_counted_is_no_division() -> None:
    assert share_of(np.asarray([[0.0, 0.0], [1.0, 2.0]])).tolist() == [0.0, 0.5]
    found = corpus_interval([[1, 1], *[[0, 0]] * 9], share_of, resamples=1000)
    assert found.value == 1.0 and found.low == 0.0
    assert corpus_interval([[1, 2]], share_of).low is None


def test_bad_counts_are_refused() -> None:
    with pytest.raises(DataError, match="no items"):
        corpus_value([], bleu_of)
    with pytest.raises(DataError, match="1 items against 2"):
        corpus_difference([[1, 2]], [[1, 2], [1, 2]], share_of)
    with pytest.raises(DataError, match="2 counts of one item against 3"):
        corpus_difference([[1, 2]], [[1, 2, 3]], share_of)
    with pytest.raises(DataError, match="2 counts of one item against 3"):
        corpus_value([[1, 2], [1, 2, 3]], share_of)
    with pytest.raises(DataError, match="item 1 has counts"):
        corpus_value([[1, 2], [1, float("nan")]], share_of)


def test_a_metric_of_items() -> None:
    metric = Corpus("dialogue", "higher", lambda item: item["bleu"], bleu_of)
    items = [{"bleu": bleu("今天体温正常", "今天体温正常").sums}]
    assert corpus_value([metric.sums(item) for item in items], metric.figure) == pytest.approx(100)
