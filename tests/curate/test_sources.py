"""Files are found in order, recognised by content, and their records get ids that names do not change."""

import json
import os
import shutil
from pathlib import Path

import pytest

from doctorglm.curate.sources import Entry, FileReport, licence_beside, read
from doctorglm.errors import DataError
from doctorglm.files.found import SourceFile, find_files, printable

CMD = "department,title,ask,answer\n内科,高血压怎么办,我有高血压，怎么办,低盐饮食。\n外科,骨折,骨折了怎么办,去医院。\n"
LINES = '{"instruction": "头痛怎么办", "output": "休息。"}\n{"instruct": "发烧呢", "output": "喝水。"}\n'


def read_file(file: SourceFile) -> tuple[FileReport, list[Entry]]:
    (source,) = read(file)
    return source.report, list(source.entries)


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_files_come_in_order_once_each_and_hidden_ones_not(tmp_path: Path) -> None:
    for name in ("b/2.csv", "b/1.csv", "a/1.csv", "b/.hidden"):
        write(tmp_path / name, CMD)
    names = [f.name for f in find_files([tmp_path / "b", tmp_path / "a/1.csv", tmp_path / "b/1.csv"])]
    assert names == ["b/1.csv", "b/2.csv", "1.csv"]


def test_two_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    files = find_files([write(tmp_path / "a/x.csv", CMD), write(tmp_path / "b/x.csv", CMD)])
    assert [f.name for f in files] == ["x.csv", "x.csv (2)"]


def test_a_name_that_is_no_text_can_still_be_written() -> None:
    assert printable(Path(os.fsdecode(b"a/\xff\xe5\x86\x85.csv"))) == "a/\\xff内.csv"


@pytest.mark.parametrize("name", ["missing.csv", "empty"])
def test_nothing_to_read_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"{name}: no such file, or a folder without files"):
        find_files([tmp_path / name])


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.txt", "x"])
def test_the_suffix_does_not_count(tmp_path: Path, name: str) -> None:
    for text, sources in ((CMD, ["cmd", "cmd"]), (LINES, ["alpaca", "cmtmedqa"])):
        _, entries = read_file(find_files([write(tmp_path / name, text)])[0])
        assert [e.conversation.source for e in entries if e.conversation] == sources


def test_ids_depend_on_the_content_alone(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", CMD.encode("gb18030"))
    second = write(tmp_path / "乙/b.txt", b"\xef\xbb\xbf" + "\n".join(CMD.split("\n")[i] for i in (0, 2, 1)).encode())
    one, two = ([e.id for e in read_file(find_files([path])[0])[1]] for path in (first, second))
    assert one == two[::-1]
    # sha256 of {"answer": "低盐饮食。", "ask": "我有高血压，怎么办", "department": "内科", "title": "高血压怎么办"}
    assert one[0] == "cmd-de320666360f3e0a"


def test_an_id_of_ours_is_kept_and_any_other_is_not_written(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
    records = [{"id": i, "messages": messages} for i in ("cmd-0123456789abcdef", "病历号 00123", None)]
    path = write(tmp_path / "x", json.dumps(records))
    kept, other, none = (e.id for e in read_file(find_files([path])[0])[1])
    assert kept == "cmd-0123456789abcdef"
    assert other == none
    assert other.startswith("dialogue-")


def test_provenance_is_kept_or_found(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "LICENSE", tmp_path / "LICENSE")
    turn = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Fine."}]
    own = {"messages": turn, "source": "ours", "licence": "MIT", "department": "内科", "meta": {"k": 1}}
    path = write(tmp_path / "x", json.dumps([own, {"messages": turn}]))
    first, second = (e.conversation for e in read_file(find_files([path])[0])[1])
    assert first is not None
    assert second is not None
    assert (first.source, first.licence, first.department, first.meta) == ("ours", "MIT", "内科", {"k": 1})
    assert (second.source, second.licence, second.language) == ("dialogue", "Apache-2.0", "en")
    assert licence_beside(tmp_path / "sub/none") == ""


def test_what_cannot_be_read_is_an_entry_with_its_row_and_reason(tmp_path: Path) -> None:
    records = [{"instruction": "问", "output": "答。"}, 7, {"other": 1}, {"instruction": {}, "output": "答。"}]
    _, entries = read_file(find_files([write(tmp_path / "x", json.dumps(records))])[0])
    assert [(e.row, e.reason, e.conversation is None) for e in entries] == [
        (1, "", False),
        (2, "not_an_object", True),
        (3, "unknown_keys", True),
        (4, "not_text", True),
    ]
    assert len({e.id for e in entries}) == 4


@pytest.mark.parametrize(
    ("data", "skipped", "error"),
    [
        (b"MIT License\n\nCopyright", "no records", "empty, or no table"),
        (b"", "no records", "empty"),
        (b"Hello, world\nand, more\n", "unknown keys ['hello', 'world']", "keys .'hello', 'world'."),
        (b'{"task": "x"}', "unknown keys ['task']", "keys .'task'."),
        (b'{"text": "x", "source": "s", "licence": "MIT"}', "documents for pretraining", None),
        (b"\x89PNG" + bytes(50), "not text", "not text|no text"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "not text", "Excel 97-2003: save it as .xlsx"),
    ],
)
def test_a_file_without_dialogues_is_skipped_in_a_folder_and_refused_by_itself(
    tmp_path: Path, data: bytes, skipped: str, error: str | None
) -> None:
    path = write(tmp_path / "folder/x", data)
    report, entries = read_file(find_files([tmp_path / "folder"])[0])
    assert (report.skipped, entries) == (skipped, [])
    if error:
        with pytest.raises(DataError, match=error):
            read_file(find_files([path])[0])
    else:
        assert read_file(find_files([path])[0])[0].skipped == skipped


def test_a_file_that_the_system_refuses_is_an_error(tmp_path: Path) -> None:
    (file,) = find_files([write(tmp_path / "x", CMD)])
    file.path.unlink()
    with pytest.raises(DataError, match="x: cannot be read"):
        read_file(file)
