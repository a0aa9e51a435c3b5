"""The tables of `docs/library.md`: what is found, and when it keeps silent, from the results of `library.py`."""

from collections.abc import Mapping
from typing import Any

_ARMS = {
    "ours": "this search",
    "without words": "without words and concepts",
    "without bigrams": "without bigrams",
    "without names": "without names",
    "without concepts": "without concepts",
    "without spoken words": "without spoken words",
    "denied is searched for": "what is denied searched for",
    "words alone": "words alone",
    "bigrams alone": "bigrams alone",
    "names alone": "names alone",
    "BM25, default tokenizer": "BM25 with tantivy's default tokenizer",
    "paper, hashed n-grams": "the paper's designer rebuilt: one entry or none",
    "paper, hashed n-grams, ranked": "the same, its whole order",
}
_MEASURES = ("recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10")


def quality(recorded: Mapping[str, Any]) -> str:
    """Every arm on the labelled questions."""
    (found,) = recorded["quality"].values()
    lines = [f"| on {found['questions']} questions | {' | '.join(_MEASURES)} |", "|---|" + "---:|" * len(_MEASURES)]
    for arm, name in _ARMS.items():
        if arm in found["arms"]:
            cells = " | ".join(_interval(found["arms"][arm][measure]) for measure in _MEASURES)
            lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


_AT_THRESHOLD = {
    "answerable that are answered": "questions with an answer that are answered",
    "answers that are right": "of the answers, those whose entry is right",
    "false answers": "questions without an answer that are answered",
}


def abstaining(recorded: Mapping[str, Any]) -> str:
    """At the threshold, and by the whole curve beside peers."""
    found = recorded["abstain"]
    lines = ["| at the calibrated threshold | share | n |", "|---|---:|---:|"]
    for key, name in _AT_THRESHOLD.items():
        lines.append(f"| {name} | {_interval(found['threshold'][key])} | {found['threshold'][key]['n']} |")
    lines += [
        "",
        "| by the whole curve | area under risk and coverage | false answers at 90 % coverage |",
        "|---|---:|---:|",
    ]
    for arm, of in found["arms"].items():
        name = _ARMS.get(arm, arm)
        lines.append(f"| {name} | {_interval(of['aurc'])} | {_interval(of['false answers at 90% coverage'])} |")
    return "\n".join(lines)


def _interval(of: Mapping[str, float]) -> str:
    return f"{of['value']:.3f} [{of['low']:.3f}, {of['high']:.3f}]"
