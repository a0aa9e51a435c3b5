"""Batches of sentences through CTranslate2, each translation checked for its end; what has none is tried differently.

Without the end token in the source a model goes on for ever (https://github.com/OpenNMT/CTranslate2/issues/1694).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.settings import STRICT
from doctorglm.translate.student.convert import Precision

END = "</s>"
UNKNOWN = "<unk>"
Tokens = tuple[str, ...]
Batch = tuple[Tokens, ...]
"""Sources of like length, each with its end token."""
_AGAIN: Sequence[Mapping[str, Any]] = (
    {"beam_size": 6, "no_repeat_ngram_size": 4, "disable_unk": True},
    {"beam_size": 1, "no_repeat_ngram_size": 3, "repetition_penalty": 1.2, "disable_unk": True},
)
"""What is changed where a translation loops, has no end, is empty or has a character that is not in the vocabulary."""
_LOOP = re.compile(r"(.{1,40}?)\1{2,}", re.DOTALL)
_TWICE_SAID = re.compile(r"\b(\w+(?:\W+\w+){0,7}?)(?:\W+\1\b)+", re.IGNORECASE)


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class DecodingSettings:
    """How the student searches; each changes what is kept in a cache under another key."""

    beam: Annotated[int, Field(gt=0)] = 4
    """Hypotheses that are followed; 1 is faster."""
    precision: Precision = "int8"
    """Of the weights: `int8` or `float32`, which is slower and says what transformers says, to the token."""
    length_ratio: Annotated[float, Field(gt=0)] = 2.0
    """Tokens of Chinese for one of the source, at most; a good translation has hardly more than one."""
    length_more: Annotated[int, Field(gt=0)] = 16
    """Tokens that are free, since short texts differ more."""


@dataclass(frozen=True, slots=True)
class Said:
    """A translation as tokens, or, with a `reason`, none that could be taken."""

    tokens: Tokens
    reason: str = ""
    """`cut_off`, `too_long`, `loop`, `empty`, `damaged`."""


class Decoder:
    """A converted student, for one thread or several; what it says of a batch depends on this batch alone.

    `positions`: tokens that the model can count, of a source and of a translation.
    """

    def __init__(self, model: Path, settings: DecodingSettings, positions: int, *, threads: int = 1) -> None:
        import ctranslate2

        self._settings, self._positions = settings, positions
        self._translator = ctranslate2.Translator(
            str(model), device="cpu", compute_type=settings.precision, inter_threads=threads, intra_threads=1
        )

    def translate(self, batch: Batch) -> list[Said]:
        """The translation of each source, in order."""
        found = self._search(batch, {"beam_size": self._settings.beam})
        for changed in _AGAIN:
            failed = [i for i, said in enumerate(found) if said.reason]
            if not failed:
                break
            for i, said in zip(failed, self._search([batch[i] for i in failed], changed), strict=True):
                found[i] = said
        return found

    def others(self, batch: Batch, beams: int) -> list[list[Tokens]]:
        """The translations of each source that a search with so many beams ends with, the likeliest first."""
        found = self._results(batch, {"beam_size": beams, "num_hypotheses": beams, "disable_unk": True})
        said = [[self._said(source, tuple(one)) for one in of] for source, of in zip(batch, found, strict=True)]
        return [[one.tokens for one in of if not one.reason] for of in said]

    def _search(self, batch: Sequence[Tokens], how: Mapping[str, Any]) -> list[Said]:
        return [self._said(source, tuple(of[0])) for source, of in zip(batch, self._results(batch, how), strict=True)]

    def _results(self, batch: Sequence[Tokens], how: Mapping[str, Any]) -> list[list[list[str]]]:
        """The hypotheses of each source; raises ValueError for one without its end, whose translation had none."""
        if any(source[-1:] != (END,) for source in batch):
            raise ValueError("a source without its end token")
        longest = max(map(len, batch))
        results = self._translator.translate_batch(
            [list(source) for source in batch],
            max_input_length=0,
            max_decoding_length=min(self._most(longest) + 1, self._positions),
            return_end_token=True,
            **how,
        )
        return [result.hypotheses for result in results]

    def _said(self, source: Tokens, tokens: Tokens) -> Said:
        if tokens[-1:] != (END,):
            return Said((), "cut_off")
        said = tokens[:-1]
        if len(said) > self._most(len(source)):
            return Said((), "too_long")
        if not said:
            return Said((), "empty")
        if UNKNOWN in said:
            return Said((), "damaged")
        return Said((), "loop") if loops(_read(said), _read(source[:-1])) else Said(said)

    def _most(self, source: int) -> int:
        return int(self._settings.length_ratio * source) + self._settings.length_more


def _read(tokens: Tokens) -> str:
    return "".join(tokens).replace("▁", " ")


def loops(chinese: str, english: str) -> bool:
    """Whether a translation repeats itself three times in a row, a word four times, more often than the English."""
    allowed = max((_times(found[0], found[1]) for found in _TWICE_SAID.finditer(english)), default=1)
    for found in _LOOP.finditer(chinese):
        unit = found[1].strip()
        times = len(found[0]) // len(found[1])
        if any(map(str.isalpha, unit)) and times > allowed and (len(unit) >= 3 or times >= 4):
            return True
    return False


def _times(said: str, unit: str) -> int:
    return len(re.findall(rf"(?<!\w){re.escape(unit)}(?!\w)", said, re.IGNORECASE))
