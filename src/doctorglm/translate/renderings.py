"""Whether a Chinese text holds a rendering that counts as right, in whatever width, case or script it is written."""

import re
from collections.abc import Sequence
from functools import lru_cache

from doctorglm.clinical.folding import folded

_BESIDE_HAN = re.compile(r"(?<=[\u3400-\u9fff])\s+|\s+(?=[\u3400-\u9fff])")


def plain(chinese: str) -> str:
    """The text as renderings are looked for in it: folded, without the spaces beside Chinese characters."""
    return _BESIDE_HAN.sub("", folded(chinese))


def held(renderings: Sequence[str], plain_text: str) -> str:
    """The first of the renderings that `plain_text` (made by `plain`) holds; "" when it holds none.

    A rendering that begins or ends with a Latin letter (CT) must stand between no others.
    """
    return next((said for said in renderings if _pattern(said).search(plain_text)), "")


@lru_cache(1 << 16)
def _pattern(rendering: str) -> re.Pattern[str]:
    said = plain(rendering)
    before = r"(?<![a-z0-9])" if said[0].isascii() and said[0].isalnum() else ""
    after = r"(?![a-z0-9])" if said[-1].isascii() and said[-1].isalnum() else ""
    return re.compile(before + re.escape(said) + after)
