"""A text as lines, and a line as sentences: what is translated alone, and what stands between.

Put together again unchanged, the pieces are the text to the character. An end is missed rather than made: two
sentences in one are still translated, a sentence cut after `Dr.` is not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctorglm.translate.outcome import kept
from doctorglm.translate.parts import split
from doctorglm.translate.sentences import sentences

LONGEST_CHARS = 400
"""A sentence that is longer is cut at a comma or between words: few students were trained on longer ones."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?")
_MARK = re.compile(r"[ \t\u00a0]*(?:(?:[-*+•●▪◦–—]|\(?[0-9]{1,2}[.)]|\(?[a-zA-Z]\)|#{1,6})[ \t]+)?")
"""What stands in front of a line of a list, blanks included."""
_CLAUSE = re.compile(r"(?:[^,;:，；：]|[,:](?=\S))*(?:[,;:，；：]+\s*|$)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: a sentence to be translated or what stays, and the blanks behind it."""

    text: str
    behind: str = ""
    spoken: bool = False


def pieces(text: str) -> list[Piece]:
    """The text in order: `"".join(piece.text + piece.behind)` is the text again."""
    return [piece for line in _LINE.findall(text) for piece in _of_line(line)]


def rebuilt(parts: Sequence[Piece], chinese: Sequence[str]) -> str:
    """The text with each spoken piece's Chinese in its place: lines stay lines, blanks between sentences go."""
    said, waiting = list[str](), iter(chinese)
    for part in parts:
        new = next(waiting).strip() if part.spoken else part.text
        if part.spoken and said and _are_words(said[-1], new):
            said.append(" ")
        said.append(new)
        if "\n" in part.behind or "\r" in part.behind or not part.spoken:
            said.append(part.behind)
    return "".join(said)


def _are_words(before: str, new: str) -> bool:
    """Whether two ends would run together: 5mg, 10."""
    return bool(re.search(r"[A-Za-z0-9.,]$", before) and re.match(r"[A-Za-z0-9]", new))


def _of_line(line: str) -> Iterator[Piece]:
    said = line.rstrip()
    mark = re.match(_MARK, said)
    start = mark.end() if mark else 0
    if start:
        yield Piece(said[:start])
    end = line[len(said) :]
    parts = [part for sentence in sentences(said[start:]) for part in _short(sentence)]
    for i, (text, behind) in enumerate(parts):
        last = i == len(parts) - 1
        yield Piece(text, behind + end if last else behind, spoken=not kept(text))
    if not parts and end:
        yield Piece("", end)


def _short(sentence: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """The sentence, or parts of it that are not too long."""
    text, behind = sentence
    if len(text) <= LONGEST_CHARS:
        yield sentence
        return
    clauses, said = list[str](), ""
    for clause in _CLAUSE.findall(text):
        if said and len(said) + len(clause.rstrip()) > LONGEST_CHARS:
            clauses.append(said)
            said = ""
        said += clause
    parts = [part for clause in [*clauses, said] if clause for part in _cut(clause)]
    yield from parts[:-1]
    yield parts[-1][0], parts[-1][1] + behind


def _cut(clause: str) -> list[tuple[str, str]]:
    """A clause, between words where it is still too long, with nothing lost."""
    blank = clause[: len(clause) - len(clause.lstrip())]
    found = split(clause, LONGEST_CHARS)
    tail = clause[len(clause.rstrip()) :]
    first, *rest = found
    whole = [(blank + first[0], first[1]), *rest]
    return [*whole[:-1], (whole[-1][0], whole[-1][1] + tail)]
