"""Terms, drugs, relatives and things: the Chinese of each that the English names, and no other.

Two directions. What the English names must have a Chinese wording, of the glossary or of the lexicon, that is not only
a part of another term's; and what the Chinese names must be explained by some English.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.folding import folded
from doctorglm.translate.checks.fault import Fault, Kind
from doctorglm.translate.checks.lexicon import Wording
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.renderings import held

_SHOWN = 8


def faults(reading: Reading) -> Iterator[Fault]:
    """Terms without their Chinese, then Chinese without English."""
    yield from _missing(reading)
    yield from _added(reading)


def _missing(reading: Reading) -> Iterator[Fault]:
    for (start, end), rows in reading.said.asking.items():
        terms = [m.term for m in reading.said.covering(start, end)]
        if _is_as_it_stands(reading.english[start:end], reading.chinese):
            continue
        if not rows & reading.answered and not any(held(term.chinese, reading.chinese) for term in terms):
            said = [w.lstrip("~") for row in sorted(rows) for w in reading.row(row).chinese]
            given = tuple(dict.fromkeys([*(w for term in terms for w in term.chinese), *said]))
            yield Fault(_kind(reading, rows), "term_missing", reading.english[start:end], "", given[:_SHOWN])


def _is_as_it_stands(term: str, chinese: str) -> bool:
    """Whether a term was left as it is: WBC, ALT; whether it may, another check says."""
    said = folded(term)
    return said in chinese and re.search(rf"(?<![a-z]){re.escape(said)}(?![a-z])", chinese) is not None


def _kind(reading: Reading, rows: set[int]) -> Kind:
    kinds = [reading.row(row).kind for row in sorted(rows)]
    return next((kind for kind in kinds if kind is not None), "term")


def unexplained(reading: Reading) -> list[Wording]:
    """The wordings of the Chinese that no English explains, at once, by parts or as a part of a longer wording."""
    strange = [one for one in reading.there.segments if one.rows and not reading.explains(one)]
    return [one for one in strange if not reading.is_inside_said(one)]


def _added(reading: Reading) -> Iterator[Fault]:
    for one in unexplained(reading):
        own = [pair for pair in one.rows if pair[0] < reading.reader.first_term]
        rows = [reading.row(row) for row, strong in own or one.rows if strong]
        if rows and all(row.kind is not None for row in rows):
            yield Fault(rows[0].kind or "term", "not_in_english", "", reading.chinese[one.start : one.end])
