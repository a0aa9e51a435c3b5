"""What a library holds: documents of sections, and the chunks that are found and cited."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

KINDS = ("disease", "drug", "symptom", "test", "other")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading as the document has it, its key in `headings.txt` ("other" where it is none), its text, and where
    what it says is from, where that is known for it alone."""

    heading: str
    key: str
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One entry: a disease, a drug, a page. `aliases` mean the same as the title; `source` and `licence` are shown."""

    id: str
    title: str
    sections: tuple[Section, ...]
    aliases: tuple[str, ...] = ()
    kind: str = "other"
    department: str = ""
    source: str = ""
    licence: str = ""
    version: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The title and the aliases."""
        return (self.title, *self.aliases)

    def digest(self) -> str:
        """A hash of all that it says; a document whose hash is known is not indexed again."""
        return hashlib.sha256(
            json.dumps(values_of(self), ensure_ascii=False).encode("utf-8", "surrogatepass")
        ).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of a section, 200 to 400 tokens where the section has them; `number` counts within the document."""

    document: Document
    section: Section
    number: int
    text: str

    @property
    def id(self) -> str:
        """The document's id and the chunk's number."""
        return f"{self.document.id}#{self.number}"


def values_of(document: Document) -> dict[str, Any]:
    """What `dataclasses.asdict` makes of a document, without its copies, which take a tenth of a build."""
    sections = [{name: getattr(section, name) for name in _OF_SECTION} for section in document.sections]
    return {name: getattr(document, name) for name in _OF_DOCUMENT} | {"sections": sections}


_OF_SECTION = tuple(field.name for field in fields(Section))
_OF_DOCUMENT = tuple(field.name for field in fields(Document))


def document_of(values: dict[str, Any]) -> Document:
    """The document of such values."""
    sections = tuple(Section(**section) for section in values["sections"])
    return Document(**{**values, "sections": sections, "aliases": tuple(values["aliases"])})


def named(title: str, aliases: Sequence[str]) -> tuple[str, ...]:
    """The aliases without blanks, repetitions and the title itself."""
    kept = dict.fromkeys(alias.strip() for alias in aliases)
    return tuple(alias for alias in kept if alias and alias.casefold() != title.casefold())


def passage(title: str, heading: str, text: str) -> str:
    """A chunk as what reads whole passages has it: an encoder, a reranker."""
    return "\n".join(part for part in (title, heading, text) if part)
