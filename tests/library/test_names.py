"""Which documents a question names: by name, by what people say, by sound; not what it denies."""

import pytest

from doctorglm.clinical.terms import find
from doctorglm.library.names import Named, Names, norms_of, sounds

ENTRIES = {
    "gout": ("痛风",), "hbv": ("乙型病毒性肝炎", "乙肝", "HBV"), "epilepsy": ("癫痫",), "rhinitis": ("过敏性鼻炎",),
    "cat": ("cat",),
}  # fmt: skip
NAMES = Names([Named(doc_id, names, norms_of(names)) for doc_id, names in ENTRIES.items()])


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("乙型病毒性肝炎会传染吗", [("乙型病毒性肝炎", "hbv", "name")]),
        ("查了ＨＢＶ，HBV阳性", [("ＨＢＶ", "hbv", "name"), ("HBV", "hbv", "name")]),
        ("痛風發作", [("痛風", "gout", "name")]),
        ("羊癫疯", [("羊癫疯", "epilepsy", "term")]),
        ("通风犯了", [("通风", "gout", "sound")]),
        ("过敏性鼻言", [("过敏性鼻言", "rhinitis", "sound")]),
        ("没有痛风，也不是乙肝", []),
        ("category", []),
        ("铜丰", []),  # sounds so, and no character is right
    ],
)
def test_mentions(question: str, found: list[tuple[str, str, str]]) -> None:
    mentions = NAMES.mentions(question, find(question))
    assert [(question[m.start : m.end], *m.doc_ids, m.how) for m in mentions] == found


KINDS = {
    "hbv": ("乙型病毒性肝炎", "乙肝"), "iron": ("缺铁性贫血",), "t2d": ("2型糖尿病",),
    "pneumonia": ("肺炎",), "reflux": ("胃食管反流病",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("丙肝能治好吗", []),
        ("Is hepatitis C curable?", []),
        ("肝炎会传染吗", [("肝炎", "hbv", "term")]),
        ("夫妻都是地贫", []),
        ("贫血吃什么", [("贫血", "iron", "term")]),
        ("1型糖尿病", []),
        ("糖尿病能吃西瓜吗", [("糖尿病", "t2d", "term")]),
        ("支原体肺炎", [("肺炎", "pneumonia", "name")]),
        ("胃食管反流怎么办", [("胃食管反流", "reflux", "term")]),
    ],
)
def test_a_kind_is_not_named_by_another_kind_of_its_family(question: str, found: list[tuple[str, str, str]]) -> None:
    names = Names([Named(doc_id, of, norms_of(of)) for doc_id, of in KINDS.items()])
    mentions = names.mentions(question, find(question))
    assert sorted((question[m.start : m.end], *m.doc_ids, m.how) for m in mentions) == sorted(found)


def test_sounds_have_no_tones() -> None:
    assert sounds("痛风T1") == ("tong", "feng", "T", "1")


def test_a_norm_is_that_of_a_whole_name() -> None:
    assert norms_of(["羊癫疯"]) == norms_of(["癫痫"]) != ()
    assert norms_of(["癫痫患者的家庭护理"]) == ()
