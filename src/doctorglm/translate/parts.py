"""Long texts in parts: cut between sentences, put together again in order."""

import re
from collections.abc import Sequence

from doctorglm.translate.sentences import sentences

_SENTENCE = re.compile(r"""(?:[^.!?\n]|[.!?](?!["')\]]*\s))*(?:[.!?]+["')\]]*\s+|\n\s*|\Z)""")
_WORD = re.compile(r"\S+\s*|\s+")


def split(text: str, limit: int) -> list[tuple[str, str]]:
    """(part, the blanks behind it): parts of at most `limit` characters that end with a sentence where one fits.

    A sentence that is longer is cut between words, a word that is longer anywhere. Nothing but blanks is left out.
    """
    parts, said = list[str](), ""
    for piece in (cut for sentence in _pieces(text.strip(), _SENTENCE) for cut in _short(sentence, limit)):
        if said and len(said) + len(piece.rstrip()) > limit:
            parts.append(said)
            said = ""
        said += piece
    whole = [*parts, said] if said else parts
    return [(part.rstrip(), part[len(part.rstrip()) :]) for part in whole]


def by_sentences(text: str, limit: int, number: int) -> list[list[tuple[str, str]]]:
    """Parts of at most `limit` characters and `number` sentences, each as (sentence, the blanks behind it)."""
    parts, chars = list[list[tuple[str, str]]](), 0
    for said, blank in sentences(text.strip()):
        for piece, between in _with_blank(split(said, limit), blank):
            if not parts or len(parts[-1]) == number or chars + len(piece) > limit:
                parts.append([])
                chars = 0
            parts[-1].append((piece, between))
            chars += len(piece) + len(between)
    return parts


def _with_blank(pieces: list[tuple[str, str]], blank: str) -> list[tuple[str, str]]:
    return [*pieces[:-1], (pieces[-1][0], blank)]


def joined(chinese: Sequence[str], blanks: Sequence[str]) -> str:
    """The Chinese of all parts: lines stay lines, and no blank stands between Chinese sentences."""
    return "".join(
        said.strip() + (blank if "\n" in blank else "") for said, blank in zip(chinese, blanks, strict=True)
    ).strip()


def _pieces(text: str, pattern: re.Pattern[str]) -> list[str]:
    return [found[0] for found in pattern.finditer(text) if found[0]]


def _short(sentence: str, limit: int) -> list[str]:
    if len(sentence.rstrip()) <= limit:
        return [sentence]
    cuts, said = list[str](), ""
    for word in _pieces(sentence, _WORD):
        if said and len(said) + len(word.rstrip()) > limit:
            cuts.append(said)
            said = ""
        said += word
        while len(said.rstrip()) > limit:
            cuts.append(said[:limit])
            said = said[limit:]
    return [*cuts, said] if said else cuts
