"""Exam questions by likelihood: our scoring beside lm-evaluation-harness's own, on the same questions and model.

    python benchmarks/evaluate.py --model FOLDER > benchmarks/results/evaluate.json        # needs ../shared

Protocol, written before any run:

1. Questions: CMMLU's five medical subjects of ../shared, of each file the first five rows as examples, which are not
   scored, and the next `--questions` (30). A task file of lm-evaluation-harness for each subject, with its data, is
   written to a scratch folder; prompts are those of the harness's own `cmmlu` tasks. Nothing is fetched.
2. Both sides are one process, one model in memory, in 32 bits on a CPU, and one call of the harness's
   `simple_evaluate`, which makes the prompts and the metrics; only what answers its requests differs: `HFLM`, which is
   the harness's own, or `HarnessModel`, which is ours. HFLM reads the four options of a question off one pass too.
   Ours besides computes the examples of a subject once, makes logits where an option stands and nowhere else, and
   multiplies by oneDNN (`models/products.py`); both use as many threads as there are cores.
3. The sweep: every batch size of either side (rows for HFLM, tokens for ours), once, five-shot, on the first `--sweep`
   questions of the first subject. A size of HFLM's whose logits would not fit into the free memory twice is left out.
   Each goes on with its fastest.
4. The comparison: all questions, five-shot, `--turns` turns (3 at least); who is first changes with every turn. Then
   zero-shot, the same. `seconds` are of the whole call, `scoring_s` of the model's part in it. The ratio of items per
   second is of the whole calls, its mean over turns geometric, with a 95 % interval by Student's t of its logarithm.
5. Answers: for every item the likeliest option of both, which must be the same, and the largest difference between two
   log-likelihoods of one option. A single item answered differently fails the run (exit code 1).

Nothing else may run meanwhile.
"""

import argparse
import csv
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from scipy import stats

from _record import circumstances
from doctorglm import machine, models
from doctorglm.evaluate.harness_model import HarnessModel
from doctorglm.runs import _versions

CMMLU = Path(__file__).parents[2] / "shared" / "data" / "benchmarks" / "cmmlu"
SUBJECTS = {
    "anatomy": "解剖学",
    "clinical_knowledge": "临床知识",
    "college_medicine": "大学医学",
    "nutrition": "营养学",
    "traditional_chinese_medicine": "中医中药",
}
SHOTS = 5
ROWS = (1, 2, 4, 8, 16, 32)
TOKENS = (256, 512, 1024, 2048, 4096)
PROMPT = "{{Question.strip()}}\nA. {{A}}\nB. {{B}}\nC. {{C}}\nD. {{D}}\n答案："

Make = Callable[[int], Any]


def write_tasks(folder: Path, questions: int) -> list[str]:
    """A task file for each subject, with its data; returns their paths."""
    paths = []
    for subject, name in SUBJECTS.items():
        with (CMMLU / f"{subject}.csv").open(encoding="utf-8") as lines:
            rows = [{k: v for k, v in row.items() if k} for row in csv.DictReader(lines)]
        data = {"dev": rows[:SHOTS], "test": rows[SHOTS : SHOTS + questions]}
        for split, part in data.items():
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
            (folder / f"{subject}.{split}.jsonl").write_text(text, encoding="utf-8")
        task = {
            "task": subject,
            "description": f"以下是关于{name}的单项选择题，请直接给出正确答案的选项。\n\n",
            "dataset_path": "json",
            "dataset_kwargs": {
                "data_files": {split: str(folder / f"{subject}.{split}.jsonl") for split in data},
                "cache_dir": str(folder / "cache"),
            },
            "test_split": "test",
            "fewshot_split": "dev",
            "fewshot_config": {"sampler": "first_n"},
            "output_type": "multiple_choice",
            "doc_to_text": PROMPT,
            "doc_to_choice": ["A", "B", "C", "D"],
            "doc_to_target": "{{['A', 'B', 'C', 'D'].index(Answer)}}",
            "metric_list": [{"metric": "acc"}],
        }
        paths.append(str(folder / f"{subject}.yaml"))
        Path(paths[-1]).write_text(yaml.safe_dump(task, allow_unicode=True), encoding="utf-8")
    return paths


