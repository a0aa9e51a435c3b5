"""The language of phrases in which rules are written: its regular expressions, and how a match can begin.

Plain text with `(a|b)` for either, `?` after a character or a bracket that may be absent, `…` for up to eight
characters of the same sentence and `……` for up to forty. `~` at an end of an English phrase: the word may go on there.
Nothing in it repeats without a bound, so no phrase can make a search slow.
"""

import re
from dataclasses import dataclass

from doctorglm.clinical.folding import folded

_LATIN = re.compile(r"[a-z]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_GAPS = {"…": 8, "……": 40}
_PART = re.compile("……|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Item:
    """A character, a gap (its most characters), or alternatives; perhaps absent."""

    char: str = ""
    gap: int = 0
    either: tuple["tuple[_Item, ...]", ...] = ()
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """The regular expression, and the one or two characters with which a match can begin."""

    pattern: re.Pattern[str]
    beginnings: frozenset[str]


def phrase(text: str) -> Phrase:
    """A phrase as it is written; raises ValueError that says what is wrong with it."""
    parts = _PART.findall(folded(text))
    goes_before, goes_on = parts[0] == "~", parts[-1] == "~"
    parts = parts[goes_before : len(parts) - goes_on]
    either, rest = _either([*parts, ")"], 0)
    if rest <= len(parts):
        raise ValueError("a bracket closes that was not opened")
    items = (_Item(either=either),)
    begins = _begins(items)
    if not begins or "" in begins:
        raise ValueError("it must begin with a character that is always there")
    body = _expression(items)
    if _LATIN.search(text.lower()) and not _HAN.search(text):
        body = ("" if goes_before else "(?<![a-z])") + body + ("" if goes_on else "(?![a-z])")
    return Phrase(re.compile(body), frozenset(begins))


def _sequence(parts: list[str], at: int) -> tuple[tuple[_Item, ...], int]:
    items: list[_Item] = []
    while at < len(parts) and parts[at] not in "|)":
        part = parts[at]
        at += 1
        if part == "(":
            either, at = _either(parts, at)
            items.append(_Item(either=either))
        elif part == "?":
            if not items or items[-1].optional or items[-1].gap:
                raise ValueError("nothing stands before `?`")
            last = items.pop()
            items.append(_Item(last.char, 0, last.either, optional=True))
        elif part in _GAPS:
            items.append(_Item(gap=_GAPS[part]))
        else:
            items.append(_Item(part))
    return tuple(items), at


def _either(parts: list[str], at: int) -> tuple[tuple[tuple[_Item, ...], ...], int]:
    found = []
    while True:
        items, at = _sequence(parts, at)
        found.append(items)
        if at >= len(parts):
            raise ValueError("a bracket is not closed")
        at += 1
        if parts[at - 1] == ")":
            return tuple(found), at


def _expression(items: tuple[_Item, ...]) -> str:
    return "".join(map(_one, items))


def _one(item: _Item) -> str:
    if item.gap:
        return f"[^。！？!?；;\\n]{{0,{item.gap}}}"
    body = "(?:" + "|".join(map(_expression, item.either)) + ")" if item.either else re.escape(item.char)
    return body + "?" * item.optional


def _begins(items: tuple[_Item, ...]) -> set[str]:
    """The first two characters of whatever it can match; one, where anything may follow or nothing does."""
    done: set[str] = set()
    going = {""}
    for item in items:
        if item.gap:
            return done | going
        heads = set().union(*map(_begins, item.either)) if item.either else {item.char}
        nexts = {(begun + head)[:2] for begun in going for head in heads}
        if item.optional:
            nexts |= going
        done |= {n for n in nexts if len(n) == 2}
        going = {n for n in nexts if len(n) < 2}
        if not going:
            return done
    return done | going
