"""What a library covers, by department and section, and what a corpus asks often that it lacks."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from doctorglm.clinical.deid import find as identifiers
from doctorglm.clinical.deid import masked
from doctorglm.conversation import Conversation
from doctorglm.library.document import Document
from doctorglm.library.search import Library

NAMED = ("disease", "drug")
"""What an entry is about; a symptom that no entry is named after is no gap."""
_EXAMPLES = 3
_EXAMPLE_CHARS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """`cells[department][key]` counts entries that have the section; the rest counts entries."""

    cells: Mapping[str, Mapping[str, int]]
    departments: Mapping[str, int]
    kinds: Mapping[str, int]
    licences: Mapping[str, int]
    unsourced: int
    sections: int


@dataclass(slots=True)
class Gap:
    """A disease or a drug that is asked for and that no entry is about; examples are masked."""

    name: str
    type: str
    asked: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)
    """(a patient's words, the conversation's id)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a corpus asks of the library."""

    conversations: int
    answered: int
    """Conversations whose question the library would answer rather than abstain."""
    gaps: Sequence[Gap]


def coverage(documents: Iterable[Document]) -> Coverage:
    """What the documents cover."""
    cells: dict[str, Counter[str]] = {}
    departments, kinds, licences = Counter[str](), Counter[str](), Counter[str]()
    unsourced = sections = 0
    for document in documents:
        cells.setdefault(document.department, Counter()).update({section.key for section in document.sections})
        departments[document.department] += 1
        kinds[document.kind] += 1
        licences[document.licence] += 1
        sections += len(document.sections)
        unsourced += sum(not section.source for section in document.sections)
    return Coverage(
        cells={name: dict(held) for name, held in cells.items()},
        departments=dict(departments),
        kinds=dict(kinds),
        licences=dict(licences),
        unsourced=unsourced,
        sections=sections,
    )


def asked_of(library: Library, conversations: Iterable[Conversation]) -> Asked:
    """Searches the first question of each conversation; gaps are in the order of how often they are asked."""
    gaps: dict[str, Gap] = {}
    number = answered = 0
    for conversation in conversations:
        question = next((m.content for m in conversation.messages if m.role == "user"), "")
        found = library.search(question, 1)
        number += 1
        answered += not found.abstain
        for norm, kind in dict.fromkeys((term.norm, term.type) for term in found.foreign if term.type in NAMED):
            gap = gaps.setdefault(norm, Gap(norm, kind))
            gap.asked += 1
            if len(gap.examples) < _EXAMPLES:
                gap.examples.append((_shown(question), conversation.id))
    return Asked(conversations=number, answered=answered, gaps=sorted(gaps.values(), key=lambda g: -g.asked))


def _shown(question: str) -> str:
    text = masked(question, identifiers(question))
    return text if len(text) <= _EXAMPLE_CHARS else text[:_EXAMPLE_CHARS] + "…"
