"""`doctorglm distill`: pairs of sentences into a student's folder, and what the student is worth on pairs held out."""

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
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, sha256_file, sha256_tree, write_json
from doctorglm.settings import plain
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.pairs import read_pairs
from doctorglm.translate.student.folder import SAYS, marian_tokenizer
from doctorglm.translate.terms import Terms
from doctorglm.translate.told_terms import told_terms


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
    """Writes `student/` (transformers' format), `checkpoints/`, `metrics.jsonl` and `run.json`; goes on where it was.

    A finished `out` is returned as it is. Raises DataError for files that hold no pairs, ModelError for a checkpoint
    that is none and for a training that diverges.
    """
    inputs = _inputs(job, settings)
    run = Run(job.out, stage="distill", settings=plain(settings), inputs=inputs, seed=settings.seed)
    if run.finished:
        return run
    glossary = read_glossary(job.glossary) if job.glossary else own_glossary()
    parts, test = _pairs(job, settings)
    student = job.out / "student"
    if not (student / "vocab.json").is_file():
        _vocabulary(parts[0], student, settings)
    tokenizer = marian_tokenizer(student)
    model = (
        making.pretrained_model(Path(settings.pretrained), tokenizer, settings)
        if settings.pretrained
        else making.new_model(tokenizer, settings)
    )
    terms = Terms([*told_terms(glossary), *mined(parts[0])]) if settings.tags else None
    made = [samples(part, tokenizer, terms, settings) for part in parts]
    steps = len(steps_of(made[0][0], settings))
    with progress_line(Text(en="distill", zh="蒸馏"), steps) as line:
        standing = train(model, (made[0][0], made[1][0]), settings, job.out, line, run.identity)
    model.eval()
    model.save_pretrained(student)
    write_json(student / SAYS, {"tags": settings.tags})
    counts = {
        "train": len(made[0][0]),
        "valid": len(made[1][0]),
        "test": len(test),
        "too_long": made[0][1] + made[1][1],
        "with_terms": sum(one.tagged is not None for one in made[0][0]),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    training = {"steps": standing.step, "of": steps, "best_step": standing.best_step, "tokens": standing.tokens,
                "valid_loss": standing.best_valid, "seconds": round(standing.seconds, 1)}  # fmt: skip
    test_scores = _measured(student, test, glossary) if test else None
    run.finish(counts=counts, training=training, test=test_scores, **_verdict(test_scores, settings))
    return run


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
    job: Job, settings: DistillSettings
) -> tuple[tuple[list[SentencePair], list[SentencePair]], list[SentencePair]]:
    """((train, valid), test)."""
    every = [pair for path in job.pairs for pair in sentence_pairs(read_pairs(path))]
    test = list(sentence_pairs(read_pairs(job.test))) if job.test else []
    train_part, valid = split(without(every, test), settings.valid_share, settings.seed)
    if not train_part:
        raise DataError(
            en="nothing is left to train on: no pair has Chinese that the test does not hold. Give more pairs.",
            zh="没有可训练的句对：所有句对都没有中文，或都出现在测试集中。请提供更多句对。",
        )
    return (train_part, valid), test


def _vocabulary(pairs: Sequence[SentencePair], student: Path, settings: DistillSettings) -> None:
    if settings.pretrained:
        vocabulary.copy(Path(settings.pretrained), student)
        return
    texts = (said for pair in pairs for said in (pair.english, pair.chinese))
    vocabulary.make_vocabulary(texts, settings.vocabulary, student)


def _measured(student: Path, test: Sequence[SentencePair], glossary: Sequence[Entry]) -> dict[str, Any]:
    with progress_line(Text(en="measure", zh="评估"), 1.0) as line:
        return scores(student, test, glossary, line.update)
