"""Faults of a translation as a translator is told them."""

from collections.abc import Mapping, Sequence

from doctorglm.translate.checks.fault import Fault, Kind

_MOST = 6
"""Faults that are told; more would only confuse."""
_SAYS: Mapping[Kind, str] = {
    "length": "its length does not fit the text",
    "loop": "it repeats itself",
    "language": "a part of it is not Chinese",
    "order": "its sentences are not in the order of the text",
    "truncation": "it leaves out a part of the text",
    "addition": "it adds what the text does not say",
    "negation": "what is denied differs",
}


def hints(faults: Sequence[Fault]) -> list[str]:
    """A short English phrase for each fault, each once."""
    return list(dict.fromkeys(map(_hint, faults)))[:_MOST]


def _hint(fault: Fault) -> str:
    if fault.kind == "untranslated":
        return f"translate {_quoted(fault.english or fault.chinese)} into Chinese"
    if fault.english and fault.expected:
        return f"{_quoted(fault.english)} must be translated as {fault.expected[0]}"
    if fault.english and fault.chinese:
        return f"{_quoted(fault.chinese)} is wrong for {_quoted(fault.english)}"
    if fault.english:
        return f"{_quoted(fault.english)} is missing"
    if fault.chinese and fault.kind not in _SAYS:
        return f"{_quoted(fault.chinese)} is not in the text"
    return _SAYS.get(fault.kind, "it is not a translation of the text")


def _quoted(said: str) -> str:
    return f'"{" ".join(said.split())}"'
