"""What becomes of a text, whoever translates: its Chinese, the text as it stood, or why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from doctorglm.translate.answers import has_words, is_chinese
from doctorglm.translate.checks.fault import Fault

By = Literal["teacher", "student", "empty", "chinese", "no_words", ""]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A text's Chinese and who it is by, or, where it was rejected, why."""

    chinese: str | None
    by: By
    """`teacher`, `student`, or why the text stands as it was: `empty`, `chinese`, `no_words`; "" where rejected."""
    reason: str = ""
    pairs: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """(English, Chinese) of what was put and answered separately: sentences, or the parts of a long text."""
    mended: int = 0
    """Turns of mending that it took; 0: it was right at once."""
    faults: tuple[Fault, ...] = ()
    """What the checks found in a translation that is rejected."""
    rejected: str = ""
    """That translation."""


class Translator(Protocol):
    """Whoever translates texts."""

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        """The outcome of each text, in order."""


def kept(text: str) -> By:
    """Why a text stands as it is; "" where it is to be translated."""
    if not text.strip():
        return "empty"
    if is_chinese(text):
        return "chinese"
    return "" if has_words(text) else "no_words"
