"""Asks a judge: in batches, once more where a reply cannot be read, and never again what `judged.jsonl` holds.

A record's key is the sha256 of judge, prompt and settings, so that a run that was killed goes on, and a changed prompt
is asked anew. Replies are kept as they came, masked.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Message
from doctorglm.engine import Engine, Generation, Sampling
from doctorglm.errors import ConfigError, DataError, DoctorGLMError
from doctorglm.evaluate.judge.prompts import again
from doctorglm.evaluate.judge.replies import Fault, Form, read_reply
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.language import Text
from doctorglm.report.progress import Line, progress_line
from doctorglm.runs import note

JUDGED_FILE = "judged.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One call of a judge."""

    item: str
    """The transcript's key."""
    what: str
    """What is asked of it, for whoever reads `judged.jsonl`; the judge does not see it."""
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of `judged.jsonl`: a reply, masked, and what was read in it."""

    key: str
    judge: str
    item: str
    what: str
    attempt: int
    verdict: str | None
    fault: Fault | None
    reply: str
    finish: str
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one question, or why there is none."""

    verdict: str | None
    fault: Fault | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What judging took."""

    questions: int
    """Questions, each asked once, and once more where the reply could not be read."""
    known: int
    """Questions whose verdict stood in `judged.jsonl` before the start."""
    asked: int
    """Replies asked for in this run, those of second attempts included."""
    again: int
    """Second attempts in this run."""


@runtime_checkable
class AnswersOrErrors(Protocol):
    """An engine whose batches say for each conversation what it answered, or why it did not."""

    def batch_or_errors(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling
    ) -> list[Generation | DoctorGLMError]:
        """One answer or error for each conversation, in order."""


class Judged:
    """`judged.jsonl` of a folder: every reply so far, by key; a line that was being written at a kill is left out."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / JUDGED_FILE
        self._found: dict[str, Judgement] = {}
        if self._path.exists():
            self._read()
        else:
            self._path.touch(0o600)

    def get(self, key: str) -> Judgement | None:
        """What was read in the reply to this prompt, if it was asked."""
        return self._found.get(key)

    def add(self, records: Sequence[Record]) -> None:
        """Keeps replies, on disk before anything is asked again."""
        with self._path.open("a", encoding="utf-8", errors="backslashreplace") as out:
            out.writelines(json.dumps(asdict(record), ensure_ascii=False) + "\n" for record in records)
            out.flush()
            os.fsync(out.fileno())
        self._found |= {record.key: Judgement(record.verdict, record.fault) for record in records}

    def _read(self) -> None:
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self._path, len(whole))
        for number, line in enumerate(whole.split(b"\n")[:-1], 1):
            try:
                record = json.loads(line)
                self._found[record["key"]] = Judgement(record["verdict"], record["fault"])
            except (ValueError, KeyError, TypeError):
                raise DataError(
                    en=f"{self._path}:{number}: not a judge's record. Remove the line; it is then asked again.",
                    zh=f"{self._path}:{number}：不是评审记录。请删去这一行，之后会重新询问。",
                ) from None


def ask(
    judge: Engine, questions: Sequence[Question], form: Form, judged: Judged, settings: JudgeSettings
) -> tuple[list[Judgement], Calls]:
    """The judgements in the order of the questions. Says on stderr how many calls this takes before the first one.

    A question that the judge's engine cannot answer (DataError: too long, timed out) is unjudged, and asked again by
    the next run. Raises ConfigError when more calls are needed than `settings.max_calls`, and the engine's ModelError.
    """
    return _Asking(judge, form, judged, settings).all(questions)


