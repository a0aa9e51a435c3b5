"""What is said in contrast, exchanged: spit, don't swallow, of which the Chinese swallows and does not spit.

Both texts deny one thing and affirm another in one sentence. Where what the Chinese denies is what the English affirms,
and the other way round, they were exchanged; the denial itself is there, so that no other check sees it.
"""

import re
from collections.abc import Iterator, Sequence

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.checks.texts import folded

_DENIED_EN = re.compile(r"(?:\bnot\b|n't\b|\brather than\b|\binstead of\b|\bnever\b)(?P<what>[^,.;:!?()\n]*)")
_BUT_EN = re.compile(r"\b(?:but|because|since|as|if|unless|until|so)\b")
_DENIED_ZH = re.compile(r"(?:而不是|而非|并非|不是|不要|不用|别)(?P<what>[^，。；：！？,;:!?()（）\n]*)")
_CLAUSE_ZH = re.compile(r"[^，。；：！？,;:!?()（）\n]*$")
"""What stands in a clause before its denial, and may be what is denied."""
_ANY_EN = re.compile(r"\b(?:not?|never|without|nor|neither|none|cannot)\b|n't\b|rather than|instead of")
_ANY_ZH = re.compile(r"[不没无未非勿别]")


def faults(reading: Reading) -> Iterator[Fault]:
    """One, where the one thing that is denied is affirmed there, and what is denied there is affirmed here."""
    said = folded(reading.english)
    if len(_ANY_EN.findall(said)) != 1 or len(_ANY_ZH.findall(reading.chinese)) != 1:
        return
    denied, there = _DENIED_EN.search(said), _DENIED_ZH.search(reading.chinese)
    if denied is None or there is None:
        return
    start, end = denied.span("what")
    if but := _BUT_EN.search(said, start, end):
        end = but.start()
    here = {row for row, spans in reading.said.places.items() if any(start <= a < end for a, _ in spans)}
    outside = {row for row, spans in reading.said.places.items() if any(not start <= a < end for a, _ in spans)}
    clause = _CLAUSE_ZH.search(reading.chinese, 0, there.start()) if there[0].startswith(("不要", "不用")) else None
    if clause and any(rows & here for rows in _rows(reading, *clause.span(), within=True)):
        return  # allergic to penicillin, 对头孢不过敏
    inner = _rows(reading, *there.span("what"), within=True)
    outer = _rows(reading, *there.span("what"), within=False)
    denies_other = not any(rows & here for rows in inner) and any(rows & (outside - here) for rows in inner)
    if denies_other and any(rows & (here - outside) for rows in outer):
        yield Fault("order", "exchanged", reading.english[denied.start() : end].strip(), there[0])


def _rows(reading: Reading, start: int, end: int, *, within: bool) -> Sequence[frozenset[int]]:
    """The rows of each wording inside or outside a place of the Chinese."""
    return [one.numbers for one in reading.there.segments if (start <= one.start < end) == within and one.numbers]
