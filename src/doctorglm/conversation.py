"""The only data that passes between stages: a conversation, in the OpenAI `messages` shape on disk."""

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from doctorglm.errors import DataError
from doctorglm.language import Language, spoken
from doctorglm.runs import atomic_file

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who speaks and what is said."""

    role: Role
    content: str


def language_of(messages: Sequence[Message]) -> Language:
    """The language of the last question, of the whole conversation where that has no letters."""
    said = [message.content for message in messages if message.role == "user"]
    letters = next((text for text in reversed(said) if any(char.isalpha() for char in text)), "")
    return spoken(letters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A dialogue with its provenance; `meta` holds whatever else the source knew."""

    id: str
    messages: tuple[Message, ...]
    source: str = ""
    licence: str = ""
    language: str = "zh"
    department: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def turns(self) -> list[tuple[str, str]]:
        """The (user, assistant) pairs, in order; system messages and unanswered questions are left out."""
        spoken = [m for m in self.messages if m.role != "system"]
        return [
            (asked.content, answered.content)
            for asked, answered in itertools.pairwise(spoken)
            if (asked.role, answered.role) == ("user", "assistant")
        ]

    @property
    def questions(self) -> str:
        """Everything the patient says, one message a line."""
        return "\n".join(m.content for m in self.messages if m.role == "user")

    @property
    def answers(self) -> str:
        """Everything the doctor says, one message a line."""
        return "\n".join(m.content for m in self.messages if m.role == "assistant")

    def to_dict(self) -> dict[str, Any]:
        """The record as it stands on disk."""
        return {
            "id": self.id,
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "source": self.source,
            "licence": self.licence,
            "language": self.language,
            "department": self.department,
            "meta": dict(self.meta),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], where: str) -> "Conversation":
        """The conversation of one record; raises DataError that names `where` when the shape is another."""
        messages = record.get("messages")
        if not isinstance(messages, list) or not messages:
            keys = shown_keys(record)
            raise DataError(
                en=f"{where}: no `messages` list; the keys are {keys}. Run `doctorglm curate` on it first.",
                zh=f"{where}：没有 `messages` 列表，现有键 {keys}。请先用 `doctorglm curate` 整理。",
            )
        meta = record.get("meta")
        if meta is not None and not isinstance(meta, dict):
            raise DataError(
                en=f"{where}: `meta` must be a JSON object, not {type(meta).__name__}. Mend or remove it.",
                zh=f"{where}：`meta` 应为 JSON 对象，实为 {type(meta).__name__}。请修改或删去它。",
            )
        return cls(
            id=_id_of(record, where),
            messages=tuple(_message(m, where) for m in messages),
            source=str(record.get("source") or ""),
            licence=str(record.get("licence") or ""),
            language=str(record.get("language") or "zh"),
            department=str(record.get("department") or ""),
            meta=meta or {},
        )


_OWN_ID = re.compile(r"(?P<word>[a-z][a-z0-9-]{0,19})-(?P<hash>[0-9a-f]{16})(?:/[0-9]{1,4})?")
ID_WORDS = {
    "alpaca", "cmd", "cmtmedqa", "dialogue", "dxy", "huatuo-26m", "icliniq", "inline", "mapped", "med-chatglm",
    "meddialog", "mts-dialog", "paragraph", "prompt-response", "question-answer", "raw", "row", "sharegpt",
}  # fmt: skip
"""With what curation's ids begin: its readers' names, and what stands for a record that none reads."""
_COUNTED = re.compile(r"(?=(?:[^0-9]*[0-9]){0,5}[^0-9]*$)(?=(?:[^a-z]*[a-z]){0,6}[^a-z]*$)[a-z0-9]+(?:[-_/][a-z0-9]+)*")
"""Up to six letters and five digits: a number that somebody gave in order, too short to be a patient's."""
_KEY = re.compile(r"[a-z][a-z_ ]{0,23}")
_ROLES = {"human", "gpt", "bot", "model", "doctor", "patient", "tool", "function", "医生", "患者", "病人"}


