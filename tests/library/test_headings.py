"""Keys of headings, and what a question asks for."""

import pytest

from doctorglm.library.headings import NAMES, OTHER, _keys, asked_for, asking, key_of


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("病因", "causes"), ("症状和体征", "symptoms"), ("疾病诊断", "diagnosis"), ("治疗：", "treatment"),
        ("预后", "prognosis"),
        ("1. 预防", "prevention"), ("不良反应", "side_effects"), ("用法用量", "dosage"), ("何时就医", "care"),
        ("exams and tests", "diagnosis"), ("treatment", "treatment"), ("susceptibility", "causes"),
        ("TestsAndProcedures", "diagnosis"),
        ("commonMedications", "treatment"), ("参考文献", OTHER),
    ],
)  # fmt: skip
def test_the_key_of_a_heading(heading: str, key: str) -> None:
    assert key_of(heading) == key


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        ("痛风是什么病", ("overview",)),
        ("得了甲亢吃什么药", ("treatment",)),
        ("布洛芬有什么副作用", ("side_effects",)),
        ("怎么预防感冒", ("prevention",)),
        ("乙肝会传染吗，怎么治疗", ("causes", "treatment")),
        ("What are the symptoms of gout?", ("symptoms",)),
        ("头痛三天了", ()),
    ],
)
def test_what_a_question_asks_for(question: str, keys: tuple[str, ...]) -> None:
    assert tuple(key for key in asked_for(question) if key in keys or not keys) == keys


def test_every_key_has_names_in_both_languages() -> None:
    assert {key.name for key in _keys()} | {OTHER} == set(NAMES)


def test_the_longest_words_that_ask_are_taken() -> None:
    """Of 怎么治疗 no 疗 may be left to be searched for."""
    assert asking("痛风怎么治疗") == [(2, 6, "treatment")]
    assert asked_for("布洛芬有什么副作用") == ("side_effects",)
    assert asked_for("华法林要注意什么") == ("precautions", "prevention"), "words that ask for two things ask for both"
