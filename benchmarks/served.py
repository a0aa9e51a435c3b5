"""A GGUF as people run it: in our own engine, behind llama.cpp's server, and a larger one behind it as the judge.

    python benchmarks/served.py --model small.gguf --cmmlu cmmlu --folder DIR > results/served_engines.json
    python benchmarks/served.py --model small.gguf --judge larger.gguf --folder DIR > results/served_judge.json

Protocol, written before any run of record. Both engines answer greedily, in at most 160 tokens: the first 48 of the
demo's held-out dialogues by id, the first 10 questions of each kind in the shipped `safety` suite with and without
`consult`, and the first 10 of each of CMMLU's five medical subjects, whose answers are read from what the model
writes. llama.cpp multiplies the packed weights by activations in 8 bits, our engine unpacks them to 32 bits: answers
may part, and every figure is given as llama.cpp's less ours, by item.

The judge is asked about three things, in Chinese, at temperature 0. *Control*: of the first 20 dialogues by id it
compares the data's own answer with the data's answer to the next dialogue, each pair in both orders. *Pairs*: the
small model against the embedded base on the same 20 questions. *Rubrics*: the small model's answer to the first
by the criteria that ship: that a real judge can be asked so, no figure. Unless the lower bound of the control's win
rate is above a half, what the judge says of the models counts for nothing, and the page says so.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from _llama import served
from _record import circumstances
from doctorglm.demo import HELD_OUT
from doctorglm.evaluate import metrics
from doctorglm.evaluate.items import ChoiceItem, Evaluation, read_evaluation
from doctorglm.evaluate.judge.control import control, is_trusted
from doctorglm.evaluate.judge.pairwise import judge_pairs
from doctorglm.evaluate.judge.scores import judge_rubrics
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.evaluate.judge.transcripts import read_transcripts, write_transcripts
from doctorglm.evaluate.suites import HERE
from doctorglm.models.opening import open_engine
from doctorglm.runs import _versions, read_json

SUBJECTS = {
    "anatomy": "解剖学",
    "clinical_knowledge": "临床知识",
    "college_medicine": "大学医学",
    "nutrition": "营养学",
    "traditional_chinese_medicine": "中医中药",
}
SETTINGS = ("max_new_tokens=160", "max_length=1024", "batch_size=16", "gate_suites=false")
DIALOGUES, OF_EACH = 48, 10
CONTROL, RUBRICS = 20, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a .gguf file")
    part = parser.add_mutually_exclusive_group(required=True)
    part.add_argument("--judge", type=Path, help="a larger .gguf file: the judge's part")
    part.add_argument("--cmmlu", type=Path, help="the engines' part")
    parser.add_argument("--folder", type=Path, required=True, help="for the evaluations; a killed run goes on there")
    asked = parser.parse_args()
    folder: Path = asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    named = f"--judge {asked.judge.name}" if asked.judge else f"--cmmlu {asked.cmmlu.name}"
    command = f"python benchmarks/served.py --model {asked.model.name} {named} --folder DIR"
    found = _judge(asked.model, asked.judge, folder) if asked.judge else _engines(asked.model, asked.cmmlu, folder)
    print(json.dumps(circumstances(command, _versions()) | found, ensure_ascii=False, indent=1))


def _engines(model: Path, cmmlu: Path, folder: Path) -> dict[str, Any]:
    suites = [*_first(folder), _exam(cmmlu, folder)]
    runs = {"doctorglm": _evaluated(str(model), folder / "doctorglm", suites, DIALOGUES)}
    with served(model) as address:
        runs["llama.cpp"] = _evaluated(address, folder / "llama.cpp", suites, DIALOGUES)
    return {"runs": runs, "apart": _apart(folder)}


def _first(folder: Path) -> list[Path]:
    """Suites of the first dialogues and of the first questions of each kind that try safety."""
    dialogues = sorted(_lines(HELD_OUT), key=lambda row: str(row["id"]))[:DIALOGUES]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in _lines(HERE / "safety.jsonl"):
        kinds.setdefault(row["category"], []).append(row)
    tried = [row for of in kinds.values() for row in of[:OF_EACH]]
    suites = []
    for kind, rows in (("dialogue", dialogues), ("safety", tried)):
        data, suite = folder / f"{kind}.jsonl", folder / f"{kind}.yaml"
        data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        suite.write_text(f"kind: {kind}\nname: {kind}-first\ndata: {data.name}\n", encoding="utf-8")
        suites.append(suite)
    return suites


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _judge(model: Path, judge: Path, folder: Path) -> dict[str, Any]:
    for name, which in (("small", str(model)), ("embedded", "embedded")):
        _evaluated(which, folder / "judged" / name, [HELD_OUT], CONTROL)
    with served(judge, slots=2, context=4096) as address:
        return _judged(folder / "judged", address)


def _exam(cmmlu: Path, folder: Path) -> Path:
    """A suite of the first questions of each subject, answered by writing."""
    subjects = "".join(f"  {subject}: {name}\n" for subject, name in SUBJECTS.items())
    suite = folder / "exam.yaml"
    rows = f"kind: choice\nname: exam\ndata: {cmmlu.resolve()}\nshots: 0\nlimit: {OF_EACH}\nby: [generation]\n"
    suite.write_text(f"{rows}subjects:\n{subjects}", encoding="utf-8")
    return suite


def _evaluated(model: str, out: Path, suites: Sequence[Path], dialogues: int) -> dict[str, Any]:
    command = ["evaluate", "--model", model, "--out", str(out), "--suite", *map(str, suites), *SETTINGS]
    command.append(f"dialogues={dialogues}")
    subprocess.run([sys.executable, "-m", "doctorglm", *command], check=True)
    run = read_json(out / "run.json")
    kept = {"counts": run["counts"], "seconds": run["seconds"], "peak_memory_mb": run["peak_memory_mb"]}
    return {"metrics": read_json(out / "summary.json")["metrics"], **kept}


def _apart(folder: Path) -> dict[str, Any]:
    """llama.cpp's answers beside ours: how many are the same, and the differences of the figures by item."""
    ours, theirs = (_answered(folder / name) for name in ("doctorglm", "llama.cpp"))
    one, other = _answers(ours), _answers(theirs)
    differences = metrics.differences(theirs, ours, optional=True, resamples=10_000, seed=0)
    return {
        "answers": len(one),
        "same": sum(one[key] == other[key] for key in one),
        "same_beginning": _beginnings([(one[key], other[key]) for key in one]),
        "differences": {name: asdict(found) for name, found in differences.items()},
    }


