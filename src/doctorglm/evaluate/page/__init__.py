"""What an evaluation, a comparison and a sampling sweep leave for people: one page each, from the files alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from doctorglm.errors import DataError
from doctorglm.evaluate.items import Evaluation, read_evaluation
from doctorglm.evaluate.page import comparison, departments, evaluation, evidence, figures, judged, sweep, worst
from doctorglm.evaluate.page.comparison import Compared
from doctorglm.language import Text
from doctorglm.report.blocks import Block, Page
from doctorglm.report.numbers import number
from doctorglm.report.page import write
from doctorglm.runs import read_json

__all__ = ["write_comparison", "write_evaluation", "write_sweep"]

FILE = "report.html"


def write_evaluation(directory: Path, command: str) -> Path:
    """Writes `report.html` into an evaluation's folder; `command` is what reproduces it.

    Raises DataError where the evaluation is not finished, or its `summary.json` is missing or damaged.
    """
    found = read_evaluation(directory)
    metrics = _read(directory / "summary.json", "metrics", dict)["metrics"]
    write(directory / FILE, evaluation.page_of(found, metrics, command, _judge(directory)))
    return directory / FILE


def write_comparison(
    directory: Path, base_dir: Path, tuned_dir: Path, placebo_dir: Path | None, command: str
) -> Path:  # fmt: skip
    """Writes `report.html` beside the `gate.json` of a comparison; `command` is what reproduces it.

    Raises DataError where one of the evaluations or the gate is missing or damaged.
    """
    of = Compared(
        gate=_read(directory / "gate.json", "metrics", dict),
        base=read_evaluation(base_dir),
        tuned=read_evaluation(tuned_dir),
        placebo=read_evaluation(placebo_dir) if placebo_dir else None,
    )
    write(directory / FILE, _comparison(of, command, _judge(directory)))
    return directory / FILE


def write_sweep(directory: Path, command: str) -> Path:
    """Writes `report.html` beside a `sweep.json`; raises DataError where that is missing or damaged."""
    write(directory / FILE, sweep.page_of(_read(directory / "sweep.json", "grid", list), directory.name, command))
    return directory / FILE


def _read(path: Path, name: str, kind: type) -> Mapping[str, Any]:
    """The JSON object of a file that holds `name`; raises DataError for another one."""
    found = read_json(path)
    if not isinstance(found, dict) or not isinstance(found.get(name), kind):
        raise DataError(
            en=f"{path}: not what DoctorGLM left there: `{name}` is missing. Make it again.",
            zh=f"{path}：不是 DoctorGLM 生成的内容：缺少 `{name}`。请重新生成。",
        )
    return found


def _judge(directory: Path) -> Mapping[str, Any] | None:
    """What a judge left beside an evaluation or a comparison; None where none was asked."""
    path = directory / "judge" / "judge.json"
    return _read(path, "judge", str) if path.is_file() else None


def _comparison(of: Compared, command: str, judge: Mapping[str, Any] | None) -> Page:
    """The verdict, the pictures, what got worse, the tables, how to reproduce."""
    leak = of.gate.get("leak") or of.tuned.run.get("leak")
    hashes = {**(of.gate.get("sha256") or {}), **_inputs(of.base)}
    blocks: list[Block | None] = [
        comparison.verdict(of),
        comparison.criteria(of),
        *figures.plots(of),
        *departments.departments(of),
        *worst.regressions(of),
        *evidence.contamination(leak, adapter=True),
        figures.table(of),
        figures.table(of, "_placebo"),
        judged.judged(judge),
        evidence.thresholds(of.gate),
        *evidence.reproduce(command, of.named(), hashes, repeat=True),
    ]
    n = number(len(of.tuned.likelihood) or len(of.tuned.dialogue), 0)
    name = evaluation.model_name(of.tuned)
    also = ("and a placebo ", "和安慰剂") if of.placebo else ("", "")
    return Page(
        title=Text(en="Is the tuned model better than its base?", zh="微调后的模型是否优于基座？"),
        subtitle=Text(
            en=f"{name}, compared with its base {also[0]}on {n} held-out conversations",
            zh=f"{name}，在 {n} 段留出对话上与基座{also[1]}比较",
        ),
        blocks=[block for block in blocks if block is not None],
    )


def _inputs(evaluation: Evaluation) -> dict[str, str]:
    return {name: str(digest) for name, digest in evaluation.run["inputs"].items() if name not in ("base", "adapter")}
