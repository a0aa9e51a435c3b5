"""Which documents a student is not trained on, and what must not be known from them."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import sha256

from doctorglm.distill.sentences import SentencePair

_MOST_VALID = 1_000
"""Sentences; more would take time at each validation and change nothing."""
_OTHER = re.compile(r"[\W_]+")


def split(pairs: Sequence[SentencePair], share: float, seed: int) -> tuple[list[SentencePair], list[SentencePair]]:
    """(train, valid) by whole documents; no sentence of valid, in either language, stands in train.

    Documents come to valid in an order that their names and the seed fix, until the share is reached.
    """
    sizes = Counter(pair.document for pair in pairs)
    room = min(_MOST_VALID, int(share * len(pairs)))
    chosen = set[str]()
    for document in sorted(sizes, key=lambda name: sha256(f"{seed} {name}".encode()).digest()):
        if sizes[document] <= room:
            room -= sizes[document]
            chosen.add(document)
    valid = [pair for pair in pairs if pair.document in chosen]
    return without([pair for pair in pairs if pair.document not in chosen], valid), valid


def without(pairs: Sequence[SentencePair], others: Collection[SentencePair]) -> list[SentencePair]:
    """The pairs of which neither language, marks and case apart, is a sentence of `others`."""
    known = {_plain(said) for one in others for said in (one.english, one.chinese)}
    return [one for one in pairs if _plain(one.english) not in known and _plain(one.chinese) not in known]


def _plain(text: str) -> str:
    return _OTHER.sub(" ", text.lower()).strip()
