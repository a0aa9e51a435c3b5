"""`library report`: what a library covers and what a corpus asks of it in vain, as a page and as JSON."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.errors import DataError
from doctorglm.library.coverage import Asked, asked_of, coverage
from doctorglm.library.page import page_of
from doctorglm.library.search import Library
from doctorglm.library.store import FILE, entries
from doctorglm.report.page import write
from doctorglm.runs import Run, sha256_file, write_json

Told = Callable[[str, float], None]
"""Called with (how many conversations of which file, the share of all files)."""

_SILENT: Told = lambda *_: None  # noqa: E731


def survey(folder: Path, out: Path, data: Path | None = None, told: Told = _SILENT, *, vectors: bool = True) -> Run:
    """Writes `report.html` and `coverage.json` to `out`; without `vectors` those that the library has are not searched.

    Raises DataError for a folder without a library and for data that hold no conversation.
    """
    library = Library(folder, vectors=vectors)
    files = _files(data) if data else []
    inputs = {FILE: sha256_file(folder / FILE), **{file.name: sha256_file(file) for file in files}}
    run = Run(out, stage="library report", settings={"vectors": vectors}, inputs=inputs, renewed=True)
    if run.finished:
        return run
    covered = coverage(e.document for e in entries(folder / library.record["index"]).values())
    asked = asked_of(library, _counted(files, told)) if data else None
    write_json(out / "coverage.json", {"covered": asdict(covered), "asked": _told(asked)})
    write(out / "report.html", page_of(library.record, covered, asked))
    run.finish(counts={**library.record["counts"], **({"conversations": asked.conversations} if asked else {})})
    return run


def _told(asked: Asked | None) -> dict[str, Any] | None:
    return asdict(asked) if asked else None


def _files(data: Path) -> list[Path]:
    files = sorted(data.glob("*.jsonl")) if data.is_dir() else [data]
    files = [file for file in files if file.name != "rejected.jsonl"]
    if not files or not all(file.is_file() for file in files):
        raise DataError(
            en=f"{data}: no conversations: a folder of `curate` or a .jsonl file is needed. Check the path.",
            zh=f"{data}：没有对话：需要 curate 的输出文件夹，或 .jsonl 文件。请检查路径。",
        )
    return files


def _counted(files: list[Path], told: Told) -> Iterator[Conversation]:
    for at, file in enumerate(files):
        for number, conversation in enumerate(read_conversations(file), 1):
            told(f"{file.name} {number:,}", at / len(files))
            yield conversation
