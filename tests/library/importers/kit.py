"""What the tests of importers share: reading a file as `library build` does, and PDFs written by hand."""

import io
from collections.abc import Sequence
from pathlib import Path

import pypdf

from doctorglm.files.found import find_files
from doctorglm.library.document import Document
from doctorglm.library.importers import Mapping, Skipped, documents


def read(path: Path, mapping: Mapping | None = None) -> tuple[list[Document], list[Skipped]]:
    """The documents of a file or folder, and what was left out."""
    found = [one for file in find_files([path]) for one in documents(file, mapping)]
    return [one for one in found if isinstance(one, Document)], [one for one in found if isinstance(one, Skipped)]


def only(path: Path, mapping: Mapping | None = None) -> Document:
    """The one document of a file from which nothing was left out."""
    (document,), skipped = read(path, mapping)
    assert skipped == []
    return document


def told(document: Document) -> dict[str, str]:
    """Its texts by heading; every heading once."""
    assert len({section.heading for section in document.sections}) == len(document.sections)
    return {section.heading: section.text for section in document.sections}


def keys(document: Document) -> list[str]:
    return [section.key for section in document.sections]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def pdf(
    pages: Sequence[Sequence[str]],
    title: str = "",
    outline: Sequence[tuple[str, int]] = (),
    password: str | None = None,
) -> bytes:
    """A PDF with these lines on its pages, in a font whose codes a ToUnicode map gives; [] is a blank page."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(_plain_pdf(pages)))
    if title:
        writer.add_metadata({"/Title": title})
    for name, page in outline:
        writer.add_outline_item(title=name, page_number=page)
    if password is not None:
        writer.encrypt(password, "the owner's own", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _plain_pdf(pages: Sequence[Sequence[str]]) -> bytes:
    used = sorted({char for page in pages for line in page for char in line})
    parts = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{6 + 2 * n} 0 R' for n in range(len(pages)))}] >>",
        "<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /Identity-H "
        "/DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Song /DW 1000 "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>",
        _stream(_unicode_map(used)),
    ]
    for number, lines in enumerate(pages):
        parts.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {7 + 2 * number} 0 R >>"
        )
        shown = "".join(f"<{''.join(f'{ord(char):04x}' for char in line)}> Tj T*\n" for line in lines)
        parts.append(_stream(f"BT /F1 10 Tf 50 800 Td 14 TL\n{shown}ET"))
    data, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{part}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(parts) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer << /Size {count} /Root 1 0 R >>\n"
    return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode()


def _stream(text: str) -> str:
    return f"<< /Length {len(text.encode())} >>\nstream\n{text}\nendstream"


def _unicode_map(used: Sequence[str]) -> str:
    """Every code is the character's own number."""
    blocks = [used[at : at + 100] for at in range(0, len(used), 100)]
    chars = "".join(
        f"{len(block)} beginbfchar\n{''.join(f'<{ord(c):04x}> <{ord(c):04x}>' + chr(10) for c in block)}endbfchar\n"
        for block in blocks
    )
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <ffff> endcodespacerange\n{chars}endcmap end end"
    )
