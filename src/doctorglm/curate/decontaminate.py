"""What a benchmark asks, taken out of what is trained on: question and answer together, since a question that is asked
everywhere (糖尿病的诊断标准是什么) is no leak by itself.

Overlap is the share of an item's character 8-grams that the conversation holds (n-gram overlap as in Brown et al. 2020,
arXiv 2005.14165, appendix C, there 13-grams of words; 8 Chinese characters say about as much as four words).
"""

import itertools
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation
from doctorglm.curate.normal import normalised
from doctorglm.curate.readers import reader_for
from doctorglm.errors import DataError
from doctorglm.files.archives import contents
from doctorglm.files.formats import format_of
from doctorglm.files.found import find_files

_N = 8
_QUESTION_SHARE = 0.8
_ANSWER_SHARE = 0.6
_SPECIFIC_CHARS = 60
"""A question of so many characters tells a case of its own (a vignette), and is a leak also without its answer."""

_ASKED = ("question", "prompt", "harmful_medical_request", "input", "ask", "问题", "题目")
_ANSWERED = ("answer", "output", "safe_response", "response", "答案", "target")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a benchmark, as it is compared; `place` is file:row."""

    place: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Match:
    """Which item a conversation holds, and which share of it."""

    place: str
    question: float
    answer: float

    @property
    def is_leak(self) -> bool:
        """True when question and answer are there, or a question that tells a case."""
        return self.answer >= _ANSWER_SHARE


class Benchmarks:
    """The items of all benchmark files, found again by their n-grams."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = [item for item in items if item.question]
        self._grams = [grams(item.question) for item in self._items]
        self._holders: dict[str, list[int]] = {}
        for number, held in enumerate(self._grams):
            for gram in held:
                self._holders.setdefault(gram, []).append(number)

    def __len__(self) -> int:
        return len(self._items)

    def by_file(self) -> dict[str, int]:
        """How many items there are of each file."""
        return dict(Counter(file_of(item.place) for item in self._items))

    def match(self, conversation: Conversation) -> Match | None:
        """The item that the conversation holds most of; None when it holds no whole question."""
        text = "\n".join(m.content for m in conversation.messages)
        held, answers = grams(normalised(text)), normalised(conversation.answers)
        shared = Counter(number for gram in held for number in self._holders.get(gram, ()))
        found = [
            self._matched(number, count / len(self._grams[number]), answers)
            for number, count in shared.items()
            if count >= _QUESTION_SHARE * len(self._grams[number])
        ]
        return max(found, key=lambda match: (match.answer, match.question), default=None)

    def _matched(self, number: int, question: float, answers: str) -> Match:
        item = self._items[number]
        if len(item.question) >= _SPECIFIC_CHARS:
            answer = 1.0
        elif len(item.answer) < _N:
            answer = float(bool(item.answer) and item.answer in answers)
        else:
            wanted = grams(item.answer)
            answer = len(wanted & grams(answers)) / len(wanted)
        return Match(item.place, round(question, 3), round(answer, 3))


def file_of(place: str) -> str:
    """The file of a place, which is file:row."""
    return place.rpartition(":")[0]


def grams(text: str) -> frozenset[str]:
    """The character 8-grams; of a shorter text, the text itself."""
    return frozenset(text[i : i + _N] for i in range(max(1, len(text) - _N + 1)))


def read_benchmarks(sources: Sequence[Path]) -> Benchmarks:
    """The items of files and folders; raises DataError when a file that was named holds none."""
    items: list[Item] = []
    for file in find_files(sources):
        found = [item for content in contents(file.path, file.name) for item in _items(content)]
        if file.given and not found:
            raise DataError(
                en=f"{file.name}: no benchmark items: a record needs a question ({', '.join(_ASKED[:3])} ...) and an "
                "answer or options A to E.",
                zh=f"{file.name}：没有评测题目：记录要有问题（{'、'.join(_ASKED[:3])} 等）和答案或选项 A 至 E。",
            )
        items += found
    return Benchmarks(items)


def _items(content: Any) -> Iterator[Item]:
    for row in format_of(content, lambda _: True).rows():
        if row.fields is not None:
            place = f"{content.name}:{row.number}"
            yield from (Item(place, *map(normalised, pair)) for pair in _pairs(row.fields) if pair[0].strip())


def _pairs(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(question, answer) of a choice with its options, of named fields, or of any known record."""
    keys = {key.lower(): value for key, value in record.items()}
    question = next((str(keys[key]) for key in _ASKED if isinstance(keys.get(key), str)), "")
    options = _options(keys)
    if question and options:
        letter = str(keys.get("answer", keys.get("答案", ""))).strip().upper()
        yield question, options.get(letter, "")
    elif question:
        yield question, next((str(keys[key]) for key in _ANSWERED if isinstance(keys.get(key), str)), "")
    elif reader := reader_for(record):
        messages = reader.messages(record)
        for asked, answered in itertools.pairwise(messages):
            if (asked.role, answered.role) == ("user", "assistant"):
                yield asked.content, answered.content


def _options(keys: Mapping[str, Any]) -> dict[str, str]:
    """Letter -> option, from columns a to e or from `options`, a mapping or a list."""
    options = keys.get("options", keys.get("option"))
    if isinstance(options, dict):
        return {str(letter).upper(): str(text) for letter, text in options.items()}
    if isinstance(options, list) and all(isinstance(text, str) for text in options):
        return dict(zip(string.ascii_uppercase, options, strict=False))
    letters = [letter for letter in "abcde" if isinstance(keys.get(letter), str)]
    return {letter.upper(): str(keys[letter]) for letter in letters} if len(letters) > 1 else {}
