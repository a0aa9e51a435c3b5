"""The pipeline of a translation recipe: curate -> teacher -> held out -> distill -> student -> union -> curate.

What the teacher could not do is left out: a student that learned from it is not asked to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from doctorglm.conversation import Conversation, read_conversations, write_conversations
from doctorglm.curate import curate
from doctorglm.distill.stage import Job as DistillJob
from doctorglm.distill.stage import distill
from doctorglm.language import Text
from doctorglm.recipe.translation.held_out import FILE, hold_out
from doctorglm.recipe.translation.settings import TranslationRecipe, require_files, require_teacher
from doctorglm.recipe.translation.summary import Stages, summary
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, atomic_file, sha256_file, write_json
from doctorglm.translate.stage import Job, translate
from doctorglm.translate.student.stage import StudentJob, translate_by_student
from doctorglm.translate.writing import NothingTranslatedError

TRAIN = "train.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What a translation recipe left, read back from its folders."""

    directory: Path
    recipe: TranslationRecipe
    summary: dict[str, Any]
    """As in `summary.json`."""


def run_translation(recipe: TranslationRecipe, out: Path) -> Outcome:
    """Runs every stage that is not finished yet, each in a folder of its own, and returns what they left.

    A student that is not good enough translates nothing; then the teacher's translations alone become `data`. Leaves
    `recipe.yaml`, `run.json` and `summary.json` beside the folders. Raises ConfigError without a teacher, or when `out`
    holds a run with other settings, and what the stages raise; started again, it goes on.
    """
    require_teacher(recipe)
    require_files(recipe)
    begin = partial(Run, out, stage="translation recipe", settings=recipe.identity(), inputs={})
    if (out / "run.json").exists():
        begin()
    curated = curate([Path(source) for source in recipe.sources], out / "curate", recipe.curate)
    run = begin()
    with atomic_file(out / "recipe.yaml") as file:
        yaml.safe_dump(recipe.resolved(), file, allow_unicode=True, sort_keys=False, width=120)
    teacher = _by_teacher(recipe, out)
    rest = int(teacher.record["counts"]["rest"])
    distilled = _distilled(recipe, out) if rest else None
    student = _by_student(recipe, out) if distilled and distilled.record["good_enough"] else None
    accepted = [out / "teacher" / TRAIN, *([out / "student" / TRAIN] if student else [])]
    _union(accepted, out / "translated")
    data = curate([out / "translated" / TRAIN], out / "data", recipe.data)
    found = summary(Stages(curated, teacher, distilled, student, data), recipe)
    write_json(out / "summary.json", found)
    if not run.finished:
        run.finish(passed=found["passed"])
    return Outcome(out, recipe, found)


def _by_teacher(recipe: TranslationRecipe, out: Path) -> Run:
    job = Job(
        sources=[out / "curate"],
        out=out / "teacher",
        glossary=_glossary(recipe),
        teacher=recipe.teacher,
        budget_usd=recipe.budget,
        sample=recipe.sample,
        cache=Path(recipe.cache) if recipe.cache else None,
        allow_remote=recipe.allow_remote,
    )
    with progress_line(Text(en="teacher", zh="教师"), 1.0) as line:
        return translate(job, recipe.translate, line.update)


def _distilled(recipe: TranslationRecipe, out: Path) -> Run:
    hold_out(Path(recipe.test), out / "test", recipe.test_one_in)
    pairs = [*map(Path, recipe.pairs), out / "teacher" / TRAIN]
    job = DistillJob(pairs=pairs, out=out / "distill", test=out / "test" / FILE, glossary=_glossary(recipe))
    return distill(job, recipe.distill)


def _by_student(recipe: TranslationRecipe, out: Path) -> Run | None:
    """None where it could translate nothing of the rest."""
    job = StudentJob(
        sources=[out / "teacher" / "rest.jsonl"],
        out=out / "student",
        glossary=_glossary(recipe),
        student=out / "distill" / "student",
    )
    try:
        with progress_line(Text(en="student", zh="学生"), 1.0) as line:
            return translate_by_student(job, recipe.student, line.update)
    except NothingTranslatedError:
        return None


def _union(files: Sequence[Path], out: Path) -> Run:
    """All that was accepted, the teacher's first, in `train.jsonl`."""
    run = Run(out, stage="translated", settings={}, inputs={file.parent.name: sha256_file(file) for file in files})
    if not run.finished:
        run.finish(counts={"translated": write_conversations(out / TRAIN, _every(files))})
    return run


def _every(files: Sequence[Path]) -> Iterator[Conversation]:
    for file in files:
        yield from read_conversations(file)


def _glossary(recipe: TranslationRecipe) -> Path | None:
    return Path(recipe.glossary) if recipe.glossary else None
