"""The pipeline of a recipe: curate -> pretrain -> tune -> placebo -> evaluate -> compare -> answers -> report."""

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import yaml

from doctorglm import models
from doctorglm.clinical.masking import masked_together
from doctorglm.consult import Consultation, Layer, Reply, with_library
from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.curate import curate
from doctorglm.curate.placebo import permute_answers
from doctorglm.engine import Sampling
from doctorglm.evaluate import EvaluateSettings, compare, evaluate
from doctorglm.language import Text
from doctorglm.models.loading import base_folder
from doctorglm.models.local_engine import LocalEngine
from doctorglm.models.saving import save_model
from doctorglm.models.weights import weight_files
from doctorglm.recipe.settings import Recipe
from doctorglm.runs import Run, atomic_file, peak_memory_mb, read_json, sha256_file, write_json
from doctorglm.safety.triage import triage
from doctorglm.tune import tune
from doctorglm.tune.pretrain import prepare_base

SYSTEMS = {
    "base": Text(en="base", zh="基座"),
    "tuned": Text(en="tuned", zh="微调后"),
    "placebo": Text(en="placebo", zh="安慰剂"),
}
"""What is compared, in the order in which it is shown."""
CITED = "cited"
"""What answers beside them where the recipe has a library: the tuned model, from the library."""


def shown_systems(recipe: Recipe) -> Mapping[str, Text]:
    """What answers the questions that are shown."""
    return (
        SYSTEMS
        if recipe.library is None
        else {**SYSTEMS, CITED: Text(en="tuned, from the library", zh="微调后，依据资料库")}
    )


_EMERGENCY = re.compile("120|急诊|立即就医|马上就医")
"""In a reference answer: a question that no untested model should be seen answering."""

Show = Callable[[Text, str], None]
"""Called with a system and a piece of its answer as it comes; with "" before the first piece."""


@dataclass(frozen=True)
class Outcome:
    """What a recipe left, read back from its folders."""

    directory: Path
    recipe: Recipe
    summary: dict[str, Any]
    """As in `summary.json`: base, tuned, placebo, gate, seconds, peak_memory_mb."""
    answers: list[dict[str, Any]]
    """question, and system -> answer."""


def run_recipe(
    recipe: Recipe, out: Path, *, questions: int = 3, ask: Callable[[str], Show] | None = None
) -> Outcome | None:
    """Runs every stage that is not finished yet, and returns what they left; None when the recipe only tunes.

    `ask` is called with each of the first `questions` held-out questions and returns what shows the answers.
    Leaves a folder per stage, `recipe.yaml` (every setting as resolved), `run.json`, and of a comparison
    `answers.json` and `summary.json`. Raises ConfigError when `out` holds a run with other settings.
    """
    began = time.monotonic()
    begin = partial(Run, out, stage="recipe", settings=recipe.identity(), inputs={}, seed=recipe.tune.seed)
    if (out / "run.json").exists():
        begin()
    curate([Path(s) for s in recipe.sources], out / "curate", recipe.curate)
    run = begin()
    _save(recipe, out / "recipe.yaml")
    if recipe.pretrain is not None:
        prepare_base(out / "curate", [Path(d) for d in recipe.documents], out / "base", recipe.pretrain)
        base = recipe.base if recipe.pretrain.continued else str(out / "base" / "initial")
        tune(base, out / "base", out / "tune", recipe.tune)
    else:
        tune(recipe.base, out / "curate", out / "tune", recipe.tune)
    if recipe.tune.method == "full" and recipe.evaluate is None:
        _package(out)
    outcome = None
    if recipe.pretrain is None and recipe.evaluate is not None:
        outcome = _compared(recipe, out, recipe.evaluate, questions, ask)
        # what an earlier run needed is not what looking at it again needs
        peak = float(run.record.get("peak_memory_mb") or peak_memory_mb())
        outcome.summary["peak_memory_mb"] = max(peak, outcome.summary["peak_memory_mb"])
        outcome.summary["seconds_now"] = round(time.monotonic() - began, 1)
        write_json(out / "summary.json", outcome.summary)
    if not run.finished:
        run.finish()
    return outcome


def _save(recipe: Recipe, path: Path) -> None:
    with atomic_file(path) as out:
        yaml.safe_dump(recipe.resolved(), out, allow_unicode=True, sort_keys=False, width=120)


def _library(recipe: Recipe, out: Path) -> None:
    """The library of a recipe that has one."""
    if recipe.library is not None:
        from doctorglm.library.settings import LibrarySettings
        from doctorglm.library.stage import build_library

        build_library([Path(source) for source in recipe.library], out / "library", LibrarySettings())


