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
from doctorglm.translate.batch import BatchSettings
from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import Estimate, Prices, added
from doctorglm.translate.endpoint import Endpoint, EndpointSettings
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import licences, own_glossary, read_glossary
from doctorglm.translate.page import write_report
from doctorglm.translate.teacher import Outcome, Teacher, TeacherSettings
from doctorglm.translate.unnamed import unnamed

REPORT = "report.html"
CACHE = ".cache.sqlite"
"""Hidden, so that a folder with nothing else is free for another teacher."""
_AT_ONCE = 256
"""Conversations between two looks at the progress, and in memory."""
_AT_ONCE_BATCH = 50_000
"""A batch may take a day: as many in it as its limits allow."""
Told = Callable[[float], None]
"""Called with the share of the conversations that are done."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class TranslateSettings(TeacherSettings, EndpointSettings, BatchSettings, Prices):
    """All that `KEY=VALUE` may set: how texts are put, how the server is asked, what it costs."""


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
    cache: Path | None = None
    """A file that other runs may share; None: `.cache.sqlite` in `out`."""
    allow_remote: bool = False


def translate(job: Job, settings: TranslateSettings, told: Told = lambda _: None) -> Run:
    """Writes `train.jsonl`, `rejected.jsonl` and `run.json` to `out`; one that is finished is returned as it is.

    Raises BudgetReachedError, and what ended the server's use; started again, it goes on, and asks for nothing twice.
    """
    files, inputs = _files(job)
    _require_prices(job, settings)
    # what may be changed between two starts, such as prices and concurrency, is not what the run is known by
    recorded = {"teacher": job.teacher, "prompt": prompt.version(settings.aligned), "part_chars": settings.part_chars,
                "tries": settings.tries}  # fmt: skip
    run = Run(job.out, stage="translate", settings=recorded, inputs=inputs)
    rows = _glossary(job)
    if run.finished:
        if not (job.out / REPORT).exists():
            write_report(job.out, run.record, rows)
        return run
    number = sum(1 for path in files for _ in read_conversations(path))
    with Cache(job.cache or job.out / CACHE) as cache:
        endpoint = _endpoint(job, settings, cache)
        try:
            teacher = _teacher(job, settings, endpoint)
            teacher.resume()
            before = cache.spent(endpoint.account).usd
            counts, planned = _write(job, settings, teacher, files, lambda done: told(done / number))
        finally:
            endpoint.close()
        spent = cache.spent(endpoint.account)
    _require_some(counts)
    cost = {"usd": round(spent.usd, 6), "requests": spent.requests, "budget_usd": job.budget_usd,
            "usd_in": settings.usd_in, "usd_out": settings.usd_out, "price_share": settings.price_share,
            "planned_usd": round(before + planned.usd_expected, 6),
            "planned_usd_at_most": round(before + planned.usd_at_most, 6)}  # fmt: skip
    run.finish(counts=counts, cost=cost, glossary={"rows": len(rows), "licences": licences(rows)})
    write_report(job.out, run.record, rows)
    return run


def dry_run(job: Job, settings: TranslateSettings) -> Estimate:
    """What `translate` would send and cost at most; sends nothing, and leaves nothing in `out`."""
    files, _ = _files(job)
    known = job.cache or job.out / CACHE
    with Cache(known if known.exists() else None) as cache:
        endpoint = _endpoint(job, settings, cache)
        try:
            teacher = _teacher(job, settings, endpoint)
            return added(teacher.estimate([m.content for one in some for m in one.messages])
                         for some in _some(files, settings))  # fmt: skip
        finally:
            endpoint.close()


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


def _conversations(files: Sequence[Path]) -> Iterator[Conversation]:
    for path in files:
        yield from map(unnamed, read_conversations(path))


def _some(files: Sequence[Path], settings: BatchSettings) -> Iterator[list[Conversation]]:
    """The conversations, as many at a time as are asked for together."""
    waiting = _conversations(files)
    while some := list(islice(waiting, _AT_ONCE_BATCH if settings.batch else _AT_ONCE)):
        yield some


def _require_prices(job: Job, settings: TranslateSettings) -> None:
    if job.budget_usd is not None and not (settings.usd_in or settings.usd_out):
        raise ConfigError(
            en="--budget: without prices nothing can be held to it. Add usd_in=USD usd_out=USD per million tokens.",
            zh="--budget：没有价格，无法控制预算。请加上每百万 token 的价格 usd_in=美元 usd_out=美元。",
        )


def _require_some(counts: Mapping[str, Any]) -> None:
    """Raises DataError where nothing was translated, which is no result; why stands in rejected.jsonl."""
    if counts["translated"]:
        return
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["rejected"].items())
    raise DataError(
        en=f"none of {counts['read']} conversations was translated: {reasons}. rejected.jsonl has them; use another "
        "model, or raise tries.",
        zh=f"{counts['read']} 段对话全部未能译出：{reasons}。见 rejected.jsonl；请换一个模型，或调大 tries。",
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
    return Teacher(endpoint, _glossary(job), settings, settings)


def _write(
    job: Job, settings: TranslateSettings, teacher: Teacher, files: Sequence[Path], told: Callable[[int], None]
) -> tuple[dict[str, Any], Estimate]:
    """Writes both files, whole or not at all; returns the counts, and what was estimated of what was not known."""
    counts, reasons, planned = Counter[str](), Counter[str](), list[Estimate]()
    name = job.teacher.partition("#")[2]

    with atomic_file(job.out / "rejected.jsonl") as rejected:

        def accepted() -> Iterator[Conversation]:
            for some in _some(files, settings):
                texts = [m.content for one in some for m in one.messages]
                planned.append(teacher.estimate(texts))
                outcomes = iter(teacher.translate(texts))
                for one in some:
                    found = [next(outcomes) for _ in one.messages]
                    counts["read"] += 1
                    if why := [o.reason for o in found if o.chinese is None]:
                        reasons[why[0]] += 1
                        rejected.write(json.dumps(_rejected(one, found), ensure_ascii=False) + "\n")
                    else:
                        yield _translated(one, found, name, prompt.version(settings.aligned))
                told(counts["read"])

        counts["translated"] = write_conversations(job.out / "train.jsonl", accepted())
    return {**counts, "rejected": dict(reasons)}, added(planned)


def _translated(one: Conversation, found: Sequence[Outcome], model: str, version: str) -> Conversation:
    """The conversation in Chinese, with its English, sentence by sentence where it is known so, and who it is by."""
    said = tuple(Message(m.role, o.chinese or "") for m, o in zip(one.messages, found, strict=True))
    told = {
        "english": [m.content for m in one.messages],
        "by": [o.by for o in found],
        "model": model,
        "prompt": version,
        "sentences": [[list(pair) for pair in o.pairs] for o in found],
    }
    return replace(one, messages=said, language="zh", meta={**one.meta, "translation": told})


def _rejected(one: Conversation, found: Sequence[Outcome]) -> dict[str, Any]:
    """The English record, and for each message that has no Chinese, its place from 0 and why."""
    why = [{"message": i, "reason": o.reason} for i, o in enumerate(found) if o.chinese is None]
    return {"id": one.id, "source": one.source, "reason": why[0]["reason"], "reasons": why, "record": one.to_dict()}
