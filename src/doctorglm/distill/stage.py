"""`doctorglm distill`: pairs of sentences into a student's folder, and what the student is worth on pairs held out."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.distill import making, vocabulary
from doctorglm.distill.held_out import split, without
from doctorglm.distill.lexicon import mined
from doctorglm.distill.loop import steps_of, train
from doctorglm.distill.samples import samples
from doctorglm.distill.scores import scores
from doctorglm.distill.sentences import SentencePair, sentence_pairs
from doctorglm.distill.settings import DistillSettings
from doctorglm.errors import DataError
from doctorglm.files.told import file_name
from doctorglm.language import Text
from doctorglm.models.saving import save_weights, whole_folder
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, sha256_file, sha256_tree, write_json
from doctorglm.settings import plain
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.pairs import read_pairs
from doctorglm.translate.student.folder import SAYS, marian_tokenizer
from doctorglm.translate.terms import Terms
from doctorglm.translate.told_terms import told_terms
from doctorglm.tune.standing import Standing


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a student learns from, and where it is left."""

    pairs: Sequence[Path]
    """Files of pairs (`en`, `zh`), or translated conversations."""
    out: Path
    test: Path | None = None
    """Pairs that the finished student is measured on; what they hold is taken out of `pairs`."""
    glossary: Path | None = None
    """None: the project's own list."""


def distill(job: Job, settings: DistillSettings) -> Run:
    """Writes `student/` (transformers' format), `vocabulary/`, `checkpoints/`, `metrics.jsonl` and `run.json`.

    Goes on where it was; a finished `out` is returned as it is. Raises DataError for files that hold no pairs,
    ModelError for a checkpoint that is none and for a training that diverges.
    """
    inputs = _inputs(job, settings)
    run = Run(job.out, stage="distill", settings=plain(settings), inputs=inputs, seed=settings.seed)
    if run.finished:
        return run
    glossary = read_glossary(job.glossary) if job.glossary else own_glossary()
    told = told_terms(glossary, phenotypes=False) if settings.own_terms else glossary
    (pairs, valid), test = _pairs(job, settings, told)
    student = job.out / "student"
    tokenizer = _tokenizer(pairs, job.out / "vocabulary", settings)
    terms = Terms([*told, *mined(pairs)]) if settings.tags else None
    (learned, long), (kept, _) = (samples(part, tokenizer, terms, settings) for part in (pairs, valid))
    steps = len(steps_of(learned, settings))
    model = _model(tokenizer, settings)
    with progress_line(Text(en="distill", zh="蒸馏"), steps) as line:
        standing = train(model, (learned, kept), settings, job.out, line, run.identity)
    with whole_folder(student) as temporary:
        shutil.copytree(job.out / "vocabulary", temporary)
        save_weights(model.eval(), temporary)
        write_json(temporary / SAYS, {"tags": settings.tags})
    counts = {
        "train": len(learned),
        "valid": len(kept),
        "test": len(test),
        "too_long": long,
        "with_terms": sum(one.tagged is not None for one in learned),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    test_scores = _measured(student, test, glossary, told) if test else None
    run.finish(counts=counts, training=_told(standing, steps), test=test_scores, **_verdict(test_scores, settings))
    return run


def _told(standing: Standing, steps: int) -> dict[str, Any]:
    return {
        "steps": standing.step,
        "of": steps,
        "best_step": standing.best_step,
        "tokens": standing.tokens,
        "valid_loss": standing.best_valid,
        "seconds": round(standing.seconds, 1),
    }


def _verdict(found: Mapping[str, Any] | None, settings: DistillSettings) -> dict[str, Any]:
    """`good_enough`, None where nothing was measured, and in `faults` why it is not."""
    if found is None:
        return {"good_enough": None, "faults": []}
    low = found["accepted_interval"][0]
    faults = [] if low >= settings.least_accepted else [f"accepted {low:.3f} < {settings.least_accepted:g}"]
    return {"good_enough": not faults, "faults": faults}


def _inputs(job: Job, settings: DistillSettings) -> dict[str, str]:
    named = [*((f"pairs {i}", path) for i, path in enumerate(job.pairs, 1))]
    named += [(name, path) for name, path in (("test", job.test), ("glossary", job.glossary)) if path]
    named += [("pretrained", Path(settings.pretrained))] if settings.pretrained else []
    return {
        f"{name} {file_name(path.name)}": sha256_tree(path) if path.is_dir() else sha256_file(path)
        for name, path in named
    }


def _pairs(
    job: Job, settings: DistillSettings, told: Sequence[Entry]
) -> tuple[tuple[list[SentencePair], list[SentencePair]], list[SentencePair]]:
    """((train, valid), test); the terms themselves are trained on only."""
    every = [pair for path in job.pairs for pair in sentence_pairs(read_pairs(path))]
    test = list(sentence_pairs(read_pairs(job.test))) if job.test else []
    learned, valid = split(without(every, test), settings.valid_share, settings.seed)
    if not learned:
        raise DataError(
            en="nothing is left to train on: no pair has Chinese that the test does not hold. Give more pairs.",
            zh="没有可训练的句对：所有句对都没有中文，或都出现在测试集中。请提供更多句对。",
        )
    terms = [SentencePair(one.english, one.chinese[0], "glossary") for one in told] if settings.term_pairs else []
    return ([*learned, *without(terms, [*valid, *test])], valid), test


def _tokenizer(pairs: Sequence[SentencePair], folder: Path, settings: DistillSettings) -> Any:
    """The student's tokenizer, made where it is not there yet; of its files `tokenizer_config.json` is the last."""
    if not (folder / "tokenizer_config.json").is_file():
        if settings.pretrained:
            vocabulary.copy(Path(settings.pretrained), folder)
        else:
            texts = (said for pair in pairs for said in (pair.english, pair.chinese))
            vocabulary.make_vocabulary(texts, settings.vocabulary, folder)
    return marian_tokenizer(folder)


def _model(tokenizer: Any, settings: DistillSettings) -> Any:
    if settings.pretrained:
        return making.pretrained_model(Path(settings.pretrained), tokenizer, settings)
    return making.new_model(tokenizer, settings)


def _measured(
    student: Path, test: Sequence[SentencePair], glossary: Sequence[Entry], told: Sequence[Entry]
) -> dict[str, Any]:
    with progress_line(Text(en="measure", zh="评估"), 1.0) as line:
        return scores(student, test, glossary, told, line.update)
