"""How much of an answer's wording is its reference's: BLEU, chrF and ROUGE-L, and the variety of several answers.

BLEU and chrF of a set of answers are no means: they are computed from sums over the answers, which each answer's
`Counts` hold, so that resamples of answers need no second look at the texts.

Sources: Papineni et al. 2002, https://aclanthology.org/P02-1040 (BLEU); Post 2018, https://aclanthology.org/W18-6319
(sacrebleu and its signatures); Popović 2015, https://aclanthology.org/W15-3049 (chrF); Lin 2004,
https://aclanthology.org/W04-1013 (ROUGE-L); Li et al. 2016, arXiv 1510.03055 (distinct-n); Zhu et al. 2018,
arXiv 1802.01886 (self-BLEU).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms.lexicon import lexicon
from doctorglm.errors import DataError
from doctorglm.evaluate.figures.content import language
from doctorglm.evaluate.statistics import Floats

Tokenizer: TypeAlias = Literal["zh", "13a", "char"]
"""Of sacrebleu: single Chinese characters; English words (mteval-v13a); all characters."""

MOST_TOKENS = 20_000
"""Of an answer or reference that ROUGE-L reads; what lies behind is left out, for the time grows with both lengths."""

_BLEU_ORDER, _CHRF_ORDER, _CHRF_BETA = 4, 6, 2
_TOKEN = re.compile(r"[0-9]+(?:\.[0-9]+)?|[a-zß-öø-ɏ]+|[^\W_]")


@dataclass(frozen=True, slots=True)
class Counts:
    """One answer's own score, 0 to 100, what it adds to the sums for a whole set, and sacrebleu's signature of that."""

    score: float
    sums: tuple[int, ...]
    signature: str


def tokenizer_of(references: Iterable[str]) -> Tokenizer:
    """sacrebleu's tokenizer for a set of references: `zh` where one is Chinese (English is cut alike), else `13a`."""
    return "zh" if any(language(reference) == "zh" for reference in references) else "13a"


def bleu(answer: str, reference: str, tokenize: Tokenizer | None = None) -> Counts:
    """BLEU of one answer; its sums are `[length, reference's length, 4 matches, 4 totals]`, n-grams of 1 to 4 tokens.

    `score` leaves out the orders for which a short answer has no n-gram, as sacrebleu does for single sentences; the
    BLEU of a set does not. The tokenizer is the reference's (`tokenizer_of`) unless the whole set's is given.
    """
    chosen = tokenize or tokenizer_of([reference])
    found = _bleu(chosen, True).sentence_score(answer, [reference])
    sums = (found.sys_len, found.ref_len, *found.counts, *found.totals)
    return Counts(float(found.score), tuple(int(number) for number in sums), bleu_signature(chosen))


def bleu_of(sums: Floats) -> Floats:
    """BLEU, 0 to 100, of summed counts (..., 10), as (...); that of `sacrebleu.corpus_bleu`, exponential smoothing."""
    length, wanted = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2 : 2 + _BLEU_ORDER], sums[..., 2 + _BLEU_ORDER :]
    is_defined = (matches > 0).any(axis=-1) & (totals > 0).all(axis=-1)
    # each order without a match is taken for half as precise as the one before (NIST's smoothing)
    halved = 2.0 ** np.cumsum(matches <= 0, axis=-1)
    precision = 100 * np.where(matches > 0, matches, 1 / halved) / np.where(totals > 0, totals, 1)
    brevity = np.minimum(0, 1 - wanted / np.where(length > 0, length, 1))
    score: Floats = np.exp(brevity + np.log(precision).sum(axis=-1) / _BLEU_ORDER)
    return np.where(is_defined, score, 0.0)


def chrf(answer: str, reference: str) -> Counts:
    """chrF2 of one answer; its sums are `[n-grams, the reference's, shared]` for each n of 1 to 6 characters."""
    said, wanted = ("".join(text.split()) for text in (answer, reference))
    sums: list[int] = []
    for n in range(1, _CHRF_ORDER + 1):
        ours, theirs = _ngrams(said, n), _ngrams(wanted, n)
        shared = sum(min(count, theirs[ngram]) for ngram, count in ours.items() if ngram in theirs)
        sums += [ours.total() if theirs else 0, theirs.total(), shared]
    return Counts(float(chrf_of(np.asarray(sums, dtype=np.float64))), tuple(sums), chrf_signature())


def chrf_of(sums: Floats) -> Floats:
    """chrF2, 0 to 100, of summed counts (..., 18), as (...); that of `sacrebleu.corpus_chrf`."""
    ours, theirs, shared = (sums[..., column::3] for column in range(3))
    is_counted = (ours > 0) & (theirs > 0)
    orders = np.maximum(1, is_counted.sum(axis=-1))
    precision = np.where(is_counted, shared / np.maximum(1, ours), 0).sum(axis=-1) / orders
    recall = np.where(is_counted, shared / np.maximum(1, theirs), 0).sum(axis=-1) / orders
    weighed = _CHRF_BETA**2 * precision + recall
    score: Floats = 100 * (1 + _CHRF_BETA**2) * precision * recall / np.where(weighed > 0, weighed, 1)
    return score


