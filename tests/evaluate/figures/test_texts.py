"""All figures of one answer: by hand for a copy of the reference, an echo, a loop and nothing."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from doctorglm.evaluate.figures.copies import ECHO, echo, verbatim
from doctorglm.evaluate.figures.corpus import corpus_value
from doctorglm.evaluate.figures.overlap import bleu, bleu_of, characters, chrf, chrf_of, rouge_l, words
from doctorglm.evaluate.figures.texts import DIALOGUE_FIGURES, score

QUESTION = "医生您好，孩子发烧38.5度三天了，需要吃抗生素吗？"
REFERENCE = "先查血常规，没有细菌感染不用吃抗生素。可以吃布洛芬5ml，一天不超过4次。"


def test_each_figure_of_an_answer_is_described() -> None:
    assert set(score(QUESTION, REFERENCE, "多喝水。").figures) == {
        name for name, figure in DIALOGUE_FIGURES.items() if figure.of != "samples"
    }
    for figure in DIALOGUE_FIGURES.values():
        assert figure.what.en and figure.what.zh and figure.unit.en and figure.unit.zh
        assert not figure.source or figure.source.startswith("https://")


def test_the_reference_itself() -> None:
    found = score(QUESTION, REFERENCE, REFERENCE).figures
    for name in ("bleu", "chrf"):
        assert found[name] == pytest.approx(100)
    for name in ("rouge_l_characters", "rouge_l_words", "term_recall", "number_agreement", "dose_agreement"):
        assert found[name] == 1.0
    assert found["language_agrees"] == 1.0 and found["echo"] == found["asks_back"] == found["role_markers"] == 0.0
    assert found["characters"] == len(REFERENCE)
    assert found["verbatim"] == len("先查血常规没有细菌感染不用吃抗生素可以吃布洛芬5ml一天不超过4次")


def test_an_echo() -> None:
    found = score(QUESTION, REFERENCE, QUESTION).figures
    assert found["echo"] == 1.0 and found["asks_back"] == 1.0 and found["number_agreement"] == 1.0
    assert found["dose_agreement"] is None and found["verbatim"] == 0.0
    assert 0 < (score(QUESTION, REFERENCE, QUESTION + "多喝水，注意休息。").figures["echo"] or 0) < 1
    assert score("头痛怎么办？", "Drink water.", "多喝水。").figures["language_agrees"] == 1.0


def test_a_loop() -> None:
    found = score(QUESTION, REFERENCE, "多喝水。" * 5).figures
    assert found["loop"] == 20
    assert found["rep_2"] == pytest.approx(15 / 19)
    assert found["rep_3"] == pytest.approx(14 / 18)
    assert found["repetition"] == pytest.approx(13 / 17)


def test_nothing() -> None:
    found = score(QUESTION, REFERENCE, "").figures
    assert found["number_agreement"] is None and found["term_recall"] == 0.0
    assert all(not value for value in found.values())


def test_english() -> None:
    found = score("Is 38.5 °C dangerous?", "Take 200 mg of ibuprofen twice a day.", "Take 0.2 g ibuprofen twice a day.")
    assert "tok:13a" in found.bleu.signature and "tok:zh" in score("", "", "", "zh").bleu.signature
    assert found.figures["term_recall"] == found.figures["dose_agreement"] == found.figures["language_agrees"] == 1.0
    assert 0 < (found.figures["rouge_l_words"] or 0) < 1


def test_long_answers_are_scored() -> None:
    answer = "建议多喝水，注意休息，每天测体温3次，高于38.5度吃布洛芬5ml。" * 300
    found = score(QUESTION, REFERENCE * 300, answer)
    assert found.figures["characters"] == len(answer) > 9_000


def test_doctors_who_answer_other_questions(shared: Path) -> None:
    """What chance reaches, as the docs quote it: every fourth question of CMD with the answer of one far from it."""
    source = next((shared / "data/corpora/cmd").glob("*.csv")).read_bytes().decode("gb18030")
    rows = list(csv.DictReader(io.StringIO(source, newline="")))[::4]
    questions, references = [f"{row['title']}\n{row['ask']}" for row in rows], [row["answer"] for row in rows]
    assert len(rows) == 1911
    given_back = [echo(*pair) for pair in zip(questions, references, strict=True)]
    assert sum(share > 0 for share in given_back) / 1911 == pytest.approx(0.047, abs=0.001)
    assert sum(share >= ECHO for share in given_back) == 2
    answers = references[955:] + references[:955]
    runs = [verbatim(*triple) for triple in zip(answers, references, questions, strict=True)]
    assert (np.quantile(runs, 0.5), np.quantile(runs, 0.95), max(runs)) == (3, 5, 54)
    pairs = list(zip(answers, references, strict=True))
    assert np.mean([rouge_l(characters(a), characters(b)) for a, b in pairs]) == pytest.approx(0.135, abs=0.001)
    assert np.mean([rouge_l(words(a), words(b)) for a, b in pairs]) == pytest.approx(0.108, abs=0.001)
    assert corpus_value([bleu(*pair, "zh").sums for pair in pairs], bleu_of) == pytest.approx(3.3, abs=0.1)
    assert corpus_value([chrf(*pair).sums for pair in pairs], chrf_of) == pytest.approx(5.7, abs=0.1)
