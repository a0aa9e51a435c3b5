"""The quality part of `benchmarks/library.py`: rankings of every arm on every set, and what they are worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from _library_arms import TITLES, Arm, Libraries, Ranked, ablation, peers
from _library_metrics import against, means, recall, scores
from _library_sets import Collection, Question, cmd, labelled, medquad
from _library_steps import Steps
from doctorglm.evaluate.statistics import share_interval

SETS = ("cmd", "medquad", "labelled")
OURS = "ours"
KEPT = 50
"""Documents of a ranking that are kept."""


def quality(
    sets: Sequence[str],
    half: str,
    most: int | None,
    steps: Steps,
    work: Path,
    *,
    vectors: Sequence[str] = (),
    tiny: bool = False,
) -> dict[str, Any]:
    """The tables of the sets that are asked for; of those among `vectors` with vectors too."""
    found: list[Collection] = []
    if "cmd" in sets:
        found.append(cmd(work, tiny=tiny))
    if "medquad" in sets:
        found += medquad(most, tiny=tiny)
    if "labelled" in sets:
        found.append(answerable(half, steps, tiny=tiny))
    return {of.name: table(of, steps, vectors=of.name.split()[0] in vectors, tiny=tiny) for of in found}


def answerable(half: str, steps: Steps, *, tiny: bool = False) -> Collection:
    """The labelled questions that have an answer."""
    every = labelled(half, shipped_ids(steps), tiny=tiny)
    kept = [question for question in every.questions if question.right]
    return Collection(name=f"labelled {half}", questions=kept, counts=dict(every.counts))


def shipped_ids(steps: Steps) -> set[str]:
    """The ids of the entries that come with DoctorGLM."""
    return {document.id for document in libraries_of("labelled", (), steps).documents()}


def libraries_of(name: str, documents: Sequence[Any], steps: Steps) -> Libraries:
    """The libraries of a collection; both halves of the labelled set and both of MedQuAD share theirs."""
    return Libraries(steps.folder / f"libraries {name.split()[0]}", documents)


def table(collection: Collection, steps: Steps, *, vectors: bool = False, tiny: bool = False) -> dict[str, Any]:
    """What each arm is worth on a collection, and less or more than ours; of labelled questions, what ours missed."""
    libraries = libraries_of(collection.name, collection.documents, steps)
    documents = collection.documents or libraries.documents()
    questions = collection.questions
    arms = ablation(libraries, TITLES[:1] if tiny else TITLES, vectors=vectors) | peers(
        documents, [question.text for question in questions]
    )
    rankings = {name: ranked(f"{collection.name}, {name}", arm, questions, steps) for name, arm in arms.items()}
    orders = {name: [one.documents for one in of] for name, of in rankings.items()}
    result = {
        "documents": len(documents),
        "questions": len(questions),
        "counts": dict(collection.counts),
        "arms": _arms(orders, [question.right for question in questions]),
        "groups": {name: _groups(order, questions) for name, order in orders.items()},
    }
    if any(question.wider for question in questions):
        result["by the looser rule"] = _arms(orders, [question.wider for question in questions])
    if collection.name.startswith("labelled"):
        result["not first"] = missed(questions, orders[OURS])
    return result


def ranked(name: str, arm: Callable[[], Arm], questions: Sequence[Question], steps: Steps) -> list[Ranked]:
    """The ranking of each question."""

    def made() -> list[dict[str, Any]]:
        answer = arm()
        return [_kept(answer(question.text)) for question in questions]

    return [Ranked(tuple(row["documents"]), row["sure"]) for row in steps.of(name, made)]


def _kept(one: Ranked) -> dict[str, Any]:
    return {"documents": one.documents[:KEPT], "sure": one.sure}


def _arms(orders: Mapping[str, Sequence[Sequence[str]]], rights: Sequence[Sequence[str]]) -> dict[str, Any]:
    by_arm = {name: scores(order, rights) for name, order in orders.items()}
    return {
        name: means(of) | ({} if name == OURS else {"less ours": against(of, by_arm[OURS])})
        for name, of in by_arm.items()
    }


def _groups(order: Sequence[Sequence[str]], questions: Sequence[Question]) -> dict[str, Any]:
    """Recall of the questions of each group."""
    found: dict[str, list[tuple[Sequence[str], Question]]] = {}
    for ranking, question in zip(order, questions, strict=True):
        for group in question.groups:
            found.setdefault(group, []).append((ranking, question))
    return {
        group: {
            f"recall@{most}": asdict(share_interval([bool(recall(r, q.right, most)) for r, q in of])) for most in (1, 5)
        }
        for group, of in sorted(found.items())
    }


def missed(questions: Sequence[Question], order: Sequence[Sequence[str]]) -> list[list[Any]]:
    """[id, rank of the first document that answers, what came first, what answers] of each that is not first."""
    rows = []
    for question, ranking in zip(questions, order, strict=True):
        rank = next((n for n, document in enumerate(ranking, 1) if document in question.right), None)
        if rank != 1:
            rows.append([question.id, rank, *ranking[:1], list(question.right)])
    return rows
