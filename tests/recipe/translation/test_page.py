"""The report of a translation recipe has its figures in both languages, and fits a phone."""

from pathlib import Path
from typing import Any

import pytest

from doctorglm.recipe.translation.page import page_of, results_table, write_report
from doctorglm.recipe.translation.pipeline import Outcome
from doctorglm.recipe.translation.settings import TranslationRecipe
from doctorglm.recipe.translation.verdict import reasons, sentence
from doctorglm.report.blocks import Figure, Table, Verdict

TEST = {
    "bleu": 21.34, "chrf": 20.06, "sentences": 500, "failed": 4, "accepted": 230, "accepted_interval": [0.416, 0.504],
    "faults": {"term": 200}, "term_accuracy": 0.712, "term_accuracy_interval": [0.65, 0.767], "term_mentions": 200,
    "term_right": 142, "number_fidelity": 0.905, "number_fidelity_interval": [0.86, 0.936], "numbers": 210,
    "negation_flips": 6, "negation_flip_share_interval": [0.006, 0.026],
}  # fmt: skip
SUMMARY: dict[str, Any] = {
    "passed": True,
    "curated": {"read": 5100, "kept": 5000, "rejected": {"cut_off": 100}, "splits": {"train": 5000}},
    "teacher": {
        "read": 300, "translated": 231, "mended": 40, "rejected": {"term": 50, "number": 19}, "accepted": 0.77,
        "accepted_interval": [0.719, 0.814], "rest": 4700, "model": "http://127.0.0.1:8080/v1#qwen",
        "cost": {"usd": 0.1234, "requests": 321, "budget_usd": 2.0, "planned_usd": 0.11, "planned_usd_at_most": 0.5},
    },
    "distill": {
        "counts": {"parameters": 9_876_543, "train": 38_000}, "training": {}, "test": TEST, "good_enough": True,
        "faults": [], "least_accepted": 0.3,
    },
    "student": {
        "read": 4700, "translated": 1645, "mended": 700, "rejected": {"number": 55, "term": 3000}, "accepted": 0.35,
        "accepted_interval": [0.336, 0.364],
    },
    "data": {
        "read": 1876, "kept": 1870, "rejected": {"near_duplicate": 6}, "splits": {"train": 1683, "valid": 187},
        "by": {"train": {"teacher": 207, "student": 1476}, "valid": {"teacher": 24, "student": 163}},
    },
    "seconds": {"curate": 36.0, "teacher": 7200.0, "distill": 3600.0, "student": 1800.0, "data": 18.0, "all": 12654.0},
}  # fmt: skip
LOW = {**TEST, "accepted": 130, "accepted_interval": [0.223, 0.3]}
FAILED: dict[str, Any] = {
    **SUMMARY,
    "passed": False,
    "student": None,
    "distill": {**SUMMARY["distill"], "test": LOW, "good_enough": False},
    "data": {"read": 231, "kept": 231, "rejected": {}, "splits": {"train": 208, "valid": 23},
             "by": {"train": {"teacher": 208}, "valid": {"teacher": 23}}},
}  # fmt: skip


def outcome(summary: dict[str, Any], place: Path) -> Outcome:
    recipe = TranslationRecipe(
        title_en="Things in Chinese", title_zh="译成中文", sources=["x"], pairs=["p"], test="t", sample=300
    )
    return Outcome(place, recipe, summary)


def table(summary: dict[str, Any], title: str) -> dict[str, list[str]]:
    """The rows of a table by their English names."""
    page = page_of(outcome(summary, Path("r")), "doctorglm run r.yaml")
    (found,) = (b for b in page.blocks if isinstance(b, Table) and getattr(b.title, "en", "").startswith(title))
    return {getattr(row[0], "en", str(row[0])): [str(cell) for cell in row[1:]] for row in found.rows}


def test_the_verdict_counts_both_and_the_bar_stands_beside_its_measure() -> None:
    page = page_of(outcome(SUMMARY, Path("r")), "doctorglm run r.yaml")
    verdict = page.blocks[0]
    assert isinstance(verdict, Verdict) and verdict.passed is True and verdict.reasons == []
    assert sentence(SUMMARY).en == (
        "The student is good enough: 1,870 conversations to tune on, 231 by the teacher and 1,639 by the student."
    )
    assert "教师翻译 231 段，学生翻译 1,639 段" in sentence(SUMMARY).zh
    assert [n.value for n in verdict.numbers] == ["77.0\u202f%", "35.0\u202f%", "46.0\u202f%", "0.1234\u202fUSD"]
    assert "[41.6, 50.4], from 30\u202f% on" in str(verdict.numbers[2].note)
    assert "about 0.1100 USD were planned" in str(verdict.numbers[3].note)
    figure = page.blocks[1]
    assert isinstance(figure, Figure) and str(figure.title) == "1,876 of 5,000 conversations are in Chinese"


