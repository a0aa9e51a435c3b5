"""A conversation without its identifiers: typed placeholders or surrogates, dates moved by one distance.

Source of the limits of dates and ages: 45 CFR 164.514(b)(2)(i)(C).
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal

from doctorglm.clinical.deid.days import Day, month_comes_first, read_day
from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.persons import persons
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.substitutes import Surrogates, value_of
from doctorglm.clinical.deid.substitutes.draws import Draws

Mode = Literal["placeholders", "surrogates"]
Dates = Literal["shift", "mask"]

_WEEKS = range(5, 48)
"""Whole weeks keep the days of the week; fewer than five leave the season, 52 and more come near the same day again."""
_BORN_LONG_AGO = 1940
"""Who was born before is over 89, or will be before a corpus of today is old; no later date need say so."""
_BORN_BEFORE = re.compile(r"(?:生于|出生[于日期年月]*|生日|DOB|born(?: in| on)?)[:：是为 ]{0,3}$", re.IGNORECASE)
_BORN_AFTER = re.compile(r"^[ ]?(?:出?生|的?生日)")
_HAN = re.compile("[\u4e00-\u9fff]")


def conversation_key(secret: bytes, conversation_id: str) -> bytes:
    """The key of one conversation, from which neither the secret nor the key of another can be had."""
    return hmac.digest(secret, conversation_id.encode(), hashlib.sha256)


def replaced(
    texts: Sequence[str], spans: Sequence[Sequence[Span]], mode: Mode, key: bytes | str, *, dates: Dates | None = None
) -> list[str]:
    """The texts of one conversation with every span replaced, and nothing else touched.

    `spans` is what `find_in` found in them. `key` is of this conversation alone (`conversation_key`). Without `dates`,
    they are masked among placeholders, where a reader must see what was missed, and shifted among surrogates.
    """
    key = key.encode() if isinstance(key, str) else key
    found = [(text, span) for text, ours in zip(texts, spans, strict=True) for span in sorted(ours)]
    days = _distance(key)
    shift = (dates or ("mask" if mode == "placeholders" else "shift")) == "shift"
    calendar = _Calendar(found, days if shift else None, mode)
    told = [(span.type, text[span.start : span.end]) for text, span in found if span.type not in ("date", "age")]
    other = Surrogates(key, told, days).of if mode == "surrogates" else _Placeholders(told).of
    return [_written(text, ours, calendar, other) for text, ours in zip(texts, spans, strict=True)]


def _written(text: str, spans: Sequence[Span], calendar: "_Calendar", other: Callable[[str, str], str]) -> str:
    parts, at = [], 0
    for span in sorted(spans):
        old = text[span.start : span.end]
        if span.type == "date":
            new = calendar.of(text, span)
        elif span.type == "age":
            new = _age(old, text[span.end :])
        else:
            new = other(span.type, old)
        parts += [text[at : span.start], new]
        at = span.end
    return "".join([*parts, text[at:]])


class _Placeholders:
    """`[type]`, as `inspect deid` writes it; where a conversation has several of a type, `[type 1]`, `[type 2]`."""

    def __init__(self, found: Sequence[tuple[str, str]]) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        counts: dict[str, int] = {}
        for kind, text in found:
            if kind != "name" and (kind, value_of(kind, text)) not in self._numbers:
                counts[kind] = counts.get(kind, 0) + 1
                self._numbers[kind, value_of(kind, text)] = counts[kind]
        self._persons = persons(text for kind, text in found if kind == "name")
        self._counts = counts | {"name": max(self._persons.values(), default=0)}

    def of(self, kind: str, text: str) -> str:
        """The placeholder of one identifier."""
        number = self._persons[text] if kind == "name" else self._numbers[kind, value_of(kind, text)]
        return f"[{kind} {number}]" if self._counts[kind] > 1 else f"[{kind}]"


class _Calendar:
    """The dates of one conversation, all moved by the same days, or masked where `days` is None."""

    def __init__(self, found: Sequence[tuple[str, Span]], days: int | None, mode: Mode) -> None:
        self._days = days
        self._mode = mode
        told = [text[span.start : span.end] for text, span in found if span.type == "date"]
        is_chinese = any(_HAN.search(text) for text, _ in found)
        self._month_first = month_comes_first(told)
        self._short_month_first = True if self._month_first is None and is_chinese else self._month_first
        exact = [day.exact for old in told if (day := self._read(old)) and day.exact]
        self._latest = max(exact, default=date(_BORN_LONG_AGO + 89, 12, 31))
        self._reference = exact[0] if exact else date(2023, 7, 1)

    def of(self, text: str, span: Span) -> str:
        """The date in its own spelling, or what says that there was one."""
        old = text[span.start : span.end]
        day = self._read(old)
        if self._days is None or day is None or self._tells_of_great_age(day, text, span):
            return self._masked(old)
        self._reference = day.near(self._reference)
        return day.written(date.fromordinal(self._reference.toordinal() + self._days))

    def _read(self, old: str) -> Day | None:
        with_year = re.search(r"(?:19|20)[0-9]{2}$", folded(old))
        return read_day(old, self._month_first if with_year else self._short_month_first)

    def _tells_of_great_age(self, day: Day, text: str, span: Span) -> bool:
        before, after = folded(text[max(0, span.start - 12) : span.start]), folded(text[span.end : span.end + 4])
        if day.year is None or not (_BORN_BEFORE.search(before) or _BORN_AFTER.search(after)):
            return False
        return day.year < _BORN_LONG_AGO or self._latest.year - day.year > 89

    def _masked(self, old: str) -> str:
        return "某日" if self._mode == "surrogates" and _HAN.search(old) else "[date]"


def _distance(key: bytes) -> int:
    """Days by which the dates of a conversation move, back or on."""
    chance = Draws(key).random("days")
    return 7 * chance.choice(_WEEKS) * chance.choice((-1, 1))


def _age(old: str, after: str) -> str:
    """90 and more, in the words of the old one."""
    if after.startswith(("以上", " or older", "+")):
        return old
    if re.search("[a-zA-Z]", old):
        unit = re.search(r"[\- ]*(?:years?|yrs?)[\- ]?(?:old|of age)?$|[ ]?(?:yo|y/o|y\.o\.|Y)$", old, re.IGNORECASE)
        return f"90-plus{unit[0]}" if unit else "90-plus"
    ninety = "九十" if re.search("[九百]", old) else "90"
    return f"{ninety}岁以上" if re.search("[岁歲]", old) else f"{ninety}多"
