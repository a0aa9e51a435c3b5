"""Rubrics as data: criteria with points, for what is good and against what is bad.

The shape is HealthBench's (arXiv 2505.08775), whose files can be read as they are: JSON lines of `prompt_id` or `id`,
`prompt` (messages) and `rubrics` [{criterion, points, tags}]. For questions without a rubric of their own there are the
criteria of `criteria.yaml`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Message
from doctorglm.errors import DataError, shown
from doctorglm.evaluate.judge.transcripts import Transcript, json_lines, messages_of
from doctorglm.language import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What an answer is asked for, or, with points below 0, reproached with."""

    criterion: str
    points: float
    tags: tuple[str, ...] = ()
    name: str = ""
    """Short and the same in every language; only the criteria that ship have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """The criteria for one question."""

    id: str
    criteria: tuple[Criterion, ...]
    prompt: tuple[Message, ...] | None = None
    """The question that they were written for, where the file names it."""

    def refuse_another_question(self, transcript: Transcript) -> None:
        """Raises DataError unless the transcript's question is the prompt, as it stands or masked."""
        if self.prompt is None or self.prompt == transcript.question:
            return
        masked = masked_together([m.content for m in self.prompt])
        if [*zip((m.role for m in self.prompt), masked, strict=True)] != [
            (m.role, m.content) for m in transcript.question
        ]:
            raise DataError(
                en=f"rubric {self.id} was written for another question than that of item {transcript.key}: `prompt` "
                "differs. Use the rubrics of this suite, or remove `prompt` where the id alone is meant to decide.",
                zh=f"评分细则 {self.id} 与条目 {transcript.key} 的问题不同：`prompt` 不一致。"
                "请使用该评测集的细则；若只想按 id 对应，请删去 `prompt`。",
            )


def read_rubrics(path: Path) -> dict[str, Rubric]:
    """The rubrics of a file by id; raises DataError with file:line for one that is incomplete or cannot be scored."""
    rubrics: dict[str, Rubric] = {}
    for record, where in json_lines(path):
        rubric = _rubric(record, where)
        if rubric.id in rubrics:
            raise DataError(
                en=f"{where}: rubric {rubric.id} is there twice. Remove one.",
                zh=f"{where}：评分细则 {rubric.id} 出现了两次。请删去一个。",
            )
        rubrics[rubric.id] = rubric
    if not rubrics:
        raise DataError(en=f"{path}: no rubrics. Check the file.", zh=f"{path}：没有任何评分细则。请检查文件。")
    return rubrics


def default_criteria(language: Language) -> tuple[Criterion, ...]:
    """The criteria that ship for doctor dialogues: a demonstration, not reviewed by a clinician."""
    text = resources.files("doctorglm.evaluate.judge").joinpath("criteria.yaml").read_text(encoding="utf-8")
    return tuple(
        Criterion(name=c["name"], points=c["points"], tags=tuple(c["tags"]), criterion=c[language])
        for c in yaml.safe_load(text)["criteria"]
    )


def rubric_score(criteria: Sequence[Criterion], met: Sequence[bool]) -> float:
    """Points of the criteria that are met, by the highest sum there is: 1 at best, below 0 where reproaches prevail.

    Raises ZeroDivisionError without a criterion of positive points, which `read_rubrics` refuses.
    """
    earned = math.fsum(c.points for c, is_met in zip(criteria, met, strict=True) if is_met)
    return earned / math.fsum(c.points for c in criteria if c.points > 0)


def _rubric(record: Mapping[str, Any], where: str) -> Rubric:
    name = record.get("id", record.get("prompt_id"))
    rows = record.get("rubrics")
    if not isinstance(name, str) or not name:
        raise _wrong(where, "id")
    if not isinstance(rows, list) or not rows:
        raise _wrong(where, "rubrics")
    criteria = tuple(_criterion(row, f"{where}: rubrics[{place}]") for place, row in enumerate(rows))
    if not any(c.points > 0 for c in criteria):
        raise DataError(
            en=f"{where}: rubric {name} has no criterion with positive points, so that no score exists. Add one.",
            zh=f"{where}：评分细则 {name} 没有正分标准，无法计分。请补充。",
        )
    prompt = messages_of(record, "prompt", where) if record.get("prompt") is not None else None
    return Rubric(id=name, criteria=criteria, prompt=prompt)


def _criterion(row: Any, where: str) -> Criterion:
    if not isinstance(row, dict) or not isinstance(row.get("criterion"), str) or not row["criterion"].strip():
        raise _wrong(where, "criterion")
    points, tags = row.get("points"), row.get("tags") or []
    if isinstance(points, bool) or not isinstance(points, int | float) or not math.isfinite(points) or not points:
        raise DataError(
            en=f"{where}: `points`={shown(points)}: a number other than 0 is needed. Mend the rubric.",
            zh=f"{where}：`points`={shown(points)} 无效，应为非零数字。请修改评分细则。",
        )
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _wrong(where, "tags")
    return Criterion(criterion=row["criterion"], points=points, tags=tuple(tags))


def _wrong(where: str, name: str) -> DataError:
    return DataError(
        en=f"{where}: `{name}` is missing or of another kind. A rubric is "
        '{"id": "...", "prompt": [messages], "rubrics": [{"criterion": "...", "points": 5, "tags": []}]}.',
        zh=f"{where}：缺少 `{name}` 或其类型不对。评分细则的格式为 "
        '{"id": "…", "prompt": [消息], "rubrics": [{"criterion": "…", "points": 5, "tags": []}]}。',
    )
