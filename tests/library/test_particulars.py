"""What is wanted exactly, and what may tell it, each kind with what only looks like it."""

import pytest

from doctorglm.library.particulars import particulars


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("感冒几天能好", {"duration"}),
        ("咳嗽好几天了", set()),
        ("这几天一直咳，停几天药行不行", set()),
        ("How long does the flu last?", {"duration"}),
        ("布洛芬一次吃几片", {"dose"}),
        ("布洛芬混悬液喂多少毫升", {"dose", "value"}),
        ("奥美拉唑饭前吃还是饭后吃", {"timing"}),
        ("昨晚吃过药了", set()),
        ("降压药漏吃了一顿", {"missed"}),
        ("乙肝疫苗要打几针", {"times"}),
        ("溶栓是3小时还是4.5小时以内", {"value"}),
        ("尿酸４８０算高吗", {"value"}),
        ("看大夫看了多大夫", set()),
        ("体外碎石多少钱，醫保報銷嗎", {"price"}),
        ("北京哪家医院看癫痫好", {"place"}),
        ("氯雷他定和西替利嗪哪个好", {"choice"}),
        ("过敏性鼻炎能当兵吗", {"papers"}),
        ("痛风怎么治疗", set()),
        ("", set()),
    ],
)
def test_what_is_wanted_exactly(question: str, wanted: set[str]) -> None:
    assert {one.name for one in particulars(question)} == wanted


@pytest.mark.parametrize(
    ("question", "tells", "does_not"),
    [
        ("感冒几天能好", "多数人7至10天好转", "多数人会自己好转"),
        ("布洛芬一次吃几片", "每次1片", "按说明书服用"),
        ("奥美拉唑饭前吃还是饭后吃", "早餐前服用", "遵医嘱服用"),
        ("降压药漏吃了一顿", "漏服时尽快补上", "每天服用"),
        ("乙肝疫苗要打几针", "共接种三针", "接种疫苗可以预防"),
        ("溶栓是3小时还是4.5小时以内", "4.5小时内", "越早越好"),
        ("体外碎石多少钱", "费用因地而异", "碎石后多喝水"),
        ("氯雷他定和西替利嗪哪个好", "与西替利嗪相比", "用于过敏性鼻炎"),
        ("过敏性鼻炎能当兵吗", "不影响工作和上学", "鼻痒、打喷嚏"),
    ],
)
def test_what_may_tell_it(question: str, tells: str, does_not: str) -> None:
    (wanted,) = particulars(question)
    assert wanted.tells.search(tells) and not wanted.tells.search(does_not)
