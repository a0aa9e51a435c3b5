"""The sentences of an English text, with the blanks between them.

An end is missed rather than made: two sentences in one are still a pair, one that is cut behind `Dr.` is none. A line
always ends one, so that a list stays a list.
"""

import re

_STOP = re.compile(
    r"""(?P<stop>[.!?…。！？]+)(?P<closing>["'”’)\]]*)(?P<blank>\s+)   # the usual end
    |(?P<line>[^\S\n]*\n\s*)                                          # the end of a line
    |(?<=[a-z]{3})(?P<tight>[.!?])(?=[A-Z][a-z']|I\s)                 # a blank was forgotten: fever.It
    |(?P<chinese>[。！？]+[”’」』）]*)(?=\S)                            # none is needed""",
    re.VERBOSE,
)
_LAST = {"blank": "closing", "line": "line", "tight": "tight", "chinese": "chinese"}
"""By the last part of an end, the part that still belongs to the sentence."""
_WORD_BEFORE = re.compile(r"[^\s(\[\"]+$")
_DOTTED = re.compile(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]{1,2}")
"""e.g, b.i.d, a.m, Ph.D: the last full stop is part of the word."""
_NEVER = frozenset(re.findall(r"\S+", """
    dr mr mrs ms mx prof st sr jr vs eg ie cf viz approx ca al fig figs eq ref refs vol pp dept gen rev incl resp
"""))  # fmt: skip
"""Behind these more of the sentence follows, whatever it begins with."""
_SELDOM = frozenset(re.findall(r"\S+", """
    etc mg mcg ug g kg ml dl l cc cm mm min mins hr hrs sec secs wk wks mo mos yr yrs tab tabs cap caps inj tsp tbsp
    oz lb lbs temp max avg wt ht bp hx dx rx tx pt pts lt rt esp inc ltd co jan feb mar apr jun jul aug sep sept oct nov
    dec mon tue tues wed thu thur thurs fri sat sun bid tid qid qd po prn im iv sc hs
"""))  # fmt: skip
"""Behind these it ends only where a capital follows."""
_TIMES = re.compile(r"[ap]\.m|[bqt]\.i\.d|q\.[dh]|p\.[or]\.?n?|[ahp]\.[cs]|i\.[vm]")
"""Of those with full stops within, the ones that a sentence may end with, where a capital follows."""
_WORD_AHEAD = re.compile(r"[A-Z][a-z']|[AI]\s")
_NUMBERED = re.compile(r"(?:^|[:;,!?)]\s*)\(?[0-9]{1,2}$")
"""The number of a list, which begins something."""
_BEFORE_NUMBERS = frozenset(("no", "nos"))
"""No. 5; but No. I did not."""


def sentences(text: str) -> list[tuple[str, str]]:
    """(sentence, the blanks behind it); put together they are the text. One without a letter stays with the next.

    Blanks before the first sentence stand behind an empty one.
    """
    start = len(text) - len(text.lstrip())
    found = [("", text[:start])] if start else []
    for match in _STOP.finditer(text, start):
        end = match.start() if match["line"] is not None else match.end(_LAST[match.lastgroup or ""])
        if end > start and _has_letter(text[start:end]) and _ends(text, start, match):
            found.append((text[start:end], text[end : match.end()]))
            start = match.end()
    last = text[start:]
    if last and not _has_letter(last) and found and found[-1][0]:
        before, blank = found.pop()
        last = before + blank + last
    said = last.rstrip()
    return [*found, (said, last[len(said) :])] if last else found


def _has_letter(text: str) -> bool:
    return any(char.isalpha() for char in text)


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a sentence ends here."""
    stop = match["stop"]
    if stop is None:
        return match["tight"] is None or "/" not in _word(text, start, match.start())
    following = text[match.end() : match.end() + 1]
    if stop != ".":
        return not following.islower() if match["closing"] or stop[0] in ".…" else True
    word = _word(text, start, match.start()).lower()
    if _TIMES.fullmatch(word):
        return _WORD_AHEAD.match(text, match.end()) is not None
    if word in _NEVER or _DOTTED.fullmatch(word) or (len(word) == 1 and word.isalpha()):
        return False
    if word in _BEFORE_NUMBERS:
        return not following.isdigit()
    if word in _SELDOM:
        return following.isupper()
    return _NUMBERED.search(text[start : match.start()].lstrip()) is None


def _word(text: str, start: int, end: int) -> str:
    """What stands before a stop, up to a blank; at most so much as a word may have."""
    found = _WORD_BEFORE.search(text, max(start, end - 40), end)
    return found[0].lstrip("'") if found else ""
