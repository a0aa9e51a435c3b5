"""MedQuAD: question-answer pairs of the NIH's sites on one disease or drug, as XML.

Three layouts: Document, DiseaseFile (9_CDC_QA/0000397) and doc (four of 6_NINDS_QA). The answers of three collections
were removed by its authors. Source: https://github.com/abachaa/MedQuAD, CC BY 4.0.
"""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from doctorglm.errors import DataError, without_values
from doctorglm.files.archives import Content
from doctorglm.language import Text
from doctorglm.library.document import Section
from doctorglm.library.headings import key_of
from doctorglm.library.importers.entry import Read, Skipped, entry, refused
from doctorglm.library.importers.reading import text_of

_LICENCE = "CC BY 4.0"
_KINDS = {"disease": "disease", "drug": "drug", "other": "other"}
_ITEM = re.compile(r"(?<!\s)\s{2,}-\s+")
_BREAK = re.compile(r"(?<![ \t])(?:[ \t]{3,}|[ \t]*\n\s*)")
"""Where its authors took line breaks out, three spaces and more are left."""


def entries(content: Content, stem: str) -> Iterator[Read]:
    """The file as one entry, a section a pair; raises DataError for XML that is broken, unsafe or of another layout."""
    root = _root(content)
    title = _text(root, "focus", "doctitle-focus")
    sections, empty = [], []
    for pair in _all(root, "qapair", "pair"):
        question = next(_all(pair, "question"), None)
        heading = question.get("qtype", "") if question is not None else ""
        answer = _even(_text(pair, "answer"))
        if answer:
            sections.append(Section(heading, key_of(heading), answer))
        else:
            empty.append(heading)
    if sections:
        yield from (Skipped(where=content.name, reason=_no_answer(title, heading)) for heading in empty)
    yield from entry(
        content.name,
        id=_id(root, stem),
        title=title,
        sections=sections,
        aliases=[_said(node) for node in _all(root, "synonym")],
        kind=_KINDS.get(_text(root, "category").lower(), "disease"),
        source=root.get("url", "") or _collection(root),
        licence=_LICENCE,
    )


def _root(content: Content) -> Any:
    data = text_of(content).encode()
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise _broken(content.name, error) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise refused(
            content.name,
            en="XML with a document type of its own, which may hide or multiply text. Remove its <!DOCTYPE>.",
            zh="XML 自带文档类型声明，可能隐藏或成倍展开内容。请删去 <!DOCTYPE>。",
        )
    if next(_all(root, "qapairs"), None) is None:
        tag = without_values(etree.QName(root).localname[:40])
        raise refused(
            content.name,
            en=f"XML of another layout (<{tag}>); MedQuAD's is known. Convert it to Markdown or a table.",
            zh=f"XML 的结构不认识（<{tag}>），只支持 MedQuAD。请转成 Markdown 或表格。",
        )
    return root


def _id(root: Any, stem: str) -> str:
    """The collection and the document's number; parts of one document (0000013_2_1) have only their files' names."""
    own = root.get("id") or root.get("fid") or root.get("docid") or ""
    number = stem if own and stem.startswith(own) else own
    return f"{_collection(root)}-{number}" if number else ""


def _collection(root: Any) -> str:
    return str(root.get("source") or root.get("corpus") or "MedQuAD")


def _all(node: Any, *tags: str) -> Iterator[Any]:
    """The elements below with one of these names, however they are written."""
    return (found for found in node.iter("{*}*") if found.tag.rpartition("}")[2].lower() in tags)


def _text(node: Any, *tags: str) -> str:
    return next((_said(found) for found in _all(node, *tags)), "")


def _said(node: Any) -> str:
    return "".join(node.itertext()).strip()


def _even(text: str) -> str:
    return _BREAK.sub("\n", _ITEM.sub("\n- ", text)).strip()


def _no_answer(title: str, heading: str) -> Text:
    return Text(
        en=f"{title!r}: the answer on {heading!r} is empty (removed by its authors).",
        zh=f"“{title}”：“{heading}”的回答是空的（原作者已删除）。",
    )


def _broken(name: str, error: etree.XMLSyntaxError) -> DataError:
    what = without_values(error.msg or "")
    return refused(
        f"{name}:{error.lineno}",
        en=f"broken XML ({what}). Restore the file.",
        zh=f"XML 有错误（{what}）。请恢复原文件。",
    )
