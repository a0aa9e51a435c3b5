"""What systems' answers earn by rubrics: a judge says of every criterion whether it is met.

Source: HealthBench, arXiv 2505.08775: points earned by points possible for every answer; a system's score is the mean
over its answers, clipped to [0, 1]. An answer with a criterion that could not be judged has no score, and is listed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from doctorglm.engine import Engine
from doctorglm.errors import DataError
from doctorglm.evaluate.judge.asking import Calls, Judged, Judgement, Question, ask
from doctorglm.evaluate.judge.prompts import criterion_prompt
from doctorglm.evaluate.judge.replies import CRITERION
from doctorglm.evaluate.judge.rubrics import Criterion, Rubric, default_criteria, rubric_score
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.evaluate.judge.transcripts import Transcript
from doctorglm.evaluate.statistics import (
    Difference,
    Floats,
    Interval,
    bootstrap_interval,
    paired_difference,
    share_interval,
)
from doctorglm.runs import write_json

RUBRICS_FILE = "rubrics.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemScore:
    """What one system's answers earned."""

    system: str
    score: Interval | None
    """The mean over the judged answers, clipped to [0, 1]; None where none was judged."""
    unjudged: tuple[str, ...]
    """Items with a criterion without a readable verdict; in no figure."""
    tags: Mapping[str, Interval]
    """The score over the criteria of one tag alone, as in HealthBench; tags without positive points have none."""
    met: Mapping[str, Interval]
    """The share of answers that meet a criterion, for criteria with a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricSummary:
    """Rubric scores of one system or several by one judge."""

    judge: str
    systems: tuple[SystemScore, ...]
    differences: Mapping[str, Difference]
    """Every later system's mean score less the first one's, before clipping, on the items on which both were judged."""
    items: int
    without_rubric: int
    """Transcripts without a rubric: not judged."""
    without_transcript: int
    """Rubrics that no transcript belongs to."""
    calls: Calls

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `rubrics.json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Answer:
    """One system's answer to one item, the criteria, and which of them are met; None where that was not judged."""

    item: str
    criteria: tuple[Criterion, ...]
    met: tuple[bool, ...] | None


def judge_rubrics(
    transcripts: Sequence[Transcript],
    judge: Engine,
    out: Path,
    *,
    systems: Sequence[str] | None = None,
    rubrics: Mapping[str, Rubric] | None = None,
    settings: JudgeSettings = JudgeSettings(),  # noqa: B008 - frozen
) -> RubricSummary:
    """Scores the answers of `systems` (all of them) by `rubrics` (id -> rubric; without them, the criteria that ship).

    Leaves `judged.jsonl` and `rubrics.json` in `out`; started again it asks only what is not in `judged.jsonl`. Raises
    DataError where a system did not answer, or where a rubric belongs to another question or no rubric to any.
    """
    general = default_criteria(settings.language)
    chosen = [(t, general if rubrics is None else rubrics[t.id].criteria) for t in _with_rubric(transcripts, rubrics)]
    names = list(dict.fromkeys(systems or (name for t, _ in chosen for name in t.answers)))
    questions = [q for name in names for t, criteria in chosen for q in _questions(t, name, criteria, settings)]
    judgements, calls = ask(judge, questions, CRITERION, Judged(out), settings)
    verdicts = iter(judgements)
    answers = {
        name: [_Answer(t.key, criteria, _met([next(verdicts) for _ in criteria])) for t, criteria in chosen]
        for name in names
    }
    summary = RubricSummary(
        judge=judge.name,
        systems=tuple(_score(name, found, settings) for name, found in answers.items()),
        differences={n: d for n in names[1:] if (d := _difference(answers[n], answers[names[0]], settings))},
        items=len(chosen),
        without_rubric=len(transcripts) - len(chosen),
        without_transcript=len({*(rubrics or {})} - {t.id for t, _ in chosen}),
        calls=calls,
    )
    write_json(out / RUBRICS_FILE, summary.to_dict())
    return summary


