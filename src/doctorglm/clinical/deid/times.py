"""Calendar days, births to the month, and ages of 90 and more."""

from collections.abc import Iterator

from doctorglm.clinical.deid import ages, dates
from doctorglm.clinical.deid.fold import folded, scanned, simplified
from doctorglm.clinical.deid.spans import Span


def found(text: str) -> Iterator[Span]:
    """Days first, then ages."""
    plain = simplified(folded(text))
    put_right = scanned(plain)
    yield from dates.found([plain] if plain == put_right else [plain, put_right])
    yield from ages.found(plain)
