"""Identifiers other than names as the tagger reads them, and what is kept of what rules and tagger find.

A rule knows the form of a number and the tagger its surroundings: each finds what the other misses, and the tagger may
say another type where a rule goes by the form alone.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from doctorglm.clinical.convolution import Floats
from doctorglm.clinical.deid.cues import called
from doctorglm.clinical.deid.likely import may_be
from doctorglm.clinical.deid.spans import TYPES, Span
from doctorglm.clinical.deid.tagger import at_best, of

KEEP = 0.45
"""How probable each character of an identifier is at least."""
NEEDED = dict.fromkeys(TYPES[1:], 0.5) | {"hospital": 0.6}
"""How probable one is at its best where no rule found it, chosen on writers who were left out of the training."""
LIKELY = 0.05
"""How probable another type is at least that an identifier gets when its text forbids the likeliest."""
DOUBTED = 0.01
"""Below this at its best, a rule's finding is of the type that the tagger is sure of, or none."""
HARDLY = 0.05
"""Below this at its best for any type, a rule's finding of a type without a check digit is none."""
TRIMMED = 0.03
"""How probable each character at the ends of a rule's place is at least."""
OTHERWISE = 0.8
"""How probable another type is at its best that takes the place of a rule's."""

_WHOLE = {"mobile", "landline", "id_card", "bank_card", "wechat", "qq", "email", "url", "mrn", "plate"}
_PLACES, _IN_WORDS = {"address", "hospital"}, {"address", "hospital", "date", "age"}
"""Types whose ends the tagger moves; numbers are the rules'."""
_BY_FORM = {"mrn", "wechat", "address", "landline", "hospital", "date"}
"""Types whose rules go by a form that other things have, too."""
_EDGE = " \t\n\u3000·.,，。;；:：、!！?？【】「」『』“”\"'—_/|@#*<>《》-~"
_DIGIT = re.compile(r"[0-9]")
_PAIRS = {"(": ")", "[": "]"}
_WORD = re.compile(r"[0-9A-Za-z]")


def found(plain: str, probable: Floats) -> Iterator[tuple[Span, float]]:
    """What the tagger reads in a folded text but names, each with how probable it is at its best."""
    inside = np.concatenate([[False], probable[:, 0] + of(probable, "name") <= 1 - KEEP, [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        for first, last, kind in _likeliest(probable[start:end]):
            stretch = Span(start + first, start + last, kind)
            span = _possible(plain, stretch, probable) if kind != "name" else None
            if span:
                best = at_best(probable, span)
                is_paper = span.type == "mrn" and called(plain, span.start, span.end)[0] == "id_card"
                yield (Span(span.start, span.end, "id_card") if is_paper else span), best


def _possible(plain: str, stretch: Span, probable: Floats) -> Span | None:
    """The span of the likeliest type that its text allows."""
    span = _trimmed(plain, stretch)
    if may_be(plain, span):
        return span
    part = probable[stretch.start : stretch.end]
    others = sorted(((float(of(part, kind).mean()), kind) for kind in TYPES[1:] if kind != stretch.type), reverse=True)
    for share, kind in others:
        span = _trimmed(plain, Span(stretch.start, stretch.end, kind))
        if share >= LIKELY and may_be(plain, span):
            return span
    return None


def _likeliest(probable: Floats) -> list[tuple[int, int, str]]:
    """The likeliest identifiers that fill a stretch, each a first character and further ones of the same type."""
    scores = np.log(probable[:, 1:] + 1e-6)
    best, came = scores[0, ::2], []
    for first, further in zip(scores[1:, ::2], scores[1:, 1::2], strict=True):
        begins, goes_on = best.max() + first, best + further
        came.append(np.where(goes_on >= begins, -1, best.argmax()))
        best = np.maximum(begins, goes_on)
    found_last = []
    kind, end = int(best.argmax()), len(probable)
    for at in range(len(came), 0, -1):
        before = int(came[at - 1][kind])
        if before >= 0:
            found_last.append((at, end, TYPES[kind]))
            kind, end = before, at
    return [(0, end, TYPES[kind]), *reversed(found_last)]


def _trimmed(plain: str, span: Span) -> Span:
    """Without marks at its ends, and with the rest of a number or word that it cuts."""
    start, end = span.start, span.end
    while start < end and (plain[start] in _EDGE or plain[start] in ")]"):
        start += 1
    while start < end and (plain[end - 1] in _EDGE or plain[end - 1] in "(["):
        end -= 1
    for opening, closing in _PAIRS.items():
        if start < end and plain[end - 1] == closing and opening not in plain[start:end]:
            end -= 1
        if start < end and plain[start] == opening and closing not in plain[start:end]:
            start += 1
    is_part = _WORD if span.type in _WHOLE else _DIGIT
    while 0 < start < end and is_part.match(plain[start]) and is_part.match(plain[start - 1]):
        start -= 1
    while start < end < len(plain) and is_part.match(plain[end - 1]) and is_part.match(plain[end]):
        end += 1
    return Span(start, end, span.type)


def united(plain: str, by_rule: Sequence[Span], probable: Floats) -> list[Span]:
    """What rules and tagger find, the surest first: the first of two that overlap is to be kept."""
    read = list(found(plain, probable))
    spans = []
    for rule in by_rule:
        if rule.type in _BY_FORM and probable[rule.start : rule.end, 0].min() > 1 - HARDLY:
            continue
        others = [(s, p) for s, p in read if s.start < rule.end and rule.start < s.end]
        is_other = any(p >= OTHERWISE for _, p in others)
        if at_best(probable, rule) >= DOUBTED or not is_other:
            same = [s for s, _ in others if s.type == rule.type]
            spans.append(_longer(rule, same, probable) if same and rule.type in _IN_WORDS else rule)
    return spans + [span for span, best in read if best >= NEEDED[span.type]]


def _longer(rule: Span, same: Sequence[Span], probable: Floats) -> Span:
    """The rule's span with what the tagger reads beyond its ends, and without words beside a place that it does not."""
    start, end = min([rule.start, *(s.start for s in same)]), max([rule.end, *(s.end for s in same)])
    if rule.type in _PLACES:
        belongs = of(probable, rule.type)
        while belongs[start] < TRIMMED:
            start += 1
        while belongs[end - 1] < TRIMMED:
            end -= 1
    return Span(start, end, rule.type)
