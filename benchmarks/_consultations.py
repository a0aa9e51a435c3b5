"""Consultations in any number, for measuring curation: sentences of CMD in new orders, with copies."""

import csv
import json
import random
import re
from pathlib import Path

CMD = Path(__file__).parents[2] / "shared/data/corpora/cmd"
_EXACT, _NEAR = 0.05, 0.05


def sentences() -> tuple[list[str], list[str]]:
    """The sentences of CMD's questions and answers."""
    with next(CMD.glob("*.csv")).open(encoding="gb18030", newline="") as file:
        rows = list(csv.DictReader(file))
    parts = [
        sorted({s for row in rows for s in re.findall(r"[^。！？\n]{6,60}[。！？]", row[side])})
        for side in ("ask", "answer")
    ]
    return parts[0], parts[1]


def write_consultations(path: Path, records: int, seed: int = 0) -> int:
    """Writes `instruction, input, output` lines; returns their bytes. One in twenty is a copy, one in twenty nearly."""
    asked, answered = sentences()
    rng = random.Random(seed)
    recent: list[tuple[str, str]] = []
    with path.open("w", encoding="utf-8") as out:
        for _ in range(records):
            kind = rng.random()
            if recent and kind < _EXACT:
                question, answer = rng.choice(recent)
            elif recent and kind < _EXACT + _NEAR:
                question, answer = rng.choice(recent)
                answer = answer[:20] + "另外" + answer[20:]
            else:
                question = "".join(rng.choices(asked, k=rng.randint(2, 4)))
                answer = "".join(rng.choices(answered, k=rng.randint(3, 8)))
            recent.append((question, answer))
            del recent[:-5000]
            out.write(json.dumps({"instruction": question, "input": "", "output": answer}, ensure_ascii=False) + "\n")
    return path.stat().st_size
