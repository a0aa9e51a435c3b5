"""Where the words of a question stand in a passage, as a reader would mark them."""

from doctorglm.library.marking import excerpt, marked, merged


def words(text: str, *runs: str) -> list[str]:
    return [text[start:end] for start, end in marked(text, runs)]


def test_a_run_is_marked_whole_or_by_its_bigrams() -> None:
    assert words("痛风急性发作，痛风石。", "痛风") == ["痛风", "痛风"]
    assert words("胃镜下检查", "胃镜检查") == ["胃镜", "检查"]


def test_other_scripts_and_widths_are_the_same_word() -> None:
    assert words("一側頭痛，做ＣＴ。", "头痛", "ct") == ["頭痛", "ＣＴ"]
    assert words("direct", "rect") == []


def test_spans_that_touch_are_one() -> None:
    assert merged([(4, 6), (0, 2), (2, 3), (5, 8)]) == [(0, 3), (4, 8)]


def test_the_part_with_the_most_marks_is_shown() -> None:
    text = "无关。" * 60 + "痛风患者要限制饮酒。" + "无关。" * 60
    shown, spans = excerpt(text, marked(text, ["痛风", "饮酒"]), 30)
    assert [shown[a:b] for a, b in spans] == ["痛风", "饮酒"]
    assert shown[0] == shown[-1] == "…" and len(shown) == 32
    assert excerpt("短。", [(0, 1)], 30) == ("短。", [(0, 1)])
