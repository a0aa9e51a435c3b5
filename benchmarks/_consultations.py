"""Consultations by the million that nobody had: clauses of CMD's sample, put together anew by a seed.

A record is a function of the seed and its number alone. It is unlike any other but for what the sample's clauses have
in common, unless it is one of the copies: 5 % repeat an earlier record, 5 % repeat one with two other characters in
the middle of the answer. Clauses of 6 to 24 characters that hold no number, no negation and nothing a filter rejects,
so that nearly all records pass and every stage has its full load.
"""

import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.filters import chain, first_rejection
from doctorglm.curate.filters.machine_spun import spun_points
from doctorglm.curate.repeats import marks
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.sources import read
from doctorglm.files.found import find_files

CMD = Path(__file__).parents[2] / "shared" / "data" / "corpora" / "cmd"
EXACT = NEAR = 0.05
_CLAUSE = re.compile(r"[\u4e00-\u9fff]{6,24}")
_QUESTION_SHARE = 0.3
_CLAUSES_A_SENTENCE = 3
_UNMARKED = marks("")


@dataclass(frozen=True)
class Clauses:
    """What questions and answers are made of."""

    asked: list[str]
    answered: list[str]


def clauses() -> Clauses:
    """The clauses of CMD's sample, in a fixed order; exits with a message when ../shared/data is absent."""
    if not CMD.is_dir():
        sys.exit("No corpus cmd in ../shared/data/corpora. Put ../shared beside the project and run it again.")
    asked, answered = dict[str, None](), dict[str, None]()
    for file in find_files([CMD]):
        for source in read(file):
            for entry in source.entries:
                for question, answer in entry.conversation.turns if entry.conversation else ():
                    asked |= dict.fromkeys(_CLAUSE.findall(question))
                    answered |= dict.fromkeys(_CLAUSE.findall(answer))
    return Clauses(*([clause for clause in kind if _is_clean(clause)] for kind in (asked, answered)))


def _is_clean(clause: str) -> bool:
    if marks(clause) != _UNMARKED or spun_points(clause):
        return False
    messages = (Message("user", clause), Message("assistant", f"{clause}。"))
    settings = CurateSettings(filters="all-echo,duplicate")  # type: ignore[arg-type]
    return first_rejection(chain(settings), Conversation(id="cmd-0", messages=messages)) is None


class Consultations:
    """Records by their number; `characters` is the mean length of question and answer together."""

    def __init__(self, clauses: Clauses, seed: int, characters: int) -> None:
        self._clauses, self._seed = clauses, seed
        self._asked = _count(clauses.asked, _QUESTION_SHARE * characters)
        self._answered = _count(clauses.answered, (1 - _QUESTION_SHARE) * characters)

    def kind(self, number: int) -> str:
        """`exact` or `near` for a copy, else `new`."""
        return self._drawn(number)[0]

    def _drawn(self, number: int) -> tuple[str, random.Random]:
        chance = random.Random(f"{self._seed} {number}")
        drawn = chance.random()
        kind = "exact" if drawn < EXACT else "near" if drawn < EXACT + NEAR else "new"
        return kind if number else "new", chance

    def __getitem__(self, number: int) -> tuple[str, str]:
        """Question and answer of a record."""
        kind, chance = self._drawn(number)
        if kind == "new":
            return (
                _text(chance, self._clauses.asked, self._asked),
                _text(chance, self._clauses.answered, self._answered),
            )
        question, answer = self[chance.randrange(number)]
        if kind == "near":
            middle = len(answer) // 2
            answer = answer[:middle] + chance.choice(self._clauses.asked)[:2] + answer[middle + 2 :]
        return question, answer

    def write(self, path: Path, records: int) -> int:
        """Writes so many as JSON lines in the shape `question, answer, department`; returns the file's bytes."""
        with path.open("w", encoding="utf-8") as out:
            out.writelines(self._lines(records))
        return path.stat().st_size

    def _lines(self, records: int) -> Iterator[str]:
        for number in range(records):
            question, answer = self[number]
            department = _DEPARTMENTS[len(question) % len(_DEPARTMENTS)]  # a copy has its original's
            record = {"question": question, "answer": answer, "department": department}
            yield json.dumps(record, ensure_ascii=False) + "\n"


_DEPARTMENTS = ("内科", "外科", "妇产科", "儿科", "男科", "肿瘤科")


def _count(clauses: list[str], characters: float) -> int:
    """How many clauses, each with its mark behind it, have so many characters."""
    mean = sum(map(len, clauses)) / len(clauses) + 1
    return max(2, round(characters / mean))


def _text(chance: random.Random, clauses: list[str], count: int) -> str:
    """Clauses in sentences of three; the number varies by a half to either side."""
    chosen = chance.choices(clauses, k=max(1, chance.randint(count // 2, count + count // 2)))
    sentences = (chosen[at : at + _CLAUSES_A_SENTENCE] for at in range(0, len(chosen), _CLAUSES_A_SENTENCE))
    return "".join("，".join(sentence) + "。" for sentence in sentences)