def test_the_tables_have_reasons_scores_cost_hours_and_data() -> None:
    assert table(SUMMARY, "Why") == {
        "a term is wrong": ["50", "3,000"],
        "a number is wrong": ["19", "55"],
    }
    scores = table(SUMMARY, "The student on")
    assert scores["sentences that the checks take"] == ["46.0\u202f%", "[41.6, 50.4]", "lower end at least 30\u202f%"]
    assert scores["terms as the glossary has them"][:2] == ["71.2\u202f%", "[65.0, 76.7]"]
    assert scores["numbers kept with their units"][:2] == ["90.5\u202f%", "[86.0, 93.6]"]
    assert scores["sentences told as flipped"][:2] == ["1.2\u202f%", "[0.6, 2.6]"]
    assert (scores["BLEU"][0], scores["chrF"][0]) == ("21.3", "20.1")
    cost = table(SUMMARY, "Cost")
    assert [cost[name][0] for name in ("planned, about", "spent", "budget", "requests", "train the student")] == [
        "0.1100\u202fUSD", "0.1234\u202fUSD", "2.0000\u202fUSD", "321", "1.00\u202fh",
    ]  # fmt: skip
    assert (cost["translate the sample"], cost["all stages"]) == (["2.00\u202fh"], ["3.52\u202fh"])
    assert table(SUMMARY, "What is in") == {
        "train.jsonl": ["1,683", "207", "1,476"],
        "valid.jsonl": ["187", "24", "163"],
        "left out: near-duplicate": ["6", "–", "–"],
    }
    assert [str(row[3]) for row in results_table(SUMMARY).rows] == ["77.0\u202f%", "35.0\u202f%"]


def test_a_share_of_nothing_is_a_dash() -> None:
    without = {**TEST, "term_accuracy": None, "term_accuracy_interval": [0.0, 1.0]}
    found = table({**SUMMARY, "distill": {**SUMMARY["distill"], "test": without}}, "The student on")
    assert found["terms as the glossary has them"] == ["–", "–", "–"]


def test_a_student_that_failed_is_told_with_the_measure_and_what_remains() -> None:
    verdict = page_of(outcome(FAILED, Path("r")), "doctorglm run r.yaml").blocks[0]
    assert isinstance(verdict, Verdict) and verdict.passed is False and list(verdict.reasons) == list(reasons(FAILED))
    measure, remains = reasons(FAILED)
    assert measure.en.startswith(
        "The checks take 130 of 500 held-out sentences, 26.0\u202f% [22.3, 30.0]; the lower end"
    )
    assert "500 个留出句中有 130 句通过检查" in measure.zh
    for text in (remains.en, remains.zh):
        assert "sample=N" in text and "distill.pretrained=" in text and "cache=OUT/teacher/.cache.sqlite" in text
    assert [str(row[0]) for row in results_table(FAILED).rows] == ["teacher"]
    assert table(FAILED, "What is in") == {"train.jsonl": ["208", "208"], "valid.jsonl": ["23", "23"]}


@pytest.mark.parametrize("summary", [SUMMARY, FAILED], ids=["passed", "failed"])
@pytest.mark.parametrize(("locale", "title"), [("en-GB", "Things in Chinese"), ("zh-CN", "译成中文")])
def test_the_page_in_a_browser(chromium: Any, tmp_path: Path, summary: dict[str, Any], locale: str, title: str) -> None:
    path = write_report(outcome(summary, tmp_path), "doctorglm run r.yaml --out r")
    browsing = chromium.new_context(locale=locale, viewport={"width": 360, "height": 800})
    tab, said, asked = browsing.new_page(), [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    assert tab.title() == title
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    seen = tab.inner_text("body")
    browsing.close()

    own = ("46.0", "3,000", "1,683") if summary["passed"] else ("26.0", "4,700", "208")
    for figure in (*own, "231", "doctorglm run r.yaml --out r"):
        assert figure in seen
    assert said == [] and asked == [path.as_uri()]
