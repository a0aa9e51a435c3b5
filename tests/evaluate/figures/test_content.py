"""What an answer says: terms, quantities, language and marks of a broken answer, by hand."""

import pytest

from doctorglm.evaluate.figures.content import (
    DOSING,
    language,
    language_agrees,
    length,
    number_agreement,
    quantity_counts,
    role_markers,
    term_counts,
    term_recall,
    undecodable,
)

REFERENCE = "考虑胃溃疡，建议做胃镜，可以吃奥美拉唑。没有发烧就不用吃抗生素。"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (REFERENCE, 5),
        ("建议做胃镜。", 1),
        ("建议做胃镜，做胃镜，再做胃镜。", 1),
        ("可能是胃溃疡，先吃奥美拉唑，再做胃镜。", 3),
        ("没有发烧吧？", 0),
        ("您没有发烧，不用吃抗生素。", 2),
        ("您有发烧，要吃抗生素。", 0),
        ("您没有胃溃疡，不需要做胃镜。", 0),
        ("您没有胃溃疡，别做胃镜，要吃抗生素。", 0),
        ("多喝热水。", 0),
        ("", 0),
    ],
)
def test_terms_of_the_reference_that_the_answer_has(answer: str, found: int) -> None:
    assert term_counts(answer, REFERENCE) == (found, 5)
    assert term_recall(answer, REFERENCE) == found / 5


@pytest.mark.parametrize(
    ("text", "is_against"),
    [
        ("不用做胃镜", True),
        ("不建议马上做胃镜", True),
        ("暂时无需胃镜检查", True),
        ("避免反复做胃镜", True),
        ("You do not need a gastroscopy.", True),
        ("要不要做胃镜由您决定", False),
        ("能不能做胃镜看血小板", False),
        ("不要忘记做胃镜", False),
        ("不用担心，做个胃镜", False),
        ("别的医院也能做胃镜", False),
        ("A gastroscopy is needed.", False),
    ],
)
def test_advice_against_an_examination(text: str, is_against: bool) -> None:
    english = text.isascii()
    assert term_recall(text, "A gastroscopy is needed." if english else "建议做胃镜") == float(not is_against)
    assert term_recall(text, "There is no need for a gastroscopy." if english else "不需要做胃镜") == float(is_against)


def test_terms_are_compared_by_norm() -> None:
    assert term_recall("你这是发热。", "您有点发烧。") == 1.0
    assert term_recall("没有做过胃镜", "做胃镜") == 0.0
    assert term_recall("多喝热水", "好的") is None
    assert term_recall("Take ibuprofen.", "Ibuprofen helps.") == 1.0


@pytest.mark.parametrize(
    ("answer", "agreeing", "stated"),
    [
        ("吃3天", 1, 1),
        ("吃三天，吃三天，吃三天", 1, 1),
        ("每次500mg", 1, 1),
        ("每次0.5克，一天3次", 2, 2),
        ("每次500mg，一天两次", 1, 2),
        ("每次0.25g，吃五天", 0, 2),
        ("吃一周", 1, 1),
        ("吃5-7天", 0, 1),
        ("体温38.5度", 1, 1),
        ("体温低于38.5度不用药", 1, 1),
        ("体温超过37度", 0, 1),
        ("多喝水", 0, 0),
    ],
)
def test_quantities_that_question_or_reference_have(answer: str, agreeing: int, stated: int) -> None:
    question, reference = "孩子发烧38.5度三天了", "对乙酰氨基酚0.5g，每日三次，不超过37度停药，观察7天"
    assert quantity_counts(answer, question, reference) == (agreeing, stated)
    assert number_agreement(answer, question, reference) == (agreeing / stated if stated else None)


def test_what_is_compared_the_other_way_does_not_agree() -> None:
    assert number_agreement("高于38.5度吃药", "", "低于38.5度吃药") == 0.0
    assert number_agreement("38.5度以上吃药", "", "超过38.5度吃药") == 1.0
    assert number_agreement("吃3到5天", "", "吃三到五天") == 1.0
    assert number_agreement("吃3到5天", "", "吃3到7天") == 0.0


def test_doses_alone() -> None:
    question, reference = "发烧三天", "布洛芬200mg，一天两次"
    assert number_agreement("布洛芬200mg，一天三次，吃五天", question, reference, DOSING) == 0.5
    assert number_agreement("吃五天", question, reference, DOSING) is None
    assert number_agreement("Take 200 mg twice a day", question, reference, DOSING) == 1.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("建议查HBV-DNA和肝功能。", "zh"),
        ("頭痛三天", "zh"),
        ("HBV-DNA, ALT, AST偏高", "en"),
        ("Drink water and rest.", "en"),
        ("Take 阿莫西林 for five days, then come back.", "en"),
        ("頭が痛いのですが、どうすればいいですか", "other"),
        ("머리가 아파요", "other"),
        ("Голова болит", "other"),
        ("38.5", "other"),
        ("", "other"),
        ("😀？！", "other"),
    ],
)
def test_language_by_script(text: str, expected: str) -> None:
    assert language(text) == expected


def test_language_of_question_and_answer() -> None:
    assert language_agrees("多喝水。", "头痛怎么办？")
    assert not language_agrees("Drink water.", "头痛怎么办？")
    assert not language_agrees("", "头痛怎么办？")


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("多喝水。\n病人：我还咳嗽。\n医生：多久了？", 2),
        ("多喝水。病人：我还咳嗽。", 1),
        ("多喝水<医生>：多久了<病人>：三天", 2),
        ("问：头痛怎么办\n答：多喝水", 2),
        ("**患者**：还咳嗽\n【医生】多久了", 2),
        ("Rest.\nUser: and then?\nAssistant: water", 2),
        ("多喝水<|im_end|><|im_start|>user", 2),
        ("多喝水[Round 2]", 1),
        ("请问：咳嗽多久了？请告诉医生：您对什么过敏。", 0),
        ("The patient: rest. A doctor can help.", 0),
        ("A：胃炎 B：胃癌", 0),
        ("", 0),
    ],
)
def test_turns_that_an_answer_writes_out(answer: str, count: int) -> None:
    """C080: the model plays both roles."""
    assert role_markers(answer) == count


def test_lost_characters_and_length() -> None:
    """C081: a rare character split over tokens arrives as U+FFFD."""
    assert undecodable("打喷\ufffd\ufffd") == 2
    assert undecodable("打喷嚏😀") == 0
    assert length("多 喝\n水😀") == 4
