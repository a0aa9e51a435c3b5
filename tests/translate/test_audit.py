"""The audit's counts on a few pairs, counted by hand, and on the records whose count is known."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from scipy.stats import binomtest

from doctorglm.errors import DataError
from doctorglm.translate.audit import audit, wilson
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.pairs import Pair, read_pairs

GLOSSARY = [
    Entry("angina", ("心绞痛",)), Entry("hernia", ("疝",)), Entry("pregnancy", ("怀孕", "妊娠")),
    Entry("ectopic pregnancy", ("宫外孕",)),
]  # fmt: skip
PAIRS = [
    Pair("Angina, and angina again for 3 days.", "心绞痛三天。", "a:1:en"),
    Pair("You may have angina.", "您可能有腹痛。", "a:2:en"),
    Pair("No angina, but a hernia.", "没有心绞痛，但有疝。", "a:3:en"),
    Pair("Angina hurts, take 5 mg.", "腹痛会疼，服用5克。", "a:4:en"),
    Pair("An ectopic pregnancy", "怀孕", "a:5:en"),
    Pair("Do not take it.", "请服用。", "a:6:en"),
]


def test_by_hand() -> None:
    found = audit(PAIRS, GLOSSARY)
    # angina in four fields, right in two; hernia right; the ectopic pregnancy wrong, and no pregnancy besides
    assert (found["term_mentions"], found["term_right"], found["terms"]) == (6, 3, 3)
    assert found["term_accuracy"] == 0.5
    assert [(row["term"], row["mentions"], row["right"]) for row in found["worst_terms"]] == [
        ("angina", 4, 2), ("ectopic pregnancy", 1, 0), ("hernia", 1, 1),
    ]  # fmt: skip
    assert found["worst_terms"][0]["instead"] == {"text": "腹痛", "fields": 2, "of": 2}
    assert found["worst_terms"][2]["instead"] is None
    assert (found["numbers"], found["number_fidelity"]) == (2, 0.5)
    assert found["number_faults"] == {"missing": 0, "unit": 1, "converted": 0, "added": 0}
    assert found["examples"]["numbers"] == [{"where": "a:4:en", "reason": "unit", "unit": "mg"}]
    assert found["negation_flips"] == 1
    assert found["examples"]["negations"] == [
        {"where": "a:6:en", "kind": "word", "what": "not", "denied_in": "english"}
    ]


@pytest.mark.parametrize(("count", "n"), [(0, 5), (5, 5), (3, 7), (1338, 2077)])
def test_wilson_is_scipys(count: int, n: int) -> None:
    theirs = binomtest(count, n).proportion_ci(0.95, "wilson")
    assert wilson(count, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_nothing_to_count() -> None:
    with pytest.raises(DataError, match="none of the 1 fields holds a term"):
        audit([Pair("hello", "你好", "a:1:en")], GLOSSARY)
    with pytest.raises(DataError, match="hold no English"):
        audit([], GLOSSARY)


def test_no_numbers_have_no_fidelity() -> None:
    assert audit([Pair("angina", "心绞痛", "a:1:en")], GLOSSARY)["number_fidelity"] is None


def test_the_known_count_is_found_again(shared: Path) -> None:
    """64 % of 2,077 mentions, by an independent count; ours has the plurals in -ies besides."""
    folder = shared / "data/translation"
    found = audit(read_pairs(folder / "en_zh_aligned_first4000.jsonl"), read_glossary(folder / "audit_terms.tsv"))
    assert abs(found["term_mentions"] - 2077) <= 5
    assert abs(found["term_right"] - 1338) <= 4
    assert found["term_accuracy"] == pytest.approx(0.644, abs=0.003)


def test_gold_is_better_than_a_bad_translation_and_than_other_sentences(shared: Path) -> None:
    """With the project's own list, on professional translations, and on those slid by one line."""
    gold = list(read_pairs(shared / "data/translation/medical_tico19.jsonl.gz"))
    slid = [Pair(a.english, b.chinese, a.where) for a, b in pairwise(gold)]
    right, wrong = audit(gold, own_glossary()), audit(slid, own_glossary())
    assert right["term_accuracy"] > 0.85 and wrong["term_accuracy"] < 0.5
    assert right["number_fidelity"] > 0.98 and wrong["number_fidelity"] < 0.3


def test_no_text_of_a_person_is_in_the_result() -> None:
    pairs = [Pair("angina, call 13800001234", "腹痛，找王建国医生，电话13900005678", f"a:{i}:en") for i in range(5)]
    assert not re.search(r"建国|1380000|1390000", str(audit(pairs, GLOSSARY)))
