"""A teacher: English texts into Chinese by any OpenAI-compatible model, a few at a time, each answer checked by its id.

What fails is asked again alone, a bounded number of times, and is then rejected with its reason. What was answered
before is taken from the cache.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.errors import DataError, DoctorGLMError
from doctorglm.settings import STRICT
from doctorglm.translate import prompt
from doctorglm.translate.answers import judged
from doctorglm.translate.batch import Batches, BatchSettings
from doctorglm.translate.cache import Known, key_of
from doctorglm.translate.checked import Again
from doctorglm.translate.cost import Estimate, estimate, most_tokens
from doctorglm.translate.endpoint import Endpoint, HaltedError
from doctorglm.translate.entry import Entry
from doctorglm.translate.hints import hints
from doctorglm.translate.outcome import Outcome, kept
from doctorglm.translate.parts import by_sentences, joined, split
from doctorglm.translate.prompt import NOT_RUN, Asked
from doctorglm.translate.terms import Terms

T = TypeVar("T")
_NEVER = 24
"""So many requests without one answer that could be taken, and none from before: it is not the texts."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class TeacherSettings:
    """How texts are put to the teacher."""

    together: Annotated[int, Field(gt=0)] = 8
    """Texts in a request, at most."""
    part_chars: Annotated[int, Field(ge=200)] = 2000
    """Characters in a request, at most; a longer text is cut between sentences."""
    tries: Annotated[int, Field(gt=0)] = 3
    """How often a text is asked for before it is rejected; raised later, what was rejected is asked for again."""
    aligned: bool = False
    """Puts texts sentence by sentence, so that each sentence's Chinese is known; a text whose sentences come back wrong
    is asked for again as one. Off: a small model keeps better to whole texts."""
    concurrency: Annotated[int, Field(gt=0)] = 4
    """Requests at a time."""


