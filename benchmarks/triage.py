"""Scores triage on labelled conversations: recall and precision on emergencies, and every error listed.

    python benchmarks/triage.py dev > benchmarks/results/triage_dev.json
    python benchmarks/triage.py test > benchmarks/results/triage_test.json
    python benchmarks/triage.py ordinary            # how much of real consultations is flagged; needs ../shared

`dev`: the writers a to h, whom rules or reader know, or on whom thresholds were chosen. `test`: i and j, whom nobody
has read; it is scored once for a version. Beside what ships (`both`) stand the rules alone, the second reader alone,
and a baseline: `KEYWORDS`, plain words in what the patient says. Intervals are Wilson's, 95 %. Latency is that of whole
conversations, on one core.
"""

import argparse
import csv
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.conversation import Message
from doctorglm.evaluate.statistics import share_interval
from doctorglm.safety.triage import by_rules, triage
from doctorglm.safety.triage.second import SURE, opinion

SETS = Path(__file__).parent / "sets" / "triage"
CORPORA = Path(__file__).parents[2] / "shared" / "data" / "corpora"
WRITERS = {"dev": ("a", "b", "c", "d", "e", "f", "g", "h"), "test": ("i", "j")}
# fmt: off
KEYWORDS = (
    "胸痛", "胸闷", "心梗", "心绞痛", "中风", "脑梗", "脑出血", "嘴歪", "说不出话", "大出血", "吐血", "呕血",
    "便血", "咯血", "黑便", "过敏", "休克", "中毒", "农药", "安眠药", "蛇咬", "自杀", "不想活", "轻生", "抽搐",
    "惊厥", "昏迷", "晕倒", "叫不醒", "呼吸困难", "喘不上气", "窒息", "噎", "高烧", "破水", "胎动", "脑膜炎",
    "败血症", "酮症", "低血糖", "睾丸", "扭转", "烫伤", "烧伤", "触电", "溺水", "中暑", "热射病", "失明",
    "看不见", "瘫", "尿失禁", "剧痛", "车祸", "骨折", "没呼吸", "chest pain", "stroke", "bleeding",
    "anaphylaxis", "overdose", "poison", "suicid", "kill myself", "seizure", "unconscious", "can't breathe",
    "choking", "meningitis", "sepsis", "collapsed", "burn", "drown", "electric",
)
# fmt: on


def keywords(messages: Sequence[Message]) -> bool:
    """The baseline: any of the words in what the patient says."""
    said = " ".join(m.content for m in messages if m.role == "user").lower()
    return any(word in said for word in KEYWORDS)


def both(messages: Sequence[Message]) -> bool:
    """What ships."""
    return triage(messages).emergency


def rules(messages: Sequence[Message]) -> bool:
    """The rules alone."""
    return by_rules(messages).emergency


def reads(messages: Sequence[Message]) -> bool:
    """The second reader alone."""
    return opinion(messages).probable >= SURE


def scored(half: str) -> dict[str, Any]:
    """Both detectors on both sets together and apart."""
    sets = {
        name: [record for file in sorted(SETS.glob(f"{name}.*.jsonl")) for record in _records(file)]
        for name in WRITERS[half]
    }
    everything = [record for records in sets.values() for record in records]
    result: dict[str, Any] = {
        name: {"all": _rates(everything, detector)} | {key: _rates(records, detector) for key, records in sets.items()}
        for name, detector in (("both", both), ("rules", rules), ("reader", reads), ("keywords", keywords))
    }
    found = [(record, triage(_messages(record))) for record in everything]
    kinds = sorted({kind for record in everything for kind in record["kinds"]})
    result["recall_by_kind"] = {
        kind: asdict(share_interval([t.emergency for record, t in found if kind in record["kinds"]])) for kind in kinds
    }
    result["kind_named"] = asdict(
        share_interval([bool(set(t.kinds) & set(r["kinds"])) for r, t in found if r["emergency"] and t.emergency])
    )
    result["missed"] = [[r["id"], *r["kinds"]] for r, t in found if r["emergency"] and not t.emergency]
    result["false_alarms"] = [
        [r["id"], *(f.rule.id for f in t.fired)] for r, t in found if t.emergency and not r["emergency"]
    ]
    return result | {"latency_ms": _latency([_messages(record) for record in everything])}


def ordinary() -> dict[str, Any]:
    """What share of real first messages is flagged, by corpus; some of them are emergencies."""
    path = CORPORA / "cmd" / "样例_内科5000-6000.csv"
    with path.open(encoding="gb18030", errors="replace") as lines:
        cmd = [f"{row['title']}。{row['ask']}" for row in csv.DictReader(lines)]
    told = json.loads((CORPORA / "zhongjing" / "CMtMedQA_test.json").read_text(encoding="utf-8"))
    first = [
        record["history"][0][0] if record.get("history") else record.get("instruction") or record.get("instruct")
        for record in told
    ]
    result = {}
    for name, texts in (("cmd", cmd), ("cmtmedqa", [text for text in first if text])):
        found = [triage([Message("user", text)]) for text in texts]
        result[name] = {
            "flagged": asdict(share_interval([t.emergency for t in found])),
            "levels": Counter(t.level for t in found),
            "rules": Counter(f.rule.id for t in found if t.emergency for f in t.fired).most_common(20),
        }
    return result


def _records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _messages(record: dict[str, Any]) -> list[Message]:
    return [Message(m["role"], m["content"]) for m in record["messages"]]


def _rates(records: list[dict[str, Any]], detector: Callable[[Sequence[Message]], bool]) -> dict[str, Any]:
    found = [(record["emergency"], detector(_messages(record))) for record in records]
    return {
        "recall": asdict(share_interval([flagged for emergency, flagged in found if emergency])),
        "precision": asdict(share_interval([emergency for emergency, flagged in found if flagged])),
    }


def _latency(conversations: Sequence[Sequence[Message]]) -> dict[str, float]:
    seconds = []
    for messages in conversations:
        started = time.process_time()
        triage(messages)
        seconds.append(time.process_time() - started)
    seconds.sort()
    return {"p50": 1000 * seconds[len(seconds) // 2], "p99": 1000 * seconds[len(seconds) * 99 // 100]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=["dev", "test", "ordinary"])
    half = parser.parse_args().half
    result = circumstances(f"python benchmarks/triage.py {half}", {"doctorglm": version("doctorglm")})
    result |= ordinary() if half == "ordinary" else scored(half)
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
