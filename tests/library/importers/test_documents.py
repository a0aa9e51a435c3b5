"""Files of every kind in one folder or archive: who reads them, what is left out and why, limits and ids."""

import gzip
import zipfile
from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.library.importers import VERSION, entry, reading

from .kit import only, read, write

GOUT = "# 痛风\n\n## 病因\n\n尿酸太高。\n"


def test_what_is_no_entry_is_left_out_of_a_folder_with_its_reason(tmp_path: Path) -> None:
    folder = tmp_path / "资料"
    write(folder / "痛风.md", GOUT)
    write(folder / "README.md", "# 说明\n\n怎么用。\n")
    write(folder / "LICENSE", "MIT License\n")
    write(folder / "style.css", "h1 { color: red }\n")
    write(folder / "空.html", " \n")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8" + bytes(4000))
    write(folder / "page.html", "<html><h1>感冒</h1><p>病毒引起。</p></html>")
    write(folder / "page_files" / "ad.html", "<html><h1>广告</h1><p>买药。</p></html>")
    write(folder / "other_files" / "咳嗽.txt", "咳嗽要多喝水。\n")
    write(folder / "saved.mht", "From: <Saved by>\nMIME-Version: 1.0\nContent-Type: multipart/related;\n\n<html>\n")
    documents, skipped = read(folder)
    assert {document.title for document in documents} == {"痛风", "感冒", "咳嗽"}
    reasons = {one.where.removeprefix("资料/"): one.reason.en for one in skipped}
    assert {name: reason.split(".")[0].split(" (")[0] for name, reason in reasons.items()} == {
        "LICENSE": "about the other files, no entry",
        "README.md": "about the other files, no entry",
        "page_files/ad.html": "a part of the saved page beside its folder",
        "photo.jpg": "no text, and no format that is read here",
        "saved.mht": "a page saved as one file",
        "style.css": "no format that is read here",
        "空.html": "the file is empty",
    }
    assert all(one.reason.zh and one.reason.zh != one.reason.en for one in skipped)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jpg", b"\xff\xd8" + bytes(4000), "no text, and no format"),
        ("a.css", b"h1 {}", r"no format that is read here \(\.css\)"),
        ("a.md", b"", "the file is empty"),
        ("a.md", b"# \xe7\x97\x9b\xe9\xa3\x8e\n", "'痛风' has a title and no text"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + bytes(600), r"a file of Word or Excel 97-2003\. Save it as \.docx or \.xlsx"),
    ],
)
def test_a_file_that_was_named_itself_must_give_something(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name}: {said}") as raised:
        read(tmp_path / name)
    assert raised.value.text.zh.startswith(f"{name}：")


def test_a_readme_that_was_named_itself_is_read(tmp_path: Path) -> None:
    assert only(write(tmp_path / "README.md", GOUT)).title == "痛风"


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.md", "痛风会疼。\n" * 1000)
    with path.open("r+b") as stream:
        stream.truncate(200 << 20)
    with pytest.raises(DataError, match="larger than 64 MB, the limit"):
        read(path)


def test_the_limit_holds_for_texts_and_not_for_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert entry.LIMIT_BYTES == 64 << 20
    monkeypatch.setattr(reading, "LIMIT_BYTES", 2000)
    table = "疾病,病因\n" + "".join(f"病{i},病毒{i}。\n" for i in range(300))
    assert len(table.encode()) > 4000
    assert len(read(write(tmp_path / "a.csv", table))[0]) == 300
    with pytest.raises(DataError, match="the limit"):
        read(write(tmp_path / "a.html", f"<html><h1>痛风</h1><p>{'疼。' * 1000}</p></html>"))
    assert only(write(tmp_path / "b.html", f"<html><h1>痛风</h1><p>{'疼。' * 100}</p></html>")).title == "痛风"


def test_an_archive_of_several_formats(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("痛风.md", GOUT)
        archive.writestr("pages/感冒.html", "<html><h1>感冒</h1><p>病毒引起。</p></html>".encode("gbk"))
        archive.writestr("表.csv", "疾病,病因\n百日咳,细菌。\n")
        archive.writestr("photo.jpg", b"\xff\xd8" + bytes(4000))
        archive.writestr("inner.zip", b"PK\3\4" + bytes(100))
    documents, skipped = read(tmp_path / "all.zip")
    assert [document.title for document in documents] == ["痛风", "感冒", "百日咳"]
    assert {one.where: one.reason.en.split(".")[0] for one in skipped} == {
        "all.zip/photo.jpg": "no text, and no format that is read here",
        "all.zip/inner.zip": "an archive inside an archive",
    }


def test_a_packed_file_is_read_by_its_own_suffix(tmp_path: Path) -> None:
    (tmp_path / "痛风.md.gz").write_bytes(gzip.compress(GOUT.replace("# 痛风\n", "").encode()))
    assert only(tmp_path / "痛风.md.gz").title == "痛风"


def test_an_archive_that_leaves_its_folder_or_explodes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../痛风.md", GOUT)
    with pytest.raises(DataError, match="outside of the archive's folder"):
        read(tmp_path)
    (tmp_path / "a.zip").unlink()
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("痛风.md", b"# " + bytes(300 << 20))
    with pytest.raises(DataError, match="times what it was packed to"):
        read(tmp_path)


def test_two_entries_of_one_id_in_an_archive(tmp_path: Path) -> None:
    page = f"---\nid: gout\n---\n{GOUT}"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.md", page)
        archive.writestr("y.md", page)
    with pytest.raises(DataError, match=r"a\.zip/y\.md: the id 'gout' stands at a\.zip/x\.md already"):
        read(tmp_path / "a.zip")


def test_an_id_depends_on_title_and_source_alone(tmp_path: Path) -> None:
    first = only(write(tmp_path / "x" / "a.md", GOUT)).id
    assert first == only(write(tmp_path / "y" / "a.md", GOUT.replace("尿酸太高", "尿酸过高"))).id
    assert first != only(write(tmp_path / "x" / "b.md", GOUT)).id
    assert first != only(write(tmp_path / "z" / "a.md", GOUT.replace("痛风", "假痛风"))).id
    assert only(write(tmp_path / "c.md", "# Low Back Pain (LBP)!\n\nIt hurts.\n")).id.startswith("low-back-pain-lbp-")


def test_the_version_is_a_number() -> None:
    assert VERSION >= 1
