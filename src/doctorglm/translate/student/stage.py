"""`doctorglm translate --student`: the same files as by a teacher, without a server and without a price."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from doctorglm.runs import Run
from doctorglm.translate.cache import Cache
from doctorglm.translate.checked import checked
from doctorglm.translate.glossary import licences
from doctorglm.translate.page import write_report
from doctorglm.translate.student.bulk import VERSION, Engines, Local, Student, StudentSettings
from doctorglm.translate.student.decoding import DecodingSettings
from doctorglm.translate.student.folder import student_folder
from doctorglm.translate.unnamed import unnamed
from doctorglm.translate.writing import (
    AT_ONCE,
    CACHE,
    Told,
    Work,
    count,
    files_of,
    glossary_of,
    raw,
    require_some,
    write,
)

EngineName = Literal["local", "ray"]
_MANY = 20_000
"""Conversations that a cluster gets at once: its workers start anew each time."""


@dataclass(frozen=True, kw_only=True)
class StudentJob(Work):
    """Work for a student."""

    student: Path
    """Its folder; with Ray on a disk that every machine sees."""
    engine: EngineName = "local"


def translate_by_student(job: StudentJob, settings: StudentSettings, told: Told = lambda _: None) -> Run:
    """Writes `train.jsonl`, `rejected.jsonl` and `run.json` to `out`; one that is finished is returned as it is.

    Raises ModelError for a folder that is no student. Killed and started again, it goes on with what is in the cache.
    """
    files, inputs = files_of(job)
    found = student_folder(job.student)
    how = {name: getattr(settings, name) for name in ("batch_tokens", *DecodingSettings.__dataclass_fields__)}
    recorded = {"student": found.sha256, "version": VERSION, **how, **settings.recorded()}
    run = Run(job.out, stage="translate", settings=recorded, inputs=inputs)
    if run.finished:
        return run
    number, rows = count(files), glossary_of(job)
    at_once = _MANY if job.engine == "ray" else AT_ONCE
    done = 0

    def within(share: float) -> None:
        told(min(1.0, (done + share * at_once) / number))

    def after(read: int) -> None:
        nonlocal done
        done = read
        told(read / number)

    with Cache(job.cache or job.out / CACHE) as cache, _engine(job.engine) as engine:
        student = Student(job.student, settings, glossary=settings.told(rows), cache=cache, engine=engine, told=within)
        by = {"model": found.name, "beam": settings.beam, "precision": settings.precision, "tags": found.tags,
              **settings.recorded()}  # fmt: skip
        counts = write(
            job.out, checked(student, rows, settings, "student"), map(unnamed, raw(files)), by, after, at_once
        )
    used = {"rows": len(rows), "licences": licences(rows)} if found.tags else None
    require_some(counts)
    run.finish(counts=counts, student=by, engine=job.engine, glossary=used)
    write_report(job.out, run.record, rows)
    return run


def _engine(name: EngineName) -> AbstractContextManager[Engines]:
    if name == "local":
        return nullcontext(Local)
    from doctorglm.translate.student.ray_engine import ray_engine

    return ray_engine()
