"""`doctorglm distill`: a student's folder from pairs, measured on others, and told when it is not good enough."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.distill.stage import Job, distill
from doctorglm.errors import DataError, ModelError
from doctorglm.translate.student.bulk import Student

from .conftest import settings, written

LEARNS: dict[str, Any] = {"epochs": 30, "d_model": 64, "feed_forward": 128, "batch_tokens": 1024, "patience": 0,
                          "validate_every": 40}  # fmt: skip


def test_a_student_learns_translates_and_is_measured(pairs_file: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    lines = [{"en": one.english, "zh": one.chinese, "source": "held"} for one in written(60, seed=9)]
    test.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    job = Job(pairs=[pairs_file], out=tmp_path / "out", test=test)

    record = distill(job, settings(**LEARNS)).record
    held = {line["en"] for line in lines}
    known = {one.english for one in written(400)} & held

    assert record["counts"]["train"] + record["counts"]["valid"] <= 400 - len(known)
    assert record["test"]["sentences"] == 60
    assert record["test"]["chrf"] > 60
    assert record["good_enough"] is (record["test"]["accepted_interval"][0] >= 0.3)
    said = Student(tmp_path / "out" / "student").translate(["We need 12 tablets."])[0].chinese
    assert said is not None
    assert said.startswith("我们需要")
    assert json.loads((tmp_path / "out" / "student" / "student.json").read_text())["tags"] is True


def test_one_that_learned_nothing_is_not_good_enough(pairs_file: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    test.write_text(
        '{"en": "The patient has had a high fever and a cough for two weeks.", "zh": "患者高热、咳嗽已两周。"}\n' * 5
    )
    record = distill(Job(pairs=[pairs_file], out=tmp_path / "out", test=test), settings(max_steps=2)).record

    assert record["good_enough"] is False
    assert record["faults"][0].startswith("accepted 0.000 < 0.3")


def test_terms_are_pairs_but_never_those_of_the_test(pairs_file: Path, tmp_path: Path) -> None:
    test, glossary = tmp_path / "test.jsonl", tmp_path / "terms.tsv"
    test.write_text('{"en": "Gout", "zh": "痛风"}\n', encoding="utf-8")
    glossary.write_text("en\tzh\ngout\t痛风症\nangina\t心绞痛\n", encoding="utf-8")
    given: list[tuple[Path | None, bool]] = [(None, False), (None, True), (test, True)]
    jobs = [(Job(pairs=[pairs_file], glossary=glossary, out=tmp_path / f"{i}", test=of), on)
            for i, (of, on) in enumerate(given)]  # fmt: skip
    counts = [distill(job, settings(max_steps=1, term_pairs=on)).record["counts"] for job, on in jobs]

    assert [one["train"] - counts[0]["train"] for one in counts] == [0, 2, 1]


def test_a_finished_run_is_returned_as_it_is(pairs_file: Path, tmp_path: Path) -> None:
    job = Job(pairs=[pairs_file], out=tmp_path / "out", glossary=None)
    first = distill(job, settings(max_steps=2)).record
    weights = (tmp_path / "out" / "student" / "model.safetensors").stat().st_mtime_ns

    assert distill(job, settings(max_steps=2)).record == first
    assert (tmp_path / "out" / "student" / "model.safetensors").stat().st_mtime_ns == weights
    assert first["good_enough"] is None


def test_a_checkpoint_is_trained_on(pairs_file: Path, tmp_path: Path) -> None:
    distill(Job(pairs=[pairs_file], out=tmp_path / "first"), settings(max_steps=60, **{**LEARNS, "epochs": 10}))
    start = tmp_path / "first" / "student"
    more = distill(Job(pairs=[pairs_file], out=tmp_path / "more"), settings(pretrained=str(start), epochs=1)).record
    fresh = distill(Job(pairs=[pairs_file], out=tmp_path / "fresh"), settings(epochs=1)).record

    assert more["training"]["valid_loss"] < 0.7 * fresh["training"]["valid_loss"]


@pytest.mark.parametrize("made", ["missing", "empty"])
def test_a_folder_that_is_no_checkpoint_is_told(pairs_file: Path, tmp_path: Path, made: str) -> None:
    folder = tmp_path / "none"
    if made == "empty":
        folder.mkdir()
    with pytest.raises((ModelError, DataError)) as told:
        distill(Job(pairs=[pairs_file], out=tmp_path / "out"), settings(pretrained=str(folder)))

    assert "none" in told.value.text.en


def test_pairs_that_are_all_held_out_leave_nothing_to_train_on(pairs_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as told:
        distill(Job(pairs=[pairs_file], out=tmp_path / "out", test=pairs_file), settings())

    assert "nothing is left" in told.value.text.en


def test_no_label_of_hpo_is_learned(pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their licence wants them unaltered; a translator is told them, a student's weights do not hold them."""
    monkeypatch.setattr("doctorglm.translate.told_terms.hpo_labels", lambda: pytest.fail("HPO's labels were read"))
    record = distill(Job(pairs=[pairs_file], out=tmp_path / "out"), settings(max_steps=1, own_terms=True)).record

    assert record["counts"]["train"] > 300
