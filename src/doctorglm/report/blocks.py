"""What a page is made of. Wording is `Text`, in both languages; `str` is shown as it is, in either."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from doctorglm.language import Text
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording

_NUMBER = re.compile(r"[\[(<≤≥≈]?[+−-]?\d|–$")


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number behind a verdict: what it is, its value with unit, and what it is measured on or against."""

    label: Wording
    value: Wording
    note: Wording


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The first thing seen; `passed` None when nothing was judged. `reasons` say why, one a line."""

    passed: bool | None
    sentence: Wording
    numbers: Sequence[Number] = ()
    reasons: Sequence[Wording] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of text and numbers; numbers are set to the right, in figures of one width."""

    columns: Sequence[Wording]
    rows: Sequence[Sequence[Wording]]
    title: Wording | None = None
    note: Wording | None = None
    wide: bool = False
    """Below its title, over the page's whole width."""

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether all of its cells are numbers; never the first, which names the row."""
        return [
            index > 0 and all(_NUMBER.match(str(row[index])) is not None for row in self.rows)
            for index in range(len(self.columns))
        ]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture as SVG, for a wide page and for a phone, with how to read it and the table behind it."""

    wide: Text
    narrow: Text
    table: Table
    reading: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture under a title that says what it shows; `n` says how many of what it is drawn from."""

    title: Wording
    chart: Chart
    n: Wording
    note: Wording | None = None
    wide: bool = False
    """Below its title, over the page's whole width."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one model said, or a doctor; `colour` is the one the model has in the pictures."""

    label: Wording
    text: str
    colour: ColourName = "accent"
    generated: bool = True
    """False for the words of a doctor, which do not carry the label of an AI."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A patient's words and the answers to them; every answer is compared with the first, the base's or a doctor's."""

    asked: str
    answers: Sequence[Answer]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers to the same questions side by side, differing words marked."""

    title: Wording
    questions: Sequence[Question]
    note: Wording | None = None


@dataclass(frozen=True, kw_only=True)
class Prose:
    """Paragraphs, parted by blank lines."""

    title: Wording
    text: Wording


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Shell commands, each to be copied as it stands."""

    title: Wording
    lines: Sequence[str]
    note: Wording | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Lines for a program, such as checksums, as they stand; folded under `summary`."""

    title: Wording
    summary: Wording
    lines: Sequence[str]
    note: Wording | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Somebody's words, already masked, and where they stand."""

    text: str
    place: str


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Words by kind: each with what it is, how many there are, and a few of them, folded."""

    title: Wording
    groups: Sequence[tuple[Wording, Wording, Sequence[Sample]]]
    note: Wording | None = None


Mark = Literal["", "term", "right", "wrong"]
"""What a piece of a text is: a word that is looked at, what is right of it, what stands in its place."""


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """A text and its translation in pieces, each with its mark, what is to be said of them, and where they stand."""

    original: Sequence[tuple[str, Mark]]
    translation: Sequence[tuple[str, Mark]]
    place: str
    notes: Sequence[tuple[Mark, Wording]] = ()
    """`right` has a tick before it, `wrong` a cross."""


@dataclass(frozen=True, kw_only=True)
class Translations:
    """Texts beside their translations."""

    title: Wording
    pairs: Sequence[SideBySide]
    note: Wording | None = None


Block = Verdict | Figure | Table | Answers | Prose | Commands | Listing | Samples | Translations


@dataclass(frozen=True, kw_only=True)
class Page:
    """A title, what it is about in one line, and the blocks in the order they are read."""

    title: Wording
    subtitle: Wording | None = None
    blocks: Sequence[Block] = ()
    honesty: Wording | None = None
    """What the foot says in place of `strings.HONESTY`, on pages without answers of a model."""
