"""Translations are checked; what fails is mended sentence by sentence, and rejected where that does not help."""

import json
from collections.abc import Callable, Mapping, Sequence

from doctorglm.translate.checked import Again, Checked, CheckedSettings, checked
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.entry import Entry
from doctorglm.translate.outcome import Outcome
from doctorglm.translate.teacher import Teacher

from ..engine.conftest import serve  # noqa: F401 - a fixture
from ..engine.serving import Call, Server
from .teaching import say, texts_of

GLOSSARY = [Entry("angina", ("心绞痛",)), Entry("fever", ("发热", "发烧"))]
ENGLISH = "I have angina. My son has a fever."
RIGHT = "我有心绞痛。我儿子发烧了。"
WRONG = "我有腹痛。我儿子发烧了。"


class Said:
    """A translator with one answer to each text, and for a second try the next of a list."""

    def __init__(self, first: Mapping[str, Outcome], others: Mapping[str, Sequence[str]] | None = None) -> None:
        self.first, self.others = first, {text: list(said) for text, said in (others or {}).items()}
        self.wanted: list[list[Again]] = []

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        return [self.first[text] for text in texts]

    def again(self, wanted: Sequence[Again]) -> list[list[str]]:
        self.wanted.append(list(wanted))
        return [[self.others[one.english].pop(0)] if self.others.get(one.english) else [] for one in wanted]


def by_teacher(chinese: str) -> Outcome:
    return Outcome(chinese, "teacher")


def through(translator: Said, texts: Sequence[str], turns: int = 2) -> list[Outcome]:
    return Checked(translator, Checks(GLOSSARY), turns, "teacher").translate(texts)


def test_what_is_right_is_taken_as_it_is_and_nobody_is_asked_again() -> None:
    translator = Said({ENGLISH: by_teacher(RIGHT)})

    (found,) = through(translator, [ENGLISH])

    assert (found.chinese, found.by, found.mended) == (RIGHT, "teacher", 0)
    assert translator.wanted == []


def test_only_the_sentence_with_the_fault_is_translated_again_and_told_what_was_wrong() -> None:
    translator = Said({ENGLISH: by_teacher(WRONG)}, {"I have angina.": ["我有心绞痛。"]})

    (found,) = through(translator, [ENGLISH])

    ((again,),) = translator.wanted
    assert (again.english, again.chinese, again.turn) == ("I have angina.", "我有腹痛。", 1)
    assert ("term", "angina", ("心绞痛",)) in {(one.kind, one.english, one.expected) for one in again.faults}
    assert (found.chinese, found.mended) == (RIGHT, 1)
    assert found.pairs == (("I have angina.", "我有心绞痛。"), ("My son has a fever.", "我儿子发烧了。"))


def test_a_second_turn_is_made_where_the_first_did_not_help() -> None:
    translator = Said({ENGLISH: by_teacher(WRONG)}, {"I have angina.": ["我有胃痛。", "我有心绞痛。"]})

    (found,) = through(translator, [ENGLISH])

    assert [one[0].turn for one in translator.wanted] == [1, 2]
    assert (found.chinese, found.mended) == (RIGHT, 2)


def test_what_cannot_be_mended_is_rejected_with_its_faults_and_never_passes() -> None:
    translator = Said({ENGLISH: by_teacher(WRONG)}, {"I have angina.": ["我有胃痛。", "我有头痛。"]})

    (found,) = through(translator, [ENGLISH])

    assert (found.chinese, found.by, found.reason, found.rejected) == (None, "", "term", WRONG)
    assert "angina" in {fault.english for fault in found.faults}


def test_where_a_sentence_is_missing_every_sentence_is_translated_alone() -> None:
    translator = Said(
        {ENGLISH: by_teacher("我有心绞痛。")},
        {"I have angina.": ["我有心绞痛。"], "My son has a fever.": ["我儿子发烧了。"]},
    )

    (found,) = through(translator, [ENGLISH])

    assert [one.english for one in translator.wanted[0]] == ["I have angina.", "My son has a fever."]
    assert found.chinese == RIGHT


def test_a_text_without_any_translation_is_tried_by_its_sentences() -> None:
    translator = Said(
        {ENGLISH: Outcome(None, "", "untranslated")},
        {"I have angina.": ["我有心绞痛。"], "My son has a fever.": ["我儿子发烧了。"]},
    )

    assert through(translator, [ENGLISH])[0].chinese == RIGHT


def test_a_text_that_stays_without_translation_keeps_its_reason() -> None:
    translator = Said({ENGLISH: Outcome(None, "", "untranslated")}, {"I have angina.": ["我有心绞痛。"]})

    assert through(translator, [ENGLISH])[0] == Outcome(None, "", "untranslated")


def test_lines_stay_lines_when_one_is_mended() -> None:
    text = "- fever\n- angina\n- cough"
    translator = Said({text: by_teacher("- 发烧\n- 腹痛\n- 咳嗽")}, {"- angina": ["- 心绞痛"]})

    assert through(translator, [text])[0].chinese == "- 发烧\n- 心绞痛\n- 咳嗽"


def test_what_stands_as_it_is_is_not_checked() -> None:
    outcomes = {
        "": Outcome("", "empty"),
        "发烧三天。": Outcome("发烧三天。", "chinese"),
        "120": Outcome("120", "no_words"),
    }
    translator = Said(outcomes)

    assert through(translator, list(outcomes)) == list(outcomes.values())


def test_without_checks_the_translator_is_left_alone() -> None:
    translator = Said({})

    assert checked(translator, GLOSSARY, CheckedSettings(checks=False), "teacher") is translator


def test_a_teacher_is_told_the_faults_as_data_and_answers_from_the_cache_the_next_time(
    teacher: Callable[..., Teacher],
    serve: Callable[..., Server],  # noqa: F811
) -> None:
    def answer(call: Call) -> None:
        asked = json.loads(call.question)
        say(call, dict.fromkeys(texts_of(call), "我有心绞痛。" if "rejected" in asked else "我有腹痛。"))

    server = serve(answer)
    first = Checked(teacher(server), Checks(GLOSSARY), 2, "teacher").translate(["I have angina."])
    again = Checked(teacher(server), Checks(GLOSSARY), 2, "teacher").translate(["I have angina."])

    assert first == again
    assert (first[0].chinese, first[0].mended) == ("我有心绞痛。", 1)
    assert len(server.calls) == 2
    asked = json.loads(server.calls[1].question)
    assert asked["rejected"]["translation"] == "我有腹痛。"
    assert '"angina" must be translated as 心绞痛' in asked["rejected"]["faults"]


HEAVY = "Her arms and legs feel heavy, her back hurts and her eyes are dry."
ELSEWHERE = "城市里的公司很大，人们坐火车上班，在家看书，学校很好。"
"""Has but one fault: it is another text."""


def test_what_says_something_else_is_worse_than_any_number_of_faults() -> None:
    three_faults = "她的胳膊和腿沉重 3 天，左侧背痛，每周眼睛干。"
    translator = Said({HEAVY: by_teacher(three_faults)}, {HEAVY: [ELSEWHERE]})

    (found,) = through(translator, [HEAVY], turns=1)

    assert found.chinese is None
    assert found.rejected == three_faults


def test_and_gives_way_to_one_with_more_faults() -> None:
    two_faults = "她的胳膊和腿沉重 3 天，左侧背痛，眼睛干。"
    translator = Said({HEAVY: by_teacher(ELSEWHERE)}, {HEAVY: [two_faults]})

    (found,) = through(translator, [HEAVY], turns=1)

    assert (found.chinese, found.rejected) == (None, two_faults)
