"""BLEU and chrF against sacrebleu, ROUGE-L against rouge-chinese and brute force, variety by hand."""

import logging

import numpy as np
import pytest
import rouge_chinese
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

from doctorglm.errors import DataError
from doctorglm.evaluate.figures.overlap import (
    MOST_TOKENS,
    Counts,
    Tokenizer,
    bleu,
    bleu_of,
    bleu_signature,
    characters,
    chrf,
    chrf_of,
    chrf_signature,
    common_subsequence,
    distinct_n,
    rouge_l,
    same_signature,
    self_bleu,
    tokenizer_of,
    tokens,
    words,
)

ANSWERS = [
    "您好，血压150/95mmHg偏高，建议低盐饮食，每天监测血压。",
    "可以喝一点温水。",
    "",
    "胃镜提示慢性胃炎，幽门螺杆菌阳性，口服奥美拉唑20mg，一天两次，疗程14天。",
    "好的",
    "Take 500 mg of paracetamol, but no more than 4 g a day.",
]
REFERENCES = [
    "血压150/95mmHg属于高血压，建议低盐饮食、适当运动，每天监测血压变化。",
    "可以喝一点温水，不要喝咖啡。",
    "您孩子多大了？",
    "胃镜是慢性胃炎，幽门螺杆菌阳性，需要四联治疗：奥美拉唑20mg，一天两次，共14天。",
    "好的，不客气。",
    "You may take 500 mg of paracetamol every six hours, no more than 4 g a day.",
]

texts = st.text(alphabet="血压高abC 1.5，。", max_size=18)
units = st.lists(st.sampled_from("血压高ab"), max_size=9)


def added(counts: list[Counts]) -> np.ndarray:
    return np.asarray([one.sums for one in counts], dtype=np.float64).sum(axis=0)


def brute_subsequence(first: list[str], second: list[str]) -> int:
    """By the definition: the longest of all subsequences of the first that is one of the second."""
    best = 0
    for chosen in range(1 << len(first)):
        part = [unit for index, unit in enumerate(first) if chosen >> index & 1]
        rest = iter(second)
        if all(unit in rest for unit in part):  # `in` goes on where it found the one before
            best = max(best, len(part))
    return best


@pytest.mark.parametrize("tokenize", ["zh", "13a", "char"])
def test_bleu_of_a_set_is_sacrebleus(tokenize: Tokenizer) -> None:
    counts = [bleu(*pair, tokenize) for pair in zip(ANSWERS, REFERENCES, strict=True)]
    expected = sacrebleu.corpus_bleu(ANSWERS, [REFERENCES], tokenize=tokenize)
    assert float(bleu_of(added(counts))) == pytest.approx(expected.score, rel=1e-12)
    assert added(counts).tolist() == [expected.sys_len, expected.ref_len, *expected.counts, *expected.totals]
    for one, answer, reference in zip(counts, ANSWERS, REFERENCES, strict=True):
        assert one.score == sacrebleu.sentence_bleu(answer, [reference], tokenize=tokenize).score
        assert float(bleu_of(np.asarray(one.sums, dtype=float))) == pytest.approx(
            sacrebleu.corpus_bleu([answer], [[reference]], tokenize=tokenize).score, rel=1e-12
        )


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_texts_score_as_sacrebleu_scores_them(pairs: list[tuple[str, str]]) -> None:
    answers, references = [a for a, _ in pairs], [b for _, b in pairs]
    ours = float(bleu_of(added([bleu(*pair, "zh") for pair in pairs])))
    assert ours == pytest.approx(sacrebleu.corpus_bleu(answers, [references], tokenize="zh").score, rel=1e-12)
    ours = float(chrf_of(added([chrf(*pair) for pair in pairs])))
    assert ours == pytest.approx(sacrebleu.corpus_chrf(answers, [references]).score, rel=1e-12)


