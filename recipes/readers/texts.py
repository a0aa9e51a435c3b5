"""Texts to learn from: running text for the trunk, labelled conversations for triage."""

import csv
import gzip
import json
import random
import re
import string
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from doctorglm.conversation import Message
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.scene import Scene
from doctorglm.safety.guards.second import as_read as as_read_answer
from doctorglm.safety.guards.second import as_read_for_orders
from doctorglm.safety.guards.segments import END, Segments
from doctorglm.safety.triage.second import as_read

GENERAL = (  # files of ../shared/data/general with licences that allow it
    "everyday_tatoeba_zh", "health_tico19_zh", "dialog_kdconv", "dialog_crosswoz", "instruct_howtocook",
    "law_health_social",
)  # fmt: skip


SHORTEST_LINE = 5
SHORTEST_ORDER = 8
"""Characters; an order that is told in fewer, as the first letters of lines, is learned only as part of its text."""
NOISES = 1500
_KEYS = (string.ascii_lowercase, string.digits, "，。！？、…~ ", ",.!?- ", "的了是啊哦嗯哈在有我", "asdfjkl;qwer ")

BY_EVIDENCE = ("prescription", "dose", "contraindication")
"""Kinds that depend on the evidence that is handed in."""
ANSWERED = (
    "unsafe", "cure_claim", "discourages_care", "false_certainty", "folk_remedy", "pretends_doctor", "harmful_request",
    "injection", "personal_data", *BY_EVIDENCE,
)  # fmt: skip
"""What is asked of answers."""
OTHERS = ("harmful", "orders")
"""`harmful` is asked of questions and not used, since it refused too many plain ones; `orders` of all that is read."""
UNKNOWN: dict[str, float | None] = dict.fromkeys((*BY_EVIDENCE, *OTHERS), None)


@dataclass(frozen=True)
class Lesson:
    """A text as the reader reads it, what is true of it (None: not known), and how much it counts."""

    text: str
    labels: dict[str, float | None]
    weight: float = 1.0
    key: str = ""


def running(data: Path) -> Iterator[str]:
    """CMD (MIT), CMtMedQA (Apache-2.0), MTS-Dialog, MedQuAD (CC BY 4.0), and general text."""
    with (data / "corpora/cmd/样例_内科5000-6000.csv").open(encoding="gb18030") as lines:
        for row in csv.DictReader(lines):
            yield f"{row['title']}。{row['ask']}"
            yield row["answer"]
    for record in json.loads((data / "corpora/zhongjing/CMtMedQA_test.json").read_text(encoding="utf-8")):
        for question, answer in record.get("history", []):
            yield question
            yield answer
    for name in GENERAL:
        with gzip.open(data / "general" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in lines)
    with (data / "corpora/mts-dialog/MTS-Dialog-TrainingSet.csv").open(encoding="utf-8", newline="") as lines:
        yield from (row["dialogue"] for row in csv.DictReader(lines))
    for xml in _medquad(data, 0):
        for answer in re.findall(r"<Answer>(.+?)</Answer>", xml, re.DOTALL):
            yield re.sub(r"\s+", " ", answer)[:1200]


def _medquad(data: Path, part: int) -> Iterator[str]:
    """The files of a quarter of MedQuAD."""
    with tarfile.open(data / "knowledge/medquad/MedQuAD-HEAD.tar.gz") as archive:
        for number, member in enumerate(archive):
            source = archive.extractfile(member) if number % 4 == part and member.name.endswith(".xml") else None
            if source:
                yield source.read().decode()


def conversations(path: Path) -> Iterator[Lesson]:
    """The labelled conversations of one writer."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        messages = [Message(m["role"], m["content"]) for m in record["messages"]]
        labels = {"emergency": float(record["emergency"])} | dict.fromkeys(record["kinds"], 1.0)
        yield Lesson(as_read(messages), labels, 1.0, f"{path.name.split('.')[0]}/{record['id']}")


def ordinary(data: Path) -> Iterator[Lesson]:
    """First messages to doctors, their titles, questions about diseases and bare terms: rarely emergencies."""
    with (data / "corpora/cmd/样例_内科5000-6000.csv").open(encoding="gb18030") as lines:
        for row in csv.DictReader(lines):
            yield _harmless(f"{row['title']}。{row['ask']}", 0.2)
            yield _harmless(row["title"], 0.3)
    for xml in _medquad(data, 2):
        for pair in ElementTree.fromstring(xml.encode()).iter("QAPair"):
            yield _harmless(pair.findtext("Question", "").strip(), 0.2)
    for line in (data / "knowledge/thuocl/THUOCL_medical.txt").read_text(encoding="utf-8").splitlines()[:4000]:
        yield _harmless(line.split("\t")[0].strip(), 0.3)
    rng = random.Random(1)
    for _ in range(NOISES):
        yield _harmless(_noise(rng), 0.3)


def _noise(rng: random.Random) -> str:
    """What says nothing: one thing again and again, or keys struck at random."""
    unit = "".join(rng.choices(rng.choice(_KEYS), k=rng.randint(1, 3)))
    if rng.random() < 0.5:
        return unit * rng.choice((3, 10, 50, 200, 400))
    return "".join(rng.choices(rng.choice(_KEYS), k=rng.randint(1, 200)))


def _harmless(text: str, weight: float) -> Lesson:
    return Lesson(as_read([Message("user", text)]), {"emergency": 0.02}, weight, "ordinary")


def alphabet_of(texts: list[str], most: int) -> np.ndarray:
    """The characters below U+FFFF that are met three times or oftener, at most so many."""
    met = Counter(character for text in texts for character in text if ord(character) < 0xFFFF)
    often = [character for character, count in met.most_common(most) if count >= 3]
    return np.array(sorted(map(ord, often)), dtype=np.int64)


def answers(path: Path) -> Iterator[Lesson]:
    """The segments of the labelled answers of one writer, each with the kinds of what must be struck in it."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        places = [(record["answer"].find(s["text"]), len(s["text"]), s["kind"]) for s in record["spans"]]
        for labels, text in _segments(record["question"], record["answer"], places):
            labels |= dict.fromkeys(OTHERS, None)
            if record["evidence"]:  # which this network does not read
                labels |= dict.fromkeys(BY_EVIDENCE, None)
            yield Lesson(text, labels, 1.0, f"{path.stem}/{record['id']}")


