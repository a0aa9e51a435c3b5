"""What a run was planned to take beside what it took, for its page."""

from collections.abc import Mapping, Sequence
from typing import Any

from doctorglm.language import Text
from doctorglm.report.blocks import Table
from doctorglm.report.numbers import number, percent
from doctorglm.report.wording import Wording


def planned_beside_measured(results: Mapping[str, Any]) -> Sequence[Table]:
    """One table; none for a model that could not be planned."""
    if "planned" not in results:
        return []
    expected, found = results["planned"], results["measured"]
    rows: list[tuple[Wording, ...]] = [
        (
            Text(en="memory of the run, GB", zh="训练占用内存，GB"),
            *_row(expected["memory_gb"]["total"], found["memory_gb"], 2),
        ),
        (Text(en="training and validation, s", zh="训练与验证，秒"), *_row(expected["seconds"], found["seconds"], 1)),
    ]
    return [
        Table(
            title=Text(en="Planned and measured", zh="计划与实测"),
            columns=(
                Text(en="what", zh="项目"),
                Text(en="planned", zh="计划"),
                Text(en="measured", zh="实测"),
                Text(en="planned is off by", zh="计划偏差"),
            ),
            rows=rows,
            note=_note(expected.get("trial")),
        )
    ]


def _note(trial: Mapping[str, Any] | str | None) -> Text:
    """What is measured, and what the planned time comes from."""
    en, zh = "formulas", "公式"
    if isinstance(trial, Mapping):
        en, zh = f"a trial of {trial['layers']} layers before the first step", f"第一步之前的 {trial['layers']} 层试跑"
    return Text(
        en="Memory is the peak beyond what the process held when the run began; GB = 10^9 bytes. "
        f"Planned time by {en}.",
        zh=f"内存为超出训练开始时进程占用的峰值；GB = 10^9 字节。计划时间来自{zh}。",
    )


def _row(expected: float, found: float | None, digits: int) -> tuple[str, str, str]:
    if not found:
        return number(expected, digits), "–", "–"
    return number(expected, digits), number(found, digits), percent(expected / found - 1, 0, signed=True)
