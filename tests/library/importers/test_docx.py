"""Word documents: headings by style, by outline level or as known lines; tables, lists, damage."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pytest

from doctorglm.errors import DataError
from doctorglm.library.importers import reading

from .kit import keys, only, read, told, write


def made(path: Path, fill: Callable[[Any], object], title: str = "") -> Path:
    document = docx.Document()
    document.core_properties.title = title
    fill(document)
    document.save(str(path))
    return path


def styled(document: Any) -> None:
    document.add_heading("痛风", 1)
    document.add_paragraph("关节的病。")
    document.add_heading("病因", 2)
    document.add_paragraph("尿酸太高。")
    document.add_heading("诱因", 3)
    document.add_paragraph("饮酒", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip((c for row in table.rows for c in row.cells), ("食物", "嘌呤", "内脏", "高"), strict=True):
        cell.text = text
    document.add_heading("治疗", 2)
    document.add_paragraph("少喝酒。")
    document.add_heading("预防复发", 3)
    document.add_paragraph("多喝水。")


def test_headings_by_their_styles(tmp_path: Path) -> None:
    document = only(made(tmp_path / "a.docx", styled))
    assert document.title == "痛风"
    assert told(document) == {
        "概述": "关节的病。",
        "病因": "尿酸太高。\n诱因\n- 饮酒\n食物 | 嘌呤\n内脏 | 高",
        "治疗": "少喝酒。",
        "预防复发": "多喝水。",
    }
    assert keys(document) == ["overview", "causes", "treatment", "prevention"]
    assert document.kind == "disease"


def test_the_title_of_the_properties_or_a_paragraph_in_that_style(tmp_path: Path) -> None:
    def leaflet(document: Any) -> None:
        document.add_heading("阿莫西林胶囊说明书", 0)
        for text in ("【适应症】用于敏感菌感染。", "【用法用量】遵医嘱。", "饭后服。", "【禁忌】青霉素过敏者禁用。"):
            document.add_paragraph(text)

    drug = only(made(tmp_path / "a.docx", leaflet, title="别的"))
    assert (drug.title, drug.kind) == ("阿莫西林胶囊说明书", "drug")
    assert told(drug) == {"适应症": "用于敏感菌感染。", "用法用量": "遵医嘱。\n饭后服。", "禁忌": "青霉素过敏者禁用。"}
    assert only(made(tmp_path / "b.docx", styled, title="痛风指南")).title == "痛风指南"


def test_known_lines_are_headings_where_no_style_is(tmp_path: Path) -> None:
    def plain(document: Any) -> None:
        for text in (
            "痛风",
            "一、病因",
            "尿酸太高，治疗后会下降。",
            "（二）临床表现：",
            "关节疼。",
            "Treatment",
            "Rest.",
        ):
            document.add_paragraph(text)

    document = only(made(tmp_path / "a.docx", plain))
    assert document.title == "痛风"
    assert told(document) == {"病因": "尿酸太高，治疗后会下降。", "临床表现": "关节疼。", "Treatment": "Rest."}


def test_the_outline_level_of_a_paragraph_makes_it_a_heading(tmp_path: Path) -> None:
    def outlined(document: Any) -> None:
        document.add_paragraph("痛风", style="Title")
        for text, level in (("发作的特点", 1), ("夜里突然疼。", 9), ("饮食", 1), ("低嘌呤。", 9)):
            properties = document.add_paragraph(text)._p.get_or_add_pPr()
            element = docx.oxml.OxmlElement("w:outlineLvl")
            element.set(docx.oxml.ns.qn("w:val"), str(level))
            properties.append(element)

    assert told(only(made(tmp_path / "a.docx", outlined))) == {"发作的特点": "夜里突然疼。", "饮食": "低嘌呤。"}


def test_an_empty_document_and_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has a title and no text"):
        read(made(tmp_path / "empty.docx", lambda document: document.add_heading("痛风", 1)))
    whole = made(tmp_path / "a.docx", styled).read_bytes()
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name)[:-300] if name == "word/document.xml" else before.read(name))
    (tmp_path / "damaged.docx").write_bytes(out.getvalue())
    with pytest.raises(DataError, match=r"the Word document is damaged.*save it again"):
        read(tmp_path / "damaged.docx")


def test_a_document_within_an_archive(tmp_path: Path) -> None:
    made(tmp_path / "a.docx", styled)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "a.docx", "痛风.docx")
    assert only(tmp_path / "all.zip").title == "痛风"


def test_what_is_named_docx_and_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"named \.docx, but it holds something else"):
        read(write(tmp_path / "a.docx", "痛风：尿酸太高。"))
    (tmp_path / "b.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000))
    with pytest.raises(DataError, match=r"Word or Excel 97-2003. Save it as \.docx"):
        read(tmp_path / "b.doc")


def test_text_that_unpacks_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "a.docx", lambda document: [document.add_paragraph("痛风会疼。" * 100) for _ in range(400)])
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("doctorglm.library.importers.docx.LIMIT_BYTES", 200_000)
    monkeypatch.setattr(reading, "LIMIT_BYTES", 200_000)
    with pytest.raises(DataError, match="unpacks to more than"):
        read(path)