def test_chrf_is_sacrebleus() -> None:
    counts = [chrf(*pair) for pair in zip(ANSWERS, REFERENCES, strict=True)]
    expected = sacrebleu.corpus_chrf(ANSWERS, [REFERENCES])
    assert float(chrf_of(added(counts))) == pytest.approx(expected.score, rel=1e-12)
    for one, answer, reference in zip(counts, ANSWERS, REFERENCES, strict=True):
        assert one.score == pytest.approx(sacrebleu.sentence_chrf(answer, [reference]).score, rel=1e-12)


def test_resamples_are_scored_at_once() -> None:
    rows = np.asarray([bleu(*pair, "zh").sums for pair in zip(ANSWERS, REFERENCES, strict=True)], dtype=float)
    drawn = np.random.default_rng(7).integers(0, len(rows), size=(20, len(rows)))
    scores = bleu_of(rows[drawn].sum(axis=1))
    for row, score in zip(drawn, scores, strict=True):
        chosen = ([ANSWERS[i] for i in row], [[REFERENCES[i] for i in row]])
        assert score == pytest.approx(sacrebleu.corpus_bleu(*chosen, tokenize="zh").score, rel=1e-12)


def test_equal_chinese_texts_score_100() -> None:
    """C095: they scored 0 where a tokenizer looked for spaces."""
    found = bleu("今天体温正常", "今天体温正常")
    assert found.score == pytest.approx(100) and "tok:zh" in found.signature
    assert float(bleu_of(np.asarray(found.sums, dtype=float))) == pytest.approx(100)
    assert chrf("今天体温正常", "今天体温正常").score == pytest.approx(100)
    assert rouge_l(characters("今天体温正常"), characters("今天体温正常")) == 1.0
    assert sacrebleu.sentence_bleu("今天体温正常", ["今天体温不正常"], tokenize="13a").score == 0  # what went wrong


def test_scores_of_other_tokenizers_are_not_compared() -> None:
    """C097: 34 against 56 points by the tokenizer alone."""
    found: dict[Tokenizer, float] = {}
    options: tuple[Tokenizer, ...] = ("zh", "13a", "char")
    for tokenize in options:
        found[tokenize] = float(
            bleu_of(added([bleu(*pair, tokenize) for pair in zip(ANSWERS, REFERENCES, strict=True)]))
        )
    assert len({round(score) for score in found.values()}) == 3
    first, second = bleu(ANSWERS[0], REFERENCES[0], "zh"), bleu(ANSWERS[0], REFERENCES[0], "char")
    assert same_signature([first.signature, first.signature]) == first.signature
    with pytest.raises(DataError) as caught:
        same_signature([first.signature, second.signature])
    assert all(
        f"tok:{name}" in half for name in ("zh", "char") for half in (caught.value.text.en, caught.value.text.zh)
    )
    with pytest.raises(DataError, match="none"):
        same_signature([])


def test_rouge_reads_chinese() -> None:
    """C098: 血糖7.8正常 and 血糖7.8偏高 were equal where only letters and digits were read."""
    assert tokens("血糖7.8正常") == ["血", "糖", "7.8", "正", "常"]
    assert words("血糖7.8正常")[:2] == ["血糖", "7.8"]
    by_words = rouge_l(words("血糖7.8正常"), words("血糖7.8偏高"))
    by_characters = rouge_l(characters("血糖7.8正常"), characters("血糖7.8偏高"))
    assert 0 < by_words < 1 and by_characters == pytest.approx(2 * 5 / 14)
    assert rouge_scorer.RougeScorer(["rougeL"]).score("血糖7.8正常", "血糖7.8偏高")["rougeL"].fmeasure == 1.0  # was so


def test_signatures_are_sacrebleus() -> None:
    metric = BLEU(tokenize="zh")
    metric.corpus_score(["血压"], [["血压"]])
    assert bleu_signature("zh") == str(metric.get_signature())
    by_characters = CHRF()
    by_characters.corpus_score(["血压"], [["血压"]])
    assert chrf_signature() == str(by_characters.get_signature())
    assert "nc:6|nw:0" in chrf_signature()


