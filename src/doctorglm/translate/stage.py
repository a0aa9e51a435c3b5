"""`doctorglm translate`: English conversations into Chinese ones that keep their English, and what was rejected."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.errors import ConfigError, DataError
from doctorglm.files.told import file_name
from doctorglm.runs import Run, atomic_file, sha256_file
from doctorglm.settings import STRICT
from doctorglm.translate import prompt
from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import Estimate, Prices
from doctorglm.translate.endpoint import Endpoint, EndpointSettings
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import licences, own_glossary, read_glossary
from doctorglm.translate.sample import SampleSettings
from doctorglm.translate.sampled import KEPT, Sample, keep, kept, sampled
from doctorglm.translate.teacher import Outcome, Teacher, TeacherSettings
from doctorglm.translate.unnamed import unnamed

CACHE = ".cache.sqlite"
"""Hidden, so that a folder with nothing else is free for another teacher."""
_AT_ONCE = 256
"""Conversations between two looks at the progress, and in memory."""
Told = Callable[[float], None]
"""Called with the share of the conversations that are done."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class TranslateSettings(TeacherSettings, EndpointSettings, Prices, SampleSettings):
    """All that `KEY=VALUE` may set: how texts are put, how the server is asked, prices, how a sample is chosen."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be translated, by whom, and where to."""

    sources: Sequence[Path]
    """Files of conversations, or folders that `curate` wrote, whose train.jsonl is read."""
    out: Path
    teacher: str
    """`http(s)://HOST[:PORT]/v1#NAME`."""
    glossary: Path | None = None
    """None: the project's own list."""
    budget_usd: float | None = None
    sample: int | None = None
    """At most so many conversations are translated, chosen for what they cover; None: all."""
    cache: Path | None = None
    """A file that other runs may share; None: `.cache.sqlite` in `out`."""
    allow_remote: bool = False


def translate(job: Job, settings: TranslateSettings, told: Told = lambda _: None) -> Run:
    """Writes `train.jsonl`, `rejected.jsonl` and `run.json` to `out`; one that is finished is returned as it is.

    With `job.sample` also `rest.jsonl`: what was not chosen, in English.
    Raises BudgetReachedError, and what ended the server's use; started again, it goes on, and asks for nothing twice.
    """
    files, inputs = _files(job)
    _require_prices(job, settings)
    # what may be changed between two starts, such as prices and concurrency, is not what the run is known by
    recorded = {"teacher": job.teacher, "prompt": prompt.VERSION, "part_chars": settings.part_chars,
                "tries": settings.tries} | _sampling(job, settings)  # fmt: skip
    run = Run(job.out, stage="translate", settings=recorded, inputs=inputs)
    if run.finished:
        return run
    sample = _sample(job, settings, files, inputs, to_keep=True)
    number = sum(1 for _ in _raw(files)) if sample is None else len(sample.numbers)
    with Cache(job.cache or job.out / CACHE) as cache:
        endpoint = _endpoint(job, settings, cache)
        try:
            teacher = _teacher(job, settings, endpoint)
            counts = _write(job, teacher, _conversations(files, sample), lambda done: told(done / number))
        finally:
            endpoint.close()
        spent = cache.spent(endpoint.account)
    cost = {"usd": round(spent.usd, 6), "requests": spent.requests, "budget_usd": job.budget_usd,
            "usd_in": settings.usd_in, "usd_out": settings.usd_out}  # fmt: skip
    told_of: dict[str, Any] = {}
    if sample is not None:
        counts["rest"] = write_conversations(job.out / "rest.jsonl", map(unnamed, sample.rest(_raw(files))))
        told_of = {"sample": sample.report}
    rows = _glossary(job)
    run.finish(counts=counts, cost=cost, glossary={"rows": len(rows), "licences": licences(rows)}, **told_of)
    return run


def dry_run(job: Job, settings: TranslateSettings) -> tuple[Estimate, Mapping[str, Any] | None]:
    """What `translate` would send and cost at most, and how its sample is chosen, where one is.

    Sends nothing, and leaves nothing in `out`.
    """
    files, inputs = _files(job)
    sample = _sample(job, settings, files, inputs, to_keep=False)
    known = job.cache or job.out / CACHE
    with Cache(known if known.exists() else None) as cache:
        endpoint = _endpoint(job, settings, cache)
        try:
            teacher = _teacher(job, settings, endpoint)
            sums = Counter[str]()
            for some in _batches(_conversations(files, sample)):
                sums.update(teacher.estimate([m.content for one in some for m in one.messages]).to_dict())
        finally:
            endpoint.close()
    found = Estimate(**{name: sums[name] for name in Estimate.__dataclass_fields__})
    return found, None if sample is None else sample.report


