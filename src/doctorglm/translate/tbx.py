"""Glossaries in TBX, the exchange format of terminology, versions 2 (martif) and 3 (tbx).

Source: ISO 30042:2008 and ISO 30042:2019, https://www.tbxinfo.net.
"""

from collections.abc import Iterator
from typing import Any

from doctorglm.errors import without_values
from doctorglm.translate.entry import Entry, entry, wrong

_CONCEPTS = ("termEntry", "conceptEntry")
_LANGUAGES = ("langSet", "langSec")
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_REFUSED = frozenset({"deprecatedTerm-admn-sts", "supersededTerm-admn-sts", "deprecatedTerm", "obsoleteTerm"})


def entries(text: str, name: str) -> Iterator[Entry]:
    """Each English term of a concept with its Chinese terms; raises DataError with the line where it is broken.

    A concept without one of the two languages says nothing about translation and is passed over; terms that are marked
    as deprecated or superseded are no renderings.
    """
    for concept in _all(_root(text, name), *_CONCEPTS):
        english, chinese = _terms(concept, "en"), _terms(concept, "zh")
        for term, line in english if chinese else ():
            yield entry(term, "|".join(said for said, _ in chinese), f"{name}:{line}", name)


def _root(text: str, name: str) -> Any:
    from lxml import etree

    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        what = without_values(error.msg or "")
        raise wrong(f"{name}:{error.lineno}", en=f"broken XML ({what}). Restore the file.",
                    zh=f"XML 有错误（{what}）。请恢复原文件。") from None  # fmt: skip
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and next(declared.iterentities(), None) is not None:
        raise wrong(name, en="XML with entities of its own, which may hide or multiply text. Remove its <!ENTITY ...>.",
                    zh="XML 自带实体声明，可能隐藏或成倍展开内容。请删去 <!ENTITY ...>。")  # fmt: skip
    if next(_all(root, *_CONCEPTS), None) is None:
        raise wrong(name, en="XML without a termEntry or conceptEntry: no TBX. Export the glossary as TBX.",
                    zh="XML 里没有 termEntry 或 conceptEntry，不是 TBX。请导出为 TBX。")  # fmt: skip
    return root


def _terms(concept: Any, language: str) -> list[tuple[str, int]]:
    """(term, line) of the terms that a concept has in a language."""
    return [
        (said, term.sourceline or 0)
        for section in _all(concept, *_LANGUAGES)
        if (section.get(_LANG) or section.get("lang") or "").lower().partition("-")[0].partition("_")[0] == language
        for term in _all(section, "term")
        if (said := "".join(term.itertext()).strip()) and not _is_refused(term.getparent())
    ]


def _is_refused(group: Any) -> bool:
    """Whether the term's own group (tig, termGrp, termSec) says that it is no longer used."""
    outer = group.getparent() if group.tag.rpartition("}")[2] == "termGrp" else group
    return any("".join(note.itertext()).strip() in _REFUSED for note in _all(outer, "termNote", "administrativeStatus"))


def _all(node: Any, *tags: str) -> Iterator[Any]:
    """The elements below with one of these names, in whatever namespace."""
    return (found for found in node.iter("{*}*") if found.tag.rpartition("}")[2] in tags)
