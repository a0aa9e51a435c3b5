"""A judge over what evaluations left: rubric scores of one, pairs of two."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doctorglm.evaluate.judge.pairwise import judge_pairs
from doctorglm.evaluate.judge.scores import judge_rubrics
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.evaluate.judge.transcripts import read_transcripts, write_transcripts
from doctorglm.models.opening import open_engine

TRANSCRIPTS = "transcripts.jsonl"


def judge_evaluation(
    directory: Path, judge: str, settings: JudgeSettings, *, allow_remote: bool = False
) -> dict[str, Any]:
    """Scores the answers of one evaluation by the criteria that ship; leaves its files in `directory/judge`."""
    out = directory / "judge"
    transcripts = _transcripts({"model": directory}, out)
    engine = open_engine(judge, allow_remote=allow_remote)
    return asdict(judge_rubrics(transcripts, engine, out, settings=settings))


def judge_comparison(
    base: Path, tuned: Path, out: Path, judge: str, settings: JudgeSettings, *, allow_remote: bool = False
) -> dict[str, Any]:
    """Compares the answers of two evaluations in pairs, the tuned model's first; leaves its files in `out/judge`."""
    transcripts = _transcripts({"tuned": tuned, "base": base}, out / "judge")
    engine = open_engine(judge, allow_remote=allow_remote)
    return asdict(judge_pairs(transcripts, engine, "tuned", "base", out / "judge", settings=settings))


def _transcripts(evaluations: Mapping[str, Path], out: Path) -> Any:
    out.mkdir(parents=True, exist_ok=True)
    write_transcripts(evaluations, out / TRANSCRIPTS)
    return read_transcripts(out / TRANSCRIPTS)
