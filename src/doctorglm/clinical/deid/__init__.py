"""De-identification: what in a text identifies somebody, and the text without it.

The rules are ours, one module for each kind of identifier; `benchmarks/sets/deid` says what counts as one. A name that
was found in one message of a conversation is found in all of them.
"""

from collections.abc import Sequence

from doctorglm.clinical.deid import contacts, names, numbers, places, times
from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.replace import conversation_key, replaced
from doctorglm.clinical.deid.spans import TYPES, Span, masked, resolved

__all__ = ["TYPES", "Span", "conversation_key", "find", "find_in", "masked", "replaced"]

_KINDS = (contacts, numbers, times, places, names)


def find(text: str) -> list[Span]:
    """The identifiers in the text, in order and without overlaps; places in Unicode code points."""
    return resolved(span for kind in _KINDS for span in kind.found(text))


def find_in(texts: Sequence[str]) -> list[list[Span]]:
    """The identifiers in each of a conversation's texts; a name that is told in one counts in all."""
    alone = [find(text) for text in texts]
    told = {
        folded(t)[s.start : s.end] for t, spans in zip(texts, alone, strict=True) for s in spans if s.type == "name"
    }
    told = {name for name in told if len(name) >= 2}
    return [
        resolved([*spans, *(span for name in told for span in names.again(folded(text), name))])
        for text, spans in zip(texts, alone, strict=True)
    ]
