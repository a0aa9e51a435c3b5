"""The benchmark of the student: what is held out, and that both sides say and score the same where they should."""

import gzip
import json
import random
from hashlib import sha256
from pathlib import Path

import pytest

import translate as benchmark
from doctorglm.translate.entry import Entry
from doctorglm.translate.student.bulk import Student

from ..translate.student.conftest import trained  # noqa: F401 - a fixture
from ..translate.student.tiny import chinese, english


def _test_document() -> str:
    """The first name whose sha256, as a number, four divides."""
    return next(f"doc{n}" for n in range(99) if int(sha256(f"doc{n}".encode()).hexdigest(), 16) % 4 == 0)


def _other_document() -> str:
    return next(f"doc{n}" for n in range(99) if int(sha256(f"doc{n}".encode()).hexdigest(), 16) % 4)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    seed = random.Random(8)
    texts = [english(seed, 5) for _ in range(24)]
    rows = [{"en": t, "zh": chinese(t), "source": f"{_test_document()}:{n}"} for n, t in enumerate(texts)]
    rows += [{"en": "Hello", "zh": "你好", "source": f"{_other_document()}:1"}]
    path = tmp_path / "pairs.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.write("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_document_is_held_out_whole() -> None:
    of = {benchmark.is_test(f"{_test_document()}:{n}") for n in range(50)}
    assert of == {True} and not benchmark.is_test(f"{_other_document()}:1")


def test_both_sides_are_given_the_same_and_score_alike(
    trained: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr(benchmark, "own_glossary", lambda: [Entry("angina", ("心绞痛",))])  # what it has seen tagged
    found = benchmark.measured(trained, pairs, 1, 1, None)
    ours, theirs = found["ctranslate2"], found["transformers"]
    assert 20 <= found["sentences"] <= found["fields"] <= 24  # what has no words is no field
    assert abs(found["chrf_difference"]) < 3 and ours["chrf"] > 80
    assert found["ratio"] == pytest.approx(ours["tokens_per_s"] / theirs["tokens_per_s"])
    assert ours["rejected"] <= 2 and ours["tokens"] > 40


def test_what_was_rejected_counts_as_nothing_said(trained: Path, pairs: Path) -> None:  # noqa: F811
    student = Student(trained)
    data = benchmark.held_out(pairs, student, None)
    right = {student.source(en): zh for en, zh in data.fields}
    assert benchmark.scores(student, data, right)["chrf"] == pytest.approx(100)
    assert benchmark.scores(student, data, {}) == {"chrf": 0, "bleu": 0}
