"""Whether test items stand in what the adapter was tuned on: the leak test of the gate.

Tuning leaves the hashes of its data in `run.json` beside the adapter. The data is looked for where it was, its hash is
checked, and every test conversation is looked for in it as `curate --decontaminate` does: question and answer together,
by shared character 8-grams.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate.decontaminate import Benchmarks, Item
from doctorglm.curate.normal import normalised
from doctorglm.errors import DataError
from doctorglm.runs import read_json, sha256_file

_SHOWN = 20
PARTS = ("train.jsonl", "valid.jsonl")


def leak_of(tuned: Path, trained_on: Path | None, tests: Sequence[Conversation]) -> dict[str, Any]:
    """What the gate is told: `known`, `items`, `leaked` and the first of them (test id -> where it stands).

    `tuned` is the adapter, or the model where every weight was tuned. `known` is False where the data is not at hand;
    `why` says so. `trained_on` is its folder, else the one that `doctorglm tune` noted. Raises DataError where a folder
    that was given is not that data.
    """
    told = _tune_record(tuned)
    folder = trained_on or (Path(told["data"]) if told and told.get("data") else None)
    files = [folder / part for part in PARTS if (folder / part).is_file()] if folder else []
    hashes = {file.name: sha256_file(file) for file in files}
    wanted = {part: told["inputs"][part] for part in PARTS if part in told.get("inputs", {})} if told else {}
    if wanted and hashes != wanted:
        if trained_on is not None:
            raise _other_data(trained_on, tuned)
        return {"known": False, "why": "moved", "items": len(tests)}
    if not hashes:
        return {"known": False, "why": "unknown", "items": len(tests)}
    return {"known": True, "items": len(tests), "trained_on": hashes, **_found(files, tests)}


def _tune_record(tuned: Path) -> dict[str, Any]:
    path = tuned.resolve().parent / "run.json"
    record = read_json(path) if path.is_file() else {}
    return record if isinstance(record, dict) and record.get("stage") == "tune" else {}


def _found(files: Sequence[Path], tests: Sequence[Conversation]) -> dict[str, Any]:
    items = [
        Item(f"{test.id}:{turn}", normalised(asked), normalised(answered))
        for test in tests
        for turn, (asked, answered) in enumerate(test.turns)
    ]
    known = Benchmarks(items)
    leaked: dict[str, str] = {}
    for file in files:
        for conversation in read_conversations(file):
            match = known.match(conversation)
            if match and match.is_leak:
                leaked.setdefault(match.place.rpartition(":")[0], f"{file.name} {conversation.id}")
    return {"leaked": len(leaked), "first": dict(list(leaked.items())[:_SHOWN])}


def _other_data(folder: Path, tuned: Path) -> DataError:
    return DataError(
        en=f"{folder}: not what {tuned} was tuned on: the hashes in its run.json are others. Give that folder.",
        zh=f"{folder}：不是 {tuned} 的训练数据：与其 run.json 中的哈希不符。请给出正确的文件夹。",
    )