def measured(lm: Any, tasks: Sequence[str], shots: int, limit: int | None = None) -> dict[str, Any]:
    """One evaluation: its seconds, and each item's log-likelihoods of its options."""
    own, scoring = lm.loglikelihood, []

    def timed(requests: Any, **options: Any) -> Any:
        started = time.perf_counter()
        found = own(requests, **options)
        scoring.append(time.perf_counter() - started)
        return found

    lm.loglikelihood = timed
    started = time.perf_counter()
    found = simple_evaluate(
        model=lm, tasks=list(tasks), num_fewshot=shots, limit=limit, bootstrap_iters=0,
        task_manager=TaskManager(include_defaults=False), log_samples=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    items = {
        f"{name}/{sample['doc_id']}": ([float(one[0]) for one in sample["filtered_resps"]], sample["acc"])
        for name, samples in found["samples"].items()
        for sample in samples
    }
    right = sum(correct for _, correct in items.values())
    return {
        "seconds": round(seconds, 2),
        "scoring_s": round(sum(scoring), 2),
        "items": len(items),
        "items_per_s": round(len(items) / seconds, 4),
        "accuracy": round(right / len(items), 4),
        "answers": {key: nats for key, (nats, _) in items.items()},
    }


def _choice(likelihoods: Sequence[float]) -> int:
    return max(range(len(likelihoods)), key=lambda i: likelihoods[i])


def sweep(makers: dict[str, tuple[Make, Sequence[int]]], task: str, limit: int) -> tuple[list[Any], dict[str, int]]:
    """The row of every size, and the size that was fastest, by side."""
    rows = []
    for side, (make, sizes) in makers.items():
        for size in sizes:
            row = measured(make(size), [task], SHOTS, limit)
            rows.append({"side": side, "size": size} | {k: v for k, v in row.items() if k != "answers"})
            print("sweep", rows[-1], file=sys.stderr, flush=True)
    best = {
        side: max((row for row in rows if row["side"] == side), key=lambda row: row["items_per_s"])["size"]
        for side in makers
    }
    return rows, best


def compared(sides: dict[str, Callable[[], Any]], tasks: Sequence[str], shots: int, turns: int) -> dict[str, Any]:
    """Both sides in turns: their rows, the ratio with its interval, and where their answers differ."""
    rows: list[dict[str, Any]] = []
    ratios, differing, largest = [], set(), 0.0
    for turn in range(turns):
        order = list(sides) if turn % 2 == 0 else list(sides)[::-1]
        found = {side: measured(sides[side](), tasks, shots) for side in order}
        answers = [found[side].pop("answers") for side in sides]
        rows += [{"turn": turn, "side": side} | found[side] for side in order]
        print(f"{shots}-shot", *rows[-2:], sep="\n  ", file=sys.stderr, flush=True)
        ours, theirs = (found[side]["items_per_s"] for side in sides)
        ratios.append(ours / theirs)
        assert answers[0].keys() == answers[1].keys()
        differing |= {key for key in answers[0] if _choice(answers[0][key]) != _choice(answers[1][key])}
        pairs = [zip(answers[0][key], answers[1][key], strict=True) for key in answers[0]]
        largest = max(largest, *(abs(a - b) for pair in pairs for a, b in pair))
    return {
        "items_per_s": {
            side: round(statistics.median(row["items_per_s"] for row in rows if row["side"] == side), 4)
            for side in sides
        },
        "ratio": interval(ratios),
        "answered_differently": sorted(differing),
        "largest_difference": largest,
        "runs": rows,
    }


def interval(ratios: Sequence[float]) -> dict[str, float]:
    """The geometric mean and its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    mean, half = statistics.fmean(logs), 0.0
    if len(logs) > 1:
        half = stats.t.ppf(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return {name: round(math.exp(at), 3) for name, at in (("value", mean), ("low", mean - half), ("high", mean + half))}


def that_fit(model: Any, tokenizer: Any, task: str) -> list[int]:
    """Batch sizes of HFLM whose logits, and their logarithms, leave a quarter of the free memory."""
    lines = Path(task.replace(".yaml", ".dev.jsonl")).read_text(encoding="utf-8").splitlines()
    shots = "\n".join("".join(json.loads(line).values()) for line in lines)
    columns = 1.5 * len(tokenizer.encode(shots))  # with the question, and the letters of all
    row = 2 * 4 * columns * model.config.vocab_size
    return [size for size in ROWS if size * row <= 0.75 * machine.main_memory().available]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=30)
    parser.add_argument("--sweep", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    model, tokenizer = models.load(arguments.model, dtype=torch.float32, device=torch.device("cpu"))
    with tempfile.TemporaryDirectory() as scratch:
        tasks = write_tasks(Path(scratch), arguments.questions)
        makers: dict[str, tuple[Make, Sequence[int]]] = {
            "doctorglm": (lambda size: HarnessModel(model, tokenizer, batch_tokens=size), TOKENS),
            "lm-evaluation-harness": (
                lambda size: HFLM(pretrained=model, tokenizer=tokenizer, batch_size=size),
                that_fit(model, tokenizer, tasks[0]),
            ),
        }
        swept, best = sweep(makers, tasks[0], arguments.sweep)
        sides = {side: (lambda make=make, size=best[side]: make(size)) for side, (make, _) in makers.items()}
        results = {f"{shots}-shot": compared(sides, tasks, shots, arguments.turns) for shots in (SHOTS, 0)}
    # the folder's name is enough: where it lies is of this machine
    command = " ".join(["python benchmarks/evaluate.py --model", arguments.model.name, *_without_model(sys.argv[1:])])
    versions = _versions() | {"lm-eval": version("lm-eval")}
    result = circumstances(command, versions) | {
        "model": arguments.model.name,
        "threads": torch.get_num_threads(),
        "questions": len(SUBJECTS) * arguments.questions,
        "sweep": swept,
        "best": best,
        **results,
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    if any(one["answered_differently"] for one in results.values()):
        sys.exit(1)


def _without_model(arguments: Sequence[str]) -> list[str]:
    at = next(i for i, argument in enumerate(arguments) if argument.startswith("--model"))
    return [*arguments[:at], *arguments[at + (1 if "=" in arguments[at] else 2) :]]


if __name__ == "__main__":
    main()
