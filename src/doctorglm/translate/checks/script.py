"""Languages and letters: clauses that are not Chinese, English words left standing, tokens of a model."""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.patterns import words_of
from doctorglm.translate.checks.texts import folded

Known: TypeAlias = Callable[[str], bool]
_TOKEN = re.compile(
    r"(?<=[\u3400-\u9fff])\|(?=[\u3400-\u9fff])|>>\s*\w+\s*<<|<\|[^|]{0,40}\|>|</?s>|<(?:pad|unk|eos|bos|2\w\w)>|__\w{2,8}__|\[/?INST\]|▁"
)
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u31f0-\u31ff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]{2,}")
_OTHER = re.compile(r"[\u0590-\u05ff\u0600-\u06ff\u0900-\u097f\u0e00-\u0e7f]{2,}")
_HAN = re.compile(r"[\u3400-\u9fff]")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|www\.\S+|\b[\w-]+\.(?:com|org|net|gov|edu|cn|int)\b\S*", re.IGNORECASE)
_QUOTED = re.compile(r"[“\"'‘「『《(（][^”\"'’」』》)）]{1,80}[”\"'’」』》)）]")
_MASK = re.compile(r"\[[A-Za-z_]{2,20}\]")
"""What stands for a name that was taken out: [hospital]."""
_BINOMIAL = re.compile(r"\b([A-Z][a-z]+|[A-Z]\.) ([a-z]{3,}(?:i|is|us|um|ae|a|es|ens|ans))\b")
_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’.][A-Za-zÀ-ɏ]+)*")
_LATIN_RUN = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ0-9'’.,;:%/()°\s-]*")
_FUNCTION = words_of("function_words")
_FOREIGN = words_of("foreign_words")
_UNITS = words_of("latin_units")
_LEFT = 3
"""Letters of a word in small letters that may not be left; shorter ones are units and symbols."""
_CLAUSE = 4
"""Latin words in a row that make a clause, or fewer with a word such as `the` among them."""


def faults(english: str, chinese: str, known: Known, named: Known) -> Iterator[Fault]:
    """What is in no Chinese, clause by clause, then word by word.

    `known` tells words (in small letters) that have their Chinese, `named` those that have it even where the English
    writes them like a name: generic names of drugs, illnesses.
    """
    for token in _TOKEN.findall(chinese):
        if token not in english:
            yield Fault("language", "model_token", "", token)
    text = _TOKEN.sub(" ", chinese)
    foreign = list(_foreign(english, text))
    yield from foreign
    text = _MASK.sub(lambda match: " " if match[0] in english else match[0], _ADDRESS.sub(" ", text))
    clauses = [run for run in _LATIN_RUN.findall(text) if _is_clause(run, english)]
    for run in clauses:
        yield Fault("language", "not_chinese", "", run.strip())
        text = text.replace(run, " ")
    if not foreign:
        for word in dict.fromkeys(_left(english, text, known, named)):
            yield Fault("untranslated", "left_in_english", word, word)


def _foreign(english: str, text: str) -> Iterator[Fault]:
    """Letters of another language that the English does not quote."""
    for name, pattern in (("japanese", _KANA), ("korean", _HANGUL), ("cyrillic", _CYRILLIC), ("other_script", _OTHER)):
        found = pattern.search(text)
        if found and not pattern.search(english):
            yield Fault("language", name, "", _around(text, found.start()))


def _around(text: str, at: int) -> str:
    return text[max(0, at - 10) : at + 20]


def _is_clause(run: str, english: str) -> bool:
    """Whether a run of Latin letters is a clause, of English or of another language; a title in brackets is none."""
    words = [word.lower().replace("’", "'") for word in _WORD.findall(run)]
    plain = [word for word in words if len(word) > 1 or word in ("i", "a")]
    small = [word for word in _WORD.findall(run) if word[0].islower() and word.lower() not in _UNITS]
    if not small or len(plain) < 2:
        return False
    of_english = set(re.findall(r"[a-zà-ɏ']+", folded(english)))
    if len(plain) >= 3 and sum(word not in of_english and word not in _UNITS for word in plain) * 2 > len(plain):
        return bool(set(plain) & _FOREIGN) or len(plain) >= _CLAUSE or bool(set(plain) & _FUNCTION)
    return len(small) >= 2 and (bool(set(plain) & _FUNCTION) or len(small) >= _CLAUSE) and len(plain) >= 3


def _left(english: str, text: str, known: Known, named: Known) -> Iterator[str]:
    """Latin words that should be Chinese: in small letters, capital only as a sentence begins with them, or `named`."""
    if not _WORD.search(text):
        return
    names, species = _names(english), _species(english, text)
    bracketed = [span.span() for span in _QUOTED.finditer(text) if _is_gloss(text, span.start())]
    for match in _WORD.finditer(text):
        word = match[0]
        if any(start <= match.start() < end for start, end in bracketed):
            continue
        if word not in species and _is_left(word, names, known, named) and not _beside_digit(text, match):
            yield word


def _is_gloss(text: str, at: int) -> bool:
    return bool(_HAN.search(text[max(0, at - 12) : at]))


def _beside_digit(text: str, match: re.Match[str]) -> bool:
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 2].lstrip("-")
    return (before.isdigit() or after[:1].isdigit()) and len(match[0]) <= _LEFT


def _species(english: str, text: str) -> frozenset[str]:
    """The second words of Latin names that both sides have as they are: Toxoplasma gondii."""
    return frozenset(match[2] for match in _BINOMIAL.finditer(text) if match[0] in english)


def _is_left(word: str, names: frozenset[str], known: Known, named: Known) -> bool:
    low = word.lower()
    if low in _UNITS or len(word) < _LEFT or re.search(r"[A-Z]", word[1:]) or "." in word:
        return False
    return word[0].islower() or (known(low) if word not in names else named(low))


_BEGINNING = re.compile(r"(?:^|[.!?:]\s+|\n\s*(?:\d+[.)]\s*)?|[\"“]\s*|(?:^|[.!?]\s*)\(\s*)$")

_BEFORE = 40
"""Characters before a word that may tell."""


def _names(english: str) -> frozenset[str]:
    """Words with a capital that no beginning of a sentence gives them, and all that stand in it with one elsewhere."""
    found = set()
    for match in _WORD.finditer(english):
        word = match[0]
        if word[0].isupper() and (not _is_beginning(english, match.start()) or _is_rare(word)):
            found.add(word)
            found.add(re.sub(r"['’]s$", "", word))
    return frozenset(found)


def _is_beginning(english: str, at: int) -> bool:
    """Whether a sentence may begin there; what stands long before a place does not tell."""
    return _BEGINNING.search(english, max(0, at - _BEFORE), at) is not None


def _is_rare(word: str) -> bool:
    return re.search(r"[A-Z]", word[1:]) is not None
