"""Sentences of passages and of answers: where they end, what stays with them, and the same however an answer comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.library.sentences import LONGEST, Sentences, split


def said(text: str, size: int = 0) -> list[str]:
    reading = Sentences()
    pieces = [text[at : at + size] for at in range(0, len(text), size)] if size else [text]
    return [*(s for piece in pieces for s in reading.add(piece)), *reading.end()]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("痛风很痛。要忌酒！好吗？", ["痛风很痛。", "要忌酒！", "好吗？"]),
        ("他说“休息。”然后走了。", ["他说“休息。”", "然后走了。"]),
        ("Rest. Take 0.5 g. See e.g. Dr. Li.", ["Rest. ", "Take 0.5 g. ", "See e.g. Dr. Li."]),
        ("一般3至10天消退", ["一般3至10天消退"]),
        ("以下人群禁用：\n- 孕妇。\n- 哺乳期。\n多喝水。", ["以下人群禁用：\n- 孕妇。\n- 哺乳期。\n", "多喝水。"]),
        (
            "有关因素有：\n\n- 超重；\n- 饮酒。\n\n治疗要趁早。",
            ["有关因素有：\n\n- 超重；\n- 饮酒。\n\n", "治疗要趁早。"],
        ),
        ("", []),
    ],
)
def test_a_passage_is_cut_at_its_sentences_and_a_list_is_not(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("痛风要忌酒[1]。多运动。[2] 少熬夜【3】！", ["痛风要忌酒[1]。", "多运动。[2]", " 少熬夜【3】！"]),
        ("忌酒。[1][2]\n[3] 是标题\n", ["忌酒。[1][2]", "\n", "[3] 是标题\n"]),
        ("Avoid beer.[1] Rest. [2] Fine", ["Avoid beer.[1]", " Rest. [2]", " Fine"]),
        ("体温 38.5 度。好", ["体温 38.5 度。", "好"]),
        ("忌酒。[注意] 休息", ["忌酒。", "[注意] 休息"]),
    ],
)
def test_citations_stay_with_the_sentence_before_them(text: str, parts: list[str]) -> None:
    assert said(text) == parts
    assert all(said(text, size) == said(text) for size in (1, 2, 3, 7))


def test_a_sentence_is_given_out_as_soon_as_no_citation_can_follow() -> None:
    reading = Sentences()
    assert reading.add("忌酒。") == []
    assert reading.add("[") == []
    assert reading.add("1]") == []
    assert reading.add("多") == ["忌酒。[1]"]
    assert reading.end() == ["多"]


def test_a_text_without_sentences_is_cut_at_a_comma_and_takes_no_long_time() -> None:
    parts = said("很长，" * 40_000)
    assert max(map(len, parts)) <= LONGEST and "".join(parts) == "很长，" * 40_000
    assert "".join(said("。" * 100_000 + " " * 100_000)) == "。" * 100_000 + " " * 100_000


_TEXT = st.text(st.sampled_from("痛风a1。.！\n [】【]()，：-… 2,"), max_size=300)


@given(_TEXT, st.integers(1, 9))
def test_nothing_is_lost_and_pieces_make_no_difference(text: str, size: int) -> None:
    assert "".join(split(text)) == text
    assert "".join(said(text)) == text
    assert said(text, size) == said(text)


@given(st.text(st.sampled_from("痛a，。[1]"), min_size=380, max_size=900), st.integers(1, 50))
def test_long_texts_too(text: str, size: int) -> None:
    assert said(text, size) == said(text) and "".join(said(text)) == text
