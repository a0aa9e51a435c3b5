"""De-identification: what in a text identifies somebody, and the text without it.

The rules are ours, one module for each kind of identifier; `benchmarks/sets/deid` says what counts as one. Names are
found by a small network too. A name that was found in one message of a conversation is found in all of them.
"""

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from doctorglm.clinical.convolution import Floats
from doctorglm.clinical.deid import contacts, names, numbers, places, tables, tagged, times, typed
from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.replace import conversation_key, replaced
from doctorglm.clinical.deid.spans import TYPES, Span, masked, resolved
from doctorglm.clinical.deid.tagger import at_best, mean

__all__ = ["TYPES", "By", "Span", "conversation_key", "find", "find_in", "masked", "replaced"]

By: TypeAlias = Literal["tagger", "rules"]
"""What finds names: the rules with the tagger, or the rules alone."""

_MASK = re.compile(rf"\[(?:{'|'.join(TYPES)})(?: [0-9]+)?\]")
_KINDS = (contacts, tables, numbers, times, places)


def find(text: str, names: By = "tagger") -> list[Span]:
    """The identifiers in the text, in order and without overlaps; places in Unicode code points."""
    return find_in([text], names)[0]


def find_in(texts: Sequence[str], names: By = "tagger") -> list[list[Span]]:
    """The identifiers in each of a conversation's texts; a name that is told in one counts in all."""
    plain = [folded(text) for text in texts]
    read = tagged.read(plain) if names == "tagger" else [None] * len(plain)
    others = [_others(text, probable) for text, probable in zip(plain, read, strict=True)]
    beside = any(others)
    alone = [
        resolved([*spans, *_names(text, probable, beside)])
        for text, spans, probable in zip(plain, others, read, strict=True)
    ]
    told = {text[s.start : s.end] for text, spans in zip(plain, alone, strict=True) for s in spans if s.type == "name"}
    ordered = sorted((name for name in told if len(name) >= 2), key=lambda name: (-len(name), name))
    return [
        resolved(_beside_masks(text, [*spans, *(span for name in ordered for span in _again(text, name, probable))]))
        for text, spans, probable in zip(plain, alone, read, strict=True)
    ]


def _beside_masks(plain: str, spans: list[Span]) -> list[Span]:
    """The spans that do not reach into a `[type]` or `[type 2]`, which stands where something was masked before."""
    masks = [match.span() for match in _MASK.finditer(plain)] if "[" in plain else []
    return [span for span in spans if not any(a < span.end and span.start < b for a, b in masks)]


def _others(plain: str, probable: Floats | None) -> list[Span]:
    spans = resolved(span for kind in _KINDS for span in kind.found(plain))
    return spans if probable is None else resolved(typed.united(plain, spans, probable))


def _names(plain: str, probable: Floats | None, beside: bool) -> list[Span]:
    """Names; fewer are doubted beside another identifier, wherever in the conversation it stands."""
    by_rule = list(names.found(plain))
    if probable is None:
        return by_rule
    by_rule = [s for s in by_rule if at_best(probable, s) >= tagged.HARDLY[beside] and tagged.may_be(plain, s)]
    read = list(tagged.found(plain, probable, beside))
    latin = [s for s in by_rule if plain[s.start].isascii() and mean(probable, s) >= tagged.WHOLE]
    wider = [s for s in latin if any(_holds(s, r) for r in read)]
    return [*wider, *read, *by_rule]


def _holds(one: Span, other: Span) -> bool:
    return one != other and one.start <= other.start and other.end <= one.end


def _again(plain: str, name: str, probable: Floats | None) -> list[Span]:
    """Where a name stands again; a word that can be no name there stays."""
    spans = list(names.again(plain, name))
    return spans if probable is None else [span for span in spans if at_best(probable, span) >= tagged.AGAIN]
