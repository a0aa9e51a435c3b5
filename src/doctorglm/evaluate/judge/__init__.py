"""Judging by a language model: pairs of answers in both orders, and rubrics criterion by criterion.

A judge is any `Engine`, asked at temperature 0. It never sees the names of systems, and the texts that it judges cannot
leave their delimiters. A reply that cannot be read is asked for once more; then the item is listed as unjudged.
"""

from doctorglm.evaluate.judge.pairwise import PairFindings, PairwiseSummary, judge_pairs
from doctorglm.evaluate.judge.rubrics import Criterion, Rubric, default_criteria, read_rubrics, rubric_score
from doctorglm.evaluate.judge.scores import RubricSummary, SystemScore, judge_rubrics
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.evaluate.judge.transcripts import Transcript, read_transcripts, write_transcripts

__all__ = [
    "Criterion",
    "JudgeSettings",
    "PairFindings",
    "PairwiseSummary",
    "Rubric",
    "RubricSummary",
    "SystemScore",
    "Transcript",
    "default_criteria",
    "judge_pairs",
    "judge_rubrics",
    "read_rubrics",
    "read_transcripts",
    "rubric_score",
    "write_transcripts",
]
