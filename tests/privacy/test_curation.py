"""Curation keeps, rejects, names and leaves behind nothing that identifies anybody."""

import csv
import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from doctorglm.conversation import read_conversations
from doctorglm.curate.filters import chain

from .patients import Writer, rejected, table, write_lines
from .scene import EN, SOUGHT, ZH, Scene, of

MODES = {
    "default": (),
    "surrogates": ("deidentify=surrogates",),
    "rules": ("names=rules", "--review", "5"),
    "limit": ("--limit", "20", "splits=train=0.9,test=0.1", "normalise=mend,nfc,html,widths,simplify"),
}


@pytest.mark.parametrize("mode", MODES)
def test_curation_writes_no_identifier(scene: Scene, mode: str) -> None:
    out = scene.written / mode
    assert scene.run("curate", scene.sources, "--out", out, *MODES[mode]) == 0
    kept = read_conversations(out / "train.jsonl")
    assert sum(len(conversation.turns) for conversation in kept) >= 10
    assert scene.leaks() == {}


def test_a_file_that_is_called_after_a_patient_is_found_by_its_name(scene: Scene) -> None:
    (path,) = scene.sources.glob("* 记录.json")
    assert SOUGHT.found(path.name.encode())
    out = scene.written / "held out"
    names = (f"held_out=sources/{path.name}", "only=sources/gb18030.csv")
    assert scene.run("curate", scene.sources, "--out", out, *names, "filters=empty") == 0
    assert len(list(read_conversations(out / "test.jsonl"))) == 1
    assert scene.run("curate", scene.sources, "--out", out, *names, "filters=roles") == 2
    assert scene.leaks() == {}


def test_records_rejected_for_every_reason_show_none(scene: Scene, world: Path) -> None:
    stock = {
        "question": "高血压病人平时饮食要注意什么？",
        "answer": "低盐饮食，按时服药，两周后到心内科复诊，并且每天早晚各量一次血压。",
    }
    writer = Writer("zh", ZH, 4)
    leak = {"question": stock["question"] + writer.sentence(), "answer": stock["answer"] + writer.told()}
    folder = world / "reasons"
    write_lines(folder / "one.json", [record for _, record in rejected(writer)])
    write_lines(folder / "two.json", [leak, *(writer.instruction() for _ in range(6))])
    (folder / "three.csv").write_text(table([writer.row(), writer.row()[:4]]), "utf-8")
    benchmark = write_lines(world / "benchmarks" / f"{ZH[0].literal} {ZH[1].literal}.jsonl", [stock])
    out = scene.written / "reasons"
    assert scene.run("curate", folder, "--out", out, "--decontaminate", benchmark, "--limit", "4") == 0
    expected = {reason for reason, _ in rejected(Writer("zh", ZH, 4)) if reason}
    found = Counter(record["reason"] for record in of(out, "rejected.jsonl"))
    assert set(found) >= expected | {"contaminated", "over_limit", "ragged_row"}
    assert len(chain.__globals__["_FILTERS"]) <= len(expected), "a new filter needs a record in `rejected`"
    assert scene.leaks() == {}


def test_without_deidentification_only_what_is_kept_holds_any(scene: Scene, world: Path) -> None:
    out = world / "as it is"
    assert scene.run("curate", scene.sources, "--out", out, "deidentify=none") == 0
    kept = {name: (out / name).unlink() for name in ("train.jsonl", "valid.jsonl", "test.jsonl")}
    assert len(kept) == 3
    assert SOUGHT.below(out) == {}
    assert scene.leaks() == {}


def test_dialogues_in_english_of_a_public_corpus(scene: Scene, world: Path, shared: Path) -> None:
    corpus = shared / "data" / "corpora" / "mts-dialog" / "MTS-Dialog-TrainingSet.csv"
    with corpus.open(encoding="utf-8", newline="") as file:
        header, *rows = itertools.islice(csv.reader(file), 121)
    writer = Writer("en", EN, 5)
    for row in rows:
        lines = row[3].split("\n")
        row[2] += f" {writer.sentence()}"
        row[3] = "\n".join(f"{line.rstrip()} {writer.sentence()}" if line.strip() else line for line in lines)
    path = world / "mts" / "MTS-Dialog.csv"
    path.parent.mkdir()
    path.write_text(table(rows, header), "utf-8")
    for mode in ("placeholders", "surrogates"):
        out = scene.written / f"mts-{mode}"
        assert scene.run("curate", path, "--out", out, f"deidentify={mode}", "splits=train=1") == 0
        assert len(list(read_conversations(out / "train.jsonl"))) > 50
    assert scene.leaks() == {}


def test_what_a_killed_run_leaves(scene: Scene, world: Path) -> None:
    """Killed as soon as a chunk is kept, with all processes."""
    folder = world / "many"
    for n in range(6):
        writer = Writer("zh", ZH, 20 + n)
        write_lines(folder / f"{n}.jsonl", [writer.instruction() for _ in range(150)])
    out = scene.written / "killed"
    command = [sys.executable, "-m", "doctorglm", "curate", str(folder), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with (scene.written / "stderr").open("wb") as err:
        process = subprocess.Popen(command, env=environment, stderr=err, stdout=err, start_new_session=True)
        deadline = time.monotonic() + 60
        while not list(out.glob(".curate/*.passed.jsonl")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert list(out.glob(".curate/*.passed.jsonl"))
    assert scene.leaks() == {}
