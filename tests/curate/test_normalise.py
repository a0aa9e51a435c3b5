"""What is made even, and above all what stays as it is."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.curate import settings as curate_settings
from doctorglm.curate.clean import tidy
from doctorglm.curate.normalise import STEPS, compose, mend, narrow, normalised_by, simplify, without_html
from doctorglm.curate.settings import CurateSettings
from doctorglm.errors import ConfigError
from doctorglm.settings import build

KEPT = "头痛，发热：“反复”三天（夜间重）？血糖7.8mmol/L，体温38.5℃，50μg、2～3片；TSH<2.5，A&B，½片，10～15g。"


def test_the_settings_name_the_steps() -> None:
    assert tuple(STEPS) == curate_settings.STEPS
    assert build(CurateSettings, {"normalise": "none"}, "curate").normalise == []
    with pytest.raises(ConfigError, match="there is no 'nfkc'; there are mend"):
        build(CurateSettings, {"normalise": "nfkc"}, "curate")


def test_chinese_punctuation_units_ranges_and_doses_come_out_as_they_went_in() -> None:
    changes: Counter[str] = Counter()
    assert normalised_by(STEPS)(KEPT, changes) == KEPT
    assert changes.total() == 0


KEPT_LINES = """
头痛，发热：“反复”三天（夜间重）？！～
阿莫西林0.5g×3次/日，饭后服；布洛芬缓释胶囊300mg bid
血糖7.8mmol/L（餐后2h），HbA1c 6.5%，尿酸>420μmol/L
体温38.5℃～39.2℃，血压140/90mmHg，心率≥100次/分
维生素D3 400IU，叶酸0.4mg/d，铁剂10～15ml
TSH<2.5mIU/L，FT4>12pmol/L，WBC 10×10⁹/L，3.0×10^9/L
50μg，㎎㎏㎜㎝㏄，体重65㎏，身高170㎝
½片、¼片、⅓袋，每8小时一次；1/2片，1：1稀释
①多喝水②休息③复查；Ⅱ度、Ⅲ级；（1）（2）
2～3天、2-3天、2—3天、2–3天、2~3天
“您好”‘好的’「引」『号』《书》〈名〉【注】〔二〕
……——·・•、，。；：
😀😷💊👨‍👩‍👧❤️🇨🇳
𠮷野家、㐂、䏲、嚏、疍、䶮
泼尼松、可的松、肝著、赤魟、皮肤发炎、头发
β受体阻滞剂、α-干扰素、γ-GT
PaO₂ 60mmHg、SpO₂ 95％、CO₂、Ca²⁺、HCO₃⁻
±0.5、≤5、≥10、≠、≈、∞、√
37℃=98.6℉，90°，30′20″
血压<140，a<b且b>c
A&B；R&D；AT&T
国药准字H20044432；ICD-10 E11.9；p.V600E；c.35delG
1,25-(OH)₂D₃，5'-AZA，3′端，N-乙酰
＋－×÷＝，5％葡萄糖，0.9％氯化钠
孩子23斤、3岁半，37.5度，q8h，tid，prn
头痛 发热　咳嗽，全角　空格
ﬁne、㊙、№5、℡
한국어、ไทย、العربية
café、naïve、Sjögren综合征、Ménière病
第1天：0.5mg→第2天：1.0mg⇒第3天：2.0mg
微信号××××，医院名○○○，＿＿＿
""".strip().split("\n")


@pytest.mark.parametrize("line", KEPT_LINES)
def test_a_line_full_of_signs_comes_out_as_it_went_in(line: str) -> None:
    changes: Counter[str] = Counter()
    assert normalised_by(STEPS)(line, changes) == line
    assert tidy(line) == line


def test_the_point_between_full_width_digits_goes_with_them() -> None:
    assert narrow("１．５ｇ，０．９％；一．二；甲．") == "1.5g，0.9％；一．二；甲．"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Í·Í´Á½Ìì，怎么办？", "头痛两天，怎么办？"),
        ("请问¸ßÑªÑ¹ÔõÃ´ÖÎÁÆ，谢谢", "请问高血压怎么治疗，谢谢"),
        ("××××医院，°°°°，····，¥¥¥¥", "××××医院，°°°°，····，¥¥¥¥"),
        ("Ménière病、Sjögren综合征、ÄÖÜß", "Ménière病、Sjögren综合征、ÄÖÜß"),
    ],
)
def test_mojibake_beside_good_text(text: str, expected: str) -> None:
    assert mend(text) == expected


@settings(deadline=None)
@given(st.text(st.characters(codec="gb18030", exclude_categories=["Cs", "Co", "Cn"]), max_size=60))
def test_each_step_is_done_after_one_time(text: str) -> None:
    for step in (compose, narrow):
        assert step(step(text)) == step(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一<br/>二<BR>三</p><p class='x'>四", "一\n二\n三\n四"),
        ("血压<140，TSH>2.5，a<b>c", "血压<140，TSH>2.5，ac"),
        ("白细胞10<sup>9</sup>/L，H<sub>2</sub>O，10<sup>-3</sup>", "白细胞10^9/L，H2O，10^-3"),
        ("A&nbsp;B &lt;5 &amp; &ldquo;好&rdquo;", "A B <5 & “好”"),
        ("写成```<br>&lt;```即可", "写成```<br>&lt;```即可"),
        ("AT&T；R&D；x<y，y>z", "AT&T；R&D；x<y，y>z"),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert without_html(text) == expected


def test_widths_of_letters_and_digits_alone() -> None:
    assert narrow("ＨＢｓＡｇ１２３，（阴性）！％") == "HBsAg123，（阴性）！％"


@pytest.mark.parametrize("right", ["头痛两天，吃什么药好？", "发热三天，医生请问怎么办？"])
def test_what_was_decoded_wrongly_is_mended_where_the_way_back_is_exact(right: str) -> None:
    for wrong, codec in (("latin-1", "gb18030"), ("latin-1", "utf-8")):
        assert mend(right.encode(codec).decode(wrong)) == right
    assert mend("Í·Í´Á½Ìì") == "头痛两天"
    damaged = right.encode().decode("gb18030", "replace")
    assert mend(damaged) in (damaged, right)


@pytest.mark.parametrize(
    "text",
    [
        KEPT,
        "Où avez-vous mal ? J'ai de la fièvre, à l'épaule.",
        "café – naïve – résumé",
        "α-干扰素、β受体",
        "鼾聲如雷",
        "",
    ],
)
def test_what_is_no_mojibake_is_left(text: str) -> None:
    assert mend(text) == text


def test_traditional_becomes_simplified_and_medical_words_stay() -> None:
    assert (
        simplify("醫生您好，潑尼松治療皮膚發炎，頭髮掉得厲害，乾咳，榖丙轉氨酶")
        == "医生您好，泼尼松治疗皮肤发炎，头发掉得厉害，干咳，谷丙转氨酶"
    )
    for word in ("泼尼松治疗皮肤发炎", "可的松", "肝著", "赤魟", "乾隆"):
        assert simplify(word) == word


def test_no_simplified_medical_word_is_changed(shared: Path) -> None:
    """OpenCC issue 349: conversion that breaks drug and disease words. Both ways are the identity on THUOCL's words."""
    import opencc

    lines = (shared / "data/knowledge/thuocl/THUOCL_medical.txt").read_text("utf-8").splitlines()
    words = [line.split("\t")[0].strip() for line in lines]
    assert len(words) > 18_000
    assert [word for word in words if simplify(word) != word] == []
    for way in ("s2t", "s2tw", "s2hk"):
        to_traditional = opencc.OpenCC(way).convert
        assert [word for word in words if simplify(to_traditional(word)) != word] == []
