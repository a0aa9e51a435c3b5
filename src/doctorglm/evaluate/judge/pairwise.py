"""Which of two systems' answers a judge prefers: every pair is judged twice, with the places exchanged.

Source: Zheng et al. 2023, arXiv 2306.05685: a win counts only where both orders say so. What the order alone decides is
a tie, and counted. The win rate counts ties half; it is 0.5 + (wins - losses) / 2n, so that its interval is that of a
paired difference of shares, and its p that of the sign test over the pairs that were decided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from doctorglm.engine import Engine
from doctorglm.errors import ConfigError, DataError
from doctorglm.evaluate.judge.agreement import Agreement, agreement, balance
from doctorglm.evaluate.judge.asking import Calls, Judged, Judgement, Question, ask
from doctorglm.evaluate.judge.prompts import pair_prompt
from doctorglm.evaluate.judge.replies import WINNER
from doctorglm.evaluate.judge.settings import JudgeSettings
from doctorglm.evaluate.judge.transcripts import Transcript
from doctorglm.evaluate.statistics import Interval, paired_share_difference, share_interval
from doctorglm.runs import write_json

PAIRWISE_FILE = "pairwise.json"

Outcome = Literal["win", "tie", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFindings:
    """What one judge found; a share is None where no pair says anything about it."""

    judge: str
    wins: int
    """Pairs whose first system won in both orders."""
    ties: int
    """Identical answers, ties in both orders, and `disagreements`."""
    losses: int
    disagreements: int
    """Pairs whose verdict changed with the order; among the ties."""
    unjudged: tuple[str, ...]
    """Items without a readable verdict in one order at least; in no figure."""
    win_rate: Interval | None
    """Of the first system, ties half."""
    p: float | None
    """Of the sign test over wins and losses, two-sided and exact."""
    first_place: Interval | None
    """Share of verdicts for the answer that stood first: 0.5 is no position bias, 1 nothing else. Ties apart."""
    self_agreement: Interval | None
    """Share of the pairs that were asked about whose verdict is the same in both orders."""
    longer_wins: Interval | None
    """Share of the wins and losses in which the longer answer won."""
    calls: Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseSummary:
    """Two systems compared by one judge or two."""

    first: str
    second: str
    pairs: int
    identical: int
    """Pairs of one and the same answer: ties, about which no judge is asked."""
    judges: tuple[PairFindings, ...]
    between_judges: Agreement | None
    """On the pairs that both judged, where there are two."""

    def to_dict(self) -> dict[str, Any]:
        """As it stands in `pairwise.json`."""
        return asdict(self)


def judge_pairs(
    transcripts: Sequence[Transcript],
    judge: Engine,
    first: str,
    second: str,
    out: Path,
    *,
    second_judge: Engine | None = None,
    settings: JudgeSettings = JudgeSettings(),  # noqa: B008 - frozen
) -> PairwiseSummary:
    """Compares the answers of the systems `first` and `second`; leaves `judged.jsonl` and `pairwise.json` in `out`.

    Started again it asks only what is not in `judged.jsonl`. Raises DataError where a system did not answer an item,
    and ConfigError for two judges, or two systems, of one name.
    """
    judges = [judge] if second_judge is None else [judge, second_judge]
    _refuse_one_name(first, second)
    if second_judge is not None:
        _refuse_one_name(judge.name, second_judge.name)
    _refuse_unanswered(transcripts, (first, second))
    judged = Judged(out)
    found = [_Pairs(transcripts, first, second).judged_by(engine, judged, settings) for engine in judges]
    summary = PairwiseSummary(
        first=first,
        second=second,
        pairs=len(transcripts),
        identical=sum(_identical(t, first, second) for t in transcripts),
        judges=tuple(findings for findings, _ in found),
        between_judges=_between(*(outcomes for _, outcomes in found)) if len(found) == 2 else None,
    )
    write_json(out / PAIRWISE_FILE, summary.to_dict())
    return summary


@dataclass(frozen=True, slots=True)
class _Pair:
    """The verdicts on one pair, as "first", "second" or "tie" of the places in which the answers stood."""

    transcript: Transcript
    ours_first: str
    ours_second: str

    @property
    def outcome(self) -> Outcome:
        """A win or a loss where both orders say so."""
        seen = {{"A": "win", "B": "loss"}.get(self.ours_first), {"B": "win", "A": "loss"}.get(self.ours_second)}
        if seen == {"win"}:
            return "win"
        return "loss" if seen == {"loss"} else "tie"

    @property
    def agrees(self) -> bool:
        return (self.ours_first, self.ours_second) in {("A", "B"), ("B", "A"), ("tie", "tie")}

    @property
    def lean(self) -> int:
        """Verdicts for the first place less those for the second."""
        places = (self.ours_first, self.ours_second)
        return places.count("A") - places.count("B")


class _Pairs:
    def __init__(self, transcripts: Sequence[Transcript], first: str, second: str) -> None:
        self._first, self._second = first, second
        self._asked = [t for t in transcripts if not _identical(t, first, second)]
        self._same = [t for t in transcripts if _identical(t, first, second)]

    def judged_by(
        self, judge: Engine, judged: Judged, settings: JudgeSettings
    ) -> tuple[PairFindings, Mapping[str, Outcome]]:
        """What this judge found, and its outcome by item for all pairs that it was asked about and could judge."""
        questions = [q for t in self._asked for q in self._questions(t, settings)]
        judgements, calls = ask(judge, questions, WINNER, judged, settings)
        pairs, unjudged = [], []
        for transcript, one, other in zip(self._asked, judgements[::2], judgements[1::2], strict=True):
            pair = _pair(transcript, one, other)
            if pair is None:
                unjudged.append(transcript.key)
            else:
                pairs.append(pair)
        return self._findings(judge.name, pairs, unjudged, calls), {p.transcript.key: p.outcome for p in pairs}

    def _questions(self, transcript: Transcript, settings: JudgeSettings) -> list[Question]:
        reference = transcript.reference if settings.show_reference else ""
        return [
            Question(
                item=transcript.key,
                what=f"A={a} B={b}",
                messages=pair_prompt(
                    transcript.question, transcript.answers[a], transcript.answers[b], settings.language, reference
                ),
            )
            for a, b in ((self._first, self._second), (self._second, self._first))
        ]

    def _findings(self, name: str, pairs: Sequence[_Pair], unjudged: Sequence[str], calls: Calls) -> PairFindings:
        outcomes: list[Outcome] = [p.outcome for p in pairs]
        outcomes += ["tie"] * len(self._same)
        wins, losses = [o == "win" for o in outcomes], [o == "loss" for o in outcomes]
        decided = paired_share_difference(wins, losses) if outcomes else None
        return PairFindings(
            judge=name,
            wins=sum(wins),
            ties=outcomes.count("tie"),
            losses=sum(losses),
            disagreements=sum(not p.agrees for p in pairs),
            unjudged=tuple(unjudged),
            win_rate=balance(wins, losses),
            p=decided.p if decided else None,
            first_place=_first_place(pairs),
            self_agreement=share_interval([p.agrees for p in pairs]) if pairs else None,
            longer_wins=self._longer_wins(pairs),
            calls=calls,
        )

    def _longer_wins(self, pairs: Sequence[_Pair]) -> Interval | None:
        flags = []
        for pair in pairs:
            longer = len(pair.transcript.answers[self._first]) - len(pair.transcript.answers[self._second])
            if pair.outcome != "tie" and longer:
                flags.append((longer > 0) == (pair.outcome == "win"))
        return share_interval(flags) if flags else None


def _pair(transcript: Transcript, one: Judgement, other: Judgement) -> _Pair | None:
    if one.verdict is None or other.verdict is None:
        return None
    return _Pair(transcript, one.verdict, other.verdict)


def _first_place(pairs: Sequence[_Pair]) -> Interval | None:
    """By pair, because a pair's two verdicts are not independent: without ties, exactly the share of verdicts."""
    leans = [p.lean for p in pairs if (p.ours_first, p.ours_second) != ("tie", "tie")]
    return balance([lean > 0 for lean in leans], [lean < 0 for lean in leans])


def _between(ours: Mapping[str, Outcome], theirs: Mapping[str, Outcome]) -> Agreement | None:
    both = [key for key in ours if key in theirs]
    return agreement([ours[key] for key in both], [theirs[key] for key in both])


def _identical(transcript: Transcript, first: str, second: str) -> bool:
    return transcript.answers[first].strip() == transcript.answers[second].strip()


def _refuse_one_name(one: str, other: str) -> None:
    if one == other:
        raise ConfigError(
            en=f"{one} is given twice. Two systems, or two judges, need two names.",
            zh=f"{one} 出现了两次。两个系统或两个评审模型需要不同的名称。",
        )


def _refuse_unanswered(transcripts: Sequence[Transcript], systems: Sequence[str]) -> None:
    for transcript in transcripts:
        for name in systems:
            if name not in transcript.answers:
                has = ", ".join(sorted(transcript.answers))
                raise DataError(
                    en=f"item {transcript.key} has no answer of {name}; there are answers of {has}. Check the names.",
                    zh=f"条目 {transcript.key} 没有 {name} 的回答，只有 {has} 的。请检查名称。",
                )
