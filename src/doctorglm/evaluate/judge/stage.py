"""A judge over what evaluations left: tried first, then rubric scores of one, pairs of two."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doctorglm.engine import Engine
from doctorglm.evaluate.judge.control import control, is_trusted
from doctorglm.evaluate.judge.pairwise import judge_pairs
from doctorglm.evaluate.judge.scores import judge_rubrics
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.evaluate.judge.transcripts import Transcript, read_transcripts, write_transcripts
from doctorglm.models.opening import open_engine
from doctorglm.runs import write_json

TRANSCRIPTS = "transcripts.jsonl"
JUDGE_FILE = "judge.json"


def judge_evaluation(
    directory: Path, judge: str, settings: JudgeSettings, *, allow_remote: bool = False
) -> dict[str, Any]:
    """Scores the answers of one evaluation by the criteria that ship; leaves its files in `directory/judge`.

    What is returned stands in `judge.json`: `judge`, `control` (what it found on pairs whose better answer is known, or
    null), `trusted`, and `rubrics`.
    """
    out = directory / "judge"
    transcripts = _transcripts({"model": directory}, out)
    engine = open_engine(judge, allow_remote=allow_remote)
    tried = _tried(transcripts, engine, out, settings)
    return _left(out, tried, rubrics=judge_rubrics(transcripts, engine, out, settings=settings).to_dict())


def judge_comparison(
    base: Path, tuned: Path, out: Path, judge: str, settings: JudgeSettings, *, allow_remote: bool = False
) -> dict[str, Any]:
    """Compares the answers of two evaluations in pairs, the tuned model's first; leaves its files in `out/judge`.

    What is returned stands in `judge.json`, as of `judge_evaluation`, with `pairs` in place of `rubrics`.
    """
    transcripts = _transcripts({"tuned": tuned, "base": base}, out / "judge")
    engine = open_engine(judge, allow_remote=allow_remote)
    tried = _tried(transcripts, engine, out / "judge", settings)
    found = judge_pairs(transcripts, engine, "tuned", "base", out / "judge", settings=settings)
    return _left(out / "judge", tried, pairs=found.to_dict())


def _tried(transcripts: Sequence[Transcript], engine: Engine, out: Path, settings: JudgeSettings) -> dict[str, Any]:
    found = control(transcripts, engine, out / "control", settings)
    return {"judge": engine.name, "control": asdict(found) if found else None, "trusted": is_trusted(found)}


def _left(out: Path, tried: Mapping[str, Any], **found: Any) -> dict[str, Any]:
    write_json(out / JUDGE_FILE, {**tried, **found})
    return {**tried, **found}


def _transcripts(evaluations: Mapping[str, Path], out: Path) -> list[Transcript]:
    out.mkdir(parents=True, exist_ok=True)
    write_transcripts(evaluations, out / TRANSCRIPTS)
    return read_transcripts(out / TRANSCRIPTS)
