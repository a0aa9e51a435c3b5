"""What a translator is told: the glossary first, our names beside it, nothing of what is withheld."""

from pathlib import Path

from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import read_glossary
from doctorglm.translate.told_terms import told_terms


def said(rows: list[Entry]) -> dict[str, tuple[str, ...]]:
    return {one.english.lower(): one.chinese for one in rows}


def test_drugs_illnesses_and_examinations_are_told_beside_the_glossary() -> None:
    told = said(told_terms([Entry("angina", ("心绞痛",))]))

    assert told["angina"] == ("心绞痛",)
    assert told["ketoprofen"] == ("酮洛芬",)
    assert told["toxoplasmosis"][0] == "弓形虫病"
    assert told["palsy"][0] == "麻痹"
    assert told["bronchiectasis"] == ("支气管扩张",)
    assert "complete blood count" in told


def test_a_name_that_the_glossary_has_is_told_as_the_glossary_says() -> None:
    told = told_terms([Entry("Ibuprofen", ("异丁苯丙酸",))])

    assert [one.chinese for one in told if one.english.lower() == "ibuprofen"] == [("异丁苯丙酸",)]


def test_patterns_weak_names_and_weak_wordings_are_no_terms() -> None:
    told = [one for one in told_terms([]) if one.source != "HPO"]

    assert not [one for one in told if set("~*") & set(one.english + "".join(one.chinese))]
    assert all(1 <= len(one.chinese) <= 3 for one in told)


def test_words_of_several_meanings_are_not_told() -> None:
    told = said(told_terms([]))

    assert not {"cold", "solution", "patch", "cavity", "corn", "born", "failure", "piles"} & set(told)
    assert told["common cold"][0] == "感冒"


def test_what_is_withheld_is_told_under_no_name() -> None:
    told = said(told_terms([], [Entry("acetylsalicylic acid", ("乙酰水杨酸",))]))

    assert "aspirin" not in told
    assert "阿司匹林" not in {chinese for of in told.values() for chinese in of}
    assert "ketoprofen" in told


def test_phenotypes_are_told_as_hpo_has_them_where_nothing_else_is_known() -> None:
    told = said(told_terms([Entry("oral leukoplakia", ("口腔白斑病",))]))

    assert told["obstructive sleep apnea"] == ("阻塞性睡眠呼吸暂停",)
    assert told["oral leukoplakia"] == ("口腔白斑病",)
    assert told["polyneuropathy"] == ("多发性神经病",)
    assert not {"severity", "chronic", "central", "affected"} & set(told)


def test_of_a_withheld_term_no_phenotype_is_told() -> None:
    withheld = [Entry("leukoplakia", ("白斑",)), Entry("spleen", ("脾",))]
    told = [one for one in told_terms([], withheld) if one.source == "HPO"]

    assert len(told) > 10_000
    assert "oral leukoplakia" not in said(told)
    assert not [one for one in told if "白斑" in one.chinese[0] or "脾" in one.chinese[0]]


def test_every_label_of_hpo_ships_with_its_licence() -> None:
    labels = read_glossary(Path("hpo"))

    assert len(labels) == 18_988
    assert {one.licence for one in labels} == {"HPO, https://hpo.jax.org/app/license: cite, unaltered"}
