"""What an importer gives: documents with their places, and what was left out, with the reason in both languages."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from doctorglm.errors import DataError
from doctorglm.language import Text
from doctorglm.library.document import Document, Section, named
from doctorglm.library.importers.aliases import checked_aliases

LIMIT_BYTES = 64 << 20
"""What is read as a whole; a page, a monograph or a book is far below it, and a parser takes ten times as much."""

_OF_DRUGS = frozenset({"uses", "dosage", "side_effects", "contraindications", "interactions", "storage"})
_OF_DISEASES = frozenset({"causes", "symptoms", "diagnosis", "treatment", "prevention", "prognosis", "care"})
_SLUG_CHARS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """What gave no document, or was left out of one (an answer without text, an alias): where, and the reason."""

    where: str
    reason: Text


@dataclass(frozen=True, slots=True)
class Entry:
    """A document and its place, file or file:row. Its id is "" where the source gives none."""

    where: str
    document: Document


Read: TypeAlias = Entry | Skipped


def entry(
    where: str,
    *,
    title: str,
    sections: Sequence[Section],
    aliases: Sequence[str] = (),
    kind: str = "",
    id: str = "",
    department: str = "",
    source: str = "",
    licence: str = "",
    version: str = "",
) -> Iterator[Read]:
    """The entry, behind a note for each alias that means something else; skipped without a title or without text.

    Where no kind is given, it is read from the sections.
    """
    title = " ".join(title.split())
    told = tuple(section for section in sections if section.text.strip())
    if not title or not told:
        yield Skipped(where=where, reason=_no_text(title) if title else _NO_TITLE)
        return
    kept, dropped = checked_aliases(title, named(title, aliases))
    for alias in dropped:
        yield Skipped(where=where, reason=_other_entry(title, alias))
    yield Entry(
        where,
        Document(
            id=" ".join(id.split()),
            title=title,
            sections=told,
            aliases=kept,
            kind=kind or kind_of(told),
            department=department.strip(),
            source=source.strip(),
            licence=licence.strip(),
            version=version.strip(),
        ),
    )


def kind_of(sections: Sequence[Section]) -> str:
    """A drug has dosage, contraindications and the like, a disease causes, symptoms and the like; else "other"."""
    keys = {section.key for section in sections}
    if len(keys & _OF_DRUGS) > 1 and len(keys & _OF_DRUGS) >= len(keys & _OF_DISEASES):
        return "drug"
    return "disease" if len(keys & _OF_DISEASES) > 1 else "other"


def derived_id(title: str, source: str, number: int) -> str:
    """The id of the `number`-th document of this title in this source: its title as a word, and a hash."""
    slug = re.sub(r"[\W_]+", "-", title.lower()).strip("-")[:_SLUG_CHARS].strip("-")
    told = "\0".join((title, source, *([str(number)] if number > 1 else [])))
    return f"{slug}-{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}".lstrip("-")


def refused(name: str, *, en: str, zh: str) -> DataError:
    """The error for a file that cannot be used: `name: why. What to do.`"""
    return DataError(en=f"{name}: {en}", zh=f"{name}：{zh}")


_NO_TITLE = Text(
    en="no title. Give it one; of a table, say in a mapping file which column it is.",
    zh="没有标题。请补上；表格可在映射文件里指明标题列。",
)


def _no_text(title: str) -> Text:
    return Text(
        en=f"{title!r} has a title and no text. Add sections, or remove it.",
        zh=f"“{title}”只有标题，没有正文。请补上内容，或删去。",
    )


def _other_entry(title: str, alias: str) -> Text:
    return Text(
        en=f"the alias {alias!r} of {title!r} names something else; it was left out. Check the source.",
        zh=f"“{title}”的别名“{alias}”指的是另一个条目，已去掉。请核对来源。",
    )
