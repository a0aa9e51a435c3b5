"""A judge's reply as a verdict, or what is wrong with it: nothing is guessed.

A verdict is a JSON object with the key asked for, or a fixed token such as `[[A]]`; all that a reply holds must agree.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from doctorglm.engine import Generation
from doctorglm.language import Text

Fault = Literal["empty", "unfinished", "shortened", "no_verdict", "not_allowed", "contradiction", "unanswered"]

FAULTS: Mapping[Fault, Text] = {
    "empty": Text(zh="输出为空。", en="it was empty."),
    "unfinished": Text(zh="输出没有自行结束，被截断了。", en="it did not end by itself and was cut."),
    "shortened": Text(zh="材料放不下，被截去了一部分。", en="the material did not fit and was shortened."),
    "no_verdict": Text(zh="其中没有所要求的 JSON 对象。", en="it holds no JSON object as asked for."),
    "not_allowed": Text(zh="结论不是允许的取值。", en="its verdict is none of the allowed values."),
    "contradiction": Text(zh="其中的结论互相矛盾。", en="its verdicts contradict one another."),
    "unanswered": Text(zh="没有回复。", en="there was none."),
}
"""What can be wrong; the last is the engine's, and no reply exists."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a verdict looks like: the key of the JSON object and the values it may have, as JSON."""

    key: str
    allowed: tuple[str, ...]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The values without JSON's quotation marks."""
        return tuple(value.strip('"') for value in self.allowed)


WINNER = Form("winner", ('"A"', '"B"', '"tie"'))
CRITERION = Form("criteria_met", ("true", "false"))

_THOUGHT = re.compile(r"\A\s*<think>.*</think>", re.DOTALL)


def read_reply(generation: Generation, form: Form) -> tuple[str | None, Fault | None]:
    """The verdict ("A", "tie", "true", ...), or else the fault."""
    if generation.empty:
        return None, "empty"
    if generation.dropped_turns:
        return None, "shortened"
    if generation.finish != "stop":
        return None, "unfinished"
    # what a reasoning model drafts is no verdict
    return _verdict(_THOUGHT.sub("", generation.text), form)


def _verdict(text: str, form: Form) -> tuple[str | None, Fault | None]:
    said = [json.dumps(value, ensure_ascii=False) for value in _values(text, form.key)]
    if any(value not in form.allowed for value in said):
        return None, "not_allowed"
    tokens = [verdict for verdict in form.verdicts if f"[[{verdict}]]" in text]
    found = {value.strip('"') for value in said} | {*tokens}
    if not found:
        return None, "no_verdict"
    return (found.pop(), None) if len(found) == 1 else (None, "contradiction")


def _values(text: str, key: str) -> Iterator[Any]:
    """Every value of `key` in the JSON objects of a text; of a key that is there twice, both."""
    decoder = json.JSONDecoder(object_pairs_hook=list)
    at = text.find("{")
    while at >= 0:
        try:
            pairs, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield from (value for name, value in pairs if name == key)
        at = text.find("{", end)
