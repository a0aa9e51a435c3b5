"""Sentences: of a passage, which is never cut within one, and of an answer that comes in pieces.

A list stays with the line that leads to it: an item of 以下病人禁用： must not stand alone.
"""

import re

LONGEST = 400
"""Characters; an answer without sentences is read in parts of this length, cut at their last comma."""
_SHORTEST = 24
"""Characters before a comma at which such a part may be cut."""
_COMMA = "，,、 "

_DOT = r"(?<!\d)(?<!e\.g)(?<!i\.e)(?<!Dr)(?<!vs)\."
"""The full stop of English: not that of a number, of a list's number, or of these abbreviations."""
_CLOSING = r"[”’」』）)】\"'*]*"
NUMBERS = (
    r"\^?(?:资料|来源|文献|证据|参考|source |ref\.? |evidence )?\s?\d{1,3}(?:\s?[,，、;；~～至–-]\s?\d{1,3}){0,7}\s?"
)
CITATION = rf"[\[【［〔]\s?(?P<numbers>{NUMBERS})[\]】］〕]"
"""[1], 【1】, ［1］, [1,2], [1-3], [资料1]."""
_CITATION = CITATION.replace("?P<numbers>", "?:")
_CITED = 6
"""Citations in a row that are taken to the sentence before them."""
_MAY_CITE = re.compile(r"[ \t]{0,2}(?:[\[【［〔][^\[\]【】［］〔〕\n]{0,72})?")
"""What may go on to be a citation."""
_SAID = re.compile(rf"\n+|(?:[。！？!?…｡]+|{_DOT}(?=[\s\[【])){_CLOSING}(?:[ \t]{{0,2}}{_CITATION}){{0,{_CITED}}}")
_WINDOW = LONGEST + _CITED * 76
"""Characters that are looked at for the end of one sentence."""

_WRITTEN = re.compile(rf"(?:[。！？!?…｡]+|{_DOT}(?=\s|$)){_CLOSING}\s*")
ITEM = re.compile(r"\s*(?:[-*•·●]|\d{1,2}(?:[、)）]|\.(?!\d))|[（(]\d{1,2}[)）]|[①-⑳])")
"""How an item of a list begins."""
_LEADS = re.compile(r"[:：]\s*\n")


def split(text: str) -> list[str]:
    """The sentences of a passage with the blanks behind them; together they are the passage."""
    parts: list[str] = []
    at, led = 0, False
    for match in [*_WRITTEN.finditer(text), None]:
        end = match.end() if match else len(text)
        part, at = text[at:end], end
        if not part:
            continue
        if led and ITEM.match(part) and parts:
            parts[-1] += part
            continue
        parts.append(part)
        led = _LEADS.search(part) is not None
    return parts


class Sentences:
    """Takes pieces of an answer, gives its sentences, the same however it was cut; citations stay with theirs."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, piece: str) -> list[str]:
        """The sentences that are complete by now: what comes next cannot belong to them."""
        self._rest += piece
        return self._taken(last=False)

    def end(self) -> list[str]:
        """What is left."""
        sentences = self._taken(last=True)
        if self._rest:
            sentences.append(self._rest)
            self._rest = ""
        return sentences

    def _taken(self, *, last: bool) -> list[str]:
        sentences: list[str] = []
        at = 0
        while (cut := _cut(self._rest[at : at + _WINDOW], last=last)) is not None:
            sentences.append(self._rest[at : at + cut])
            at += cut
        self._rest = self._rest[at:]
        return sentences


def _cut(window: str, *, last: bool) -> int | None:
    """Where the sentence at the beginning of the window ends; None where that is not known yet."""
    found = _SAID.search(window)
    if found and found.start() < LONGEST:
        is_whole = last or len(window) == _WINDOW
        if found[0][-1] == "\n":
            return found.end() if is_whole or found.end() < len(window) else None
        return found.end() if is_whole or not _MAY_CITE.fullmatch(window, found.end()) else None
    if len(window) <= LONGEST + 1:
        return None
    comma = max(window.rfind(mark, _SHORTEST, LONGEST) for mark in _COMMA)
    return comma + 1 if comma > 0 else LONGEST
