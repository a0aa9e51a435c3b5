"""A text as the index holds it: words, and the bigrams of its Chinese characters.

Default tokenizers find no name of two characters (thedotmack/claude-mem#3801) and none that Latin letters touch
(quickwit-oss/tantivy#855). Here widths, case and Traditional characters are folded first; Latin runs stand for
themselves, stemmed; Chinese runs are cut into words by jieba and, once more, into bigrams.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources

import rjieba
import snowballstemmer

from doctorglm.clinical.folding import folded

HAN = "\u3400-\u9fff\U00020000-\U0002fa1f"
_RUN = re.compile(rf"[{HAN}]+|[a-z0-9\u0370-\u03ff]+(?:\.[0-9]+)?")
_HALF = re.compile("[\ud800-\udfff]")
_FIRST_HAN = "\u3400"


def whole(text: str) -> str:
    """The text with half characters, which cannot be written, as U+FFFD, which no name has."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def runs_of(text: str) -> list[str]:
    """The runs of Chinese characters and of Latin letters and digits, folded, in order; all else parts them."""
    return _RUN.findall(folded(text))


def is_han(run: str) -> bool:
    """True for a run of Chinese characters."""
    return run[0] >= _FIRST_HAN


def words_of(runs: Sequence[str]) -> list[str]:
    """The words: of Chinese runs as jieba cuts them, Latin ones stemmed; their order is not kept."""
    chinese = rjieba.cut(" ".join(run for run in runs if is_han(run)), True)
    return [word for word in chinese if word != " "] + [stem(run) for run in runs if not is_han(run)]


def bigrams_of(runs: Sequence[str]) -> list[str]:
    """The bigrams of Chinese runs, a run of one character as it is, Latin ones stemmed."""
    found: list[str] = []
    for run in runs:
        if not is_han(run):
            found.append(stem(run))
        elif len(run) == 1:
            found.append(run)
        else:
            found += [run[i : i + 2] for i in range(len(run) - 1)]
    return found


@lru_cache(1 << 16)
def stem(word: str) -> str:
    """An English word's stem (Porter2), anything with a digit as it is."""
    return str(_stemmer().stemWord(word)) if word.isascii() and word.isalpha() else word


@cache
def _stemmer() -> "snowballstemmer.stemmer":
    return snowballstemmer.stemmer("english")


@cache
def function_words() -> frozenset[str]:
    """Words that ask, greet or bind and say nothing of an illness: `function_words.txt`, English ones stemmed too."""
    text = resources.files(__package__).joinpath("function_words.txt").read_text(encoding="utf-8")
    words = {w for line in text.splitlines() if not line.startswith("#") for w in line.split()}
    return frozenset(words | {stem(word) for word in words})


def content_of(text: str) -> list[str]:
    """The runs of a question without its function words; a Chinese run is parted where one stood."""
    kept: list[str] = []
    for run in runs_of(text):
        if not is_han(run):
            if run not in function_words() and stem(run) not in function_words():
                kept.append(run)
            continue
        held = ""
        for word in rjieba.cut(run, True):
            if word in function_words():
                if held:
                    kept.append(held)
                held = ""
            else:
                held += word
        if held:
            kept.append(held)
    return kept
