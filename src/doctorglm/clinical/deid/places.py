"""Where somebody lives, and which hospital, ward and bed: the unit nearest to a person is what identifies."""

from collections.abc import Iterator

from doctorglm.clinical.deid import addresses, hospitals
from doctorglm.clinical.deid.fold import folded, simplified
from doctorglm.clinical.deid.spans import Span


def found(text: str) -> Iterator[Span]:
    """Addresses, wards with beds, and hospitals."""
    plain = simplified(folded(text))
    yield from addresses.found(plain)
    yield from hospitals.found(plain)