def _answerable(recipe: Recipe, out: Path) -> Callable[[Conversation], bool]:
    """Whether the library would answer what a patient asks first, and no red flag does before it.

    Without a library everything will do.
    """
    if recipe.library is None:
        return lambda _: True
    from doctorglm.library import Library

    library = Library(out / "library")

    def answered(conversation: Conversation) -> bool:
        asked = _up_to_the_first_question(conversation)
        return not library.search(asked[-1].content).abstain and not triage(asked).emergency

    return answered


def _compared(
    recipe: Recipe,
    out: Path,
    settings: EvaluateSettings,
    questions: int,
    ask: Callable[[str], Show] | None,
) -> Outcome:
    """The library, the placebo, the three evaluations, the gate and the answers."""
    _library(recipe, out)
    _placebo_data(out / "curate", out / "placebo-data", recipe.tune.seed)
    name = Text(en="tune the placebo", zh="微调安慰剂")
    tune(recipe.base, out / "placebo-data", out / "placebo", recipe.tune, name=name)
    _evaluate_all(recipe, out, settings)
    gate = compare(
        out / "evaluate" / "base",
        out / "evaluate" / "tuned",
        out / "compare",
        placebo=out / "evaluate" / "placebo",
        settings=recipe.compare,
    )
    answers = _answers(recipe, out, settings, questions, ask)
    return Outcome(out, recipe, _summary(out, gate), answers)


def adapters_of(recipe: Recipe, out: Path) -> dict[str, tuple[str, Path | None]]:
    """System -> base and adapter."""
    if recipe.tune.method == "full":
        return {
            "base": (recipe.base, None),
            "tuned": (str(out / "tune" / "model"), None),
            "placebo": (str(out / "placebo" / "model"), None),
        }
    return {
        "base": (recipe.base, None),
        "tuned": (recipe.base, out / "tune" / "adapter"),
        "placebo": (recipe.base, out / "placebo" / "adapter"),
    }


_STAGES = ("curate", "tune", "placebo-data", "placebo", *(f"evaluate/{system}" for system in SYSTEMS), "compare")
"""The folders of a comparison that hold a `run.json`."""


def _package(out: Path) -> None:
    """The new base in 16 bits, as the embedded one ships: `out/embedded`."""
    if (out / "embedded").exists():
        return
    # as it was trained, on whatever machine: a GPU's bfloat16 would round it twice
    model, tokenizer = models.load(out / "tune" / "model", dtype=torch.float32, device=torch.device("cpu"))
    save_model(model.half(), tokenizer, out / "embedded")


def _placebo_data(curated: Path, out: Path, seed: int) -> None:
    """The training and validation data with their answers permuted."""
    parts = {p: curated / f"{p}.jsonl" for p in ("train", "valid") if (curated / f"{p}.jsonl").exists()}
    inputs = {part: sha256_file(path) for part, path in parts.items()}
    run = Run(out, stage="placebo-data", settings={}, inputs=inputs, seed=seed)
    if run.finished:
        return
    counts = {}
    for part, path in parts.items():
        permuted = permute_answers(list(read_conversations(path)), seed)
        counts[part] = write_conversations(out / f"{part}.jsonl", permuted)
    run.finish(counts=counts)


def _evaluate_all(recipe: Recipe, out: Path, settings: EvaluateSettings) -> None:
    test = out / "curate" / "test.jsonl"
    for system, (base, adapter) in adapters_of(recipe, out).items():
        name = Text(en=f"evaluate {SYSTEMS[system].en}", zh=f"评测{SYSTEMS[system].zh}")
        # the placebo says what the answers are worth; what it forgot and how safe it is decides nothing
        how = replace(settings, gate_suites=settings.gate_suites and system != "placebo")
        evaluate(base, [test], out / "evaluate" / system, how, adapter=adapter, name=name)


def _answers(
    recipe: Recipe, out: Path, settings: EvaluateSettings, questions: int, ask: Callable[[str], Show] | None
) -> list[dict[str, Any]]:
    """Held-out questions answered by each system, shown as they come; kept in `answers.json`."""
    path = out / "answers.json"
    if path.exists():
        kept: list[dict[str, Any]] = read_json(path)
        _show_again(recipe, kept, ask)
        return kept
    held_out = list(read_conversations(out / "curate" / "test.jsonl"))
    chosen = _one_of_each_department(held_out, questions, _answerable(recipe, out))
    sampling = Sampling(
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        seed=settings.seed,
    )
    consultation = _consultations(recipe, out, sampling)
    live = sys.stdout.isatty()  # to a person as they come; to a log, which is kept, as they are written
    answers: list[dict[str, Any]] = []
    for conversation in chosen:
        asked = _up_to_the_first_question(conversation)
        show = ask(asked[-1].content) if ask and live else _silent
        systems = shown_systems(recipe)
        given = {system: _answer(consultation(system), asked, name, show) for system, name in systems.items()}
        answers.append(_masked(conversation.id, asked[-1].content, given))
        if not live:
            _show_again(recipe, answers[-1:], ask)
    write_json(path, answers)
    return answers


