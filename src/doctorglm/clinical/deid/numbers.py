"""Numbers that reach or identify somebody, the most certain kinds first: papers, telephones, QQ, plates, records."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid import plates, qq, record_shapes
from doctorglm.clinical.deid.fold import folded, scanned, simplified, spoken
from doctorglm.clinical.deid.papers import abroad, bank_cards, id_cards, is_id_card, passes_luhn, permits
from doctorglm.clinical.deid.phones import behind, foreign, inside, landlines, misread, mobiles, rounded
from doctorglm.clinical.deid.records import first_cells, named
from doctorglm.clinical.deid.spans import Span

__all__ = ["found", "is_id_card", "passes_luhn"]


_SEVEN = re.compile(r"[0-9](?:[^0-9A-Za-z\u4e00-\u9fff]{0,3}[0-9]){6}")
_FIVE = re.compile(r"[0-9](?:[ \-]?[0-9]){4}")
_FOUR = re.compile(r"[0-9]{4}")
"""Digits in a row, which most texts lack: what needs as many is not looked for in them."""


def found(text: str) -> Iterator[Span]:
    """All of them, the most certain kinds first, in all readings of the text."""
    plain = simplified(folded(text))
    digits, put_right = spoken(plain), scanned(plain)
    readings = [plain, *([digits] if digits != plain else []), *([put_right] if put_right != plain else [])]
    long = [reading for reading in readings if _SEVEN.search(reading)]
    is_long = plain in long
    for reading in long:
        yield from id_cards(reading)
    if is_long:
        yield from abroad(plain)
    if _FIVE.search(plain):
        yield from permits(plain)
    if is_long:
        yield from bank_cards(plain)
        yield from foreign(plain)
    yield from rounded(plain)
    for reading in readings:
        yield from mobiles(reading)
    yield from misread(plain)
    yield from bank_cards(digits) if digits in long else ()
    yield from plates.found(readings[:2])
    for reading in long:
        yield from landlines(reading)
    for reading in readings[:2]:
        yield from behind(reading) if reading in long else ()
    yield from inside(plain)
    yield from first_cells(plain) if is_long else ()
    yield from qq.disguised(plain)
    yield from qq.found(readings)
    for reading in readings:
        yield from (s for s in named(reading) if reading is not digits or s.end - s.start >= 6)
    yield from record_shapes.found(plain, bool(_FOUR.search(plain)))
