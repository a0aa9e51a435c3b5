"""One name for a department that corpora call differently (心内科, 心血管科, Cardiology), for balance and for splits.

The names (department_words.txt) are ours, gathered from corpora and hospitals' usage; the records keep the name they
came with.
"""

import unicodedata
from functools import cache, lru_cache
from importlib import resources


@lru_cache(maxsize=4096)
def canonical(department: str) -> str:
    """The usual name; of several in a path (内科/心内科) the last known one; an unknown name as it is."""
    known = _names()
    parts = [
        part for part in _even(department).replace("|", "/").replace(">", "/").replace("-", "/").split("/") if part
    ]
    found = [known[part] for part in parts if part in known]
    return found[-1] if found else department.strip()


@cache
def _names() -> dict[str, str]:
    text = resources.files(__package__).joinpath("department_words.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {_even(name): line[0] for line in lines for name in line}


def _even(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
