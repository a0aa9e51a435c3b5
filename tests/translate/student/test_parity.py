"""CTranslate2 says what transformers' own `generate` says, with float32 weights to the token."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import MarianMTModel

from doctorglm.translate.student.bulk import Student, StudentSettings, batched
from doctorglm.translate.student.decoding import END, Tokens

from .tiny import chinese, english

SHORT = ["Hello", "Hi.", "No", "Yes", "Yes?", "Hello hello", "No!"]


@pytest.fixture(scope="module")
def sources() -> list[str]:
    seed = random.Random(2)
    return [*SHORT, *(english(seed) for _ in range(200 - len(SHORT)))]


@pytest.fixture(scope="module")
def reference(trained: Path) -> MarianMTModel:
    return MarianMTModel.from_pretrained(trained).eval()


def generated(model: MarianMTModel, student: Student, sources: Sequence[str], beam: int) -> list[Tokens]:
    """What transformers says, without its signs."""
    said = []
    for start in range(0, len(sources), 25):
        batch = student._tokenizer(list(sources[start : start + 25]), padding=True, return_tensors="pt")
        with torch.no_grad():
            rows = model.generate(**batch, num_beams=beam, max_length=100, length_penalty=1.0, early_stopping=False)
        for row in rows.tolist():
            words = student._tokenizer.convert_ids_to_tokens(row[1:])
            assert END in words
            said.append(tuple(words[: words.index(END)]))
    return said


def decoded(student: Student, sources: Sequence[str]) -> list[Tokens]:
    """What the student's engine says in one search, batched as in bulk."""
    batches = list(batched([(text, student.tokens(student.source(text))) for text in dict.fromkeys(sources)], 256))
    found = student._engine.decode([tuple(tokens for _, tokens in batch) for batch in batches])
    said = {text: one.tokens for batch, some in zip(batches, found, strict=True)
            for (text, _), one in zip(batch, some, strict=True)}  # fmt: skip
    return [said[text] for text in sources]


@pytest.fixture(autouse=True)
def _one_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second try, and nothing that is taken for a loop: what is compared is the search."""
    monkeypatch.setattr("doctorglm.translate.student.decoding._AGAIN", ())
    monkeypatch.setattr("doctorglm.translate.student.decoding.loops", lambda *_: False)


@pytest.mark.parametrize("beam", [1, 4])
def test_float32_says_the_same_to_the_token(
    beam: int, trained: Path, reference: MarianMTModel, sources: list[str]
) -> None:
    student = Student(trained, StudentSettings(precision="float32", beam=beam))
    said = decoded(student, sources)
    assert said == generated(reference, student, sources, beam)
    assert len({len(one) for one in said}) >= 6  # of many lengths, none empty
    assert all(said)


@pytest.mark.parametrize(("beam", "least"), [(1, 0.97), (4, 0.93)])
def test_int8_says_nearly_the_same(
    beam: int, least: float, trained: Path, reference: MarianMTModel, sources: list[str]
) -> None:
    student = Student(trained, StudentSettings(beam=beam))
    pairs = list(zip(decoded(student, sources), generated(reference, student, sources, beam), strict=True))
    assert sum(ours == theirs for ours, theirs in pairs) >= least * len(pairs)


def test_short_texts_come_back_short_and_right(trained: Path) -> None:
    texts = ["Hello", "Hi.", "No", "Yes", "No!"]
    assert [one.chinese for one in Student(trained).translate(texts)] == [chinese(text) for text in texts]


def test_the_start_that_training_moved_is_part_of_the_model(trained: Path) -> None:
    """CTranslate2 starts from a zero embedding; with this one as it is, parity above would be an accident."""
    start = load_file(trained / "model.safetensors")["model.shared.weight"][-1]
    assert start.norm() > 0.1
