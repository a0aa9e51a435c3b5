"""A glossary in two parts: what prompts, tags and checks may know, and what only a measurement knows.

Rows that share an English spelling or a rendering go together, so that no withheld term is known under another name.
"""

from collections.abc import Sequence
from hashlib import sha256

from doctorglm.translate.entry import Entry
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


def _groups(glossary: Sequence[Entry]) -> list[list[Entry]]:
    """Rows that are connected by a name or a rendering."""
    of: dict[str, int] = {}
    groups: dict[int, list[Entry]] = {}
    for i, one in enumerate(glossary):
        keys = {" ".join(map(canonical, one.english.split())), *(f"zh {plain(said)}" for said in one.chinese)}
        joined = {of[key] for key in keys if key in of}
        rows = [one, *(row for number in joined for row in groups.pop(number))]
        groups[i] = rows
        for key, number in list(of.items()):
            if number in joined:
                of[key] = i
        of |= dict.fromkeys(keys, i)
    return list(groups.values())
