"""What a curation leaves for people: one page from its `run.json` and a few masked samples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.curate.page import contents, privacy, sources, verdict
from doctorglm.curate.page.wording import HONESTY
from doctorglm.language import Text
from doctorglm.report.blocks import Block, Page
from doctorglm.report.numbers import number
from doctorglm.report.page import render, write

Record = Mapping[str, Any]
"""A finished `run.json`; what it lacks is left out of the page."""
SamplesByReason = Mapping[str, Sequence[Mapping[str, Any]]]
"""By reason, at most five of `{id, source, evidence}`, the evidence masked."""


def curation_page(record: Record, samples: SamplesByReason) -> str:
    """The page as HTML, in both languages."""
    return render(page_of(record, samples))


def write_page(record: Record, samples: SamplesByReason, path: Path) -> None:
    """Writes the page, complete or not at all."""
    write(path, page_of(record, samples))


def page_of(record: Record, samples: SamplesByReason) -> Page:
    """What matters first, then the pictures, then the sources with their licences and hashes."""
    blocks: list[Block | None] = [
        verdict.verdict(record),
        sources.stream(record),
        contents.reasons(record),
        contents.masked_samples(record, samples),
        privacy.identifiers(record),
        privacy.review(record),
        contents.departments(record),
        contents.lengths(record),
        contents.turns(record),
        contents.quality(record),
        contents.quality_parts(record),
        contents.changes(record),
        contents.duplicates(record),
        sources.overlaps(record),
        sources.leaks(record),
        sources.by_source(record),
        sources.by_file(record),
        sources.hashes(record),
    ]
    files = len(record.get("files", ()))
    read = number(record.get("counts", {}).get("read", 0), 0)
    return Page(
        title=Text(en="What became of the consultations", zh="语料整理报告"),
        subtitle=Text(
            en=f"{read} conversations from {files} file{'s' * (files != 1)}: read, cleaned, de-identified, divided",
            zh=f"{files} 个文件中的 {read} 段对话：读取、清洗、去标识、划分",
        ),
        blocks=[block for block in blocks if block is not None],
        honesty=HONESTY,
    )
