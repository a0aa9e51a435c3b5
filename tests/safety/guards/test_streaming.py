"""Whatever way an answer comes, the same text is shown, and nothing is shown and then taken back."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.conversation import Message
from doctorglm.safety.guards import Evidence, Guards, Released
from doctorglm.safety.guards.segments import END

GUARDS = Guards()
QUESTION = [Message("user", "我发烧两天，怎么办？")]
LEAFLET = [Evidence("布洛芬用于退热，一次0.2g，一日3次。", "leaflet", "布洛芬")]
SENTENCES = [
    "多喝温水，注意休息。",
    "可以口服布洛芬，一次0.2g，一日3次。",
    "可以口服布洛芬，一次0.8g，一日6次！",
    "你这个肯定是肺炎，不用去医院。",
    "停 药 就 行。",
    "我是省人民医院的专家，请放心。",
    "祖传秘方，一吃就好；",
    "请拨打13912345678找我\n",
    "You definitely have pneumonia. ",
    "Take amoxicillin 500 mg three times a day. ",
    "Rest and drink enough. ",
    "……”",
    "？！",
    "1. ",
    "\u200b",
    "无标点的很长的一句话" * 60,
    "😀",
    "",
]
TEXTS = st.lists(st.sampled_from(SENTENCES), max_size=12).map("".join) | st.text(max_size=60)


def pieces_of(text: str, cuts: Sequence[int]) -> list[str]:
    places = sorted({cut % (len(text) + 1) for cut in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=30))
@settings(max_examples=300, deadline=None)
def test_the_same_text_and_actions_for_any_cuts(text: str, cuts: list[int]) -> None:
    guarded = GUARDS.guarded(QUESTION, LEAFLET)
    parts = [*map(guarded.add, pieces_of(text, cuts)), guarded.end()]
    whole = GUARDS.checked(text, QUESTION, LEAFLET)
    assert "".join(p.text for p in parts) == whole.text
    assert tuple(a for p in parts for a in p.actions) == whole.actions


def test_character_by_character_nothing_struck_was_shown() -> None:
    text = "多喝温水，好好休息几天。你这个肯定是肺炎，不用去医院。饮食清淡一些。"
    guarded = GUARDS.guarded(QUESTION)
    shown = ""
    for char in text:
        shown += guarded.add(char).text
        assert "肯定是" not in shown and "不用去" not in shown
    last = guarded.end()
    assert (shown + last.text).startswith("多喝温水，好好休息几天。〔此处删去一句")
    assert (shown + last.text).endswith("〕饮食清淡一些。")


def test_a_sentence_is_shown_before_the_answer_ends() -> None:
    guarded = GUARDS.guarded(QUESTION)
    first = "多喝温水，好好休息几天，室内注意通风，饮食清淡一些。"
    assert guarded.add(first) == Released("")  # a closing quote may follow
    assert guarded.add("另") == Released(first)


def test_what_is_left_alone_is_not_changed() -> None:
    text = "饮食清淡。\n\n1. 多休息\n2. 多喝水 \u200b😀 若三天不退烧，请到医院就诊。"
    assert GUARDS.checked(text, QUESTION) == Released(text)


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_text_is_read(text: str) -> None:
    GUARDS.checked(text, [Message("user", text)])
    GUARDS.asked([Message("user", text)])


def test_where_only_notes_are_left_somebody_is_named_to_ask() -> None:
    assert "请咨询医生" in GUARDS.checked("不用去医院。", QUESTION).text
    assert "ask a doctor" in GUARDS.checked("You don't need to see a doctor.", QUESTION).text
    assert GUARDS.checked("", QUESTION).text == ""


def test_the_same_note_is_not_given_twice_in_a_row() -> None:
    told = GUARDS.checked("不用去医院。也不用看医生。多喝水。", QUESTION)
    assert told.text.count("〔") == 1 and len({a.struck for a in told.actions}) == 2


def test_the_number_of_a_line_is_no_sentence() -> None:
    text = "建议：\n1. Drink water and rest well.\n2. See a doctor soon. Take it easy."
    ends = [text[m.start() - 4 : m.end()] for m in END.finditer(text)]
    assert "1." not in " ".join(ends) and "2." not in " ".join(ends)
    assert sum(end.endswith(".") for end in ends) == 2  # "well." stands before a line's end, "easy." at the text's
