"""The figures of the dialogue suite that are read off an answer's text, beside its question and its reference.

Each is defined in its own place (`overlap`, `content`, `copies`, `clinical.repetition`); here are their names, what
they are in words, and all of one answer at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from doctorglm.clinical.repetition import longest_loop, rep_n
from doctorglm.curate.asking import asks_back
from doctorglm.evaluate.figures.content import (
    DOSING,
    language_agrees,
    length,
    number_agreement,
    role_markers,
    term_recall,
    undecodable,
)
from doctorglm.evaluate.figures.copies import echo, verbatim
from doctorglm.evaluate.figures.overlap import Counts, Tokenizer, bleu, characters, chrf, rouge_l, words
from doctorglm.language import Text


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What a figure is, in words for reports and docs."""

    what: Text
    better: Literal["lower", "higher", "neither"]
    unit: Text
    of: Literal["answer", "set", "samples"] = "answer"
    """A mean over answers, a figure of the summed counts of a set (`corpus`), or one of several answers together."""
    source: str = ""
    """URL of the paper that defines it; empty for our own."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """All figures of one answer: by name, and the counts that BLEU and chrF of a set are computed from."""

    figures: Mapping[str, float | None]
    """Name (of DIALOGUE_FIGURES) -> figure; None where there is nothing to measure, as without terms or quantities."""
    bleu: Counts
    chrf: Counts


def score(question: str, reference: str, answer: str, tokenize: Tokenizer | None = None) -> Scores:
    """All figures of one answer; `tokenize` is BLEU's for the whole set (`overlap.tokenizer_of`).

    `question` is all that the answer could give back. BLEU and chrF in `figures` are the answer's own.
    """
    by_bleu, by_chrf = bleu(answer, reference, tokenize), chrf(answer, reference)
    figures = {
        "bleu": by_bleu.score,
        "chrf": by_chrf.score,
        "rouge_l_characters": rouge_l(characters(answer), characters(reference)),
        "rouge_l_words": rouge_l(words(answer), words(reference)),
        "term_recall": term_recall(answer, reference),
        "number_agreement": number_agreement(answer, question, reference),
        "dose_agreement": number_agreement(answer, question, reference, DOSING),
        "characters": float(length(answer)),
        "rep_2": rep_n(answer, 2),
        "rep_3": rep_n(answer, 3),
        "repetition": rep_n(answer, 4),
        "loop": float(longest_loop(answer)),
        "echo": echo(question, answer),
        "language_agrees": float(language_agrees(answer, question)),
        "asks_back": float(asks_back(answer)),
        "role_markers": float(role_markers(answer)),
        "undecodable": float(undecodable(answer)),
        "verbatim": float(verbatim(answer, reference, question)),
    }
    return Scores(figures=figures, bleu=by_bleu, chrf=by_chrf)


_POINTS = Text(en="0 to 100", zh="0 至 100")
_SHARE = Text(en="share, 0 to 1", zh="比例，0 至 1")
_CHARACTERS = Text(en="characters", zh="字符")
_COUNT = Text(en="per answer", zh="每个回答的个数")
_ROUGE = "https://aclanthology.org/W04-1013"
_REP = "https://arxiv.org/abs/1908.04319"

DIALOGUE_FIGURES: Mapping[str, Figure] = {
    "bleu": Figure(
        what=Text(
            en="shared n-grams of 1 to 4 tokens, Chinese by character (sacrebleu), of the whole set",
            zh="与参考回答共有的 1 至 4 元词组（中文按字，sacrebleu），对整个测试集计算",
        ),
        better="higher",
        unit=_POINTS,
        of="set",
        source="https://aclanthology.org/P02-1040",
    ),
    "chrf": Figure(
        what=Text(
            en="shared n-grams of 1 to 6 characters, recall counted twice (chrF2, sacrebleu), of the whole set",
            zh="与参考回答共有的 1 至 6 元字符组，召回加倍计权（chrF2，sacrebleu），对整个测试集计算",
        ),
        better="higher",
        unit=_POINTS,
        of="set",
        source="https://aclanthology.org/W15-3049",
    ),
    "rouge_l_characters": Figure(
        what=Text(en="longest common subsequence of characters (F1)", zh="按字符的最长公共子序列（F1）"),
        better="higher",
        unit=_SHARE,
        source=_ROUGE,
    ),
    "rouge_l_words": Figure(
        what=Text(
            en="longest common subsequence of words of the clinical lexicon, other characters alone (F1)",
            zh="按词的最长公共子序列（临床词表中的词为一个单位，其余按字；F1）",
        ),
        better="higher",
        unit=_SHARE,
        source=_ROUGE,
    ),
    "term_recall": Figure(
        what=Text(
            en="medical terms of the reference that the answer has too, denied or not alike",
            zh="参考回答中的医学术语在回答里出现且肯定、否定一致的比例",
        ),
        better="higher",
        unit=_SHARE,
    ),
    "number_agreement": Figure(
        what=Text(
            en="quantities of the answer that stand in the question or the reference",
            zh="回答中的数值（含单位）见于问题或参考回答的比例",
        ),
        better="higher",
        unit=_SHARE,
    ),
    "dose_agreement": Figure(
        what=Text(
            en="the same for how much of a medicine is taken, and how often",
            zh="同上，只计药物的用量与次数",
        ),
        better="higher",
        unit=_SHARE,
    ),
    "characters": Figure(
        what=Text(en="length of the answer without spaces", zh="回答的长度（不计空白）"),
        better="neither",
        unit=_CHARACTERS,
    ),
    "rep_2": Figure(
        what=Text(en="2-grams of characters that occurred before in the answer", zh="回答中重复出现的二元字符组"),
        better="lower",
        unit=_SHARE,
        source=_REP,
    ),
    "rep_3": Figure(
        what=Text(en="3-grams of characters that occurred before in the answer", zh="回答中重复出现的三元字符组"),
        better="lower",
        unit=_SHARE,
        source=_REP,
    ),
    "repetition": Figure(
        what=Text(en="4-grams of characters that occurred before in the answer", zh="回答中重复出现的四元字符组"),
        better="lower",
        unit=_SHARE,
        source=_REP,
    ),
    "loop": Figure(
        what=Text(
            en="longest stretch that is one block, three times or more in a row",
            zh="同一片段连续出现三次及以上的最长区段",
        ),
        better="lower",
        unit=_CHARACTERS,
    ),
    "echo": Figure(
        what=Text(en="share of the answer that is the question given back", zh="回答中照搬问题的比例"),
        better="lower",
        unit=_SHARE,
    ),
    "language_agrees": Figure(
        what=Text(en="answers in the question's language", zh="回答语言与问题一致的比例"),
        better="higher",
        unit=_SHARE,
    ),
    "asks_back": Figure(
        what=Text(en="answers that ask the patient something", zh="向患者追问的回答所占比例"),
        better="neither",
        unit=_SHARE,
    ),
    "role_markers": Figure(
        what=Text(en="turns of patient or doctor that the answer writes out", zh="回答中自行写出的患者或医生发言标记"),
        better="lower",
        unit=_COUNT,
    ),
    "undecodable": Figure(
        what=Text(en="characters that were lost in decoding (U+FFFD)", zh="解码丢失的字符（U+FFFD）"),
        better="lower",
        unit=_COUNT,
    ),
    "verbatim": Figure(
        what=Text(
            en="longest run that the answer shares with the reference and not with the question",
            zh="回答与参考回答共有、且不见于问题的最长连续片段",
        ),
        better="neither",
        unit=_CHARACTERS,
    ),
    "distinct_1": Figure(
        what=Text(en="distinct tokens among all of a set of answers", zh="一组回答中不同的字、英文词和数字的比例"),
        better="neither",
        unit=_SHARE,
        of="samples",
        source="https://arxiv.org/abs/1510.03055",
    ),
    "distinct_2": Figure(
        what=Text(en="distinct pairs of tokens among all of a set of answers", zh="一组回答中不同二元组的比例"),
        better="neither",
        unit=_SHARE,
        of="samples",
        source="https://arxiv.org/abs/1510.03055",
    ),
    "self_bleu": Figure(
        what=Text(
            en="BLEU of each of several answers to one question against the others",
            zh="同一问题的多个回答互为参考的 BLEU",
        ),
        better="neither",
        unit=_POINTS,
        of="samples",
        source="https://arxiv.org/abs/1802.01886",
    ),
}
"""name -> what it is; those of an answer are the names in `Scores.figures`."""
