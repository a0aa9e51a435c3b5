"""The tables of `docs/translate.md` on what teachers and students are worth, from their benchmarks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_READ = {
    "unchecked": "first translations, all",
    "unchecked_of_the_accepted": "first translations of the accepted",
    "checked": "accepted",
}
_ROWS = {"withheld": "terms that nothing knew", "known": "terms that were known", "independent": "the independent list"}


def accepted(recorded: Mapping[str, Any]) -> str:
    """Terms, numbers and denials before and after the checks; how many were accepted, and what is still wrong."""
    found = [recorded[name] for name in _READ]
    lines = [f"| | {' | '.join(_READ.values())} |", "|---|" + "---:|" * len(found)]
    lines.append(f"| messages | {' | '.join(format(one['messages'], ',') for one in found)} |")
    for rows, label in _ROWS.items():
        lines.append(f"| {label}: mentions | {' | '.join(format(one[rows]['term_mentions'], ',') for one in found)} |")
        lines.append(f"| right, % | {' | '.join(_share(one[rows], 'term_accuracy') for one in found)} |")
    lines.append(f"| numbers | {' | '.join(format(one['known']['numbers'], ',') for one in found)} |")
    lines.append(f"| kept, % | {' | '.join(_share(one['known'], 'number_fidelity') for one in found)} |")
    lines.append(
        f"| messages told as flipped | {' | '.join(format(one['known']['negation_flips'], ',') for one in found)} |"
    )
    low, high = (100 * value for value in recorded["accepted_interval"])
    why = ", ".join(f"{reason} {n}" for reason, n in recorded["rejected"].items())
    lines += [
        "",
        f"Accepted: {recorded['accepted']:,} of {recorded['conversations']:,} conversations, "
        f"{100 * recorded['accepted_share']:.1f} % [{low:.1f}, {high:.1f}]; {recorded['accepted_at_once']:,} at once, "
        f"{recorded['mended']:,} after mending. The others by their first fault: {why}. "
        f"Of the own glossary's {recorded['glossary']['known'] + recorded['glossary']['withheld']:,} rows "
        f"{recorded['glossary']['withheld']:,} were withheld. In brackets: 95 % intervals (Wilson).",
        "",
        "Wrong among the accepted, of the terms that nothing knew: " + _wrong(recorded["checked"]["withheld"]),
    ]
    return "\n".join(lines)


def judged(recorded: Mapping[str, Any]) -> str:
    """How a reader judged accepted conversations, and each with its judgement, wrong ones first."""
    counts, n = recorded["counts"], recorded["n"]
    lines = ["| judgement | conversations | share, % |", "|---|---:|---:|"]
    for name, found in counts.items():
        low, high = (100 * value for value in found["interval"])
        lines.append(f"| {name} | {found['k']} of {n} | {100 * found['share']:.1f} [{low:.1f}, {high:.1f}] |")
    for name in reversed(counts):
        lines += ["", f"## {name.capitalize()}"]
        for one in recorded["judged"]:
            if one["judgement"] == name:
                lines += ["", f"**{one['id']}** {_plain(one['note'])}".rstrip(), "", *_quoted(one["chinese"])]
    return "\n".join(lines)


_OF_TERMS = {
    "right": "the reader: right",
    "other": "the reader: understood, in no usual wording",
    "wrong": "the reader: wrong",
    "listed": "the list: has the wording",
    "unlisted_and_right": "not in the list, and right",
    "listed_and_wrong": "in the list, and wrong",
}


def terms_judged(recorded: Mapping[str, Any]) -> str:
    """How a reader judged each mention of a term that nothing knew, beside the list; then the wrong ones."""
    n = recorded["n"]
    lines = [f"| mentions | of {n:,} | % |", "|---|---:|---:|"]
    for name, label in _OF_TERMS.items():
        found = recorded["counts"][name]
        low, high = (100 * value for value in found["interval"])
        lines.append(f"| {label} | {found['k']:,} | {100 * found['share']:.1f} [{low:.1f}, {high:.1f}] |")
    wrong = [f"{one['term']} ({_plain(one['said']) or 'nothing'})" for one in recorded["judged"]
             if one["judgement"] == "wrong"]  # fmt: skip
    return "\n".join([*lines, "", f"In brackets: 95 % intervals (Wilson). Wrong: {', '.join(wrong)}."])


def engines(recorded: Mapping[str, Any]) -> str:
    """Tokens per second of both engines by hypotheses, and what both say."""
    lines = [
        "| hypotheses | transformers, float32, tokens/s | CTranslate2, int8, tokens/s | ratio | chrF | chrF |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for beam, found in recorded["beams"].items():
        theirs, ours = found["transformers"], found["ctranslate2"]
        lines.append(
            f"| {beam} | {theirs['tokens_per_s']:,.0f} (batch {theirs['batch']}) | {ours['tokens_per_s']:,.0f} "
            f"| {found['ratio']:.1f} | {theirs['chrf']:.1f} | {ours['chrf']:.1f} |"
        )
    one = next(iter(recorded["beams"].values()))
    return "\n".join([
        *lines,
        "",
        f"{one['sentences']:,} sentences of {one['source_tokens']:,} tokens that the student knows by heart; "
        f"{recorded['parameters'] / 1e6:.1f} million parameters, {recorded['cores']} cores; the chrF of each engine.",
    ])  # fmt: skip


def _quoted(messages: Sequence[str]) -> list[str]:
    lines = [f"> {_plain(line)}\n>" for text in messages for line in text.splitlines() if line.strip()]
    return [*lines[:-1], lines[-1].removesuffix("\n>")]


def _plain(text: str) -> str:
    """As it stands, without what Markdown would read in it."""
    return re.sub(r"([\\*_\[\]`<>|#])", r"\\\1", text)


_SCORES = {"bleu": ("BLEU", 1), "chrf": ("chrF", 1), "known_term_accuracy": ("known terms, %", 100),
           "withheld_term_accuracy": ("withheld terms, %", 100), "known_number_fidelity": ("numbers, %", 100),
           "known_negation_flips": ("told as flipped", 1), "accepted": ("accepted, %", 100)}  # fmt: skip


def students(recorded: Mapping[str, Any]) -> str:
    """Each arm's mean and range over its seeds, beside the glossary copied into the English and the teacher."""
    lines = [f"| | sentences | {' | '.join(label for label, _ in _SCORES.values())} |"]
    lines.append("|---|---:|" + "---:|" * len(_SCORES))
    for arm, found in recorded["arms"].items():
        mine = [one for name, one in recorded["students"].items() if name.startswith(arm)]
        if mine:
            cells = [_range(found[name], scale) for name, (_, scale) in _SCORES.items()]
            lines.append(f"| {arm}, {len(mine)} seeds | {mine[0]['sentences']:,} | {' | '.join(cells)} |")
    for label, name in (("glossary copied into the English", "glossary_copied"), ("the teacher, unchecked", "teacher")):
        if one := recorded[name]:
            lines.append(f"| {label} | {one['sentences']:,} | {' | '.join(_single(one))} |")
    lines += ["", "In brackets: the lowest and the highest of the seeds."]
    return "\n".join(lines)


def _range(found: Sequence[float], scale: float) -> str:
    mean, low, high = (scale * value for value in found)
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def _single(one: Mapping[str, Any]) -> list[str]:
    of, known = one["all"], one["all"]["known"]
    values = [of["bleu"][0], of["chrf"][0], known["term_accuracy"], of["withheld"]["term_accuracy"],
              known["number_fidelity"], known["negation_flips"], one["accepted"] / one["sentences"]]  # fmt: skip
    return [
        "–" if value is None else f"{scale * value:.1f}"
        for value, (_, scale) in zip(values, _SCORES.values(), strict=True)
    ]


def _share(found: Mapping[str, Any], name: str) -> str:
    if found[name] is None:
        return "–"
    low, high = (100 * value for value in found[f"{name}_interval"])
    return f"{100 * found[name]:.1f} [{low:.1f}, {high:.1f}]"


def _wrong(found: Mapping[str, Any]) -> str:
    rows: Sequence[Mapping[str, Any]] = found["wrong_terms"]
    told = [f"{row['term']} ({row['mentions'] - row['right']} of {row['mentions']})" for row in rows]
    return f"{', '.join(told)}." if told else "none."
