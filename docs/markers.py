"""Figures within a sentence that are read from `benchmarks/results/*.json`.

    killed at <!-- figure:resume:kills -->20<!-- / --> moments
    <!-- figure:RESULT:EXPRESSION:FORM -->what is shown<!-- / -->

EXPRESSION is a path into the result, its keys joined by dots (`runs.0.seconds`; a key with a dot in double quotes); or
paths and numbers joined by ` + ` and ` - ` alone, or by ` * ` and ` / ` alone, from left to right. FORM is Python's
(`.3f`, `,`); for a path to an object it is a template of its values: `{value:.3f} [{low:.3f}, {high:.3f}]`.
`RESULT@COMMIT` holds while the result is the one of that commit: what a log tells does not follow a later measurement.
"""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantities import code

OPENING = "<!-- figure:"
_MARKER = re.compile(
    rf"(?P<opening>{OPENING}(?P<result>[a-z0-9_]+)(?:@(?P<commit>[0-9a-f]{{7,40}}))?:"
    r"(?P<expression>[^:>\n]+?)(?::(?P<form>[^>\n]+?))? -->)(?P<shown>[^<\n]*)<!-- / -->"
)
_KEY = re.compile(r'"([^"]*)"|([^".]+)')
_CALCULATED = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A marked figure of a page, `text[start:end]` with its markers."""

    start: int
    end: int
    opening: str
    result: str
    commit: str
    expression: str
    form: str
    shown: str

    def current(self, results: Mapping[str, Any]) -> str:
        """What the result says today; ValueError with the reason where it says nothing."""
        if self.result not in results:
            raise ValueError(f"there is no benchmarks/results/{self.result}.json")
        now = results[self.result]["commit"]
        if not now.startswith(self.commit):
            raise ValueError(
                f"{self.result} was measured again, at {now[:7]}: keep the one of {self.commit} as a result of its own"
            )
        return shown(results[self.result], self.expression, self.form)


def markers(text: str) -> list[Marker]:
    """The markers of a page that do not stand in code."""
    literal = code(text)
    return [
        Marker(start=m.start(), end=m.end(), **{key: value or "" for key, value in m.groupdict().items()})
        for m in _MARKER.finditer(text)
        if not any(start <= m.start() < end for start, end in literal)
    ]


def written(text: str, results: Mapping[str, Any]) -> str:
    """The text with every marked figure made anew; a marker to which no result answers stays as it is."""
    for marker in reversed(markers(text)):
        try:
            now = marker.current(results)
        except ValueError:
            continue
        text = text[: marker.start] + f"{marker.opening}{now}<!-- / -->" + text[marker.end :]
    return text


def shown(recorded: Any, expression: str, form: str) -> str:
    """The value of the expression in its form; ValueError with the reason where that cannot be."""
    value = _value(recorded, expression)
    if isinstance(value, Mapping) and "{" in form:
        try:
            return form.format_map(value)
        except KeyError as error:
            raise ValueError(f"no {error} in {expression}; there are {', '.join(value)}") from error
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{expression} is neither a number nor a text, or lacks a template")
    if isinstance(value, float) and not form:
        raise ValueError(f"{expression} = {value!r} needs a form, such as :.1f")
    return format(value, form)


def paths(expression: str) -> list[str]:
    """The paths of an expression, without its numbers and signs."""
    return [term for term in re.split(r" [-+*/] ", expression) if _number(term) is None]


def _value(recorded: Any, expression: str) -> Any:
    first, *rest = re.split(r" ([-+*/]) ", expression)
    if not paths(expression):
        raise ValueError(f"{expression} names nothing in the result")
    signs, terms = rest[::2], rest[1::2]
    if set(signs) & set("+-") and set(signs) & set("*/"):
        raise ValueError(f"{expression} mixes + or - with * or /")
    values = [_term(recorded, term) for term in (first, *terms)]
    if signs and not all(isinstance(value, int | float) for value in values):
        raise ValueError(f"{expression} calculates with what is no number")
    result = values[0]
    try:
        for sign, value in zip(signs, values[1:], strict=True):
            result = _CALCULATED[sign](result, value)
    except ZeroDivisionError as error:
        raise ValueError(f"{expression} divides by zero") from error
    return result


def _term(recorded: Any, term: str) -> Any:
    number = _number(term)
    if number is not None:
        return number
    value = recorded
    for quoted, plain in _KEY.findall(term):
        key = quoted or plain
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            there = ", ".join(map(str, value))[:200] if isinstance(value, Mapping) else f"{type(value).__name__}"
            raise ValueError(f"no {key!r} in {term}; there: {there}") from error
    return value


def _number(term: str) -> float | None:
    return (float(term) if "." in term else int(term)) if re.fullmatch(r"\d+(?:\.\d+)?", term) else None
