"""The tables of `docs/translate.md`, from the results of `benchmarks/translate_audit.py` and `translate_checks.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS = {
    "given": "DoctorGLM's Chinese, the independent glossary",
    "own": "DoctorGLM's Chinese, the project's own list",
    "gold": "TICO-19, professional, the project's own list",
}
_SHOWN = 12


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


def checks(recorded: Mapping[str, Any]) -> str:
    """By kind of error: told as it, told at all, precision, right translations that are flagged; then the whole."""
    kinds, planted = recorded["errors"]["kinds"], recorded["planted"]
    lines = [
        "| kind | errors | told as it, % | flagged, % | precision, % | right ones flagged that look like it |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind, found in kinds.items():
        hard = recorded["hard"]["kinds"][kind]
        shares = [_of(found["as_kind"]), _of(found["flagged"]), _of(recorded["precision"][kind])]
        lines.append(f"| {kind} | {found['flagged']['n']:,} | {' | '.join(shares)} | {hard['k']} of {hard['n']} |")
    whole, told = recorded["errors"]["flagged"], recorded["errors"]["as_kind"]
    lines += [
        f"| all | {whole['n']:,} | {_of(told)} | {_of(whole)} | | {recorded['hard']['k']} of {recorded['hard']['n']} |",
        "",
        "| | texts | flagged, % |",
        "|---|---:|---:|",
    ]
    for name, of in (
        ("good pairs", recorded["good"]),
        ("right translations that look like errors", recorded["hard"]),
        ("professional translations (TICO-19)", recorded["tico"]),
        *((f"mechanical errors: {kind}", found["flagged"]) for kind, found in planted.items()),
    ):
        lines.append(f"| {name} | {of['n']:,} | {_of(of)} |")
    lines += [
        "",
        f"{recorded['speed']['texts_a_second']:,.0f} texts of 400 characters a second and core. "
        "In brackets: 95 % intervals (Wilson).",
    ]
    return "\n".join(lines)


def _of(found: Mapping[str, Any]) -> str:
    return _share(found["share"], found["interval"]) if found["n"] else "–"


def _worst(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"| {row['term']} | {row['mentions']:,} | {row['right']:,} | {_instead(row['instead'])} |"
        for row in rows[:_SHOWN]
    ]


def _instead(guess: Mapping[str, Any] | None) -> str:
    return f"{guess['text']} ({guess['fields']} of {guess['of']})" if guess else "–"


def _share(value: float, interval: Sequence[float]) -> str:
    return f"{100 * value:.1f} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