def _answered(directory: Path) -> Evaluation:
    """An evaluation without likelihoods, which a server does not tell."""
    found = read_evaluation(directory)
    return replace(found, suites={name: items for name, items in found.suites.items() if name != "likelihood"})


def _beginnings(pairs: Sequence[tuple[str, str]]) -> float:
    """The mean share of the shorter answer up to the first character that differs."""
    shares = []
    for one, other in pairs:
        most = min(len(one), len(other))
        same = next((i for i in range(most) if one[i] != other[i]), most)
        shares.append(same / most if most else float(one == other))
    return sum(shares) / len(shares)


def _answers(evaluation: Evaluation) -> dict[tuple[str, str], str]:
    found = {}
    for suite, items in evaluation.suites.items():
        for name, item in items.items():
            text = item.text if isinstance(item, ChoiceItem) else getattr(item, "answer", None)
            if text is not None:
                found[suite, name] = text
    return found


def _judged(folder: Path, address: str) -> dict[str, Any]:
    settings = JudgeSettings(batch_size=2, max_new_tokens=256, control=CONTROL)
    judge = open_engine(address)
    out = folder / "judge"
    out.mkdir(exist_ok=True)
    write_transcripts({"small": folder / "small", "embedded": folder / "embedded"}, out / "transcripts.jsonl")
    items = sorted(read_transcripts(out / "transcripts.jsonl"), key=lambda t: t.id)
    tried = control(items, judge, out / "control", settings)
    pairs = judge_pairs(items, judge, "small", "embedded", out / "pairs", settings=settings)
    small = [replace(one, answers={"small": one.answers["small"]}) for one in items[:RUBRICS]]
    return {
        "control": asdict(tried) if tried else None,
        "trusted": is_trusted(tried),
        "pairs": asdict(pairs),
        "rubrics": asdict(judge_rubrics(small, judge, out / "rubrics", settings=settings)),
    }


if __name__ == "__main__":
    main()
