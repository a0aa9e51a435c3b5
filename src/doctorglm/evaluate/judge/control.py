"""A judge that is tried before it is believed: can it tell a question's own answer from another question's?

Every pair is the data's answer to a question and the data's answer to another one, judged in both orders like any other
pair. Both were written by the same doctors, so that style gives nothing away; a judge that does not prefer the first
judges nothing here.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from doctorglm.engine import Engine
from doctorglm.evaluate.judge.pairwise import PairFindings, judge_pairs
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.evaluate.judge.transcripts import Transcript

OWN, ANOTHER = "own", "another"


def control(
    transcripts: Sequence[Transcript], judge: Engine, out: Path, settings: JudgeSettings
) -> PairFindings | None:
    """What the judge found on `settings.control` pairs, its files in `out`; None where the data have no two answers."""
    pairs = control_pairs(transcripts, settings.control)
    if not pairs:
        return None
    return judge_pairs(pairs, judge, OWN, ANOTHER, out, settings=settings).judges[0]


def control_pairs(transcripts: Sequence[Transcript], n: int) -> list[Transcript]:
    """The first `n` questions by key, each with its own reference and the next question's that is not the same."""
    known = sorted((t for t in transcripts if t.reference), key=lambda t: t.key)
    pairs = []
    for place, one in enumerate(known[:n]):
        following = known[place + 1 :] + known[:place]
        other = next((t.reference for t in following if t.reference != one.reference), None)
        if other is not None:
            pairs.append(replace(one, answers={OWN: one.reference, ANOTHER: other}))
    return pairs


def is_trusted(found: PairFindings | None) -> bool:
    """Whether the lower bound of the control's win rate is above a half; without a control nothing is shown."""
    low = found.win_rate.low if found and found.win_rate else None
    return low is not None and low > 0.5
