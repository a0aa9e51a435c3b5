"""Figures of a sentence and of a passage: the same in another unit, ranges, limits, ages, and what is none."""

import pytest

from doctorglm.library.figures import Figures, figures

TEXT = "成人一次0.2克，一日3次，连用不超过5天；体温38.5℃以上；3至10天消退；3岁以下慎用；约占12%。共2型。"


@pytest.mark.parametrize(
    "sentence",
    [
        "一次200毫克",
        "每日3次",
        "最多5天",
        "38.5℃以上",
        "38.5度",
        "3到10天",
        "10天",
        "不满3岁",
        "3岁以下",
        "12%",
        "分为2型",
        "请拨打120",
        "2. 多喝水",
        "维生素B12",
        "没有数字",
    ],
)
def test_the_same_figure_in_other_words_is_held(sentence: str) -> None:
    held = Figures(TEXT)
    assert all(held.holds(figure) for figure in figures(sentence, taken=True))


@pytest.mark.parametrize(
    "sentence",
    ["一次2克", "一次200克", "每日4次", "至少5天", "38.5℃以下", "39℃", "3到12天", "3岁以上", "5岁", "13%", "分为4型"],
)
def test_another_figure_is_not(sentence: str) -> None:
    held = Figures(TEXT)
    found = figures(sentence, taken=True)
    assert found and not all(held.holds(figure) for figure in found)


def test_a_dose_is_what_tells_how_much_of_a_drug() -> None:
    def doses(sentence: str, *, taken: bool) -> list[str]:
        return [sentence[f.start : f.end] for f in figures(sentence, taken=taken) if f.dose]

    assert doses("一次0.2克，一日3次，体温38.5℃", taken=True) == ["0.2克", "一日3次"]
    assert doses("腹泻一日3次", taken=False) == []
    assert doses("一次两片", taken=True) == ["两片"]
