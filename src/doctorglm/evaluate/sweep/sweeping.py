"""The sampling sweep: one model over temperature, top-p, top-k and repetition penalty, and what that recommends.

The study of the paper (arXiv 2304.01097, its section on top-p and temperature) with figures in place of examples. Which
sampling is recommended is decided by the rule of `recommendation`, which was fixed before any run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation
from doctorglm.engine import Sampling
from doctorglm.errors import DataError, ModelError
from doctorglm.evaluate.answering import Answering, Subject
from doctorglm.evaluate.dialogue import dialogue, reference
from doctorglm.evaluate.figures.overlap import tokenizer_of
from doctorglm.evaluate.items import DialogueItem, SafetyItem
from doctorglm.evaluate.journal import Journal
from doctorglm.evaluate.safety import SafetyQuestion, safety
from doctorglm.evaluate.sweep.cells import FIGURES, Cell, cell_of
from doctorglm.evaluate.sweep.grid import SweepSettings, samplings
from doctorglm.evaluate.sweep.recommendation import Recommendation, recommend, rule_of
from doctorglm.evaluate.sweep.sampling_file import SAMPLING_FILE, beside, named, settings_of, write_sampling
from doctorglm.report.progress import Line
from doctorglm.runs import note, write_json

SWEEP_FILE = "sweep.json"

__all__ = ["SWEEP_FILE", "SweepSettings", "samplings", "sweep"]


@dataclass(frozen=True)
class _Work:
    """What every cell is measured with."""

    subject: Subject
    asked: Sequence[Conversation]
    tried: Sequence[SafetyQuestion]
    settings: SweepSettings
    journal: Journal
    line: Line
    errors: list[str]
    """Why an answer could not be had, for each of those."""


def sweep(
    subject: Subject,
    conversations: Sequence[Conversation],
    safety_questions: Sequence[SafetyQuestion],
    out: Path,
    settings: SweepSettings,
    journal: Journal,
    line: Line,
    *,
    adapter: Path | None = None,
) -> dict[str, Any]:
    """Answers the questions under every sampling of the grid; writes `sweep.json` and `sampling.json` into `out`.

    `sampling.json` is also written beside the folder `adapter`. Returns what `sweep.json` holds. `line` counts cells:
    `len(samplings(settings))` is its total. Answers are kept in the journal, masked, so that a killed sweep goes on.
    Raises DataError without a conversation that has a reference answer, ModelError where greedy got no answer at all.
    """
    asked, tried = _asked(conversations, settings.dialogues), _tried(safety_questions, settings.safety_questions)
    work = _Work(subject, asked, tried, settings, journal, line, [])
    cells = [_cell(sampling, place, work) for place, sampling in enumerate(samplings(settings))]
    _tell_failures(cells[0], work)
    chosen = recommend(cells, settings)
    sampling_of = str(subject.identity.get("adapter") or subject.identity.get("base") or subject.engine.name)
    swept = _swept(cells, chosen, sampling_of, settings)
    write_json(out / SWEEP_FILE, swept)
    for path in (out / SAMPLING_FILE, *([beside(adapter)] if adapter else [])):
        write_sampling(
            path, chosen.cell.sampling, sampling_of=sampling_of, reason=chosen.reason, rule=rule_of(settings)
        )
    return swept


def _swept(cells: Sequence[Cell], chosen: Recommendation, sampling_of: str, settings: SweepSettings) -> dict[str, Any]:
    how: dict[str, Any] = {"resamples": settings.resamples, "seed": settings.seed}
    return {
        "sampling_of": sampling_of,
        "recommended": settings_of(chosen.cell.sampling),
        "reason": asdict(chosen.reason),
        "rule": rule_of(settings),
        "figures": [{"name": name, **asdict(figure)} for name, figure in FIGURES.items()],
        "grid": [
            {
                **cell.as_json(**how),
                "name": asdict(named(cell.sampling)),
                "ruled_out_by": chosen.ruled_out[cell.sampling],
            }
            for cell in cells
        ],
    }


def _asked(conversations: Sequence[Conversation], limit: int) -> list[Conversation]:
    found = sorted((c for c in conversations if c.turns and reference(c)), key=lambda c: c.id)[:limit]
    if not found:
        raise DataError(
            en="the sweep found no conversation that ends with an answer. Give test conversations with --suite.",
            zh="采样扫描没有找到以回答结尾的对话。请用 --suite 给出测试对话。",
        )
    return found


def _tried(questions: Sequence[SafetyQuestion], limit: int) -> list[SafetyQuestion]:
    """Questions of all categories but the benign one, a category after the other; the same ones every time."""
    by: dict[str, list[SafetyQuestion]] = {}
    for question in questions:
        if question.category != "benign":
            by.setdefault(question.category, []).append(question)
    found = [one for turn in zip_longest(*by.values()) for one in turn if one is not None]
    return found[: limit or None]


def _cell(sampling: Sampling, place: int, work: _Work) -> Cell:
    """One cell's answers, known or asked for, and their figures."""
    seeds = range(work.settings.seed, work.settings.seed + work.settings.samples)
    drawn = [replace(sampling, seed=seed) for seed in seeds] if sampling.temperature > 0 else [sampling]
    name = str(named(sampling))

    def told(part: int) -> Callable[[float], None]:
        return lambda done: work.line.update(place + (part + done) / (len(drawn) + 1), name)

    answers = [_dialogues(one, work, told(part)) for part, one in enumerate(drawn)]
    verdicts = _verdicts(drawn[0], work, told(len(drawn)))
    work.line.update(place + 1, name)
    items: Sequence[DialogueItem | SafetyItem] = [*(item for of in answers for item in of), *verdicts]
    work.errors.extend(item.error for item in items if item.error)
    return cell_of(sampling, answers, verdicts, work.settings.samples)


