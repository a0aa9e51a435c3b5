"""Damage of every kind: cut anywhere, two encodings, a line without an end, fields of 10 MB; never silent."""

import gzip
import io
import json
import random
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pyarrow
import pytest
from pyarrow import parquet

from doctorglm.__main__ import main
from doctorglm.curate.sources import Entry, read
from doctorglm.errors import DataError
from doctorglm.files.found import SourceFile

RECORDS = [
    {
        "question": f"第{i}位病人头痛{i}天，怎么办？",
        "answer": f"第{i}位先量血压，再到神经内科检查。{'多休息。' * (i % 5)}",
    }
    for i in range(30)
]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS).encode()


def table(delimiter: str) -> bytes:
    rows = [["question", "answer"], *([r["question"], r["answer"]] for r in RECORDS)]
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


def workbook() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (["question", "answer"], *([r["question"], r["answer"]] for r in RECORDS)):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def columns() -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(RECORDS), out)
    return out.getvalue()


def zipped(data: bytes, name: str = "问诊.jsonl") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def tarred(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("x.jsonl")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def dialogues() -> bytes:
    literals = [{"self_repo": r["question"], "dialog": [r["question"], r["answer"]]} for r in RECORDS]
    return f"train@{literals!r}".encode()


FORMS: dict[str, bytes] = {
    "array.json": json.dumps(RECORDS, ensure_ascii=False).encode(),
    "printed.json": "\n".join(json.dumps(r, ensure_ascii=False, indent=1) for r in RECORDS).encode(),
    "x.jsonl": LINES,
    "x.csv": table(","),
    "x.tsv": table("\t"),
    "gb18030.csv": table(",").decode().encode("gb18030"),
    "utf16.csv": table(",").decode().encode("utf-16"),
    "x.xlsx": workbook(),
    "x.parquet": columns(),
    "spoken.txt": "".join(f"患者：{r['question']}\n医生：{r['answer']}\n\n" for r in RECORDS).encode(),
    "dxy.txt": dialogues(),
    "x.zip": zipped(LINES),
    "x.tar.gz": tarred(LINES),
    "x.jsonl.gz": gzip.compress(LINES, mtime=0),
}
WITH_AN_END = {"array.json", "x.xlsx", "x.parquet", "dxy.txt", "x.zip", "x.tar.gz", "x.jsonl.gz"}
"""Forms that say where they end, so that no cut of them can pass for a whole file."""


def entries(path: Path) -> list[Entry]:
    return [entry for source in read(SourceFile(path, path.name, True)) for entry in source.entries]


def said(entry: Entry) -> list[str]:
    return [m.content for m in entry.conversation.messages] if entry.conversation else []


@pytest.mark.parametrize("name", FORMS)
def test_a_file_cut_anywhere_is_named_or_loses_only_what_was_cut(tmp_path: Path, name: str) -> None:
    """Of what is read, all but the last record are those of the whole file, and no record that began is missing."""
    path = tmp_path / name
    path.write_bytes(FORMS[name])
    whole = [said(entry) for entry in entries(path)]
    assert whole == [[r["question"], r["answer"]] for r in RECORDS]
    draw = random.Random(name)
    for _ in range(40):
        cut = FORMS[name][: draw.randrange(1, len(FORMS[name]) - 1)]
        path.write_bytes(cut)
        try:
            found = entries(path)
        except DataError as error:
            assert str(error).startswith(path.name)
            continue
        assert name not in WITH_AN_END
        assert [said(entry) for entry in found[:-1]] == whole[: len(found) - 1]
        codec = {"gb18030.csv": "gb18030", "utf16.csv": "utf-16"}.get(name, "utf-8")
        begun = sum(f"第{i}位病人" in cut.decode(codec) for i in range(30))
        # a row of which one cell is there is rejected as one with the row before it, which it may belong to
        joined = bool(found) and found[-1].reason == "ragged_row"
        assert begun - joined <= len(found) <= begun + 1


def test_curation_names_what_was_cut_and_counts_a_row_that_is_half_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, data in FORMS.items():
        (folder / name).write_bytes(data if name in ("x.tsv", "x.csv") else data[: len(data) // 2])
    half = ("问题,回答", "头痛怎么办？,先量血压，再去医院。", "胃痛怎么办？,少吃辛辣，饭后服药。", "胸闷怎么办，现在很")
    (folder / "half.csv").write_text("\n".join(half), "utf-8")
    out = tmp_path / "out"
    arguments = ["curate", str(folder), "--out", str(out), "splits=train=1"]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert all(f"corpus/{name}" in err for name in WITH_AN_END)
    assert "--skip-bad" in err
    assert main([*arguments, "--skip-bad"]) == 0
    run = json.loads((out / "run.json").read_text("utf-8"))
    counts = run["counts"]
    assert counts["read"] == counts["kept"] + sum(counts["rejected"].values())
    assert {f["name"] for f in run["files"] if f["damaged"]} >= {f"corpus/{name}" for name in WITH_AN_END}
    rejected = [json.loads(line) for line in (out / "rejected.jsonl").read_text("utf-8").splitlines()]
    assert ("corpus/half.csv", 3, "ragged_row") in [(r["source"], r["row"], r["reason"]) for r in rejected]


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "spoken.txt"])
@pytest.mark.parametrize("packed", [False, True])
def test_two_encodings_in_one_file_are_refused_packed_or_not(tmp_path: Path, name: str, packed: bool) -> None:
    text = FORMS[name].decode()
    data = text.encode() + text.encode("gb18030")
    path = tmp_path / ("x.zip" if packed else name)
    path.write_bytes(zipped(data, name) if packed else data)
    with pytest.raises(DataError, match=rf"^{path.name}.*two encodings in one file: UTF-8 at byte \d+"):
        entries(path)


ENDLESS = {
    "csv": ("title,ask,answer\n头痛,怎么办,", "长"),
    "json": ('[{"question":"头痛","answer":"', "长"),
    "json lines": ('{"question":"头痛","answer":"休息。"}\n{"question":"头痛","answer":"', "长"),
    "json printed": ("{\n", '"a":"bcd",'),
    "spoken": ("患者：头痛\n医生：", "长"),
    "spoken lines": ("患者：头痛\n医生：", "多休息，多喝水，按时吃药，定期复查血压。" * 5 + "\n"),
    "literals": ("train@[{'self_repo':'头痛','dialog':['", "长"),
}
PROGRAM = """
import io, json, resource, sys
from doctorglm import language
from doctorglm.files.archives import Content
from doctorglm.files.formats import format_of
from doctorglm.curate.readers import reader_for
from doctorglm.errors import DataError

class Endless(io.RawIOBase):
    def __init__(self, head, unit, size):
        self.rest, self.unit, self.size = head, unit * (1 + (1 << 20) // len(unit)), size
    def readable(self):
        return True
    def readinto(self, buffer):
        if not self.rest and self.size > 0:
            self.rest, self.size = self.unit, self.size - len(self.unit)
        data, self.rest = self.rest[: len(buffer)], self.rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

language.choose("en")
head, unit = (text.encode() for text in json.loads(sys.argv[1]))
content = Content("x", lambda: io.BufferedReader(Endless(head, unit, int(sys.argv[2]))))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    result = str(sum(1 for _ in format_of(content, lambda columns: reader_for(columns) is not None).rows()))
except DataError as error:
    result = str(error)
print(json.dumps([result, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024]))
"""


def measured(head: str, unit: str, size: int) -> tuple[str, int]:
    """What reading `head` and `unit` over and over came to, rows or an error, and the bytes of memory that it took."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([head, unit]), str(size)], capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    result, memory = json.loads(done.stdout)
    return result, memory


@pytest.mark.parametrize("form", ENDLESS)
def test_a_record_without_an_end_is_an_error_and_takes_bounded_memory(form: str) -> None:
    """300 MB stand for 10 GB: what is held never depends on what follows the first 64 million characters."""
    result, memory = measured(*ENDLESS[form], 300_000_000)
    assert result.startswith("x:")
    assert "a record of more than" in result
    assert memory < 700_000_000, "64 million Chinese characters take 128 MB, and a few copies of them are made"


def test_a_quote_without_an_end_is_one_bad_row_and_takes_bounded_memory() -> None:
    """A cell is looked for in 2,000 lines or 64 million characters, whichever are fewer."""
    for line, most in (("先量血压，再检查。" * 700, 300_000_000), ("a" * 100_000, 600_000_000)):
        result, memory = measured('title,ask,answer\n头痛,怎么办,"', line + "\n", 300_000_000)
        assert result == "1"
        assert memory < most


def test_a_row_over_many_lines_is_bounded_in_all_its_cells_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = '"' + "a" * 30 + '\na","' + "b" * 30 + '\nb"\n'
    (tmp_path / "x.csv").write_text("question,answer\n问,答\n" + row, "utf-8")
    assert [entry.reason for entry in entries(tmp_path / "x.csv")] == ["", ""]
    monkeypatch.setattr("doctorglm.files.formats.table.MAX_RECORD_CHARS", 50)
    assert "ragged_row" in [entry.reason for entry in entries(tmp_path / "x.csv")]


def test_a_literal_of_many_parts_is_refused_before_it_is_parsed() -> None:
    result, memory = measured("train@[[", "'a',", 60_000_000)
    assert result == "x:1: a record of more than 262,144 parts. Remove it."
    assert memory < 200_000_000


def test_a_long_line_of_many_records_is_read_through_a_small_window() -> None:
    result, memory = measured("[", json.dumps({"question": "头痛" * 2000, "answer": "休息。"}) + ",", 100_000_000)
    assert "not JSON: the text ends too early" in result
    assert memory < 50_000_000


def test_a_member_of_one_endless_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zipped(b"question,answer\na," + b"b" * 70_000_000, "问诊.csv"))
    with pytest.raises(DataError, match=r"x\.zip/问诊\.csv:2: a record of more than 67,108,864 characters"):
        entries(tmp_path / "x.zip")


BIG = "头痛三天，先休息一下。" * 1_000_000
"""Eleven million characters."""


def in_a_workbook_that_explodes() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as book, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in book.namelist():
            bomb.writestr(name, b" " * 2_000_000 if name == "xl/theme/theme1.xml" else book.read(name))
    return out.getvalue()


def test_a_workbook_that_explodes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zip and gzip: `test_archives.py`."""
    monkeypatch.setattr("doctorglm.files.archives._FREE_BYTES", 1 << 20)
    (tmp_path / "x.xlsx").write_bytes(in_a_workbook_that_explodes())
    with pytest.raises(DataError, match=r"^x\.xlsx: unpacks to 2,000,000 bytes"):
        entries(tmp_path / "x.xlsx")


def big_in_a_table() -> bytes:
    return f'question,answer\n"{BIG}",休息。\n头痛怎么办？,先量血压。\n'.encode()


def big_in_json_lines() -> bytes:
    records = [{"question": "头痛怎么办？", "answer": text} for text in (BIG, "先量血压。")]
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def big_when_spoken() -> bytes:
    return f"患者：头痛怎么办？\n医生：{BIG}\n\n患者：头痛怎么办？\n医生：先量血压。\n".encode()


def big_in_parquet() -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table({"question": ["头痛怎么办？"] * 2, "answer": [BIG, "先量血压。"]}), out)
    return out.getvalue()


def big_in_literals() -> bytes:
    talks = [{"self_repo": "头痛", "dialog": ["头痛怎么办？", text]} for text in (BIG, "先量血压。")]
    return f"train@{talks!r}".encode()


@pytest.mark.parametrize("form", [big_in_a_table, big_in_json_lines, big_in_parquet, big_in_literals, big_when_spoken])
def test_a_field_of_ten_megabytes_is_read_in_every_form(tmp_path: Path, form: Callable[[], bytes]) -> None:
    (tmp_path / "x").write_bytes(form())
    big, other = (said(entry) for entry in entries(tmp_path / "x"))
    assert BIG in big
    assert "先量血压。" in other


def test_a_field_of_ten_megabytes_costs_its_record_and_nothing_else(tmp_path: Path) -> None:
    source, out = tmp_path / "x", tmp_path / "out"
    source.write_bytes(big_in_json_lines())
    assert main(["curate", str(source), "--out", str(out), "splits=train=1"]) == 0
    counts = json.loads((out / "run.json").read_text("utf-8"))["counts"]
    assert (counts["read"], counts["kept"], counts["rejected"]) == (2, 1, {"too_long": 1})