class _Asking:
    def __init__(self, judge: Engine, form: Form, judged: Judged, settings: JudgeSettings) -> None:
        self._judge, self._form, self._judged, self._settings = judge, form, judged, settings
        self._sampling = Sampling(max_new_tokens=settings.max_new_tokens, temperature=0.0, seed=settings.seed)
        self._here: dict[str, Judgement] = {}
        self._unanswered: list[DataError] = []
        self._asked = 0

    def all(self, questions: Sequence[Question]) -> tuple[list[Judgement], Calls]:
        known = sum(self._settled(q) is not None for q in questions)
        self._announce(len(questions), known)
        with progress_line(Text(en="judge", zh="评审"), max(1, len(questions) - known)) as line:
            self._round(questions, 1, line)
            first = self._asked
            unread = [a for q in questions if (a := self._second(q)) is not None]
            self._round(unread, 2, line)
        self._tell_unanswered()
        calls = Calls(questions=len(questions), known=known, asked=self._asked, again=self._asked - first)
        return [self._judgement(q) for q in questions], calls

    def _announce(self, questions: int, known: int) -> None:
        left, limit = questions - known, self._settings.max_calls
        if limit and left > limit:
            raise ConfigError(
                en=f"{left} calls of the judge {self._judge.name} are needed, max_calls={limit} are allowed. "
                "Judge fewer items, or raise it.",
                zh=f"需要调用评审模型 {self._judge.name} {left} 次，max_calls={limit} 不够。请减少条目，或调大该值。",
            )
        note(
            en=f"judge {self._judge.name}: {questions} calls, {known} of them answered before; {left} to do, "
            f"at most {2 * left} with second attempts.",
            zh=f"评审模型 {self._judge.name}：共 {questions} 次调用，其中 {known} 次已有结果；还需 {left} 次，"
            f"连同重问至多 {2 * left} 次。",
        )

    def _tell_unanswered(self) -> None:
        if self._unanswered:
            n, first = len(self._unanswered), self._unanswered[0]
            note(
                en=f"judge {self._judge.name}: {n} calls have no reply; their items are unjudged. "
                f"The first: {first.text.en}",
                zh=f"评审模型 {self._judge.name}：{n} 次调用没有回复，相应条目记为未评。第一个原因：{first.text.zh}",
            )

    def _round(self, questions: Sequence[Question], attempt: int, line: Line) -> None:
        waiting = {self._key(q): q for q in questions if self._judged.get(self._key(q)) is None}
        # questions of like length are answered together
        order = sorted(waiting, key=lambda key: (sum(len(m.content) for m in waiting[key].messages), key))
        for keys in _pieces(order, self._settings.batch_size):
            asked = [waiting[key] for key in keys]
            replies = self._replies([q.messages for q in asked])
            came = zip(keys, asked, replies, strict=True)
            self._judged.add([self._record(k, q, attempt, r) for k, q, r in came if isinstance(r, Generation)])
            self._asked += len(keys)
            for key, reply in zip(keys, replies, strict=True):
                if isinstance(reply, DataError):
                    self._here[key] = Judgement(None, "unanswered")
                    self._unanswered.append(reply)
                elif isinstance(reply, DoctorGLMError):
                    raise reply
            line.update(self._asked)

    def _replies(self, prompts: Sequence[Sequence[Message]]) -> Sequence[Generation | DoctorGLMError]:
        """One batch; what one prompt lacks costs none of the others."""
        if isinstance(self._judge, AnswersOrErrors):
            return self._judge.batch_or_errors(prompts, self._sampling)
        try:
            return self._judge.batch(prompts, self._sampling)
        except DataError as error:
            if len(prompts) == 1:
                return [error]
            return [reply for prompt in prompts for reply in self._replies([prompt])]

    def _record(self, key: str, question: Question, attempt: int, reply: Generation) -> Record:
        verdict, fault = read_reply(reply, self._form)
        (told,) = masked_together([reply.text])
        return Record(
            key=key, judge=self._judge.name, item=question.item, what=question.what, attempt=attempt, verdict=verdict,
            fault=fault, reply=told, finish=reply.finish, tokens=reply.tokens, seconds=reply.seconds,
        )  # fmt: skip

    def _key(self, question: Question) -> str:
        return prompt_key(self._judge.name, question.messages, self._sampling)

    def _second(self, question: Question) -> Question | None:
        """The question of the second attempt, where the first reply could not be read."""
        first = self._judged.get(self._key(question))
        if first is None or first.fault is None:
            return None
        messages = again(question.messages, first.fault, self._settings.language)
        return Question(item=question.item, what=question.what, messages=messages)

    def _settled(self, question: Question) -> Judgement | None:
        """What `judged.jsonl` says for good: a verdict, or the fault of a second reply."""
        second = self._second(question)
        return self._judged.get(self._key(second or question))

    def _judgement(self, question: Question) -> Judgement:
        asked = self._second(question) or question
        return self._settled(question) or self._here[self._key(asked)]


def prompt_key(judge: str, messages: Iterable[Message], sampling: Sampling) -> str:
    """The hex sha256 of all that decides a reply."""
    told = [[m.role, m.content] for m in messages]
    content: Mapping[str, Any] = {"judge": judge, "messages": told, "sampling": asdict(sampling)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()


def _pieces(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
