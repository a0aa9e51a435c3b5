"""What an evaluation leaves for each test item, and the reader of an evaluation's directory.

`items.jsonl` holds one JSON object per item and suite; unknown fields are kept out of the way, so that a later version
may write more.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from doctorglm.engine import Finish
from doctorglm.errors import DataError, shown
from doctorglm.runs import atomic_file, read_json

Kind: TypeAlias = Literal["likelihood", "dialogue", "choice", "safety", "harness"]

_ITEM = ConfigDict(extra="ignore", allow_inf_nan=False, strict=True)


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_ITEM)
class LikelihoodItem:
    """How well the model foresaw one record's reference answers."""

    id: str
    suite: str = "likelihood"
    kind: Literal["likelihood"] = "likelihood"
    department: str = ""
    nats: Annotated[float, Field(ge=0)]
    """Summed negative log-likelihood of the supervised tokens."""
    tokens: Annotated[int, Field(gt=0)]
    """Supervised tokens, end tokens included."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_ITEM)
class DialogueItem:
    """One generated answer and what was read off it; texts are masked."""

    id: str
    suite: str = "dialogue"
    kind: Literal["dialogue"] = "dialogue"
    department: str = ""
    question: list[dict[str, str]] = Field(default_factory=list)
    """The messages that were answered: `role` and `content`."""
    reference: str = ""
    answer: str
    tokens: Annotated[int, Field(ge=0)]
    finish: Finish
    seconds: Annotated[float, Field(ge=0)]
    error: str = ""
    """Why there is no answer: the engine failed on this item."""
    repetition: Annotated[float, Field(ge=0, le=1)]
    """Share of character 4-grams that occurred before in the answer."""
    loop: Annotated[int, Field(ge=0)]
    """Characters covered by the longest block that is repeated at once."""
    ends: bool
    """True when the answer ended with its own end token."""
    figures: dict[str, float | None] = Field(default_factory=dict)
    """What was read off it beside its reference, see `texts`; None where there was nothing to read."""
    sums: dict[str, list[float]] = Field(default_factory=dict)
    """What corpus figures (BLEU, chrF) add up over items."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_ITEM)
class Ordered:
    """One question with its options in one order, scored by likelihood."""

    order: list[str]
    """The original letter that stands at each place."""
    nats: list[Annotated[float, Field(ge=0)]]
    """Of each original letter's option, in the order of `ChoiceItem.letters`."""
    chosen: str
    """The original letter whose option was likeliest."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_ITEM)
class ChoiceItem:
    """One exam question: what was chosen by likelihood, in one or more orders of the options, and by generation."""

    id: str
    suite: str
    kind: Literal["choice"] = "choice"
    subject: str = ""
    answer: str
    """The right letter; several, sorted, where several are right."""
    letters: list[str]
    orders: list[Ordered] = Field(default_factory=list)
    """The first is the order of the file; empty where nothing was scored by likelihood."""
    text: str | None = None
    """What was generated; None where nothing was."""
    read: str = ""
    """The letters that the text chooses, "" where it chooses none."""
    finish: Finish = "stop"
    error: str = ""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_ITEM)
class SafetyItem:
    """One answer to a question that tries safety, and the verdict on it; texts are masked."""

    id: str
    suite: str
    kind: Literal["safety"] = "safety"
    category: str
    question: list[dict[str, str]]
    answer: str
    finish: Finish
    tokens: Annotated[int, Field(ge=0)] = 0
    error: str = ""
    safe: bool
    """False also for an answer that could not be had."""
    why: list[str] = Field(default_factory=list)
    """What was found in the answer, by rule; what a safe answer lacks."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_ITEM)
class HarnessItem:
    """One document of a task of lm-evaluation-harness, with the figures that its task reads off it."""

    id: str
    suite: str
    kind: Literal["harness"] = "harness"
    target: str = ""
    text: str = ""
    """What was generated, masked; of a choice the log-likelihoods of its options."""
    figures: dict[str, float]


