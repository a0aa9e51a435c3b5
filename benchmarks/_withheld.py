"""A glossary in two parts: what prompts, tags and checks may know, and what only a measurement knows.

Rows that share an English spelling or a rendering go together, so that no withheld term is known under another name.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from doctorglm.translate.audit import measured, wilson
from doctorglm.translate.entry import Entry
from doctorglm.translate.pairs import Pair
from doctorglm.translate.renderings import plain
from doctorglm.translate.spelling import canonical

SHARE = 30
"""Of a hundred groups, those withheld."""


def divided(glossary: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """(known, withheld), by the hash of each group's first name: the same whatever else the glossary holds."""
    groups = _groups(glossary)
    parts: tuple[list[Entry], list[Entry]] = ([], [])
    for group in groups:
        name = min(one.english.lower() for one in group)
        parts[int(sha256(name.encode()).hexdigest(), 16) % 100 < SHARE].extend(group)
    return parts


def measured_on(pairs: Iterable[Pair], rows: Sequence[Entry], others: Sequence[Entry]) -> dict[str, Any]:
    """The audit, with terms counted on some rows alone; `others` are read too, as a term within a longer one is none.

    "hypertension" of "pulmonary hypertension" is no mention of hypertension, whichever of the two is withheld.
    """
    names = {name_of(one) for one in rows}
    found = measured(pairs, [*rows, *(one for one in others if name_of(one) not in names)])
    table = [row for row in found["worst_terms"] if _name(row["term"]) in names]
    right, mentions = sum(row["right"] for row in table), sum(row["mentions"] for row in table)
    return found | _counts(right, mentions) | {"terms": len(table), "worst_terms": table}


def _counts(right: int, mentions: int) -> Mapping[str, Any]:
    return {
        "term_right": right,
        "term_mentions": mentions,
        "term_accuracy": right / mentions if mentions else None,
        "term_accuracy_interval": list(wilson(right, mentions)),
    }


def name_of(one: Entry) -> str:
    """A row's English name, without the differences of spelling."""
    return _name(one.english)


def _name(english: str) -> str:
    return " ".join(map(canonical, english.split()))


def _groups(glossary: Sequence[Entry]) -> list[list[Entry]]:
    """Rows that are connected by a name or a rendering."""
    of: dict[str, int] = {}
    groups: dict[int, list[Entry]] = {}
    for i, one in enumerate(glossary):
        keys = {name_of(one), *(f"zh {plain(said)}" for said in one.chinese)}
        joined = {of[key] for key in keys if key in of}
        rows = [one, *(row for number in joined for row in groups.pop(number))]
        groups[i] = rows
        for key, number in list(of.items()):
            if number in joined:
                of[key] = i
        of |= dict.fromkeys(keys, i)
    return list(groups.values())
