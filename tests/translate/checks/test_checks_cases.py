"""Faults that others' translators and converters are known for; each is found, and its right translation is not."""

import pytest

from doctorglm.translate.checks.check import Checks

from .conftest import Told

_LIST = ("Aspirin 100 mg", "Metformin 500 mg", "Lisinopril 10 mg", "Atorvastatin 20 mg", "Omeprazole 40 mg",
         "Warfarin 3 mg", "Digoxin 0.25 mg", "Furosemide 80 mg")  # fmt: skip
_LINES = ("阿司匹林 100 mg", "二甲双胍 500 mg", "赖诺普利 10 mg", "阿托伐他汀 20 mg", "奥美拉唑 40 mg", "华法林 3 mg",
          "地高辛 0.25 mg", "呋塞米 80 mg")  # fmt: skip


def test_c034_a_greeting_256_times_is_a_loop(told: Told) -> None:
    assert told("Hello", "你好" * 256) == {("loop", "repeated")}
    assert told("Hello", "你好") == set()


def test_c036_lines_and_doses_of_a_list_are_kept(told: Told) -> None:
    english = "\n".join(_LIST)
    assert told(english, "\n".join(_LINES)) == set()
    assert ("loop", "repeated") in told(english, "\n".join([_LINES[0], *[_LINES[1]] * 7]))
    assert ("truncation", "sentence_missing") in told(english, "\n".join(_LINES[:-1]))
    assert ("number", "number_missing") in told(english, "\n".join(_LINES).replace("500", "50"))
    assert ("order", "sentences_exchanged") in told(english, "\n".join([_LINES[1], _LINES[0], *_LINES[2:]]))


def test_c036_a_list_whose_doses_slid_by_one_line_is_found(told: Told) -> None:
    doses = [line.split(" ", 1)[1] for line in _LINES]
    slid = [f"{line.split(' ')[0]} {dose}" for line, dose in zip(_LINES, [*doses[1:], doses[0]], strict=True)]
    assert ("number", "exchanged") in told("\n".join(_LIST), "\n".join(slid))


def test_c037_digits_that_vanish_are_found(checks: Checks, told: Told) -> None:
    english = "Platelets were 244,890/µL on day 3."
    found = checks.faults(english, "第 3 天血小板为 24,490/µL。")
    assert ("number", "244,890", ("244890",)) in [(f.kind, f.english, f.expected) for f in found]
    assert told(english, "第 3 天血小板为 244,890/µL。") == set()
    assert told(english, "第 3 天血小板为 24.489 万/µL。") == set()


def test_c039_a_value_converted_twice_is_flagged(told: Told) -> None:
    english = "glucose 5.4 mmol/L (97 mg/dL)"
    assert told(english, "血糖 5.4 mmol/L（97 mg/dL）") == set()
    assert ("number", "converted_wrongly") in told(english, "血糖 5.4 mmol/L（97 mg/dL，0.3 mmol/L）")
    assert ("unit_or_dose", "unit") in told(english, "血糖 0.3 mmol/L（5.4 mg/dL）")


@pytest.mark.parametrize(
    ("chinese", "reason"),
    [
        ("您的血糖是 145 mg/dL。", ""),
        ("您的血糖是 145 mg/dL（约 8.1 mmol/L）。", ""),
        ("您的血糖是 145 mg/dL（约 8.05 mmol/L）。", ""),
        ("您的血糖是 8.1 mmol/L。", "converted_only"),
        ("您的血糖是 145 mmol/L。", "unit"),
        ("您的血糖是 145 mg/dL（约 14.5 mmol/L）。", "converted_wrongly"),
    ],
)
def test_c040_the_value_of_the_source_stays_beside_its_conversion(told: Told, chinese: str, reason: str) -> None:
    reasons = {why for _, why in told("Your glucose is 145 mg/dL.", chinese)}
    assert reasons == ({reason} if reason else set())


def test_c044_a_prefix_token_and_a_tail_of_letters_are_found(told: Told) -> None:
    assert told("I have a fever.", "我发烧了。") == set()
    assert ("language", "model_token") in told("I have a fever.", ">>cmn_Hans<< 我发烧了。")
    assert ("untranslated", "left_in_english") in told("I have a fever.", "我发烧了。 xqzt")
    assert ("language", "not_chinese") in told("I have a fever.", "我发烧了。 the qwer asdf zxcv")


def test_c045_both_are_denied(told: Told) -> None:
    english = "Hypertension with no headache and fever"
    assert told(english, "高血压，没有头痛，也没有发热") == set()
    assert told(english, "高血压，无头痛、发热") == set()
    assert told(english, "高血压，没有头痛，有发热") == {("negation", "denied_term_affirmed")}
    assert told(english, "高血压，头痛、发热") == {("negation", "negation_lost")}
