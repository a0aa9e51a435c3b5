"""The tables of `docs/translate.md`, from the results of the benchmarks of translation."""

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


_WAYS = {"teacher": "all by the teacher", "teacher_batch": "all by its Batch API", "distilled": "distilled"}


def costs(recorded: Mapping[str, Any]) -> str:
    """USD and hours of each way by the teacher's price, and the assumptions."""
    given, per, prices = recorded["assumed"], recorded["per_record"], recorded["prices"]
    lines = [f"| teacher, USD a million tokens in / out | {' | '.join(_WAYS.values())} |"]
    lines.append("|---|" + "---:|" * len(_WAYS))
    for price in prices:
        cells = [f"{price[way]['usd']:,.2f} USD" for way in _WAYS]
        lines.append(f"| {price['name']}, {price['usd_in']:g} / {price['usd_out']:g} | {' | '.join(cells)} |")
    one = prices[-1]
    for name, key, form in (
        ("hours", "hours", ",.1f"),
        ("accepted records", "accepted", ",.0f"),
        (f"USD for 1,000 accepted, {one['name']}", "usd_per_1000_accepted", ".3f"),
    ):
        lines.append(f"| {name} | {' | '.join(format(one[way][key], form) for way in _WAYS)} |")
    whose = {name: "measured" if name in recorded["measured"] else "assumed" for name in
             ("train_hours", "records_per_s", "teacher_accepted", "student_accepted")}  # fmt: skip
    lines += [
        "",
        f"Measured on {per['records']:,} records of GenMedGPT: {per['english_characters']:.0f} characters of English "
        f"and {per['chinese_share'] * per['english_characters']:.0f} of Chinese a record, {per['requests']:.2f} "
        f"requests, {per['tokens_in']:.0f} tokens sent (at {given['bytes_per_token']:g} bytes a token) and "
        f"{per['tokens_out']:.0f} answered (at {given['tokens_per_character']:g} token a Chinese character).",
        "",
        "Assumptions:",
        "",
        f"- {given['pairs']:,} pairs; the student learns from {given['sample']:,} that the teacher translates",
        f"- {100 * given['again']:g} % of the tokens once more, for what is asked again",
        f"- {given['seconds']:g} s a request, {given['concurrency']} at a time; a batch takes its whole day and costs "
        "half",
        f"- the student is trained in {given['train_hours']:g} h ({whose['train_hours']}) and translates "
        f"{given['records_per_s']:g} records a second ({whose['records_per_s']}), on a machine of "
        f"{given['cores']} cores and {given['usd_hour']:g} USD an hour",
        f"- accepted by the checks: {100 * given['teacher_accepted']:.3g} % of the teacher's "
        f"({whose['teacher_accepted']}), {100 * given['student_accepted']:g} % of the student's "
        f"({whose['student_accepted']})",
        f"- prices: {'; '.join(price['name'] + ': ' + price['source'] for price in prices)}",
    ]
    return "\n".join(lines)


def checks(recorded: Mapping[str, Any]) -> str:
    """By kind of error: told as it, told at all, precision, right translations that are flagged; then the whole."""
    kinds, planted = recorded["errors"]["kinds"], recorded["planted"]
    lines = [
        "| kind | errors | caught, % | flagged, % | told as it, % | precision, % | right ones flagged |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for kind, found in kinds.items():
        hard = recorded["hard"]["kinds"][kind]
        told = [recorded["errors"]["caught"][kind], found["flagged"], found["as_kind"], recorded["precision"][kind]]
        shares = map(_of, told)
        lines.append(f"| {kind} | {found['flagged']['n']:,} | {' | '.join(shares)} | {hard['k']} of {hard['n']} |")
    whole, hard, near = recorded["errors"], recorded["hard"], recorded.get("neighbours")
    shares = map(_of, (whole["caught"]["all"], whole["flagged"], whole["as_kind"]))
    lines += [
        f"| all | {whole['flagged']['n']:,} | {' | '.join(shares)} | | {hard['k']} of {hard['n']} |",
        "",
        "| | texts | flagged, % |",
        "|---|---:|---:|",
    ]
    for name, of in (
        ("good pairs", recorded["good"]),
        *((f"good pairs, written as a {style} would", found) for style, found in recorded["good_by_style"].items()),
        ("right translations that look like errors", recorded["hard"]),
        ("professional translations (TICO-19)", recorded["tico"]),
        *((("the same English, each with the next sentence's Chinese", near),) if near else ()),
        *((f"mechanical errors: {kind}", found["flagged"]) for kind, found in planted.items()),
    ):
        lines.append(f"| {name} | {of['n']:,} | {_of(of)} |")
    lines += [
        "",
        "Caught: by a fault that the good pair is not told of, which a false alarm cannot raise. "
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