def _with_rubric(transcripts: Sequence[Transcript], rubrics: Mapping[str, Rubric] | None) -> list[Transcript]:
    if rubrics is None:
        return list(transcripts)
    found = [t for t in transcripts if t.id in rubrics]
    for transcript in found:
        rubrics[transcript.id].refuse_another_question(transcript)
    if not found:
        raise DataError(
            en=f"none of {len(rubrics)} rubrics belongs to one of {len(transcripts)} transcripts: their ids differ. "
            "Use the rubrics of the suite that was evaluated.",
            zh=f"{len(rubrics)} 条评分细则与 {len(transcripts)} 条对话记录的 id 全不对应。请使用所评测集的细则。",
        )
    return found


def _questions(
    transcript: Transcript, system: str, criteria: Sequence[Criterion], settings: JudgeSettings
) -> list[Question]:
    if system not in transcript.answers:
        has = ", ".join(sorted(transcript.answers))
        raise DataError(
            en=f"item {transcript.key} has no answer of {system}; there are answers of {has}. Check the names.",
            zh=f"条目 {transcript.key} 没有 {system} 的回答，只有 {has} 的。请检查名称。",
        )
    return [
        Question(
            item=transcript.key,
            what=f"{system}: {c.name or place}",
            messages=criterion_prompt(transcript.question, transcript.answers[system], c.criterion, settings.language),
        )
        for place, c in enumerate(criteria)
    ]


def _met(judgements: Sequence[Judgement]) -> tuple[bool, ...] | None:
    if any(j.verdict is None for j in judgements):
        return None
    return tuple(j.verdict == "true" for j in judgements)


def _score(system: str, answers: Sequence[_Answer], settings: JudgeSettings) -> SystemScore:
    scores, by_tag, met = [], defaultdict(list), defaultdict(list)
    for answer in answers:
        if answer.met is None:
            continue
        scores.append(rubric_score(answer.criteria, answer.met))
        for tag, tagged in _by_tag(answer).items():
            by_tag[tag].append(tagged)
        for criterion, is_met in zip(answer.criteria, answer.met, strict=True):
            if criterion.name:
                met[criterion.name].append(is_met)
    return SystemScore(
        system=system,
        score=_mean(scores, settings) if scores else None,
        unjudged=tuple(a.item for a in answers if a.met is None),
        tags={tag: _mean(found, settings) for tag, found in sorted(by_tag.items())},
        met={name: share_interval(flags) for name, flags in met.items()},
    )


def _by_tag(answer: _Answer) -> dict[str, float]:
    """The answer's score by the criteria of each tag, where they can be scored."""
    assert answer.met is not None
    pairs = list(zip(answer.criteria, answer.met, strict=True))
    found = {}
    for tag in {tag for c in answer.criteria for tag in c.tags}:
        tagged = [(c, is_met) for c, is_met in pairs if tag in c.tags]
        if any(c.points > 0 for c, _ in tagged):
            found[tag] = rubric_score([c for c, _ in tagged], [is_met for _, is_met in tagged])
    return found


def _mean(scores: Sequence[float], settings: JudgeSettings) -> Interval:
    return bootstrap_interval(scores, transform=_clipped, resamples=settings.resamples, seed=settings.seed)


def _clipped(mean: Floats) -> Floats:
    clipped: Floats = np.clip(mean, 0.0, 1.0)
    return clipped


def _difference(ours: Sequence[_Answer], theirs: Sequence[_Answer], settings: JudgeSettings) -> Difference | None:
    pairs = [
        (rubric_score(a.criteria, a.met), rubric_score(b.criteria, b.met))
        for a, b in zip(ours, theirs, strict=True)
        if a.met is not None and b.met is not None
    ]
    if not pairs:
        return None
    mine, other = zip(*pairs, strict=True)
    return paired_difference(mine, other, resamples=settings.resamples, seed=settings.seed)
