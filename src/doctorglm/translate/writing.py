"""What a translator is given of a source, and the two files that its work is written to."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.errors import DataError
from doctorglm.files.told import file_name
from doctorglm.runs import atomic_file, sha256_file
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.outcome import Outcome, Translator

CACHE = ".cache.sqlite"
"""Hidden, so that a folder with nothing else is free for another teacher."""
REPORT = "report.html"
AT_ONCE = 256
"""Conversations between two looks at the progress, and in memory."""
Told = Callable[[float], None]
"""Called with the share of the conversations that are done."""


class NothingTranslatedError(DataError):
    """Of all that was read, nothing could be taken."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be translated, and where to."""

    sources: Sequence[Path]
    """Files of conversations, or folders that `curate` wrote, whose train.jsonl is read."""
    out: Path
    glossary: Path | None = None
    """None: the project's own list."""
    cache: Path | None = None
    """A file that other runs may share; None: `.cache.sqlite` in `out`."""


def files_of(job: Work) -> tuple[list[Path], dict[str, str]]:
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


def raw(files: Sequence[Path]) -> Iterator[Conversation]:
    """The conversations as they were read: not to be sent, kept or written."""
    for path in files:
        yield from read_conversations(path)


def count(files: Sequence[Path]) -> int:
    """The conversations in all files."""
    return sum(1 for _ in raw(files))


def glossary_of(job: Work) -> list[Entry]:
    """The rows of the job's glossary, or of the project's own."""
    return read_glossary(job.glossary) if job.glossary else own_glossary()


def some_of(waiting: Iterable[Conversation], at_once: int = AT_ONCE) -> Iterator[list[Conversation]]:
    """The conversations, so many at a time."""
    left = iter(waiting)
    while some := list(islice(left, at_once)):
        yield some


def write(
    out: Path,
    translator: Translator,
    waiting: Iterable[Conversation],
    by: Mapping[str, Any],
    told: Callable[[int], None],
    at_once: int = AT_ONCE,
) -> dict[str, Any]:
    """Writes both files, whole or not at all; returns the counts. `by` tells in each record whose work it is."""
    counts, reasons = Counter[str](), Counter[str]()

    with atomic_file(out / "rejected.jsonl") as rejected:

        def accepted() -> Iterator[Conversation]:
            for some in some_of(waiting, at_once):
                outcomes = iter(translator.translate([m.content for one in some for m in one.messages]))
                for one in some:
                    found = [next(outcomes) for _ in one.messages]
                    counts["read"] += 1
                    if why := [o.reason for o in found if o.chinese is None]:
                        reasons[why[0]] += 1
                        rejected.write(json.dumps(_rejected(one, found), ensure_ascii=False) + "\n")
                    else:
                        counts["mended"] += any(o.mended for o in found)
                        yield _translated(one, found, by)
                told(counts["read"])

        counts["mended"] = 0
        counts["translated"] = write_conversations(out / "train.jsonl", accepted())
    return {**counts, "rejected": dict(reasons)}


def _translated(one: Conversation, found: Sequence[Outcome], by: Mapping[str, Any]) -> Conversation:
    """The conversation in Chinese, with its English, by sentences where they are known, and whose translation it is."""
    said = tuple(Message(m.role, o.chinese or "") for m, o in zip(one.messages, found, strict=True))
    told = {"english": [m.content for m in one.messages], "by": [o.by for o in found], **by,
            "mended": [o.mended for o in found],
            "sentences": [[list(pair) for pair in o.pairs] for o in found]}  # fmt: skip
    return replace(one, messages=said, language="zh", meta={**one.meta, "translation": told})


def _rejected(one: Conversation, found: Sequence[Outcome]) -> dict[str, Any]:
    """The English record, for each message without Chinese its place from 0 and why, and the Chinese of each."""
    why = [
        {"message": i, "reason": o.reason, "faults": [asdict(fault) for fault in o.faults]}
        for i, o in enumerate(found)
        if o.chinese is None
    ]
    return {
        "id": one.id,
        "source": one.source,
        "reason": why[0]["reason"],
        "reasons": why,
        "chinese": [o.rejected if o.chinese is None else o.chinese for o in found],
        "record": one.to_dict(),
    }


def require_some(counts: Mapping[str, Any]) -> None:
    """Raises NothingTranslatedError where nothing was, which is no result; why stands in rejected.jsonl."""
    if counts["translated"]:
        return
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["rejected"].items())
    raise NothingTranslatedError(
        en=f"none of {counts['read']} conversations was translated: {reasons}. rejected.jsonl has them; use another "
        "model, or raise tries.",
        zh=f"{counts['read']} 段对话全部未能译出：{reasons}。见 rejected.jsonl；请换一个模型，或调大 tries。",
    )
