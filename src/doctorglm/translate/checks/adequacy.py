"""How much of a text is said at all: Chinese that is well formed and says something else.

Of all terms and words of the lists on both sides the share that has its other side. Right translations say most of
them; a translator that has not learned its task, or the translation of another text, hardly any. The fewer words there
are the less a low share tells, so that the least one grows with their number.
"""

import math
from collections.abc import Iterator

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.lexicon import HUSHED
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.checks.words import outermost

_UNTOLD = frozenset(("idioms", "opposites", HUSHED))
"""Lists whose words may be said in many ways, or are withheld."""
_FEWEST = 6
"""Words on both sides together of which a share tells something."""
_MOST, _SPREAD = 0.75, 2.0
"""The least share is `_MOST - _SPREAD / sqrt(words)`: chosen so that hardly any right translation of the sets that
rules may be learned from, and of TICO-19 without its test documents, is below it, and most that are another sentence's
are."""


def faults(reading: Reading) -> Iterator[Fault]:
    """One, where the two texts have too little in common."""
    said, words = _shares(reading)
    if words >= _FEWEST and said / words < _MOST - _SPREAD / math.sqrt(words):
        yield Fault("adequacy", "little_in_common", "", "", (f"{said}/{words}",))


def _shares(reading: Reading) -> tuple[int, int]:
    """How many words of both sides have their other side, and how many there are."""
    found = [one for one in reading.said.found if reading.row(one.row).name not in _UNTOLD]
    outer = outermost(found)
    places: dict[tuple[int, int], set[int]] = {}
    for one in found:
        if one[:2] in outer:
            places.setdefault(one[:2], set()).add(one.row)
    for mention in reading.said.mentions:
        places.setdefault((mention.start, mention.end), set()).add(reading.reader.row(mention))
    there = [one for one in reading.there.segments if any(reading.row(row).name not in _UNTOLD for row in one.numbers)]
    held = sum(not rows.isdisjoint(reading.there.rows) for rows in places.values())
    return held + sum(reading.explains(one) for one in there), len(places) + len(there)
