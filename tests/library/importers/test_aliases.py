"""Which aliases may stand beside a title (case C110), and which headings stand alone on a line."""

import pytest

from doctorglm.library.headings import is_heading
from doctorglm.library.importers.aliases import checked_aliases


@pytest.mark.parametrize(
    ("title", "alias"),
    [
        ("氯沙坦", "促红细胞生成素"),
        ("Losartan", "Erythropoietin"),
        ("卡托普利", "氨氯地平"),
        ("阿莫西林", "头孢克肟"),
        ("布洛芬", "阿司匹林"),
        ("高血压", "硝苯地平"),
        ("癫痫", "感冒"),
        ("糖尿病", "血糖"),
        ("流感", "伤风"),
    ],
)
def test_the_name_of_something_else_is_dropped(title: str, alias: str) -> None:
    assert checked_aliases(title, ["某某", alias]) == (("某某",), (alias,))
    assert checked_aliases(alias, [title]) == ((), (title,))


@pytest.mark.parametrize(
    ("title", "aliases"),
    [
        ("乙型病毒性肝炎", ("乙肝", "乙型肝炎", "HBV", "hepatitis B")),
        ("普通感冒", ("感冒", "伤风", "common cold")),
        ("癫痫", ("羊癫疯", "羊角风", "Epilepsy")),
        ("失眠症", ("失眠", "insomnia")),
        ("氯沙坦", ("科素亚", "losartan", "氯沙坦钾")),
        ("氨氯地平阿托伐他汀钙片", ("阿托伐他汀",)),
        ("布洛芬", ("芬必得", "美林", "ｉｂｕｐｒｏｆｅｎ")),
    ],
)
def test_other_names_of_the_same_stay(title: str, aliases: tuple[str, ...]) -> None:
    assert checked_aliases(title, aliases) == (aliases, ())


@pytest.mark.parametrize(
    "line", ["病因", "一般治疗"[2:], "临床表现：", "病因与发病机制", "Signs and symptoms", "TREATMENT:", "【禁忌】"]
)
def test_a_heading_alone_on_its_line(line: str) -> None:
    assert is_heading(line)


@pytest.mark.parametrize(
    "line", ["治疗后应注意休息", "", "。", "12", "see your doctor", "Treatment of gout", "病因不明", "causes"]
)
def test_a_line_that_only_contains_one(line: str) -> None:
    assert not is_heading(line)
