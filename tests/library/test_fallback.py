"""The evidence's own sentences as an answer, the fixed texts for what is not known, and the list of sources."""

import pytest

from doctorglm.library.abstention import COMPLAINT, DRUG, REFER, abstained, is_small_talk
from doctorglm.library.citations import check
from doctorglm.library.fallback import BEGINS, ENDS, extracted
from doctorglm.library.sources import cited, listed

from .passages import BANNED, DIET, FLU, GOUT, GOUT_EN, passage, talk


def test_the_best_sentences_in_reading_order_with_their_numbers() -> None:
    assert extracted("痛风怎么预防？", [GOUT, DIET, FLU]) == (
        "以下是资料中的原文：\n"
        "痛风 · 治疗：急性发作时，医生常用非甾体抗炎药；效果不好时可用秋水仙碱，在发作后最初12小时内使用效果最好[1]。"
        "反复发作的人，医生可能用别嘌醇降低尿酸[1]。\n"
        "痛风 · 预防：痛风患者应限制饮酒，少吃动物肝脏、凤尾鱼等高嘌呤食物，并保持合适的体重[2]。\n"
        "以上是资料的摘录，不是诊断；具体情况请咨询医生。"
    )


def test_no_more_than_six_and_no_fewer_than_two() -> None:
    many = passage("痛风", "overview", "".join(f"痛风的第{n}种说法是这样的。" for n in "甲乙丙丁戊己庚辛"))
    assert extracted("痛风", [many]).count("[1]") == 6
    assert extracted("血压", [FLU]).count("[1]") == 2
    assert extracted("痛风", []) == ""


def test_a_very_long_sentence_is_quoted_only_where_there_is_no_other() -> None:
    long = "痛风" + "的说法很长，" * 60 + "就是这样。"
    assert "就是这样" not in extracted("痛风", [passage("痛风", "overview", f"{long}痛风要忌酒。")])
    assert "就是这样" in extracted("痛风", [passage("痛风", "overview", long)])


def test_the_section_that_is_asked_for_wins() -> None:
    eight = [passage("痛风", "overview", "痛风的说法。" + "".join(f"痛风是第{n}种。" for n in "甲乙丙丁戊己")), DIET]
    assert "[2]" in extracted("痛风怎么预防", eight)


def test_a_list_keeps_the_line_that_leads_to_it() -> None:
    assert "布洛芬 · 禁忌：以下情况禁用： - 孕妇； - 活动性胃溃疡[1]。" in extracted("布洛芬孕妇能吃吗", [BANNED])


def test_in_english() -> None:
    quoted = extracted("How is gout treated?", [GOUT_EN])
    assert quoted.startswith(
        f"{BEGINS.en}\nGout · Treatment: Doctors often treat acute gout with colchicine[1]. Colchicine"
    )
    assert quoted.endswith(f"12 hours of an attack[1].\n{ENDS.en}")


def test_what_is_quoted_passes_the_check() -> None:
    quoted = extracted("痛风怎么治", [GOUT, DIET, BANNED, FLU])
    body = "\n".join(quoted.split("\n")[1:-1])
    checked = check(body, [GOUT, DIET, BANNED, FLU])
    assert checked.supported == 1.0 and checked.text == body


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (["有个问题"], COMPLAINT.zh),
        (["氟西汀一天吃几次"], DRUG.zh),
        (["我头痛三天，是怎么回事"], REFER.zh),
        (["What should I do?"], COMPLAINT.en),
        (["What is the dose of sertraline?"], DRUG.en),
        (["我头痛三天", "多久了？", "???"], REFER.zh),
    ],
)
def test_what_is_not_known_is_said_and_asked_back(said: list[str], text: str) -> None:
    assert text in (abstained(talk(*said)).zh, abstained(talk(*said)).en)


@pytest.mark.parametrize("text", [*(t.zh for t in (COMPLAINT, DRUG, REFER)), *(t.en for t in (COMPLAINT, DRUG, REFER))])
def test_every_such_text_says_so_and_refers(text: str) -> None:
    assert ("不知道" in text and ("医" in text)) or ("do not know" in text and "doctor" in text)


def test_small_talk_is_nothing_to_know() -> None:
    assert all(map(is_small_talk, ["你好", "谢谢医生！", "Hello", "ok, thanks", "好的，知道了。"]))
    assert not any(map(is_small_talk, ["你好，我头痛", "痛风", "hi, what is gout", "", "嗯" * 100_000]))


def test_sources_are_those_that_are_cited_in_order() -> None:
    evidence = [GOUT, DIET, FLU]
    assert listed("少喝酒[3]，多喝水[1][3]。", evidence, "zh") == (
        "资料来源\n[1] 痛风 · 治疗 — 测试资料（CC0）\n[3] 流感 · 症状 — 测试资料（CC0）"
    )
    assert listed("Rest [2].", evidence, "en") == "Sources\n[2] 痛风 · Prevention — 测试资料 (CC0)"
    assert listed("没有编号[7]。", evidence, "zh") == "" and cited("[2][0][4][2]", evidence) == [2]