def is_own_id(identifier: str) -> bool:
    """Whether curation gave this id: a word and a hash of the record.

    Digits alone, which a card's number behind a word is too, count behind a word of curation's.
    """
    found = _OWN_ID.fullmatch(identifier)
    return found is not None and (not found["hash"].isdigit() or found["word"] in ID_WORDS)


def _id_of(record: Mapping[str, Any], where: str) -> str:
    """The record's id if it is curation's or a short number; of any other, which may be a patient's, a hash.

    The hash is of the whole record: whoever has the source finds it again, and nobody else can try all numbers.
    """
    own = record.get("id")
    if own is None or own == "":
        line = where.rpartition(":")[2]
        return f"line-{line}" if line.isdigit() else where
    if is_own_id(str(own)) or _COUNTED.fullmatch(str(own)):
        return str(own)
    whole = json.dumps(record, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
    return f"raw-{hashlib.sha256(whole).hexdigest()[:16]}"


def shown_keys(record: Mapping[str, Any]) -> str:
    """The keys of a record as an error names them; only how many where one is no plain word, and may be a name."""
    keys = sorted(record)
    return str(keys[:8]) if all(_KEY.fullmatch(key) for key in keys) else f"[{len(keys)}]"


def _shown_role(role: Any) -> str:
    return repr(role) if role is None or str(role) in _ROLES else "…"


def _message(value: Any, where: str) -> Message:
    role = value.get("role") if isinstance(value, dict) else None
    content = value.get("content") if isinstance(value, dict) else None
    if role not in get_args(Role):
        raise DataError(
            en=f"{where}: the `role` of a message is {_shown_role(role)}; it must be system, user or assistant. "
            "Run `doctorglm curate` on it first.",
            zh=f"{where}：消息的 `role` 是 {_shown_role(role)}，应为 system、user 或 assistant。"
            "请先用 `doctorglm curate` 整理。",
        )
    if not isinstance(content, str):
        raise DataError(
            en=f"{where}: the `content` of a message must be text, not {type(content).__name__}. "
            "Run `doctorglm curate` on it first.",
            zh=f"{where}：消息的 `content` 应为文字，实为 {type(content).__name__}。请先用 `doctorglm curate` 整理。",
        )
    return Message(cast(Role, role), content)


def read_conversations(path: Path) -> Iterator[Conversation]:
    """Yields the conversations of a JSON-lines file; raises DataError with file and line."""
    try:
        lines = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            en=f"{path}: no such file. `doctorglm curate SOURCE --out DIR` writes it.",
            zh=f"{path}：文件不存在。`doctorglm curate SOURCE --out DIR` 会生成它。",
        ) from None
    with lines:
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            if line.strip():
                yield Conversation.from_dict(json_object(line, where), where)


def json_object(line: bytes, where: str) -> dict[str, Any]:
    """The JSON object of one line of a file; raises DataError that names `where`."""
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            en=f"{where}: not UTF-8 at byte {error.start + 1} of the line. "
            "Run `doctorglm curate` on the file, which finds the encoding.",
            zh=f"{where}：这一行的第 {error.start + 1} 字节不是 UTF-8。请先用 `doctorglm curate` 整理，它会识别编码。",
        ) from None
    except (ValueError, RecursionError) as error:  # not JSON, a number too long, brackets too deep
        raise DataError(
            en=f"{where}: not JSON ({error}). Mend or remove the line.",
            zh=f"{where}：不是 JSON（{error}）。请修改或删去这一行。",
        ) from None
    if not isinstance(record, dict):
        raise DataError(
            en=f"{where}: a JSON object was expected, not {type(record).__name__}.",
            zh=f"{where}：应为 JSON 对象，实为 {type(record).__name__}。",
        )
    return record


def write_conversations(path: Path, conversations: Iterable[Conversation]) -> int:
    """Writes one conversation a line, complete or not at all; returns how many."""
    count = 0
    with atomic_file(path) as out:
        for conversation in conversations:
            out.write(json.dumps(conversation.to_dict(), ensure_ascii=False) + "\n")
            count += 1
    return count
