"""What a sentence says: terms with their denial, groups of people, single drugs and classes, other words."""

import pytest

from doctorglm.clinical.terms import find
from doctorglm.library.claims import claim_of
from doctorglm.library.drug_names import drug_names


def said(text: str, lead: str = "") -> dict[str, bool]:
    return {one.name: one.denied for one in claim_of(text, lead).said}


@pytest.mark.parametrize(
    ("text", "name", "denied"),
    [
        ("一般无发热", "发烧", True),
        ("常有发热", "发烧", False),
        ("孕妇禁用", "pregnant", True),
        ("孕妇可以用", "pregnant", False),
        ("服药期间不要饮酒", "alcohol", True),
        ("避免喝酒，孕妇可用", "pregnant", False),
        ("特别要注意儿童的体温", "child", False),
        ("禁忌：孕妇；胃溃疡。", "pregnant", True),
        ("禁忌：胃溃疡。孕妇可用。", "pregnant", False),
        ("avoid it in pregnancy", "pregnant", True),
        ("safe in pregnancy", "pregnant", False),
    ],
)
def test_a_term_is_denied_by_its_clause_or_by_what_leads_to_it(text: str, name: str, denied: bool) -> None:
    assert said(text)[name] is denied


def test_the_line_before_a_list_denies_its_items() -> None:
    assert said("- 孕妇", "以下情况禁用：") == {"pregnant": True}
    assert said("- 孕妇", "以下情况适用：") == {"pregnant": False}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("可以服用美林", ["布洛芬"]),
        ("每天吃洛匹那韦", ["洛匹那韦"]),
        ("用可替尼治疗", ["可替尼"]),
        ("take esomeprazole and bisoprolol daily", ["esomeprazole", "bisoprolol"]),
        ("不要自行用抗生素或退烧药", []),
        ("可定期复查，情绪安定", []),
        ("当地平均气温", []),
        ("in April we met at the pharmacy", []),
        ("多吃维生素丰富的蔬菜", []),
    ],
)
def test_single_drugs_are_named_also_where_no_list_has_them(text: str, names: list[str]) -> None:
    assert [drug.name for drug in drug_names(text, find(text))] == names


def test_words_are_what_is_left() -> None:
    claim = claim_of("痛风患者可以限制饮酒，treatment helps")
    assert "限制" in claim.words and "可以" not in claim.words
    assert not any("痛风" in word for word in claim.words)
    assert "treat" in claim.words
    assert claim_of("好的。").empty and not claim_of("痛风。").empty
