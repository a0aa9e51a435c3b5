"""Plural forms and spellings, each pair written out as a dictionary has it."""

import pytest

from doctorglm.translate.spelling import canonical, numbers_of


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("abscess", "abscesses"),
        ("biopsy", "biopsies"),
        ("diagnosis", "diagnoses"),
        ("metastasis", "metastases"),
        ("bacterium", "bacteria"),
        ("vertebra", "vertebrae"),
        ("diverticulum", "diverticula"),
        ("thrombus", "thrombi"),
        ("virus", "viruses"),
        ("carcinoma", "carcinomata"),
        ("carcinoma", "carcinomas"),
        ("appendix", "appendices"),
        ("appendix", "appendixes"),
        ("larynx", "larynges"),
        ("tooth", "teeth"),
        ("kidney", "kidneys"),
        ("rash", "rashes"),
    ],
)
def test_both_numbers_of_a_noun(one: str, many: str) -> None:
    assert {one, many} <= numbers_of(one)
    assert {one, many} <= numbers_of(many)


@pytest.mark.parametrize("word", ["diabetes", "measles", "rabies", "sepsis"])
def test_a_word_that_only_ends_like_a_plural(word: str) -> None:
    assert numbers_of(word) == {word}


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("anaemia", "anemia"),
        ("haemorrhoid", "hemorrhoid"),
        ("oesophagus", "esophagus"),
        ("diarrhoea", "diarrhea"),
        ("oedema", "edema"),
        ("dyspnoea", "dyspnea"),
        ("foetus", "fetus"),
        ("tumours", "tumors"),
        ("hospitalisation", "hospitalization"),
        ("litre", "liter"),
        ("sulphate", "sulfate"),
        ("paediatric", "pediatric"),
        ("Sjögren’s", "sjogren"),
    ],
)
def test_british_is_american(british: str, american: str) -> None:
    assert canonical(british) == canonical(american)


@pytest.mark.parametrize(("one", "other"), [("shoe", "she"), ("hour", "hor"), ("coma", "come"), ("toes", "tes")])
def test_other_words_stay_apart(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)
