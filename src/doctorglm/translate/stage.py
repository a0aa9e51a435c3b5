"""`doctorglm translate`: English conversations into Chinese ones that keep their English, and what was rejected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Conversation, write_conversations
from doctorglm.errors import ConfigError
from doctorglm.runs import Run
from doctorglm.settings import STRICT
from doctorglm.translate import prompt
from doctorglm.translate.batch import BatchSettings
from doctorglm.translate.cache import Cache
from doctorglm.translate.checked import Again, CheckedSettings, checked
from doctorglm.translate.cost import Estimate, Prices, added
from doctorglm.translate.endpoint import Endpoint, EndpointSettings
from doctorglm.translate.glossary import licences
from doctorglm.translate.outcome import Outcome
from doctorglm.translate.page import write_report
from doctorglm.translate.sample import SampleSettings
from doctorglm.translate.sampled import KEPT, Sample, keep, kept, sampled
from doctorglm.translate.teacher import Teacher, TeacherSettings
from doctorglm.translate.unnamed import unnamed
from doctorglm.translate.writing import (
    AT_ONCE,
    CACHE,
    REPORT,
    Told,
    Work,
    count,
    files_of,
    glossary_of,
    raw,
    require_some,
    some_of,
    write,
)

_AT_ONCE_BATCH = 50_000
"""A batch may take a day: as many in it as its limits allow."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class TranslateSettings(CheckedSettings, SampleSettings, Prices, BatchSettings, EndpointSettings, TeacherSettings):
    """All that `KEY=VALUE` may set: how texts are put, the server is asked, prices, the sample, what is checked."""


@dataclass(frozen=True, kw_only=True)
class Job(Work):
    """Work for a teacher."""

    teacher: str
    """`http(s)://HOST[:PORT]/v1#NAME`."""
    budget_usd: float | None = None
    sample: int | None = None
    """At most so many conversations are translated, chosen for what they cover; None: all."""
    allow_remote: bool = False


def translate(job: Job, settings: TranslateSettings, told: Told = lambda _: None) -> Run:
    """Writes `train.jsonl`, `rejected.jsonl`, `report.html` and `run.json` to `out`; a finished one is left as it is.

    With `job.sample` also `rest.jsonl`: what was not chosen, in English.
    Raises BudgetReachedError, and what ended the server's use; started again, it goes on, and asks for nothing twice.
    """
    files, inputs = files_of(job)
    _require_prices(job, settings)
    # what may be changed between two starts, such as prices and concurrency, is not what the run is known by
    recorded = {"teacher": job.teacher, "prompt": prompt.version(settings.aligned), "part_chars": settings.part_chars,
                "tries": settings.tries, **settings.recorded(), **_sampling(job, settings)}  # fmt: skip
    run = Run(job.out, stage="translate", settings=recorded, inputs=inputs)
    rows = glossary_of(job)
    if run.finished:
        if not (job.out / REPORT).exists():
            write_report(job.out, run.record, rows)
        return run
    sample = _sample(job, settings, files, inputs, to_keep=True)
    number = count(files) if sample is None else len(sample.numbers)
    by = {"model": job.teacher.partition("#")[2], "prompt": prompt.version(settings.aligned), **settings.recorded()}
    with Cache(job.cache or job.out / CACHE) as cache:
        endpoint = _endpoint(job, settings, cache)
        try:
            own = _teacher(job, settings, endpoint)
            own.resume()
            before, planned = cache.spent(endpoint.account).usd, _Planned(own)
            teacher = checked(planned, rows, settings, "teacher")
            waiting = _conversations(files, sample)
            counts = write(job.out, teacher, waiting, by, lambda done: told(done / number), _at_once(settings))
        finally:
            endpoint.close()
        spent = cache.spent(endpoint.account)
    require_some(counts)
    cost = {"usd": round(spent.usd, 6), "requests": spent.requests, "budget_usd": job.budget_usd,
            "usd_in": settings.usd_in, "usd_out": settings.usd_out, "price_share": settings.price_share,
            "planned_usd": round(before + planned.sum.usd_expected, 6),
            "planned_usd_at_most": round(before + planned.sum.usd_at_most, 6)}  # fmt: skip
    told_of: dict[str, Any] = {}
    if sample is not None:
        counts["rest"] = write_conversations(job.out / "rest.jsonl", map(unnamed, sample.rest(raw(files))))
        told_of = {"sample": sample.report}
    run.finish(counts=counts, cost=cost, glossary={"rows": len(rows), "licences": licences(rows)}, **told_of)
    write_report(job.out, run.record, rows)
    return run