def _dialogues(sampling: Sampling, work: _Work, told: Callable[[float], None]) -> list[DialogueItem]:
    keyed = [
        (work.journal.key(["dialogue", "dialogue", asdict(sampling), [c.id, *map(asdict, c.messages)]]), c)
        for c in work.asked
    ]
    answered = partial(
        dialogue,
        Answering(work.subject.engine),
        suite="dialogue",
        sampling=sampling,
        batch_size=work.settings.batch_size,
        tokenize=tokenizer_of(map(reference, work.asked)),
    )
    return work.journal.completed(keyed, answered, _read(DialogueItem), told)


def _verdicts(sampling: Sampling, work: _Work, told: Callable[[float], None]) -> list[SafetyItem]:
    keyed = [
        (
            work.journal.key(
                ["safety", "safety", asdict(sampling), ["safety", q.id, q.category, q.canary, *map(asdict, q.messages)]]
            ),
            q,
        )
        for q in work.tried
    ]
    tried = partial(
        safety,
        Answering(work.subject.engine),
        suite="safety",
        sampling=sampling,
        batch_size=work.settings.batch_size,
        layer=None,
    )
    return work.journal.completed(keyed, tried, _read(SafetyItem), told)


def _read(item_class: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda known: item_class(**known)


def _tell_failures(greedy: Cell, work: _Work) -> None:
    """Says how many answers could not be had, and why the first; raises ModelError where greedy got none."""
    name, first = work.subject.engine.name, work.errors[0] if work.errors else ""
    if not greedy.values["quality"]:
        raise ModelError(
            en=f"{name} answered none of {len(work.asked)} questions, so no sampling can be recommended. {first} "
            "See to the engine, then start again; what it answered is kept.",
            zh=f"{name} 对 {len(work.asked)} 个问题都没有给出回答，无法给出采样建议。{first}"
            "请检查引擎后重新开始；已有的回答会保留。",
        )
    if work.errors:
        note(
            en=f"{len(work.errors)} answers of the sweep could not be had, the first: {first}",
            zh=f"采样扫描中有 {len(work.errors)} 个回答未能得到，第一个：{first}",
        )
