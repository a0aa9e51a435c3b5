"""Terms: every form of the English, their own Chinese, and no Chinese that the English does not name."""

import pytest

from doctorglm.translate.checks.check import Checks

from .conftest import Told


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("He has two kidney stones.", "他有两块肾结石。", "他有两块胆结石。"),
        ("The tumour was removed.", "肿瘤已切除。", "囊肿已切除。"),
        ("She is anaemic.", "她贫血。", "她发热。"),
        ("The diagnoses were pneumonia and pleurisy.", "诊断为肺炎和胸膜炎。", "诊断为肺气肿和胸膜炎。"),
        ("An EEG was done.", "做了脑电图。", "做了心电图。"),
        ("My wrist hurts.", "我手腕痛。", "我脚踝痛。"),
        ("The stool was yellow.", "大便是黄色的。", "大便是绿色的。"),
        ("It gets worse in autumn.", "秋天会加重。", "春天会加重。"),
        ("He had yellow fever and a fever.", "他得了黄热病，还发烧。", "他得了黄热病，还咳嗽。"),
    ],
)
def test_another_term_is_found(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert {"term", "unit_or_dose"} & {kind for kind, _ in told(english, wrong)}


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("Take acetaminophen.", "服用扑热息痛。", "服用扑尔敏。"),
        ("She uses salbutamol.", "她用舒喘灵。", "她用布地奈德。"),
        ("I take clonidine.", "我吃可乐定。", "我吃氯硝西泮。"),
        ("He was given epinephrine.", "给他用了肾上腺素。", "给他用了去甲肾上腺素。"),
        ("Stop the diuretic.", "停用利尿剂。", "停用泻药。"),
    ],
)
def test_another_drug_is_found(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert "drug" in {kind for kind, _ in told(english, wrong)}


def test_a_wording_inside_another_terms_does_not_count(checks: Checks) -> None:
    found = checks.faults("She has liver pain.", "她有肝炎。")
    assert "liver" not in {fault.english for fault in found}
    assert "肝炎" in {fault.chinese for fault in found}


def test_words_that_only_hold_a_term_are_none(told: Told) -> None:
    assert told("Please be careful and drink enough.", "请小心，多喝点。") == set()
    assert told("The hotel is near the zoo.", "酒店在动物园附近。") == set()
