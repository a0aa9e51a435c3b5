"""Many texts by a student: sentence by sentence, each once, those of like length together, on every core.

Finished batches are in the cache before the next are taken, so that a run that is killed repeats hardly any.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.runs import to_json
from doctorglm.settings import STRICT
from doctorglm.translate.cache import Cache, Known, key_of
from doctorglm.translate.checked import Again, CheckedSettings
from doctorglm.translate.entry import Entry
from doctorglm.translate.outcome import Outcome, kept
from doctorglm.translate.student.convert import converted
from doctorglm.translate.student.decoding import END, UNKNOWN, Batch, Decoder, DecodingSettings, Said, Tokens
from doctorglm.translate.student.folder import student_folder
from doctorglm.translate.student.sentences import Piece, pieces, rebuilt
from doctorglm.translate.student.tags import TAGS, mentions, plain, tagged, without_language
from doctorglm.translate.terms import Terms

_BEAMS = 12
"""Hypotheses of a sentence that is tried again."""
T = TypeVar("T")
VERSION = "1"
"""To be raised with every change of how sentences are cut, put or checked: what is cached is then made anew."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class StudentSettings(DecodingSettings, CheckedSettings):
    """How a student translates."""

    batch_tokens: Annotated[int, Field(gt=0)] = 1024
    """Tokens of the sources that are translated together, padding included."""
    cores: Annotated[int, Field(ge=0)] = 0
    """A batch each at a time; 0: all that this process may use. Of one machine; Ray uses those of its cluster."""

    @property
    def threads(self) -> int:
        """The cores that are used."""
        return self.cores or len(os.sched_getaffinity(0))


class Engine(Protocol):
    """Whoever decodes batches."""

    def decode(self, batches: Sequence[Batch]) -> Iterator[list[Said]]:
        """The translations of each batch, in order."""

    def others(self, batches: Sequence[Batch], beams: int) -> Iterator[list[list[Tokens]]]:
        """Other translations of each source of each batch, in order, the likeliest first."""


Engines = Callable[[Path, StudentSettings, int], Engine]
"""Made of a converted student, its settings, and the tokens that it can count."""


class Local:
    """This process: a thread a core, the weights in memory once."""

    def __init__(self, model: Path, settings: StudentSettings, positions: int) -> None:
        self._threads = settings.threads
        self._decoder = Decoder(model, settings, positions, threads=self._threads)

    def decode(self, batches: Sequence[Batch]) -> Iterator[list[Said]]:
        """The translations of each batch, in order."""
        return self._mapped(self._decoder.translate, batches)

    def others(self, batches: Sequence[Batch], beams: int) -> Iterator[list[list[Tokens]]]:
        """Other translations of each source of each batch, in order."""
        return self._mapped(partial(self._decoder.others, beams=beams), batches)

    def _mapped(self, work: Callable[[Batch], T], batches: Sequence[Batch]) -> Iterator[T]:
        with ThreadPoolExecutor(self._threads, thread_name_prefix="student") as threads:
            try:
                yield from threads.map(work, batches)
            finally:
                threads.shutdown(cancel_futures=True)