class Teacher:
    """Translates texts through an endpoint, with the endpoint's cache."""

    def __init__(
        self,
        endpoint: Endpoint,
        glossary: Sequence[Entry] = (),
        settings: TeacherSettings | None = None,
        batch: BatchSettings | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._batch = batch or BatchSettings()
        self._batches = Batches(endpoint, self._batch)
        self._taken, self._faults = False, Counter[str]()
        self._terms = Terms(glossary)
        self._settings = settings or TeacherSettings()

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        """The outcome of each text, in order.

        Raises BudgetReachedError, or what ended the server's use, with everything that was answered in the cache.
        """
        parts = [self._parts(text) for text in texts]
        failed = self._answered([asked for one in parts for asked, _ in one])
        in_cache = self._endpoint.cache.known(asked.key for one in parts for asked, _ in one)
        known = _latest(in_cache, failed)
        return [_outcome(text, one, known) for text, one in zip(texts, parts, strict=True)]

    def again(self, wanted: Sequence[Again]) -> list[list[str]]:
        """Another translation of each sentence, by a teacher that is told what was wrong; none where none is taken."""
        asked = [self._asked_again(one) for one in wanted]
        failed = self._answered([one for one in asked if one is not None])
        known = _latest(self._endpoint.cache.known(one.key for one in asked if one is not None), failed)
        said = [None if one is None else known[one.key].chinese for one in asked]
        return [[] if chinese is None else [chinese] for chinese in said]

    def _asked_again(self, one: Again) -> Asked | None:
        if kept(one.english):
            return None
        (said,) = [one.english] if self._endpoint.mask is None else self._endpoint.mask([one.english])
        told = tuple(hints(one.faults))
        first = self._asked(said)
        again = f"{first.key} {prompt.MEND_VERSION} {one.turn} {one.chinese} {told}"
        return replace(first, key=sha256(again.encode("utf-8", "surrogatepass")).hexdigest(), rejected=one.chinese,
                       faults=told, turn=one.turn)  # fmt: skip

    def resume(self) -> None:
        """Waits for batches that an earlier start has sent, so that what they answered is known."""
        self._batches.resumed()

    def estimate(self, texts: Sequence[str]) -> Estimate:
        """What `translate` would send for what the cache does not know; sends nothing."""
        waiting = self._waiting([asked for text in texts for asked, _ in self._parts(text)], {})
        groups = self._groups(waiting)
        rows = ((len(g), most_tokens(m.content for m in prompt.messages(g)), prompt.answer_tokens(g)) for g in groups)
        return estimate(rows, self._endpoint.prices, self._batch.price_share)

    def _parts(self, text: str) -> list[tuple[Asked, str]]:
        """What is asked for, and the blanks behind it; nothing of a text that stands as it is."""
        if kept(text):
            return []
        masked = text if self._endpoint.mask is None else self._endpoint.mask([text])[0]
        settings = self._settings
        if not settings.aligned:
            return [(self._asked(part), blank) for part, blank in split(masked, settings.part_chars)]
        return [self._by_sentences(part) for part in by_sentences(masked, settings.part_chars, settings.together)]

    def _by_sentences(self, part: Sequence[tuple[str, str]]) -> tuple[Asked, str]:
        """A part that is put sentence by sentence, and the blanks behind it."""
        blank = part[-1][1]
        whole = self._asked("".join(said + between for said, between in part).rstrip())
        if len(part) == 1:
            return whole, blank
        each = tuple(
            replace(self._asked(said), key=sha256(f"{whole.key} {i}".encode()).hexdigest(), blank=between)
            for i, (said, between) in enumerate(part)
        )
        return replace(whole, sentences=each), blank

    def _asked(self, text: str) -> Asked:
        terms = tuple(dict.fromkeys(mention.term for mention in self._terms.find(text)))
        rows = [(term.english, term.chinese) for term in terms]
        version = prompt.version(self._settings.aligned)
        return Asked(key_of(self._endpoint.address.name, version, rows, text), text, terms)

    def _answered(self, asked: Sequence[Asked]) -> Mapping[str, Known]:
        """Asks until each text has its Chinese or no try left; returns the faults that the cache does not keep."""
        passing = self._batches.resumed()
        known = self._endpoint.cache.known(one.key for one in asked)
        self._taken = self._taken or any(one.chinese is not None for one in known.values())
        while True:
            waiting = self._waiting(asked, passing)
            if not waiting:
                return passing
            groups = list(self._groups(waiting))
            if self._batch.batch:
                passing |= self._batches.ask(groups)
                kept = self._endpoint.cache.known(one.key for group in groups for one in group)
                self._taken = self._taken or any(one.chinese is not None for one in kept.values())
                for group in groups:
                    self._require_hope({one.key: kept[one.key] for one in group if one.key in kept})
                continue
            for failed in in_parallel(self._ask, groups, self._settings.concurrency, self._endpoint.halt):
                passing |= failed

    def _waiting(self, asked: Sequence[Asked], passing: Mapping[str, Known]) -> list[Asked]:
        """What has neither Chinese nor used up its tries, each text once."""
        known = _latest(self._endpoint.cache.known(one.key for one in asked), passing)
        fresh = Known(None, 0)
        once = {one.key: (one, known.get(one.key, fresh)) for one in asked}
        return [
            replace(one, tries=said.tries, reason=said.reason)
            for one, said in once.values()
            if said.chinese is None and said.tries < self._settings.tries
        ]

    def _groups(self, waiting: Sequence[Asked]) -> Iterator[list[Asked]]:
        """Requests: texts that were never asked for together, each that failed alone."""
        group = list[Asked]()
        for one in waiting:
            if one.turn or (one.tries and one.reason != NOT_RUN):
                yield [one]
                continue
            chars = sum(len(other.text) for other in [*group, one])
            number = sum(len(other.put) for other in [*group, one])
            if group and (number > self._settings.together or chars > self._settings.part_chars):
                yield group
                group = []
            group.append(one)
        if group:
            yield group

    def _ask(self, group: Sequence[Asked]) -> dict[str, Known]:
        """Asks once, and keeps what is answered; returns what is not to be kept."""
        reply = self._endpoint.ask(prompt.messages(group), prompt.answer_tokens(group), prompt.temperature(group))
        kept, passing = judged(reply, group)
        self._endpoint.cache.settle(reply.request, reply.usd, kept)
        self._require_hope(kept)
        return passing

    def _require_hope(self, kept: Mapping[str, Known]) -> None:
        """Raises DataError after so many requests of which none brought a translation; that is no teacher."""
        self._taken = self._taken or any(one.chinese is not None for one in kept.values())
        self._faults.update({one.reason for one in list(kept.values())[:1]})
        if self._taken or self._faults.total() < _NEVER:
            return
        (reason, _), name = self._faults.most_common(1)[0], self._endpoint.address.name
        raise DataError(
            en=f"{name}: {self._faults.total()} requests, and no answer that could be taken; the commonest fault is "
            f"{reason}. Use another model, or together=1 for a small one.",
            zh=f"{name}：{self._faults.total()} 次请求，没有一个可采用的回答；最常见的问题是 {reason}。请换一个模型；"
            "小模型可试 together=1。",
        )


def in_parallel(work: Callable[[T], dict[str, Known]], items: Sequence[T], number: int,
                halt: threading.Event) -> list[dict[str, Known]]:  # fmt: skip
    """The results of `work`, in no order; the first error ends all, once what was sent has been read.

    Threads are daemons: an interrupted process does not wait for the server.
    """
    halt.clear()
    lock, waiting = threading.Lock(), iter(items)
    results, errors = list[dict[str, Known]](), list[BaseException]()

    def run() -> None:
        while not halt.is_set():
            with lock:
                item = next(waiting, None)
            if item is None:
                return
            try:
                results.append(work(item))
            except HaltedError:
                return
            except BaseException as error:
                errors.append(error)
                halt.set()

    threads = [threading.Thread(target=run, name="teacher", daemon=True) for _ in range(min(number, len(items)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        halt.set()
    if errors:
        raise next((error for error in errors if not isinstance(error, DoctorGLMError)), errors[0])
    return results


def _latest(kept: Mapping[str, Known], passing: Mapping[str, Known]) -> dict[str, Known]:
    """What is known of each text by both: its Chinese, else the later try."""
    later = {key: one for key, one in passing.items() if key not in kept or _rank(one) > _rank(kept[key])}
    return {**kept, **later}


def _rank(one: Known) -> tuple[bool, int]:
    return one.chinese is not None, one.tries


def _outcome(text: str, parts: Sequence[tuple[Asked, str]], known: Mapping[str, Known]) -> Outcome:
    if by := kept(text):
        return Outcome(text, by)
    said = [known[asked.key] for asked, _ in parts]
    reason = next((one.reason for one in said if one.chinese is None), None)
    if reason is not None:
        return Outcome(None, "", reason)
    chinese = [one.chinese or "" for one in said]
    pairs = [
        pair
        for (asked, _), one, whole in zip(parts, said, chinese, strict=True)
        for pair in one.pairs or ((asked.text, whole),)
    ]
    return Outcome(joined(chinese, [blank for _, blank in parts]), "teacher", "", tuple(pairs))