def dry_run(job: Job, settings: TranslateSettings) -> tuple[Estimate, Mapping[str, Any] | None]:
    """What `translate` would send and cost at most, and how its sample is chosen, where one is.

    Sends nothing, and leaves nothing in `out`.
    """
    files, inputs = files_of(job)
    sample = _sample(job, settings, files, inputs, to_keep=False)
    known = job.cache or job.out / CACHE
    with Cache(known if known.exists() else None) as cache:
        endpoint = _endpoint(job, settings, cache)
        try:
            teacher = _teacher(job, settings, endpoint)
            found = added(teacher.estimate([m.content for one in some for m in one.messages])
                          for some in some_of(_conversations(files, sample), _at_once(settings)))  # fmt: skip
        finally:
            endpoint.close()
    return found, None if sample is None else sample.report


def _at_once(settings: BatchSettings) -> int:
    return _AT_ONCE_BATCH if settings.batch else AT_ONCE


def _sampling(job: Job, settings: TranslateSettings) -> dict[str, Any]:
    """What a sample is known by; nothing where all is translated."""
    if job.sample is None:
        return {}
    named = SampleSettings.__dataclass_fields__
    return {"sample": job.sample, **{name: getattr(settings, name) for name in named}}


def _sample(
    job: Job, settings: TranslateSettings, files: Sequence[Path], inputs: Mapping[str, str], to_keep: bool
) -> Sample | None:
    """What is translated; None: all. What an earlier start in the folder chose stays chosen."""
    if job.sample is None:
        return None
    _require_prices(job, settings)
    path, identity = job.out / KEPT, {"inputs": inputs, **_sampling(job, settings)}
    if (found := kept(path, identity)) is not None:
        return found
    made = sampled(raw(files), job.sample, job.budget_usd, glossary_of(job),
                   settings=settings, teacher=settings, prices=settings)  # fmt: skip
    if to_keep:
        keep(path, identity, made)
    return made


def _conversations(files: Sequence[Path], sample: Sample | None) -> Iterator[Conversation]:
    """What is translated, masked."""
    read = raw(files)
    return map(unnamed, read if sample is None else sample.of(read))


def _require_prices(job: Job, settings: TranslateSettings) -> None:
    if job.budget_usd is not None and not (settings.usd_in or settings.usd_out):
        raise ConfigError(
            en="--budget: without prices nothing can be held to it. Add usd_in=USD usd_out=USD per million tokens.",
            zh="--budget：没有价格，无法控制预算。请加上每百万 token 的价格 usd_in=美元 usd_out=美元。",
        )


def _endpoint(job: Job, settings: TranslateSettings, cache: Cache) -> Endpoint:
    account = "" if job.cache is None else str(job.out.resolve())
    return Endpoint(
        job.teacher,
        cache,
        prices=settings,
        budget_usd=job.budget_usd,
        account=account,
        allow_remote=job.allow_remote,
        mask=masked_together,
        settings=settings,
    )


def _teacher(job: Job, settings: TranslateSettings, endpoint: Endpoint) -> Teacher:
    return Teacher(endpoint, settings.told(glossary_of(job)), settings, settings)


class _Planned:
    """A teacher, and in `sum` what was estimated before it was asked."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher, self._each = teacher, list[Estimate]()

    @property
    def sum(self) -> Estimate:
        return added(self._each)

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        self._each.append(self._teacher.estimate(texts))
        return self._teacher.translate(texts)

    def again(self, wanted: Sequence[Again]) -> list[list[str]]:
        return self._teacher.again(wanted)
