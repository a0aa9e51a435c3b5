"""PDFs with Chinese text: headings, pages as sources, running heads, broken lines and words, and those without text."""

from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.library.importers.blocks import Block, sections_of
from doctorglm.library.importers.pages import Line, joined, paragraphs, without_edges

from .kit import keys, only, pdf, read, told

PAGES = [
    ["门诊手册 2026", "痛风", "病因", "血液里的尿酸太高，结晶沉积在关节里，会引起炎症，常在夜", "间发作。", "- 1 -"],
    [
        "门诊手册 2026",
        "饮酒和海鲜是常见的诱因，肥胖、高血压的人更容易得这个病",
        "二、临床表现",
        "大脚趾突然疼。",
        "- 2 -",
    ],
    ["门诊手册 2026", "治疗", "急性期休息，抬高患肢，在医生指导下用药，不要自己停药，也", "- 3 -"],
    ["门诊手册 2026", "不要自己加量。", "平时多喝水。", "预后", "多数人控制得好。", "- 4 -"],
]


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_chinese_pdf(tmp_path: Path) -> None:
    document = only(saved(tmp_path / "a.pdf", pdf(PAGES)))
    assert document.title == "痛风"
    assert told(document) == {
        "病因": "血液里的尿酸太高，结晶沉积在关节里，会引起炎症，常在夜间发作。\n"
        "饮酒和海鲜是常见的诱因，肥胖、高血压的人更容易得这个病",
        "临床表现": "大脚趾突然疼。",
        "治疗": "急性期休息，抬高患肢，在医生指导下用药，不要自己停药，也不要自己加量。\n平时多喝水。",
        "预后": "多数人控制得好。",
    }
    assert [section.source for section in document.sections] == ["p. 1-2", "p. 2", "p. 3-4", "p. 4"]
    assert keys(document) == ["causes", "symptoms", "treatment", "prognosis"]


def test_the_outline_and_the_title_of_the_metadata(tmp_path: Path) -> None:
    pages = [["痛风", "为什么会疼", "尿酸太高。"], ["怎么吃", "少喝酒，多喝水。"]]
    data = pdf(pages, title="痛风", outline=[("为什么会疼", 0), ("怎么吃", 1)])
    document = only(saved(tmp_path / "a.pdf", data))
    assert document.title == "痛风"
    assert told(document) == {"为什么会疼": "尿酸太高。", "怎么吃": "少喝酒，多喝水。"}
    assert [section.source for section in document.sections] == ["p. 1", "p. 2"]


@pytest.mark.parametrize("title", ["Microsoft Word - 痛风.doc", "untitled", "final.docx"])
def test_a_title_that_a_program_wrote_is_none(tmp_path: Path, title: str) -> None:
    assert only(saved(tmp_path / "a.pdf", pdf(PAGES, title=title))).title == "痛风"


def test_a_leaflet_with_headings_in_its_lines(tmp_path: Path) -> None:
    pages = [
        [
            "阿莫西林胶囊说明书",
            "【适应症】用于敏感菌所致的感染，由医生判断是否合",
            "适。",
            "【用法用量】遵医嘱。",
            "【禁忌】青霉素过敏者禁用。",
        ]
    ]
    document = only(saved(tmp_path / "a.pdf", pdf(pages)))
    assert (document.title, document.kind) == ("阿莫西林胶囊说明书", "drug")
    assert told(document) == {
        "适应症": "用于敏感菌所致的感染，由医生判断是否合适。",
        "用法用量": "遵医嘱。",
        "禁忌": "青霉素过敏者禁用。",
    }


def test_a_scan_is_refused_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no text on its 3 pages.*ocrmypdf"):
        read(saved(tmp_path / "a.pdf", pdf([[], ["1"], []])))


def test_an_encrypted_one_is_refused_unless_it_opens_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"encrypted\. Remove its password"):
        read(saved(tmp_path / "a.pdf", pdf(PAGES, password="secret")))
    assert only(saved(tmp_path / "b.pdf", pdf(PAGES, password=""))).title == "痛风"


def test_what_is_no_pdf_or_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file is empty"):
        read(saved(tmp_path / "a.pdf", b""))
    with pytest.raises(DataError, match=r"named \.pdf, but it holds a web page, perhaps an error of the site"):
        read(saved(tmp_path / "a.pdf", b"<!DOCTYPE html><html><body>404</body></html>"))
    with pytest.raises(DataError, match=r"named \.pdf, but it holds something else"):
        read(saved(tmp_path / "a.pdf", bytes(range(256)) * 20))
    with pytest.raises(DataError, match="the PDF is damaged"):
        read(saved(tmp_path / "a.pdf", pdf(PAGES)[:300]))


def test_a_pdf_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    assert only(saved(tmp_path / "痛风.dat", b"\n" + pdf(PAGES))).title == "痛风"


def test_running_heads_go_and_repeated_text_stays() -> None:
    pages = [
        "手册 第1章\n同一句话\n甲\n乙\n丙\n同一句话\n1 / 3",
        "手册 第1章\n丁\n同一句话\n戊\n己\n庚\n2 / 3",
        "手册 第2章\n辛\n壬\n癸\n子\n丑\n3 / 3",
    ]
    kept = without_edges(pages)
    assert kept == [
        ["同一句话", "甲", "乙", "丙", "同一句话"],
        ["丁", "同一句话", "戊", "己", "庚"],
        ["辛", "壬", "癸", "子", "丑"],
    ]
    assert without_edges(["甲\n乙\n丙\n- 7 -", "第 8 页\n丁\n戊\n己"]) == [["甲", "乙", "丙"], ["丁", "戊", "己"]]
    assert without_edges(["只有一页\n12"]) == [["只有一页", "12"]]


def test_a_paragraph_over_the_end_of_a_page_has_both_pages_for_its_source() -> None:
    blocks = [Block("病因", 1, 1), Block("尿酸太高。", 0, 1, 2), Block("治疗", 1, 3), Block("休息。", 0, 3, 3)]
    assert [section.source for section in sections_of(blocks, 2)] == ["p. 1-2", "p. 3"]


def test_words_and_lines_are_put_together() -> None:
    def put(*lines: str) -> list[str]:
        return [joined(part) for part in paragraphs([Line(text, 1) for text in lines])]

    assert put("The inflam-", "mation of a joint is called", "arthritis. It is common.") == [
        "The inflammation of a joint is called arthritis. It is common."
    ]
    assert put("Give beta-", "Blockers only as told by a doctor") == ["Give beta- Blockers only as told by a doctor"]
    assert put("多休息，不要熬夜，按时吃饭，少", "喝酒。", "• 多喝水", "• 少吃盐") == [
        "多休息，不要熬夜，按时吃饭，少喝酒。",
        "- 多喝水",
        "- 少吃盐",
    ]