def _files(job: Job) -> tuple[list[Path], dict[str, str]]:
    """The files to read, and what identifies the run's inputs; raises DataError for one that is not there."""
    files = [source / "train.jsonl" if source.is_dir() else source for source in job.sources]
    inputs = {
        file_name(path.name) if len(files) == 1 else f"{i} {file_name(path.name)}": sha256_file(path)
        for i, path in enumerate(files, 1)
    }
    if not any(True for path in files for _ in read_conversations(path)):
        names = ", ".join(file_name(path.name) for path in files)
        raise DataError(en=f"{names}: no conversations in it. `doctorglm curate SOURCE --out DIR` writes them.",
                        zh=f"{names}：里面没有对话。`doctorglm curate SOURCE --out DIR` 会生成它们。")  # fmt: skip
    return files, inputs | ({"glossary": sha256_file(job.glossary)} if job.glossary else {})


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
    made = sampled(_raw(files), job.sample, job.budget_usd, _glossary(job),
                   settings=settings, teacher=settings, prices=settings)  # fmt: skip
    if to_keep:
        keep(path, identity, made)
    return made


def _raw(files: Sequence[Path]) -> Iterator[Conversation]:
    """As they were read: not to be sent, kept or written."""
    for path in files:
        yield from read_conversations(path)


def _conversations(files: Sequence[Path], sample: Sample | None) -> Iterator[Conversation]:
    """What is translated, masked."""
    read = _raw(files)
    return map(unnamed, read if sample is None else sample.of(read))


def _batches(waiting: Iterator[Conversation]) -> Iterator[list[Conversation]]:
    while some := list(islice(waiting, _AT_ONCE)):
        yield some


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


def _glossary(job: Job) -> list[Entry]:
    return read_glossary(job.glossary) if job.glossary else own_glossary()


def _teacher(job: Job, settings: TranslateSettings, endpoint: Endpoint) -> Teacher:
    return Teacher(endpoint, _glossary(job), settings)


def _write(
    job: Job, teacher: Teacher, conversations: Iterator[Conversation], told: Callable[[int], None]
) -> dict[str, Any]:
    """Writes both files, whole or not at all; returns the counts."""
    counts, reasons = Counter[str](), Counter[str]()
    name = job.teacher.partition("#")[2]

    with atomic_file(job.out / "rejected.jsonl") as rejected:

        def accepted() -> Iterator[Conversation]:
            for some in _batches(conversations):
                outcomes = iter(teacher.translate([m.content for one in some for m in one.messages]))
                for one in some:
                    found = [next(outcomes) for _ in one.messages]
                    counts["read"] += 1
                    if why := [o.reason for o in found if o.chinese is None]:
                        reasons[why[0]] += 1
                        rejected.write(json.dumps(_rejected(one, found), ensure_ascii=False) + "\n")
                    else:
                        yield _translated(one, found, name)
                told(counts["read"])

        counts["translated"] = write_conversations(job.out / "train.jsonl", accepted())
    return {**counts, "rejected": dict(reasons)}


def _translated(one: Conversation, found: Sequence[Outcome], model: str) -> Conversation:
    """The conversation in Chinese, with its English and whose translation it is."""
    said = tuple(Message(m.role, o.chinese or "") for m, o in zip(one.messages, found, strict=True))
    told = {
        "english": [m.content for m in one.messages],
        "by": [o.by for o in found],
        "model": model,
        "prompt": prompt.VERSION,
    }
    return replace(one, messages=said, language="zh", meta={**one.meta, "translation": told})


def _rejected(one: Conversation, found: Sequence[Outcome]) -> dict[str, Any]:
    """The English record, and for each message that has no Chinese, its place from 0 and why."""
    why = [{"message": i, "reason": o.reason} for i, o in enumerate(found) if o.chinese is None]
    return {"id": one.id, "source": one.source, "reason": why[0]["reason"], "reasons": why, "record": one.to_dict()}
