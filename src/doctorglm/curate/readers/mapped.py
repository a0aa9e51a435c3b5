"""Any other table: a file of the user's says which columns hold the question, the answer and the department.

question: [主诉, 现病史]     # a name or several, joined line by line
answer: 医嘱
department: 就诊科室         # optional
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, one_of
from doctorglm.errors import ConfigError
from doctorglm.files.told import columns as shown
from doctorglm.settings import yaml_problem

_KEYS = {"question", "answer", "department"}


@dataclass(frozen=True, slots=True)
class Mapped:
    """The reader that a mapping file describes."""

    asked: tuple[str, ...]
    answered: tuple[str, ...]
    departments: tuple[str, ...] = ()
    NAME: str = "mapped"

    def reads(self, record: Mapping[str, Any]) -> bool:
        """True for a record with all columns of question and answer."""
        return record.keys() >= {*self.asked, *self.answered}

    def messages(self, record: Mapping[str, Any]) -> list[Message]:
        """The columns joined line by line, empty ones left out."""
        return exchange(_joined(record, self.asked), _joined(record, self.answered))

    def department(self, record: Mapping[str, Any]) -> str:
        """The column that was named for it, or ""."""
        return _joined(record, self.departments).strip()


def read_mapping(path: Path) -> Mapped:
    """The mapping in a YAML file; raises ConfigError with the path, what is wrong, and an example."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _wrong(path, yaml_problem(error)) from None
    if not isinstance(values, dict) or not {"question", "answer"} <= values.keys() <= _KEYS:
        raise _wrong(path, f"keys {shown(values).en}" if isinstance(values, dict) else "no mapping")
    columns = {key: _names(value) for key, value in values.items()}
    if not (columns["question"] and columns["answer"]):
        raise _wrong(path, "no column is named for the question or the answer")
    return Mapped(columns["question"], columns["answer"], columns.get("department", ()))


def _names(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    return tuple(str(name).strip().lower() for name in names if name is not None)


def _joined(record: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return "\n".join(said for key in keys if (said := one_of(record.get(key)).strip()))


def _wrong(path: Path, what: str) -> ConfigError:
    return ConfigError(
        en=f"mapping={path}: {what}. Write `question: COLUMN`, `answer: COLUMN` and perhaps `department: COLUMN`.",
        zh=f"mapping={path}：{what}。请写 `question: 列名` 和 `answer: 列名`，有科室列时再写 `department: 列名`。",
    )
