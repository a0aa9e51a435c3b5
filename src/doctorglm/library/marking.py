"""Where the words of a question stand in a passage, and the part of it that shows them best."""

import re
from collections.abc import Sequence

from doctorglm.clinical.folding import folded
from doctorglm.library.analysis import bigrams_of, is_han

Span = tuple[int, int]


def marked(text: str, runs: Sequence[str]) -> list[Span]:
    """The places of a question's runs in the text: whole where they stand so, else their bigrams; merged, in order."""
    plain = folded(text)
    found: list[Span] = []
    for run in dict.fromkeys(runs):
        places = _places(plain, run)
        if not places and is_han(run):
            places = [place for part in bigrams_of([run]) if len(part) > 1 for place in _places(plain, part)]
        found += places
    return merged(found)


def _places(plain: str, words: str) -> list[Span]:
    pattern = re.escape(words) if is_han(words) else rf"(?<![a-z0-9]){re.escape(words)}"
    return [match.span() for match in re.finditer(pattern, plain)]


def merged(spans: Sequence[Span]) -> list[Span]:
    """The spans in order, those that touch as one."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def excerpt(text: str, spans: Sequence[Span], most: int) -> tuple[str, list[Span]]:
    """At most `most` characters of the text, those with the most marked ones, and the places of the marks in them."""
    if len(text) <= most:
        return text, list(spans)
    starts = [0, *(max(0, start - most // 6) for start, _ in spans)]
    best = max(starts, key=lambda s: (sum(max(0, min(b, s + most) - max(a, s)) for a, b in spans), -s))
    best = min(best, len(text) - most)
    head, tail = "…" if best else "", "…" if best + most < len(text) else ""
    shift = len(head) - best
    inside = [(max(a, best) + shift, min(b, best + most) + shift) for a, b in spans if a < best + most and b > best]
    return head + text[best : best + most] + tail, inside