class Student:
    """A student's folder, ready to translate; raises ModelError for a folder that is none.

    With a glossary its terms are written into the sentences, where the student was trained so.
    """

    def __init__(
        self,
        folder: Path,
        settings: StudentSettings | None = None,
        *,
        glossary: Sequence[Entry] = (),
        cache: Cache | None = None,
        engine: Engines = Local,
        told: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.settings = settings or StudentSettings()
        self.folder = student_folder(folder)
        self._terms = Terms(glossary) if self.folder.tags else Terms(())
        self._cache, self._told = cache, told
        self._tokenizer = self.folder.tokenizer()
        self._unsaid = frozenset((*TAGS, END, UNKNOWN, "<pad>", *(w for w in self.folder.vocabulary if _is_sign(w))))
        model = converted(self.folder, self.settings.precision)
        self._engine = engine(model, self.settings, self.folder.positions)
        chosen = asdict(self.settings)
        deciding = {name: chosen[name] for name in ("batch_tokens", *DecodingSettings.__dataclass_fields__)}
        self._version = f"{VERSION} {to_json(deciding)}"

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        """The outcome of each text, in order; a text of which one sentence failed has that sentence's reason."""
        cut = [[] if kept(text) else pieces(text) for text in texts]
        sources = [[self.source(part.text) for part in one if part.spoken] for one in cut]
        known = self._known([source for one in sources for source in one])
        return [
            self._outcome(text, one, [known[source] for source in own])
            for text, one, own in zip(texts, cut, sources, strict=True)
        ]

    def again(self, wanted: Sequence[Again]) -> list[list[str]]:
        """Other translations of each sentence: all that a wide search ends with, in later turns without its terms."""
        first = [self.source(one.english) if one.turn == 1 else self._bare(one.english) for one in wanted]
        with_tokens = [(source, self.tokens(source)) for source in dict.fromkeys(first)]
        batches = list(batched([one for one in with_tokens if len(one[1]) <= self.folder.positions],
                               max(1, self.settings.batch_tokens // _BEAMS)))  # fmt: skip
        found = self._engine.others([tuple(tokens for _, tokens in batch) for batch in batches], _BEAMS)
        known = {
            source: list(dict.fromkeys(filter(None, map(self.chinese, said))))
            for batch, others in zip(batches, found, strict=True)
            for (source, _), said in zip(batch, others, strict=True)
        }
        return [known.get(source, []) for source in first]

    def _bare(self, sentence: str) -> str:
        return f"{self.folder.into} {plain(sentence)}" if self.folder.into else plain(sentence)

    def source(self, sentence: str) -> str:
        """What the student reads of a sentence: its terms tagged, the language that is wanted in front."""
        if not self.folder.tags:
            return self._bare(sentence)
        said = tagged(sentence, mentions(sentence, self._terms))
        return f"{self.folder.into} {said}" if self.folder.into else said

    def tokens(self, source: str) -> Tokens:
        """A source's tokens, always with its end."""
        return tuple(self._tokenizer.convert_ids_to_tokens(self._tokenizer(source, verbose=False)["input_ids"]))

    def chinese(self, tokens: Tokens) -> str:
        """Tokens as text, without any that is a sign and no text."""
        said = self._tokenizer.spm_target.decode_pieces([t for t in tokens if t not in self._unsaid])
        return without_language(str(said)).strip()

    def _known(self, sources: Sequence[str]) -> Mapping[str, Known]:
        """Every source's Chinese or fault: from the cache, or made now and kept there."""
        keys = {source: key_of(self.folder.sha256, self._version, (), source) for source in dict.fromkeys(sources)}
        cached = self._cache.known(keys.values()) if self._cache else {}
        known = {source: cached[key] for source, key in keys.items() if key in cached}
        done, number = len(known), len(keys)
        for found in self._made([source for source in keys if source not in known], known):
            if self._cache:
                self._cache.keep({keys[source]: one for source, one in found.items()})
            known |= found
            done += len(found)
            self._told(done / number)
        return known

    def _made(self, sources: Sequence[str], known: Mapping[str, Known]) -> Iterator[dict[str, Known]]:
        """Batch by batch, what the student says."""
        with_tokens = [(source, self.tokens(source)) for source in sources]
        fitting = [one for one in with_tokens if len(one[1]) <= self.folder.positions]
        if len(fitting) < len(with_tokens):
            yield dict.fromkeys(set(sources) - {one[0] for one in fitting}, Known(None, 1, "source_too_long"))
        batches = list(batched(fitting, self.settings.batch_tokens))
        found = self._engine.decode([tuple(tokens for _, tokens in batch) for batch in batches])
        for batch, said in zip(batches, found, strict=True):
            yield {source: self._one(one) for (source, _), one in zip(batch, said, strict=True)}

    def _one(self, said: Said) -> Known:
        chinese = self.chinese(said.tokens)
        reason = said.reason or ("" if chinese else "empty")
        return Known(None, 1, reason) if reason else Known(chinese, 1)

    def _outcome(self, text: str, parts: Sequence[Piece], said: Sequence[Known]) -> Outcome:
        if by := kept(text):
            return Outcome(text, by)
        reason = next((one.reason for one in said if one.chinese is None), None)
        if reason is not None:
            return Outcome(None, "", reason)
        chinese = [one.chinese or "" for one in said]
        english = [part.text for part in parts if part.spoken]
        return Outcome(rebuilt(parts, chinese), "student", pairs=tuple(zip(english, chinese, strict=True)))


def batched(sources: Sequence[tuple[str, Tokens]], most_tokens: int) -> Iterator[list[tuple[str, Tokens]]]:
    """Sources of like length together, the longest first: so many that their padded tokens are `most_tokens`."""
    batch = list[tuple[str, Tokens]]()
    for one in sorted(sources, key=lambda one: (-len(one[1]), one[0])):
        longest = len(batch[0][1]) if batch else 0
        if batch and longest * (len(batch) + 1) > most_tokens:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _is_sign(word: str) -> bool:
    return word.startswith(">>") and word.endswith("<<")