def _masked(record_id: str, question: str, given: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The question and its answers as they are written."""
    asked, *answers = masked_together([question, *(answer["text"] for answer in given.values())])
    texts = dict(zip(given, answers, strict=True))
    return {"id": record_id, "question": asked} | {s: {**given[s], "text": texts[s]} for s in given}


_KEPT_BYTES = 1e9
"""Weights of a base up to which all three systems stay in memory; larger ones are loaded again for every answer."""


def _consultations(recipe: Recipe, out: Path, sampling: Sampling) -> Callable[[str], Consultation]:
    """What makes a system answer. A machine that could tune a large base cannot always hold it three times."""
    places = adapters_of(recipe, out)
    layer = Layer()

    def opened(system: str) -> Consultation:
        place = places["tuned" if system == CITED else system]
        engine = LocalEngine(*models.load(*place), name=system)
        return Consultation(engine, sampling, with_library(out / "library", engine) if system == CITED else layer)

    size = sum(file.stat().st_size for file in weight_files(base_folder(recipe.base)))
    return cache(opened) if size <= _KEPT_BYTES else opened


def _up_to_the_first_question(conversation: Conversation) -> list[Message]:
    """A system message where there is one, and what the patient asks first."""
    roles = [m.role for m in conversation.messages]
    return list(conversation.messages[: roles.index("user") + 1])


def _answer(consultation: Consultation, asked: list[Message], system: Text, show: Show) -> dict[str, Any]:
    show(system, "")
    for piece in consultation.stream(asked):
        if isinstance(piece, Reply):
            actions = [f"{action.guard}/{action.rule}" for action in piece.actions]
            show(system, _below(piece.sources))
            cited = {} if piece.sources is None else {"sources": piece.sources, "supported": piece.supported}
            return {
                "label": asdict(piece.label), "text": piece.text, "finish": piece.generation.finish, "actions": actions
            } | cited  # fmt: skip
        show(system, piece)
    raise AssertionError("a stream ends with its reply")


def _below(sources: str | None) -> str:
    """The sources as they stand below an answer."""
    return f"\n{sources}" if sources else ""


def _silent(system: Text, piece: str) -> None:
    """Shows nothing."""


def _show_again(recipe: Recipe, answers: Sequence[dict[str, Any]], ask: Callable[[str], Show] | None) -> None:
    for answer in answers if ask else ():
        assert ask is not None
        show = ask(answer["question"])
        for system, name in shown_systems(recipe).items():
            show(name, "")
            show(name, answer[system]["text"] + _below(answer[system].get("sources")))


def _one_of_each_department(
    conversations: list[Conversation], number: int, preferred: Callable[[Conversation], bool] = lambda _: True
) -> list[Conversation]:
    """The first conversations by id, of different departments where there are enough; no emergencies.

    Those that are preferred come first, within a department and among them.
    """
    calm = [c for c in conversations if c.turns and not _EMERGENCY.search(c.answers)]
    ordered = sorted(calm, key=lambda c: (not preferred(c), len(c.messages), c.id))
    first_of = {c.department: c for c in reversed(ordered)}
    chosen = sorted(first_of.values(), key=lambda c: (not preferred(c), c.id))
    return [*chosen, *(c for c in ordered if c not in chosen)][:number]


def _summary(out: Path, gate: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for system in SYSTEMS:
        directory = out / "evaluate" / system
        run = read_json(directory / "run.json")
        found[system] = read_json(directory / "summary.json")["metrics"] | {
            "answer_tokens_per_s": run["answer_tokens_per_s"],
            "seconds": run["seconds"],
            "peak_memory_mb": run["peak_memory_mb"],
        }
    stages = [read_json(out / stage / "run.json") for stage in _STAGES]
    return {
        **found,
        "gate": gate,
        "seconds": round(sum(float(stage["seconds"]) for stage in stages), 1),
        "peak_memory_mb": max(float(stage["peak_memory_mb"]) for stage in stages),
    }
