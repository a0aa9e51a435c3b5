"""What a student is worth: its translations of pairs held out, beside the Chinese that was there.

BLEU and chrF: sacrebleu, https://github.com/mjpost/sacrebleu; terms, numbers and negations: the audit's.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from doctorglm.distill.sentences import SentencePair
from doctorglm.translate.audit import measured, wilson
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.entry import Entry
from doctorglm.translate.pairs import Pair
from doctorglm.translate.student.bulk import Student

_AUDITED = (
    "term_accuracy", "term_accuracy_interval", "term_mentions", "term_right", "number_fidelity",
    "number_fidelity_interval", "numbers", "negation_flips", "negation_flip_share_interval",
)  # fmt: skip


def scores(
    student: Path,
    test: Sequence[SentencePair],
    glossary: Sequence[Entry],
    terms: Sequence[Entry],
    told: Callable[[float], None],
) -> dict[str, Any]:
    """What the student is worth with `terms` in its sentences.

    `bleu` and `chrf` (0 to 100), `failed` (sentences without a translation), the audit's counts, and what the checks
    take: `accepted`, its share's interval, and why the others are not.
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    outcomes = Student(student, glossary=terms, told=told).translate([one.english for one in test])
    said = [outcome.chinese or "" for outcome in outcomes]
    references = [[one.chinese for one in test]]
    found = measured((Pair(one.english, zh, "") for one, zh in zip(test, said, strict=True)), glossary)
    checks = Checks(glossary)
    faults = [checks.faults(one.english, zh) if zh else [] for one, zh in zip(test, said, strict=True)]
    accepted = sum(bool(zh) and not found for zh, found in zip(said, faults, strict=True))
    return {
        "bleu": BLEU(tokenize="zh").corpus_score(said, references).score,
        "chrf": CHRF().corpus_score(said, references).score,
        "sentences": len(test),
        "failed": sum(outcome.chinese is None for outcome in outcomes),
        "accepted": accepted,
        "accepted_interval": list(wilson(accepted, len(test))),
        "faults": dict(Counter(kind for own in faults for kind in sorted({fault.kind for fault in own})).most_common()),
        **{name: found[name] for name in _AUDITED},
    }
