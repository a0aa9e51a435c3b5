"""Terms over the turns of a conversation: questions and their answers, what is taken back, whose a symptom is."""

import pytest

from doctorglm.clinical.terms import Turn, find, find_in


def said(*lines: str, roles: bool = True) -> list[list[tuple[str, str]]]:
    """(norm, status) by line; patient and doctor in turn, the patient first."""
    speakers = ("patient", "doctor") if roles else (None, None)
    turns = [Turn(line, speakers[i % 2]) for i, line in enumerate(lines)]
    return [[(t.norm, t.status) for t in terms] for terms in find_in(turns)]


@pytest.mark.parametrize("roles", [True, False])
@pytest.mark.parametrize(
    ("question", "answer", "status"),
    [
        ("有没有发烧？", "没有", "denied"),
        ("有没有发烧？", "有", "present"),
        ("孩子发烧吗？", "没", "denied"),
        ("孩子发烧吗？", "嗯，有的", "present"),
        ("发烧过吗", "从来没有", "denied"),
        ("请问孩子最近有发烧吗?", "是的, 孩子最近有发烧", "present"),
        ("发不发烧？", "不发烧", "denied"),
        ("是否发烧？", "不是", "denied"),
        ("发烧吗？", "不知道，没量过", "asked"),
        ("发烧吗？", "昨天吃了火锅", "asked"),
        ("以前发过烧吗？", "好久以前有一次", "asked"),
        ("Do you have a fever?", "No, not at all", "denied"),
        ("Any fever?", "yes", "present"),
    ],
)
def test_a_question_takes_the_status_of_its_answer(question: str, answer: str, status: str, roles: bool) -> None:
    lines = said("医生你好", question, answer, roles=roles)
    if "以前" not in question:
        assert lines[1] == [("发烧", status)]
        assert set(lines[2]) <= {("发烧", status)}


def test_no_to_several_but_one() -> None:
    lines = said("您好", "有没有发烧、头痛、咳嗽？", "没有，就是有点咳嗽")
    assert lines[1] == [("发烧", "denied"), ("头痛", "denied"), ("咳嗽", "present")]


def test_a_denial_of_one_says_nothing_of_another() -> None:
    assert said("您好", "发烧咳嗽吗？", "没有咳嗽")[1] == [("发烧", "asked"), ("咳嗽", "denied")]


def test_nobody_answers_over_a_turn_of_the_same_speaker() -> None:
    turns = [Turn("发烧吗？", "doctor"), Turn("没有别的意思，只是问问", "doctor"), Turn("有", "patient")]
    assert [t.status for t in find_in(turns)[0]] == ["asked"]


def test_a_patients_question_is_no_doctors() -> None:
    assert said("是不是肺炎？", "不是")[0] == [("肺炎", "asked")]


def test_advice_of_the_doctor_is_not_the_patients() -> None:
    lines = said("头痛两天", "多休息，警惕高血压，出现呕吐及时就诊")
    assert lines[1] == [("高血压", "other"), ("呕吐", "other")]


def test_the_doctor_repeats_what_the_patient_said() -> None:
    assert said("咳嗽三天，没有发烧", "咳嗽可以多喝水，没发烧就好")[1][0] == ("咳嗽", "present")


def test_what_is_said_last_holds() -> None:
    lines = said("没有发烧", "再量一下", "现在发烧了")
    assert (lines[0], lines[2]) == ([("发烧", "past")], [("发烧", "present")])


def test_within_a_turn_what_was_there_holds() -> None:
    assert said("昨天发烧，今天没有发烧")[0] == [("发烧", "present"), ("发烧", "past")]


def test_the_patient_is_the_person_with_the_symptoms() -> None:
    lines = said("宝宝咳嗽流鼻涕，我自己最近也鼻塞")
    assert lines[0] == [("咳嗽", "present"), ("流涕", "present"), ("鼻塞", "family")]
    assert said("我妈头晕呕吐，怎么办")[0] == [("头晕", "present"), ("呕吐", "present")]


def test_lines_that_name_their_speakers_are_turns() -> None:
    text = "患者：头痛三天\n医生：发烧吗？恶心吗？\n患者：不发烧\n医生：注意观察抽搐"
    found = {(t.norm, t.status) for t in find(text)}
    assert found == {("头痛", "present"), ("发烧", "denied"), ("反胃", "asked"), ("抽搐", "other")}


def test_a_question_answered_in_the_same_line() -> None:
    assert [(t.norm, t.status) for t in find("有发热吗？没有。咳嗽吗？有。")] == [
        ("发烧", "denied"),
        ("咳嗽", "present"),
    ]


def test_empty_and_odd_texts() -> None:
    assert find("") == [] and find("，。！？") == [] and find_in([]) == []
    assert [len(terms) for terms in find_in([Turn(""), Turn("\n\n"), Turn("头痛")])] == [0, 0, 1]
