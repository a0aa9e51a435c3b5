"""The check of citations, a rule a test: numbers, support, figures, drugs, doses, denial, marks, and streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.library.citations import Checked, Checking, check
from doctorglm.library.claims import claim_of
from doctorglm.library.support import lack_of, passage_of

from .passages import BANNED, DIET, FLU, GOUT, GOUT_EN, IBUPROFEN, passage

ALL = (GOUT, DIET, IBUPROFEN, BANNED, FLU)


def kinds(checked: Checked) -> list[str]:
    return [note.kind for note in checked.notes]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("痛风患者应限制饮酒[2]。", "痛风患者应限制饮酒[2]。"),
        ("痛风患者应限制饮酒【2】。", "痛风患者应限制饮酒[2]。"),
        ("痛风患者应限制饮酒［2］。", "痛风患者应限制饮酒[2]。"),
        ("痛风患者应限制饮酒[资料2]。", "痛风患者应限制饮酒[2]。"),
        ("痛风患者应限制饮酒。[2]", "痛风患者应限制饮酒[2]。"),
        ("痛风患者应限制饮酒[1,2]。", "痛风患者应限制饮酒[1][2]。"),
        ("痛风患者应限制饮酒[1-3]。", "痛风患者应限制饮酒[1][2][3]。"),
        ("痛风患者应限制饮酒[1][2]。", "痛风患者应限制饮酒[1][2]。"),
        ("痛风患者应限制饮酒[2][9]。", "痛风患者应限制饮酒[2]。"),
        ("痛风患者[9]应限制饮酒[0][2]。", "痛风患者应限制饮酒[2]。"),
        ("痛风患者应限制饮酒[2,17]。", "痛风患者应限制饮酒[2]。"),
    ],
)
def test_numbers_are_read_in_every_form_and_those_that_do_not_exist_go(answer: str, shown: str) -> None:
    checked = check(answer, ALL)
    assert checked.text == shown and checked.supported == 1.0
    assert kinds(checked) == ["missing"] * sum(n in answer for n in ("9]", "[0]", "17]"))


def test_a_missing_number_is_noted_with_its_sentence() -> None:
    (note,) = check("多喝水。痛风患者应限制饮酒[2][7]。", ALL).notes[1:]
    assert (note.kind, note.detail, note.sentence) == ("missing", "[7]", "痛风患者应限制饮酒[2][7]。")
    assert note.why.zh == "没有这个编号的资料"


def test_a_sentence_that_its_passage_does_not_support_is_marked_and_loses_the_number() -> None:
    checked = check("痛风患者要多做高强度跑步锻炼身体[1]。", ALL)
    assert checked.text == "痛风患者要多做高强度跑步锻炼身体〔无出处〕。"
    assert kinds(checked) == ["unsupported"] and checked.supported == 0.0
    assert check("Gout patients need hard training every morning [1].", [GOUT_EN]).text == (
        "Gout patients need hard training every morning [no source]."
    )


def test_a_sentence_without_a_number_gets_that_of_the_passage_which_says_so() -> None:
    checked = check("痛风患者应限制饮酒，少吃动物肝脏。多做瑜伽可以拉伸肌肉。", ALL)
    assert checked.text == "痛风患者应限制饮酒，少吃动物肝脏[2]。多做瑜伽可以拉伸肌肉〔无出处〕。"
    assert kinds(checked) == ["attributed", "unsupported"] and checked.supported == 0.5


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("发作后最初12小时内使用秋水仙碱效果最好[1]。", None),
        ("发作后最初24小时内使用秋水仙碱效果最好[1]。", "发作后最初24小时内使用秋水仙碱效果最好〔无出处〕。"),
        ("流感时3岁以下儿童容易出现重症[5]。", None),
        ("流感时3岁以上儿童容易出现重症[5]。", "流感时3岁以上儿童容易出现重症〔无出处〕。"),
        ("流感一般无腹泻[5]。", None),
        ("流感一般有腹泻[5]。", "流感一般有腹泻〔无出处〕。"),
        ("流感常有发热和头痛[5]。", None),
        ("流感常无发热[5]。", "流感常无发热〔无出处〕。"),
        ("孕妇禁用布洛芬[4]。", None),
        ("孕妇可用布洛芬[4]。", "孕妇可用布洛芬〔无出处〕。"),
        ("活动性胃溃疡患者可以使用布洛芬[4]。", "活动性胃溃疡患者可以使用布洛芬〔无出处〕。"),
    ],
)
def test_figures_and_denials_must_agree(answer: str, shown: str | None) -> None:
    assert check(answer, ALL).text == (shown or answer)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("急性发作时可用秋水仙碱[1]。", "急性发作时可用秋水仙碱[1]。"),
        ("急性发作时可用吲哚美辛[1]。", "急性发作时可用〔药名已删：资料中没有〕[1]。"),
        ("急性发作时可用依托考昔布[1]。", "急性发作时可用〔药名已删：资料中没有〕[1]。"),
        ("布洛芬成人一次200毫克，一日3次[3]。", "布洛芬成人一次200毫克，一日3次[3]。"),
        ("布洛芬成人一次0.6克[3]。", "布洛芬成人一次〔剂量已删：资料中没有〕[3]。"),
        ("布洛芬成人一次0.6克，一日4次[3]。", "布洛芬成人一次〔剂量已删：资料中没有〕[3]。"),
        ("布洛芬成人一次0.2克[1]。", "〔药名已删：资料中没有〕成人一次〔剂量已删：资料中没有〕。"),
        ("如果正在吃华法林，请先问医生。", "如果正在吃〔药名已删：资料中没有〕，请先问医生。"),
        ("您吃过华法林吗？", "您吃过华法林吗？"),
    ],
)
def test_drugs_and_doses_that_no_cited_passage_holds_are_struck(answer: str, shown: str) -> None:
    checked = check(answer, ALL)
    assert checked.text == shown
    struck = {"drug": "药名已删", "dose": "剂量已删"}
    assert set(kinds(checked)) == {kind for kind, note in struck.items() if note in shown}


def test_struck_in_english() -> None:
    checked = check("Acute gout is treated with prednisone 40 mg [1].", [GOUT_EN])
    assert (
        checked.text
        == "Acute gout is treated with [drug removed: not in the source] [dose removed: not in the source] [1]."
    )


def test_a_drug_that_the_patient_named_may_be_named_again_but_nothing_said_of_it() -> None:
    checked = check("二甲双胍可以和啤酒一起吃。", ALL, question="我在吃二甲双胍，能喝酒吗？")
    assert checked.text == "二甲双胍可以和啤酒一起吃〔无出处〕。"


def test_what_needs_no_source_is_neither_marked_nor_counted() -> None:
    answer = "您好！痛风患者应限制饮酒[2]。您疼了多久？请尽快到医院就诊。以上仅供参考。"
    checked = check(answer, ALL)
    assert checked.text == answer and checked.supported == 1.0 and not checked.notes
    assert check("您好！请尽快就医。", ALL).supported is None
    assert check("请尽快就医[2]。", ALL).text == "请尽快就医。"


def test_items_say_what_the_line_before_them_says() -> None:
    answer = "以下情况不能用布洛芬：\n- 孕妇[4]；\n- 活动性胃溃疡[4]。"
    assert check(answer, ALL).text == answer
    wrong = "以下情况适合用布洛芬：\n- 孕妇[4]。"
    assert check(wrong, ALL).text == "以下情况适合用布洛芬：\n- 孕妇〔无出处〕。"


def test_under_contraindications_a_bare_list_denies() -> None:
    bare = passage("布洛芬", "contraindications", "孕妇、活动性胃溃疡患者。哮喘患者由医生决定。")
    assert check("孕妇禁用布洛芬[1]。", [bare]).supported == 1.0
    assert check("孕妇可用布洛芬[1]。", [bare]).text == "孕妇可用布洛芬〔无出处〕。"
    assert check("哮喘患者使用布洛芬由医生决定[1]。", [bare]).text.startswith("哮喘患者使用布洛芬由医生决定")
    assert lack_of(claim_of("哮喘患者由医生决定。"), [passage_of(bare)]) == ""


def test_a_number_that_another_hides_is_not_set_free() -> None:
    checked = check("痛风患者应限制饮酒[[9]2]。", ALL)
    assert checked.text == "痛风患者应限制饮酒[2]。" and kinds(checked) == ["attributed"]


def test_a_brand_is_the_drug_and_another_script_the_same() -> None:
    assert check("美林用于退热和止痛[3]。", ALL).text == "美林用于退热和止痛[3]。"
    assert check("痛風患者應限制飲酒[2]。", ALL).text == "痛風患者應限制飲酒[2]。"


def test_without_evidence_every_number_goes_and_every_statement_is_marked() -> None:
    checked = check("痛风要限制饮酒[1]。", [])
    assert checked.text == "痛风要限制饮酒〔无出处〕。" and checked.supported == 0.0
    assert check("", ALL) == Checked(text="", notes=(), supported=None)


def test_two_passages_may_support_a_sentence_together() -> None:
    answer = "痛风急性发作可用秋水仙碱，平时要限制饮酒、保持合适的体重[1][2]。"
    assert check(answer, ALL).text == answer
    assert check(answer.replace("[1][2]", "[2]"), ALL).text != answer.replace("[1][2]", "[2]")


def test_the_share_that_is_asked_for_can_be_set() -> None:
    sentence = "痛风患者应限制饮酒并多做瑜伽伸展[2]。"
    assert check(sentence, [GOUT, DIET], least=0.2).text == sentence
    assert check(sentence, [GOUT, DIET], least=0.9).text.endswith("〔无出处〕。")


def test_a_drug_in_the_title_is_held() -> None:
    leaflet = passage("氯雷他定", "uses", "用于缓解打喷嚏、流鼻涕和荨麻疹。")
    assert check("氯雷他定用于缓解打喷嚏和流鼻涕[1]。", [leaflet]).supported == 1.0


_PIECES = st.lists(
    st.sampled_from(
        [
            "痛风患者应限制饮酒",
            "[2]",
            "【1】",
            "[9]",
            "。",
            "！",
            "\n",
            "布洛芬一次0.6克",
            "[3]",
            "请就医",
            "，",
            "您好",
            "？",
            ". ",
            "[",
            "1]",
        ]
    ),
    max_size=14,
)


@given(_PIECES, st.integers(1, 8))
def test_a_stream_gives_what_the_whole_gives(parts: list[str], size: int) -> None:
    answer = "".join(parts)
    whole = check(answer, ALL)
    reading = Checking(ALL)
    shown = "".join(reading.add(answer[at : at + size]) for at in range(0, len(answer), size)) + reading.end()
    assert (shown, tuple(reading.notes), reading.supported) == (whole.text, whole.notes, whole.supported)


@given(_PIECES)
def test_every_number_that_is_left_has_a_passage(parts: list[str]) -> None:
    text = check("".join(parts), ALL[:2]).text
    assert not any(f"[{n}]" in text for n in (0, 3, 9)) and "【1】" not in text


def test_a_long_answer_takes_no_long_time() -> None:
    assert len(check("痛风患者应限制饮酒[2]。" * 3_000, ALL).text) == len("痛风患者应限制饮酒[2]。") * 3_000
