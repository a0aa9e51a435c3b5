"""The audit of a translation: how many terms, numbers and negations of the English the Chinese keeps.

A mention is a term in a field, counted once; it is right where the field's Chinese holds a rendering that the glossary
accepts. Intervals: Wilson's score interval, https://doi.org/10.1080/01621459.1927.10502953.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

from doctorglm.errors import DataError
from doctorglm.translate.entry import Entry
from doctorglm.translate.instead import Instead
from doctorglm.translate.negation import flips
from doctorglm.translate.numbers import kept
from doctorglm.translate.pairs import Pair
from doctorglm.translate.renderings import held, plain
from doctorglm.translate.terms import Term, Terms

_LISTED = 20
"""Places of number faults, and of flips, that a result names."""


@dataclass(slots=True)
class _Counts:
    fields: int = 0
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    numbers: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    fault_places: list[dict[str, Any]] = field(default_factory=list)
    flipped: int = 0
    flip_places: list[dict[str, Any]] = field(default_factory=list)


def audit(pairs: Iterable[Pair], glossary: Sequence[Entry]) -> dict[str, Any]:
    """Shares in 0 to 1 with 95 % intervals, counts, the terms worst first, and where numbers and negations differ.

    Raises DataError where there is no field with English, and where no field holds a term of the glossary.
    """
    found = measured(pairs, glossary)
    _require_something(found)
    return found


def measured(pairs: Iterable[Pair], glossary: Sequence[Entry]) -> dict[str, Any]:
    """As `audit`, of any pairs; a share of nothing is None."""
    terms = Terms(glossary)
    counts, instead = _Counts(), Instead()
    for pair in pairs:
        counts.fields += 1
        _terms(pair, terms, counts, instead)
        _numbers(pair, counts)
        _negations(pair, counts)
    return _result(counts, terms, instead)


def wilson(count: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) of nothing."""
    if not n:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.975)
    centre, spread = count + z * z / 2, z * math.sqrt(count * (n - count) / n + z * z / 4)
    return max(0.0, (centre - spread) / (n + z * z)), min(1.0, (centre + spread) / (n + z * z))


def _terms(pair: Pair, terms: Terms, counts: _Counts, instead: Instead) -> None:
    chinese = plain(pair.chinese)
    mentioned = {mention.term.english: mention.term for mention in terms.find(pair.english)}
    found = {name: held(term.chinese, chinese) for name, term in mentioned.items()}
    for name, rendering in found.items():
        (counts.right if rendering else counts.wrong)[name] += 1
    instead.add(chinese, found)


def _numbers(pair: Pair, counts: _Counts) -> None:
    n, faults = kept(pair.english, pair.chinese)
    counts.numbers += n
    for fault in faults:
        counts.faults[fault.reason] += 1
    # the value is left out: it may be somebody's number
    named = [{"where": pair.where, "reason": fault.reason, "unit": fault.number.unit} for fault in faults]
    counts.fault_places += named[: _LISTED - len(counts.fault_places)]


def _negations(pair: Pair, counts: _Counts) -> None:
    found = flips(pair.english, pair.chinese)
    counts.flipped += bool(found)
    named = [{"where": pair.where, **asdict(flip)} for flip in found]
    counts.flip_places += named[: _LISTED - len(counts.flip_places)]


def _require_something(found: Mapping[str, Any]) -> None:
    fields = found["fields"]
    if not fields:
        raise DataError(
            en="the pairs hold no English: every `en` field is empty. Give pairs with text.",
            zh="句对中没有英文：`en` 字段全是空的。请给出有文本的句对。",
        )
    if not found["term_mentions"]:
        raise DataError(
            en=f"none of the {fields:,} fields holds a term of the glossary. Give another one with --glossary.",
            zh=f"{fields:,} 个字段都不含术语表中的术语。请用 --glossary 换一份术语表。",
        )


def _result(counts: _Counts, terms: Terms, instead: Instead) -> dict[str, Any]:
    right, mentions = counts.right.total(), counts.right.total() + counts.wrong.total()
    lost = sum(counts.faults[reason] for reason in ("missing", "unit", "converted"))
    table = sorted((_row(term, counts) for term in terms.terms if _mentions(term, counts)), key=_worst_first)
    for row in table:
        row["instead"] = instead.most(row["term"])
    return {
        "fields": counts.fields,
        "term_accuracy": right / mentions if mentions else None,
        "term_accuracy_interval": list(wilson(right, mentions)),
        "term_mentions": mentions,
        "term_right": right,
        "terms": len(table),
        "number_fidelity": (counts.numbers - lost) / counts.numbers if counts.numbers else None,
        "number_fidelity_interval": list(wilson(counts.numbers - lost, counts.numbers)),
        "numbers": counts.numbers,
        "number_faults": {reason: counts.faults[reason] for reason in ("missing", "unit", "converted", "added")},
        "negation_flips": counts.flipped,
        "negation_flip_share_interval": list(wilson(counts.flipped, counts.fields)),
        "worst_terms": table,
        "examples": {"numbers": counts.fault_places, "negations": counts.flip_places},
    }


def _mentions(term: Term, counts: _Counts) -> int:
    return counts.right[term.english] + counts.wrong[term.english]


def _row(term: Term, counts: _Counts) -> dict[str, Any]:
    n, right = _mentions(term, counts), counts.right[term.english]
    return {
        "term": term.english,
        "accepted": list(term.chinese),
        "mentions": n,
        "right": right,
        "share": right / n,
        "interval": list(wilson(right, n)),
    }


def _worst_first(row: dict[str, Any]) -> tuple[int, float, str]:
    """By how many mentions are wrong, then by the share that is right."""
    return row["right"] - row["mentions"], row["share"], row["term"]