def test_english_has_its_own_tokenizer() -> None:
    assert tokenizer_of([REFERENCES[-1]]) == "13a"
    assert tokenizer_of(REFERENCES) == "zh"
    assert "tok:13a" in bleu(ANSWERS[-1], REFERENCES[-1]).signature
    # a set of both is measured by `zh`, which cuts English alike
    assert bleu(ANSWERS[-1], REFERENCES[-1], "zh").sums == bleu(ANSWERS[-1], REFERENCES[-1], "13a").sums


def test_no_warning_is_logged_for_single_answers(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        bleu("血压", "血压")
        self_bleu(["血压", "血压"])
    assert not caplog.records


@given(units, units)
@settings(max_examples=200, deadline=None)
def test_common_subsequence_against_all_subsequences(first: list[str], second: list[str]) -> None:
    assert common_subsequence(first, second) == brute_subsequence(first, second)


@pytest.mark.parametrize(("answer", "reference"), list(zip(ANSWERS, REFERENCES, strict=True)))
def test_rouge_l_is_that_of_rouge_chinese(answer: str, reference: str) -> None:
    for cut in (characters, words):
        ours, theirs = cut(answer), cut(reference)
        if not ours:
            assert rouge_l(ours, theirs) == 0.0
            continue
        found = rouge_chinese.Rouge(metrics=["rouge-l"]).get_scores(" ".join(ours), " ".join(theirs))[0]
        assert rouge_l(ours, theirs) == pytest.approx(found["rouge-l"]["f"], abs=1e-7)


def test_rouge_l_of_english_is_that_of_rouge_score() -> None:
    found = rouge_scorer.RougeScorer(["rougeL"]).score(REFERENCES[-1], ANSWERS[-1])["rougeL"].fmeasure
    assert rouge_l(words(ANSWERS[-1]), words(REFERENCES[-1])) == pytest.approx(found)


def test_words_are_those_of_the_lexicon() -> None:
    assert words("您有慢性胃炎，吃奥美拉唑20mg。") == ["您", "有", "慢性胃炎", "吃", "奥美拉唑", "20", "mg"]
    assert words("Ｂ１２缺乏，HBV-DNA阳性") == ["b", "12", "缺", "乏", "hbv", "dna", "阳", "性"]
    assert words("頭痛") == words("头痛") == ["头痛"]
    assert words("肚子有点疼") == ["肚", "子", "有点", "疼"]  # a word with a gap is no word of the text
    assert words("chest pain since 3.5 days") == ["chest", "pain", "since", "3.5", "days"]


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_words_lose_nothing_of_tokens(text: str) -> None:
    assert [t for word in words(text) for t in tokens(word)] == tokens(text)


def test_long_texts_are_read() -> None:
    rng = np.random.default_rng(3)
    first, second = ([chr(0x4E00 + code) for code in rng.integers(0, 900, 10_000)] for _ in range(2))
    found = common_subsequence(first, second)
    assert 0 < found < 10_000
    longer = ["水"] * (MOST_TOKENS + 5)
    assert rouge_l(longer, [*longer, "药"]) == 1.0


def test_variety_by_hand() -> None:
    assert distinct_n(["多喝水", "多喝水"], 1) == pytest.approx(3 / 6)
    assert distinct_n(["多喝水", "少喝水"], 2) == pytest.approx(3 / 4)
    assert distinct_n(["drink water", "drink milk"], 1) == pytest.approx(3 / 4)
    assert distinct_n(["", "水"], 2) is None
    with pytest.raises(ValueError, match="n >= 1"):
        distinct_n(["水"], 0)


def test_self_bleu() -> None:
    assert self_bleu(["多喝温水休息", "多喝温水休息"]) == pytest.approx(100)
    assert self_bleu(["多喝温水休息", "请去医院检查"]) == 0
    assert self_bleu(["多喝温水"]) is None
    answers = ["多喝温水休息", "多喝温水，注意休息", ""]
    expected = [
        sacrebleu.sentence_bleu(answers[0], answers[1:], tokenize="zh").score,
        sacrebleu.sentence_bleu(answers[1], [answers[0], answers[2]], tokenize="zh").score,
        0.0,
    ]
    assert self_bleu(answers) == pytest.approx(sum(expected) / 3)
