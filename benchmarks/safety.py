"""Measures how long the rules that stand about the model take: triage, the guards on a question and on an answer.

    OPENBLAS_NUM_THREADS=1 python benchmarks/safety.py > benchmarks/results/safety.json          # needs ../shared

Texts: CMD's questions (`title。ask`) one after the other, and its answers, each cut into pieces of 2,000 characters.
For a piece: `triage` of the question as the only message, `asked` the guards on it, `answer` the guards on the answer,
`together` all three, with the question as what the patient has said. Milliseconds are of one thread's own time, the
least of five rounds over all pieces, so that what else the machine does counts little and what the program remembers of
a piece is forgotten when it comes again; p50 and p99 are over the pieces. Rules are read before.

`megabyte_ms`: the time for a megabyte (in UTF-8) of the beginning of something that is never completed, once each, and
the most of all.
"""

import csv
import json
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.conversation import Message
from doctorglm.safety.guards import Guards
from doctorglm.safety.triage import triage

CMD = Path(__file__).parents[2] / "shared" / "data" / "corpora" / "cmd" / "样例_内科5000-6000.csv"
CHARACTERS, PIECES, RUNS = 2000, 300, 5
NEAR = (
    "胸口", "没有胸痛", "1", "3 ", "38.5 ", "for 3 ", "3年", "孕", "3个月", "血压 1", "心率", "不用去", "怎样",
    "每次0.5", "3克", "青霉素过敏", "吃阿莫西林", "姓名：", "a@", "take aspirin ", "ignore all ", "a ", "\u200b",
)  # fmt: skip
Work = Callable[[str, str], object]


def works(guards: Guards) -> dict[str, Work]:
    """What is measured, on a question and an answer."""

    def together(question: str, answer: str) -> None:
        triage(_said(question))
        guards.asked(_said(question))
        guards.checked(answer, _said(question))

    return {
        "triage": lambda question, _: triage(_said(question)),
        "asked": lambda question, _: guards.asked(_said(question)),
        "answer": lambda _, answer: guards.checked(answer, _said("头疼")),
        "together": together,
    }


def pieces() -> list[tuple[str, str]]:
    """Questions and answers of CMD, in pieces of the same length."""
    with CMD.open(encoding="gb18030", errors="replace") as lines:
        rows = list(csv.DictReader(lines))
    texts = ("".join(f"{row['title']}。{row['ask']}" for row in rows), "".join(row["answer"] or "" for row in rows))
    question, answer = ([t[i : i + CHARACTERS] for i in range(0, CHARACTERS * PIECES, CHARACTERS)] for t in texts)
    return [(q, a) for q, a in zip(question, answer, strict=True) if len(q) == len(a) == CHARACTERS]


def quantiles(ms: Sequence[float]) -> dict[str, float]:
    ordered = sorted(ms)
    return {name: round(ordered[int(len(ordered) * q)], 2) for name, q in (("p50", 0.5), ("p99", 0.99))}


def _said(text: str) -> list[Message]:
    return [Message("user", text)]


def _ms(work: Work, question: str, answer: str) -> float:
    started = time.thread_time()
    work(question, answer)
    return (time.thread_time() - started) * 1000


def _rounds(work: Work, texts: Sequence[tuple[str, str]]) -> list[float]:
    """The least time of each piece."""
    rounds = [[_ms(work, question, answer) for question, answer in texts] for _ in range(RUNS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def measured() -> dict[str, Any]:
    measuring = works(Guards())
    texts = pieces()
    near = {unit: unit * (1_000_000 // len(unit.encode())) for unit in NEAR}
    slow = {
        unit: {name: round(_ms(measuring[name], text, text), 1) for name in ("triage", "asked", "answer")}
        for unit, text in near.items()
    }
    return {
        "pieces": len(texts),
        "characters": CHARACTERS,
        "ms": {name: quantiles(_rounds(work, texts)) for name, work in measuring.items()},
        "megabyte_ms": slow
        | {"most": {name: max(row[name] for row in slow.values()) for name in next(iter(slow.values()))}},
    }


if __name__ == "__main__":
    result = (
        circumstances("OPENBLAS_NUM_THREADS=1 python benchmarks/safety.py", {"doctorglm": version("doctorglm")})
        | measured()
    )
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