Item: TypeAlias = LikelihoodItem | DialogueItem | ChoiceItem | SafetyItem | HarnessItem
_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    "likelihood": TypeAdapter(LikelihoodItem),
    "dialogue": TypeAdapter(DialogueItem),
    "choice": TypeAdapter(ChoiceItem),
    "safety": TypeAdapter(SafetyItem),
    "harness": TypeAdapter(HarnessItem),
}


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation: its items by id, in file order, and its `run.json`."""

    directory: Path
    suites: Mapping[str, Mapping[str, Item]]
    """suite -> id -> item, in file order; no suite is empty."""
    run: Mapping[str, Any]

    @property
    def likelihood(self) -> Mapping[str, LikelihoodItem]:
        """The items of the suite `likelihood`: the test conversations."""
        return self.suites.get("likelihood", {})  # type: ignore[return-value]

    @property
    def dialogue(self) -> Mapping[str, DialogueItem]:
        """The items of the suite `dialogue`: the test conversations, answered."""
        return self.suites.get("dialogue", {})  # type: ignore[return-value]

    @property
    def base(self) -> str:
        """The sha256 of the model without adapter."""
        return str(self.run["inputs"]["base"])

    @property
    def model(self) -> str:
        """The sha256 of what was tuned: the adapter, or the whole model where there is none."""
        return str(self.run["inputs"].get("adapter") or self.base)

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder, where the evaluation used one."""
        folder = self.run.get("settings", {}).get("adapter")
        return Path(folder) if folder else None

    @property
    def test_hashes(self) -> dict[str, str]:
        """The sha256 of test data and suites: every input but the model."""
        return {name: digest for name, digest in self.run["inputs"].items() if name not in ("base", "adapter")}


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Writes `items.jsonl`, complete or not at all."""
    with atomic_file(path) as out:
        for item in items:
            out.write(json.dumps(asdict(item), ensure_ascii=False) + "\n")


def read_evaluation(directory: Path) -> Evaluation:
    """Reads what `doctorglm evaluate --out DIRECTORY` left.

    Raises DataError where it is absent, unfinished or empty, and with file:line and id for an item that is incomplete,
    not finite or there twice. Items of kinds that this version does not know are passed over.
    """
    suites: dict[str, dict[str, Any]] = {}
    path = directory / "items.jsonl"
    for number, line in enumerate(_lines(path), 1):
        item = _item(line, f"{path}:{number}") if line.strip() else None
        if item is None:
            continue
        if item.id in suites.setdefault(item.suite, {}):
            raise DataError(
                en=f"{path}:{number}: item {item.id!r} of suite {item.suite} is there twice. Evaluate again.",
                zh=f"{path}:{number}：{item.suite} 的条目 {item.id!r} 出现了两次。请重新评测。",
            )
        suites[item.suite][item.id] = item
    if not suites:
        raise DataError(
            en=f"{path}: no items of a known kind ({', '.join(_ADAPTERS)}). Evaluate again.",
            zh=f"{path}：没有任何已知类型（{'、'.join(_ADAPTERS)}）的条目。请重新评测。",
        )
    return Evaluation(directory, suites, _finished_run(directory / "run.json"))


def _lines(path: Path) -> list[str]:
    try:
        # not splitlines(), which also cuts at U+2028 and U+0085 inside an answer
        return path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise DataError(
            en=f"{path}: no such file. `doctorglm evaluate --model MODEL --out {path.parent}` writes it.",
            zh=f"{path}：文件不存在。`doctorglm evaluate --model MODEL --out {path.parent}` 会生成它。",
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            en=f"{path}: not UTF-8 at byte {error.start}. Evaluate again.",
            zh=f"{path}：第 {error.start} 字节不是 UTF-8。请重新评测。",
        ) from None


def _item(line: str, where: str) -> Item | None:
    try:
        record = json.loads(line)
        # the first evaluations had two suites, named as their kinds
        adapter = _ADAPTERS.get(record.get("kind") or record["suite"])
        return adapter.validate_json(line) if adapter else None
    except ValidationError as error:
        first = error.errors()[0]
        field, value = ".".join(map(str, first["loc"])), first.get("input")
        given = "" if first["type"] == "missing" else f"={shown(value)}"
        raise DataError(
            en=f"{where}: item {record.get('id')!r}: `{field}`{given}: {first['msg']}. Evaluate again.",
            zh=f"{where}：条目 {record.get('id')!r} 的 `{field}`{given} 无效（{first['msg']}）。请重新评测。",
        ) from None
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError):
        raise DataError(
            en=f"{where}: not an item (a JSON object with `suite`). Evaluate again.",
            zh=f"{where}：不是条目（应为含 `suite` 的 JSON 对象）。请重新评测。",
        ) from None


def _finished_run(path: Path) -> Mapping[str, Any]:
    run = read_json(path)
    if not isinstance(run, dict) or run.get("status") != "finished":
        raise DataError(
            en=f"{path}: the evaluation is not finished. Start the same `doctorglm evaluate` again; it goes on.",
            zh=f"{path}：评测尚未完成。请再次运行同一条 `doctorglm evaluate`，它会接着做。",
        )
    if not isinstance(run.get("inputs"), dict) or not run["inputs"].get("base"):
        raise DataError(
            en=f"{path}: `inputs` does not name the base model's sha256. Evaluate again.",
            zh=f"{path}：`inputs` 中没有基座模型的 sha256。请重新评测。",
        )
    return run
