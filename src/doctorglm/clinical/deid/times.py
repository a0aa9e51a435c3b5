"""Calendar days, births to the month, and ages of 90 and more."""

from collections.abc import Iterator

from doctorglm.clinical.deid import ages, dates
from doctorglm.clinical.deid.fold import folded, scanned, simplified
from doctorglm.clinical.deid.spans import Span

_CAPITALS = str.maketrans("壹贰叁肆伍陆柒捌玖拾", "一二三四五六七八九十")
"""The numerals of cheques, under which a receipt gives its day."""


def found(text: str) -> Iterator[Span]:
    """Days first, then ages."""
    plain = simplified(folded(text))
    if any(sign in plain for sign in "拾玖贰"):
        plain = plain.translate(_CAPITALS)
    put_right = scanned(plain)
    yield from dates.found([plain] if plain == put_right else [plain, put_right])
    yield from ages.found(plain)
