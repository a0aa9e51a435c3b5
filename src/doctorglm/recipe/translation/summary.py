"""What a translation recipe's stages left, in one object: accepted, rejected, scores, cost, hours, data."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.conversation import read_conversations
from doctorglm.recipe.translation.settings import TranslationRecipe
from doctorglm.runs import Run
from doctorglm.translate.audit import wilson


@dataclass(frozen=True)
class Stages:
    """The runs of a recipe; of a student None where none was needed, or it translated nothing."""

    curated: Run
    teacher: Run
    distilled: Run | None
    student: Run | None
    data: Run


def summary(stages: Stages, recipe: TranslationRecipe) -> dict[str, Any]:
    """As `summary.json` holds it.

    `passed`: whether nothing was left for a student, or it was good enough and translated some. Shares are of
    conversations, but for `distill.test`, which counts sentences.
    """
    teacher, distilled, student = stages.teacher.record, stages.distilled, stages.student
    runs = {"curate": stages.curated, "teacher": stages.teacher, "distill": distilled, "student": student,
            "data": stages.data}  # fmt: skip
    seconds = {name: run.record["seconds"] for name, run in runs.items() if run is not None}
    return {
        "passed": distilled is None or student is not None,
        "curated": stages.curated.record["counts"],
        "teacher": {**_accepted(stages.teacher), "rest": teacher["counts"]["rest"], "model": recipe.teacher,
                    "cost": teacher["cost"], "sample": teacher["sample"]},
        "distill": None if distilled is None else _scored(distilled, recipe),
        "student": None if student is None else _accepted(student),
        "data": {**stages.data.record["counts"], "by": _by(stages.data)},
        "seconds": {**seconds, "all": round(sum(seconds.values()), 1)},
        "peak_memory_mb": max(run.record["peak_memory_mb"] for run in runs.values() if run is not None),
    }  # fmt: skip


def _accepted(run: Run) -> dict[str, Any]:
    counts = run.record["counts"]
    found = {name: counts[name] for name in ("read", "translated", "mended", "rejected")}
    share = counts["translated"] / counts["read"]
    return {**found, "accepted": share, "accepted_interval": list(wilson(counts["translated"], counts["read"]))}


def _scored(run: Run, recipe: TranslationRecipe) -> dict[str, Any]:
    kept = {name: run.record[name] for name in ("counts", "training", "test", "good_enough", "faults")}
    return {**kept, "least_accepted": recipe.distill.least_accepted}


def _by(data: Run) -> dict[str, dict[str, int]]:
    """Of each part, the conversations by who translated them."""
    return {part: _translators(data.directory / f"{part}.jsonl") for part in data.record["counts"]["splits"]}


def _translators(file: Path) -> dict[str, int]:
    found = Counter[str]()
    for one in read_conversations(file):
        by = one.meta.get("translation", {}).get("by", ())
        found["student" if "student" in by else "teacher" if "teacher" in by else "nobody"] += 1
    return dict(found)