@cache
def bleu_signature(tokenize: Tokenizer) -> str:
    """sacrebleu's signature of a set's BLEU with one reference each."""
    return _signature(_bleu(tokenize, False))


@cache
def chrf_signature() -> str:
    """sacrebleu's signature of a set's chrF2 with one reference each."""
    return _signature(CHRF())


def same_signature(signatures: Iterable[str]) -> str:
    """The one signature of scores that shall be summed or compared; raises DataError where they differ, or for none."""
    found = sorted(set(signatures))
    if len(found) == 1:
        return found[0]
    en, zh = ("; ".join(found), "；".join(found)) if found else ("none", "无")
    raise DataError(
        en=f"scores of {len(found)} signatures cannot be put together or compared: {en}. Score all answers with one "
        "tokenizer and one version of sacrebleu.",
        zh=f"签名不同（{len(found)} 种）的分数不能合并或比较：{zh}。请用同一分词方式和同一版本的 sacrebleu 打分。",
    )


def characters(text: str) -> list[str]:
    """The characters but for spaces, folded (width, case, Traditional), marks among them: ROUGE-L's first unit."""
    return [character for character in folded(text) if not character.isspace()]


def tokens(text: str) -> list[str]:
    """Single Chinese characters, words of Latin letters and numbers, folded and without marks."""
    return _TOKEN.findall(folded(text))


def words(text: str) -> list[str]:
    """As `tokens`, with the Chinese words of the clinical lexicon whole, the longest first: ROUGE-L's second unit.

    There is no general segmenter here: what is no term and no cue of the lexicon (`clinical.terms`) stays apart.
    """
    plain = folded(text)
    found: list[str] = []
    at = 0
    for item in lexicon().items(plain):
        word = plain[item.start : item.end]
        if item.gap is None and item.start >= at and not word.isascii():
            found += _TOKEN.findall(plain, at, item.start)
            found.append(word)
            at = item.end
    return found + _TOKEN.findall(plain, at)


def rouge_l(answer: Sequence[str], reference: Sequence[str]) -> float:
    """ROUGE-L of two lists of units (F1, 0 to 1): the longest common subsequence in both lengths; 0 where one is empty.

    The whole answer is one sequence, as in rouge-chinese. Units behind MOST_TOKENS are not read.
    """
    ours, theirs = answer[:MOST_TOKENS], reference[:MOST_TOKENS]
    return 2 * common_subsequence(ours, theirs) / (len(ours) + len(theirs)) if ours and theirs else 0.0


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence, bit-parallel: one addition of len(first) bits per unit of second.

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited"; Crochemore et al. 2001,
    doi 10.1016/S0020-0190(01)00182-X.
    """
    places: dict[str, int] = {}
    for index, unit in enumerate(first):
        places[unit] = places.get(unit, 0) | 1 << index
    everything = (1 << len(first)) - 1
    free = everything
    for unit in second:
        hits = free & places.get(unit, 0)
        if hits:
            free = (free + hits | free - hits) & everything
    return len(first) - free.bit_count()


def distinct_n(answers: Iterable[str], n: int) -> float | None:
    """The share of distinct n-grams of tokens among all of a set of answers; None where there is none.

    It falls as answers get longer or more (Liu et al. 2022, arXiv 2202.13587): compare sets of one size.
    """
    if n < 1:
        raise ValueError(f"n-grams need n >= 1, not {n}")
    seen: Counter[tuple[str, ...]] = Counter()
    for answer in answers:
        units = tokens(answer)
        seen.update(zip(*(units[offset:] for offset in range(n)), strict=False))
    return len(seen) / seen.total() if seen else None


def self_bleu(answers: Sequence[str], tokenize: Tokenizer | None = None) -> float | None:
    """The mean BLEU, 0 to 100, of each of several answers to one question against the others; None for fewer than two.

    100 where all are alike: the lower, the more varied. Sentence BLEU as in `bleu`; an empty answer scores 0.
    """
    if len(answers) < 2:
        return None
    metric = _bleu(tokenize or tokenizer_of(answers), True)
    others = ([*answers[:index], *answers[index + 1 :]] for index in range(len(answers)))
    scores = [metric.sentence_score(answer, rest).score for answer, rest in zip(answers, others, strict=True)]
    return float(sum(scores) / len(scores))


def _ngrams(text: str, n: int) -> Counter[str]:
    return Counter(text[start : start + n] for start in range(len(text) - n + 1))


@cache
def _bleu(tokenize: Tokenizer, for_sentences: bool) -> Any:
    return BLEU(tokenize=tokenize, effective_order=for_sentences)


def _signature(metric: Any) -> str:
    # sacrebleu has none before it has seen how many references there are
    metric.corpus_score(["1"], [["1"]])
    return str(metric.get_signature())
