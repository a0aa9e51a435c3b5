"""The tables of `docs/translate.md`, from the results of `benchmarks/translate_audit.py` and `translate_sample.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS = {
    "given": "DoctorGLM's Chinese, the independent glossary",
    "own": "DoctorGLM's Chinese, the project's own list",
    "gold": "TICO-19, professional, the project's own list",
}
_SHOWN = 12
_CORPORA = {"genmedgpt": "GenMedGPT", "mts_dialog": "MTS-Dialog"}
_WORDS = (0, 1, 2, 4)
"""Weights of the source's words that the page compares."""
_ARMS = {"chosen": "{n} chosen", "within_budget": "as many as that costs", "terms_alone": "{n}, terms alone"}
_MEASURES = {"terms": ("{:,.0f}", 1), "unseen_terms": ("{:,.0f}", 1), "length_ks": ("{:.1f}", 100),
             "department_distance": ("{:.1f}", 100)}  # fmt: skip


def audits(recorded: Mapping[str, Any]) -> str:
    """What is kept, by glossary and data, and the terms that are worst."""
    found = [recorded[name] for name in _COLUMNS]
    lines = [f"| | {' | '.join(_COLUMNS.values())} |", "|---|" + "---:|" * len(found)]
    for name, cells in (
        ("fields", [f"{one['fields']:,}" for one in found]),
        ("mentions of terms", [f"{one['term_mentions']:,}" for one in found]),
        ("right, %", [_share(one["term_accuracy"], one["term_accuracy_interval"]) for one in found]),
        ("numbers", [f"{one['numbers']:,}" for one in found]),
        ("kept, %", [_share(one["number_fidelity"], one["number_fidelity_interval"]) for one in found]),
        ("fields told as flipped", [f"{one['negation_flips']:,}" for one in found]),
    ):
        lines.append(f"| {name} | {' | '.join(cells)} |")
    other = recorded["by_expression"]
    forms = ", ".join(f"{form} ({n})" for form, n in recorded["beyond"].items()) or "none"
    lines += [
        "",
        f"One regular expression over the same records counts {other['mentions']:,} mentions, "
        f"{_share(other['share'], other['interval'])} % of them right; ours has these forms besides: {forms}. "
        "In brackets: 95 % intervals (Wilson).",
        "",
        "| term | mentions | right | often instead |",
        "|---|---:|---:|---|",
        *_worst(recorded["given"]["worst_terms"]),
    ]
    return "\n".join(lines)


def _worst(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"| {row['term']} | {row['mentions']:,} | {row['right']:,} | {_instead(row['instead'])} |"
        for row in rows[:_SHOWN]
    ]


def _instead(guess: Mapping[str, Any] | None) -> str:
    return f"{guess['text']} ({guess['fields']} of {guess['of']})" if guess else "–"


def _share(value: float, interval: Sequence[float]) -> str:
    return f"{100 * value:.1f} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def samples(recorded: Mapping[str, Any]) -> str:
    """What chosen samples cover beside random ones of the same cost, and what each weight of the words finds."""
    lines = [
        "| | conversations | terms of the list | terms that it lacks | lengths apart, % | departments apart, % |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, label in _CORPORA.items():
        corpus = recorded["corpora"][name]
        source = corpus["source"]
        lines.append(
            f"| **{label}**, all | {source['conversations']:,} | {source['terms']:,} | {source['unseen_terms']:,} | | |"
        )
        for number, arms in corpus["samples"].items():
            lines += [_sample(shown.format(n=f"{int(number):,}"), arms[arm]) for arm, shown in _ARMS.items()]
    lines += [
        "",
        f"In brackets: the mean of {recorded['seeds']} random samples of the same estimated cost, and the interval "
        "that holds the middle 95 % of them. Lengths: the largest difference between the shares of conversations up to "
        "a length (Kolmogorov and Smirnov). Departments: the share of the sample that would have to be of another; "
        "MTS-Dialog's are the sections of its notes, GenMedGPT has none.",
        "",
        f"| withheld half of the list, found / at random | {' | '.join(f'words {w}' for w in _WORDS)} |",
        "|---|" + "---:|" * len(_WORDS),
    ]
    for name, label in _CORPORA.items():
        for number, rows in recorded["corpora"][name]["withheld"].items():
            cells = [_withheld(row) for w in _WORDS for row in rows if (row["words"], row["balance"]) == (w, 4)]
            lines.append(f"| {label}, {int(number):,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _sample(label: str, arm: Mapping[str, Any]) -> str:
    cells = [
        f"{shown.format(scale * arm['sample'][name])} ({_random(arm['random'][name], shown, scale)})"
        for name, (shown, scale) in _MEASURES.items()
    ]
    return f"| {label} | {arm['sample']['conversations']:,} | {' | '.join(cells)} |"


def _random(found: Mapping[str, Any], shown: str, scale: float) -> str:
    low, high = (shown.format(scale * value) for value in found["interval"])
    return f"{shown.format(scale * found['mean'])} [{low}, {high}]"


def _withheld(row: Mapping[str, float]) -> str:
    return f"{row['withheld']:.0f} / {row['withheld_at_random']:.0f}"
