"""Identifiers are found in every spelling, and what only looks like one is left."""

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.clinical.deid import TYPES, find, find_in, masked
from doctorglm.clinical.deid.numbers import is_id_card, passes_luhn
from doctorglm.clinical.deid.words import words

SETS = Path(__file__).parents[3] / "benchmarks/sets/deid"


def found(text: str) -> list[tuple[str, str]]:
    return [(span.type, text[span.start : span.end]) for span in find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话16400001234谢谢", [("mobile", "16400001234")]),
        ("电话+86 164 0000 1234", [("mobile", "+86 164 0000 1234")]),
        ("电话１６４００００１２３４。", [("mobile", "１６４００００１２３４")]),
        ("号码是幺六四零零零零幺二三四", [("mobile", "幺六四零零零零幺二三四")]),
        ("电话1 6 4 0 0 0 0 1 2 3 4", [("mobile", "1 6 4 0 0 0 0 1 2 3 4")]),
        ("手机164OOO01234", [("mobile", "164OOO01234")]),
        ("座机0371-12345678转803", [("landline", "0371-12345678转803")]),
        ("(010)12345678", [("landline", "(010)12345678")]),
        ("call +44 20 7946 0018", [("landline", "+44 20 7946 0018")]),
        ("400-555-0199", [("landline", "400-555-0199")]),
        ("身份证350203194501100009", [("id_card", "350203194501100009")]),
        (
            "附上350203194501100009，请查收",
            [("id_card", "350203194501100009")],
        ),  # not called so, but its digit is right
        ("公民身份号码:420111 20070718 0009", [("id_card", "420111 20070718 0009")]),
        ("身份证号 350203194501100008", [("id_card", "350203194501100008")]),  # a wrong check digit, but called so
        ("卡号6228 4861 3177 5346 197", [("bank_card", "6228 4861 3177 5346 197")]),
        ("微信abc_123加我", [("wechat", "abc_123")]),
        ("加我vx：Tong-ENT-2008", [("wechat", "Tong-ENT-2008")]),
        ("QQ 2871904456", [("qq", "2871904456")]),
        ("扣扣一三零八八五二九四七", [("qq", "一三零八八五二九四七")]),
        ("邮箱a.b_c@mail.example", [("email", "a.b_c@mail.example")]),
        ("邮箱wuyue艾特tonghelab点com", [("email", "wuyue艾特tonghelab点com")]),
        ("见https://pacs.x.cn/v/8f2k?sid=7，", [("url", "https://pacs.x.cn/v/8f2k?sid=7")]),
        ("官网www.mlyy-nb.com/reg。", [("url", "www.mlyy-nb.com/reg")]),
        ("住院号 00450812", [("mrn", "00450812")]),
        ("影像号110bcd25-a55d-453a-8046-1297901ea002", [("mrn", "110bcd25-a55d-453a-8046-1297901ea002")]),
        ("车牌粤B·D12345", [("plate", "粤B·D12345")]),
        ("豫A·7K2Q9堵了", [("plate", "豫A·7K2Q9")]),
        ("2023年5月12日入院", [("date", "2023年5月12日")]),
        ("腊月廿三摔的", [("date", "腊月廿三")]),
        ("on 12 May 2023", [("date", "12 May 2023")]),
        ("生于1985年3月", [("date", "1985年3月")]),
        ("今年93岁", [("age", "93岁")]),
        ("a 94-year-old man", [("age", "94-year-old")]),
        ("享年九十四", [("age", "九十四")]),
        ("住简阳市贾家镇菠萝村7组", [("address", "简阳市贾家镇菠萝村7组")]),
        (
            "寄武汉市洪山区珞喻东路219号栖云小区4栋2单元1703",
            [("address", "武汉市洪山区珞喻东路219号栖云小区4栋2单元1703")],
        ),
        ("在绵阳市游仙区妇幼保健院查的", [("hospital", "绵阳市游仙区妇幼保健院")]),
        ("骨科二病区17床", [("hospital", "骨科二病区17床")]),
        ("王主任说", [("name", "王")]),
        ("我是刘建国医生", [("name", "刘建国")]),
        ("患者：欧阳静怡，女", [("name", "欧阳静怡")]),
        ("买买提·艾力来了", [("name", "买买提·艾力")]),
        ("Dear Dr. Hale,", [("name", "Hale")]),
    ],
)
def test_what_identifies_is_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "国药准字H20044432，批号1545-0008，每次0.5g",
        "血压138/92mmHg，心率96次/分，体温36.5℃，血糖6.8mmol/L",
        "E11.9，BRCA1，T2N0M0，GCS 14分，PHQ-9",
        "帕金森病、川崎病、克罗恩病、桥本甲状腺炎、Crohn's disease",
        "何首乌、王不留行、杜仲、徐长卿、刘寄奴各9g，泰诺一片",
        "黄疸退了，白带正常，高烧39.8，马上送医院，温水擦浴，常年便秘",
        "订单号787781199194764825还没到",
        "附上350203194501100008，请查收",
        "去年5月做的，三天前复查，周三有门诊，国庆节停诊",
        "我在郑州，县医院和三甲医院都去过，挂的消化内科",
        "拨打120或12320",
        "老人今年89岁，孩子7岁",
        "GB 18030-2022，版本v2.1，10～15g，2～8℃",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert found(text) == []


def test_check_digits() -> None:
    # GB 11643-1999's own example, and ISO/IEC 7812's
    assert is_id_card("11010519491231002X")
    assert not is_id_card("110105194912310021")
    assert passes_luhn("79927398713")
    assert not passes_luhn("79927398710")


def test_a_name_told_once_counts_in_the_whole_conversation() -> None:
    texts = ["我叫白雪梅，头痛", "雪梅您好", "白雪梅多休息"]
    assert [[s.type for s in spans] for spans in find_in(texts, "rules")] == [["name"], [], ["name"]]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            ["我叫王小明", "电话16400001234", "，", " ", "住院号A00123", "头痛三天", "a@b.com", "93岁", "\n"]
        )
    )
)
def test_spans_lie_in_the_text_in_order_and_masking_takes_them_out(parts: list[str]) -> None:
    text = "，".join(parts)
    spans = find(text)
    assert all(0 <= s.start < s.end <= len(text) and s.type in TYPES for s in spans)
    assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
    assert "16400001234" not in masked(text, spans)


def test_spans_lie_in_a_text_of_any_make_up() -> None:
    """Long runs of what the patterns are made of, on which one that backtracks without bounds would never end."""
    draw = random.Random(0)
    for alphabet in (
        "0123456789 -",
        "王李张电话住院号：",
        "abcdefg.@-_",
        "省市区县镇村路号",
        "一二三四五六七八九十年月日",
    ):
        text = "".join(draw.choice(alphabet) for _ in range(3000))
        spans = find(text)
        assert all(0 <= s.start < s.end <= len(text) for s in spans)
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))


def test_word_lists_hold_each_word_once() -> None:
    for name in ("surnames", "titles", "introductions", "not_names", "kinds_of_hospitals"):
        assert len(set(words(name))) == len(words(name)) > 40
