"""A text as lines, and a line as sentences: what is translated alone, and what stands between.

Put together again unchanged, the pieces are the text to the character. An end is missed rather than made: two
sentences in one are still translated, a sentence cut after `Dr.` is not.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctorglm.translate.outcome import kept
from doctorglm.translate.parts import split

LONGEST_CHARS = 400
"""A sentence that is longer is cut at a comma or between words: few students were trained on longer ones."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?")
_MARK = re.compile(r"[ \t\u00a0]*(?:(?:[-*+•●▪◦–—]|\(?[0-9]{1,2}[.)]|\(?[a-zA-Z]\)|#{1,6})[ \t]+)?")
"""What stands in front of a line of a list, blanks included."""
_END = re.compile(r"""[.!?。！？…]+["'”’)\]]*(?=\s|$)|(?<=[a-z]{3})[.!?](?=[A-Z][a-z' ])|[。！？](?=\S)""")
"""The second: a blank was forgotten (fever.It)."""
_CLAUSE = re.compile(r"(?:[^,;:，；：]|[,:](?=\S))*(?:[,;:，；：]+\s*|$)")
_NEVER = frozenset(re.findall(r"\S+", """
    dr mr mrs ms prof st sr jr fig figs vs eq ref refs ch vol pp p e.g i.e eg ie cf viz approx ca al dept gen capt
    rev hon mt ft
"""))  # fmt: skip
"""Abbreviations behind which no sentence ends: more of it follows."""
_BEFORE_NUMBERS = frozenset(("no", "nos"))
"""No. 5; but No. I did not."""
_SELDOM = frozenset(re.findall(r"\S+", """
    mg mcg ug g kg ml dl l cc cm mm min hr hrs sec wk wks mo yr yrs tab tabs cap caps inj tsp tbsp oz lb lbs in temp
    b.i.d t.i.d q.i.d q.d q.h q.o.d p.r.n p.o i.v i.m s.c h.s a.c p.c a.m p.m am pm m.d ph.d u.s u.k etc inc ltd co
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun max avg wt ht bp hx dx rx tx pt pts
    lt rt esp incl resp
"""))  # fmt: skip
"""Abbreviations behind which a sentence ends only where the next word has a capital."""
_WORD_BEFORE = re.compile(r"[\w.]*\w$")
_NUMBERED = re.compile(r"(?:^|[.:;,!?)]\s+)\(?[0-9]{1,2}$")


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
    sentences = [part for sentence in _sentences(said[start:]) for part in _short(sentence)]
    for i, (text, behind) in enumerate(sentences):
        last = i == len(sentences) - 1
        yield Piece(text, behind + end if last else behind, spoken=not kept(text))
    if not sentences and end:
        yield Piece("", end)


def _sentences(line: str) -> Iterator[tuple[str, str]]:
    """(sentence, the blanks behind it)."""
    start = 0
    for found in _END.finditer(line):
        if found.end() < len(line) and _ends(line, found, start):
            behind = re.compile(r"\s*").match(line, found.end())
            assert behind is not None
            yield line[start : found.end()], behind[0]
            start = behind.end()
    if start < len(line):
        yield line[start:], ""


def _ends(line: str, found: re.Match[str], start: int) -> bool:
    """Whether a sentence ends with this mark."""
    if found[0][0] != "." or found[0].startswith(".."):
        return True
    before = _WORD_BEFORE.search(line, start, found.start())
    word = before[0].lower() if before else ""
    following = line[found.end() :].lstrip()[:1]
    if word in _NEVER or _NUMBERED.search(line[start : found.start()]):
        return False
    if word in _BEFORE_NUMBERS:
        return not following.isdigit()
    if word in _SELDOM:
        return following.isupper()
    # an initial, J. Smith; what one says of oneself ends with I as seldom
    return not (len(word) == 1 and word.isalpha() and following.isupper())


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
