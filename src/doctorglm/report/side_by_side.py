"""A text beside its translation, as HTML: the words that are looked at marked, and what is said of them below."""

from collections.abc import Callable, Sequence
from html import escape

from doctorglm.report import strings
from doctorglm.report.blocks import Mark, SideBySide
from doctorglm.report.wording import Wording, clean

_SIGNS = {"right": "✓", "wrong": "✕"}


def side_by_side(pair: SideBySide, both: Callable[[Wording], str], words: Callable[[str], str]) -> str:
    """An article; `both` sets wording in both languages, `words` somebody's words with what was masked set apart."""
    english = _side(both(strings.ORIGINAL), "en", _marked(pair.original, words))
    label = f'<span class="label">{both(strings.AI_ANSWER)}</span>'
    chinese = (
        _side(both(strings.TRANSLATION) + label, "zh-CN", _marked(pair.translation, words))
        if pair.translation
        else f'<div class="answer"><p class="who">{both(strings.TRANSLATION)}</p>'
        f'<p class="words note">{both(strings.NO_ANSWER)}</p></div>'
    )
    notes = "".join(
        f'<li class="{mark}"><span class="tick" aria-hidden="true">{_SIGNS.get(mark, "")}</span>{both(note)}</li>'
        for mark, note in pair.notes
    )
    told = f'<ul class="told">{notes}</ul>' if notes else ""
    place = f'<p class="place">{escape(clean(pair.place))}</p>'
    return f'<article class="pair"><div class="columns">{english}{chinese}</div>{told}{place}</article>'


def _side(who: str, language: str, words: str) -> str:
    return (
        f'<div class="answer"><p class="who">{who}</p><p class="words" dir="auto" lang="{language}">{words}</p></div>'
    )


def _marked(pieces: Sequence[tuple[str, Mark]], words: Callable[[str], str]) -> str:
    return "".join(f'<mark class="{mark}">{words(text)}</mark>' if mark else words(text) for text, mark in pieces)