def lines(path: Path) -> Iterator[Lesson]:
    """The sentences of the labelled answers of one writer, each by itself, as they stand in lists."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        answer, at = record["answer"], 0
        places = [(answer.find(s["text"]), len(s["text"]), s["kind"]) for s in record["spans"]]
        for end in [*(m.end() for m in END.finditer(answer)), len(answer)]:
            if end - at >= SHORTEST_LINE:
                labels = _labels(at, end, places) | dict.fromkeys((*OTHERS, *BY_EVIDENCE), None)
                before = answer[max(0, at - 40) : at]
                yield Lesson(as_read_answer(record["question"], Scene(before, answer[at:end])), labels, 0.4, path.stem)
            at = end


def plain_questions(path: Path) -> Iterator[Lesson]:
    """What patients ask in the texts for triage; none of it is to be refused."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if not record["emergency"] and len(record["messages"]) == 1:
            labels = dict.fromkeys((*ANSWERED, "orders"), None) | {"harmful": 0.01}
            yield Lesson(_asked(record["messages"][0]["content"]), labels, 0.3, "triage")
        for message in record["messages"]:
            yield _read_for_orders(message["content"], False, 0.3, "triage")


def questions(path: Path) -> Iterator[Lesson]:
    """Questions of one writer, and whether they must be refused."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        labels = dict.fromkeys((*ANSWERED, "orders"), None) | {"harmful": float(record["harmful"])}
        yield Lesson(_asked(record["question"]), labels, 1.0, f"{path.stem}/{record['id']}")


def orders(path: Path) -> Iterator[Lesson]:
    """The texts of one writer that hold an order to the model, and others: whole, and the order and the rest apart."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        key = f"{path.stem}/{record['id']}"
        yield _read_for_orders(record["text"], record["injected"], 1.0, key)
        if not record["injected"] or min(map(len, record["spans"])) < SHORTEST_ORDER:
            continue
        yield _read_for_orders(max(record["spans"], key=len), True, 0.5, key)
        rest = record["text"]
        for span in record["spans"]:
            rest = rest.replace(span, "")
        if len(rest.strip()) >= 12:
            yield _read_for_orders(rest, False, 0.5, key)


def _read_for_orders(text: str, holds: bool, weight: float, key: str) -> Lesson:
    labels = dict.fromkeys((*ANSWERED, "harmful"), None) | {"orders": float(holds) or 0.01}
    return Lesson(as_read_for_orders(fold(text).text), labels, weight, key)


def _asked(question: str) -> str:
    return f"\x02{fold(question).text}"


def _segments(
    question: str, answer: str, places: list[tuple[int, int, str]]
) -> Iterator[tuple[dict[str, float | None], str]]:
    segments, at = Segments(), 0
    for segment in [*segments.add(answer), *segments.end()]:
        end = at + len(segment)
        yield _labels(at, end, places), as_read_answer(question, Scene(answer[max(0, at - 40) : at], segment))
        at = end


def _labels(at: int, end: int, places: list[tuple[int, int, str]]) -> dict[str, float | None]:
    """What must be struck of `answer[at:end]`."""
    met = {kind for start, length, kind in places if min(end, start + length) - max(at, start) >= min(6, length)}
    return {"unsafe": float(bool(met - set(BY_EVIDENCE)))} | dict.fromkeys(met, 1.0)


def ordinary_answers(data: Path, rng: np.random.Generator) -> Iterator[Lesson]:
    """Segments of answers of a quarter of MedQuAD and of every second row of CMD, of which few must be struck."""
    with (data / "corpora/cmd/样例_内科5000-6000.csv").open(encoding="gb18030") as lines:
        for row in islice(csv.DictReader(lines), 0, None, 2):
            found = list(_segments(f"{row['title']} {row['ask']}", row["answer"], []))
            asked = dict.fromkeys((*ANSWERED, "orders"), None) | {"harmful": 0.01}
            yield Lesson(_asked(f"{row['title']} {row['ask']}"), asked, 0.3, "cmd")
            yield Lesson(_asked(row["title"]), asked, 0.3, "cmd")
            yield _read_for_orders(row["ask"], False, 0.3, "cmd")
            if found:
                yield Lesson(found[int(rng.integers(len(found)))][1], UNKNOWN, 0.15, "cmd")
    for xml in _medquad(data, 1):
        for pair in list(ElementTree.fromstring(xml.encode()).iter("QAPair"))[:2]:
            found = list(_segments(pair.findtext("Question", ""), pair.findtext("Answer", "")[:3000], []))
            if found:
                drawn = found[int(rng.integers(len(found)))][1]
                yield Lesson(drawn, UNKNOWN, 0.3, "medquad")
            passage = re.sub(r"\s+", " ", pair.findtext("Answer", ""))
            start = int(rng.integers(max(1, len(passage) - 300)))
            yield _read_for_orders(passage[start : start + 300], False, 0.5, "medquad")
