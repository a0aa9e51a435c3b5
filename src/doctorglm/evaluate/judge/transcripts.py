"""Transcripts: what several systems answered to the same questions, kept so that they can be judged later.

`transcripts.jsonl` holds one JSON object an item: `id`, `suite`, `question` (messages), `reference`, `answers` (system
-> text). Evaluations mask what they write, so transcripts are masked too.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation, Message, json_object
from doctorglm.errors import ConfigError, DataError
from doctorglm.language import Text
from doctorglm.runs import atomic_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One question and what every system answered to it."""

    id: str
    suite: str
    question: tuple[Message, ...]
    reference: str
    """The answer that the data hold; "" where there is none."""
    answers: Mapping[str, str]
    """By the name of the system."""

    @property
    def key(self) -> str:
        """How lists and files name the item: ids repeat in different suites."""
        return f"{self.suite}/{self.id}"


def write_transcripts(evaluations: Mapping[str, Path], out: Path) -> int:
    """Writes `transcripts.jsonl` from the dialogue items of evaluations (system -> directory); returns how many.

    Raises DataError where an evaluation holds no dialogue items, or two hold other items, questions or references.
    """
    found = {name: _dialogues(directory / "items.jsonl") for name, directory in evaluations.items()}
    if not found or not all(found):
        raise ConfigError(
            en="transcripts need at least one evaluation, each with a name.",
            zh="对话记录至少需要一个评测，且每个都要有名称。",
        )
    (first, items), *others = found.items()
    for name, other in others:
        _refuse_unlike(first, items, name, other)
    with atomic_file(out) as file:
        for key, item in items.items():
            answers = {name: mine[key]["answer"] for name, mine in found.items()}
            record = {name: item[name] for name in ("id", "suite", "question", "reference")} | {"answers": answers}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return len(items)


def read_transcripts(path: Path) -> list[Transcript]:
    """Reads what `write_transcripts` wrote; raises DataError with file:line for a line that is none, or no line."""
    transcripts: dict[str, Transcript] = {}
    for record, where in json_lines(path):
        transcript = _transcript(record, where)
        if transcript.key in transcripts:
            raise _twice(where, transcript.key)
        transcripts[transcript.key] = transcript
    if not transcripts:
        raise DataError(en=f"{path}: no transcripts. Write them again.", zh=f"{path}：没有任何对话记录。请重新生成。")
    return list(transcripts.values())


def json_lines(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields the objects of a JSON-lines file, each with its file:line; raises DataError where one is broken."""
    try:
        lines = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(en=f"{path}: no such file. Check the path.", zh=f"{path}：没有这个文件。请检查路径。") from None
    with lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield json_object(line, f"{path}:{number}"), f"{path}:{number}"


def messages_of(record: Mapping[str, Any], name: str, where: str) -> tuple[Message, ...]:
    """The messages under `name`; raises DataError that names `where` when they are no messages."""
    value = record.get(name)
    if not isinstance(value, list) or not value:
        raise _wrong(where, name)
    return Conversation.from_dict({"id": "1", "messages": value}, where).messages


def _dialogues(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    items: dict[tuple[str, str], dict[str, Any]] = {}
    for record, where in json_lines(path):
        if record.get("kind") != "dialogue":
            continue
        item: dict[str, Any] = {name: _text(record, name, where) for name in ("id", "suite", "answer")}
        item["question"] = [{"role": m.role, "content": m.content} for m in messages_of(record, "question", where)]
        item["reference"] = _text(record, "reference", where) if record.get("reference") is not None else ""
        key = (item["suite"], item["id"])
        if key in items:
            raise _twice(where, "/".join(key))
        items[key] = item
    if not items:
        raise DataError(
            en=f"{path}: no dialogue items. Evaluate with a suite that asks for answers.",
            zh=f"{path}：没有对话条目。请用需要回答的评测集评测。",
        )
    return items


def _transcript(record: Mapping[str, Any], where: str) -> Transcript:
    answers = record.get("answers")
    if not isinstance(answers, dict) or not answers or not all(isinstance(text, str) for text in answers.values()):
        raise _wrong(where, "answers")
    return Transcript(
        id=_text(record, "id", where),
        suite=_text(record, "suite", where),
        question=messages_of(record, "question", where),
        reference=_text(record, "reference", where),
        answers=answers,
    )


def _text(record: Mapping[str, Any], name: str, where: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or (name in ("id", "suite") and not value):
        raise _wrong(where, name)
    return value


def _refuse_unlike(first: str, items: Mapping[tuple[str, str], Any], name: str, other: Mapping[Any, Any]) -> None:
    missing = [key for key in items if key not in other] or [key for key in other if key not in items]
    if missing:
        has, lacks = (first, name) if missing[0] in items else (name, first)
        shown, n = "/".join(missing[0]), len(missing)
        raise DataError(
            en=f"{first} and {name} cannot be judged together: item {shown} is in {has} and not in {lacks} "
            f"({n} such items). Evaluate both on the same suites.",
            zh=f"{first} 与 {name} 不能一起评审：条目 {shown} 在 {has} 中有、在 {lacks} 中没有（共 {n} 项）。"
            "请在相同的评测集上评测两者。",
        )
    for key, item in items.items():
        difference = _difference(item, other[key])
        if difference:
            raise DataError(
                en=f"{first} and {name} cannot be judged together: item {'/'.join(key)} differs in {difference.en}. "
                "Evaluate both on the same data.",
                zh=f"{first} 与 {name} 不能一起评审：条目 {'/'.join(key)} 的 {difference.zh} 不同。"
                "请在相同的数据上评测两者。",
            )


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> Text | None:
    """Where two items' questions or references differ, without repeating what a patient said."""
    mine, theirs = one["question"], other["question"]
    if len(mine) != len(theirs):
        counts = f"{len(mine)} | {len(theirs)}"
        return Text(en=f"`question` ({counts} messages)", zh=f"`question`（{counts} 条消息）")
    for place, (message, another) in enumerate(zip(mine, theirs, strict=True)):
        if message["role"] != another["role"]:
            where = f"`question[{place}].role` ({message['role']} | {another['role']})"
            return Text(en=where, zh=where)
        if message["content"] != another["content"]:
            return _from(f"question[{place}].content", message["content"], another["content"])
    if one["reference"] != other["reference"]:
        return _from("reference", one["reference"], other["reference"])
    return None


def _from(name: str, one: str, other: str) -> Text:
    same = (mine == theirs for mine, theirs in zip(one, other, strict=False))
    place = next((place for place, equal in enumerate(same) if not equal), min(len(one), len(other)))
    return Text(en=f"`{name}` from character {place} on", zh=f"`{name}`（自第 {place} 个字符起）")


def _wrong(where: str, name: str) -> DataError:
    return DataError(
        en=f"{where}: `{name}` is missing or of another kind. Evaluate again with this version.",
        zh=f"{where}：缺少 `{name}` 或其类型不对。请用本版本重新评测。",
    )


def _twice(where: str, key: str) -> DataError:
    return DataError(
        en=f"{where}: item {key} is there twice. Evaluate again.", zh=f"{where}：条目 {key} 出现了两次。请重新评测。"
    )
