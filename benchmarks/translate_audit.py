"""Audits the Chinese that DoctorGLM's student made of GenMedGPT, by an independent glossary and by the project's own.

    python benchmarks/translate_audit.py > benchmarks/results/translate_audit.json

A mention is a term in a field, once, of overlapping terms the longest; it is right where the Chinese field holds an
accepted rendering. Beside our reader of terms stands a count by one regular expression, which knows the plurals in s
and es and nothing else; what ours adds is listed by its form. TICO-19, which professionals translated, goes through
the checks of numbers and negations as well: what they say of it is mostly their own mistake.
Sources: the glossary `audit_terms.tsv`, made by hand beside the data; https://github.com/xionghonglin/DoctorGLM, no
licence stated, measured only; https://tico-19.github.io, CC0.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.translate.audit import audit, wilson
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.pairs import Pair, read_pairs
from doctorglm.translate.renderings import held, plain
from doctorglm.translate.terms import Terms

DATA = Path(__file__).parents[1] / ".." / "shared" / "data" / "translation"
PAIRS, GLOSSARY, GOLD = "en_zh_aligned_first4000.jsonl", "audit_terms.tsv", "medical_tico19.jsonl.gz"
_WORST = 20


def by_expression(pairs: Sequence[Pair], glossary: Sequence[Entry]) -> dict[str, Any]:
    """The independent count: mentions, how many are right."""
    rows = {one.english.lower(): one.chinese for one in glossary}
    names = sorted(rows, key=len, reverse=True)
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})(?:s|es)?\b", re.IGNORECASE)
    mentions = right = 0
    for pair in pairs:
        for name in {name.lower() for name in pattern.findall(pair.english)}:
            mentions += 1
            right += bool(held(rows[name], plain(pair.chinese)))
    return {"mentions": mentions, "right": right, "share": right / mentions, "interval": list(wilson(right, mentions))}


def beyond(pairs: Sequence[Pair], glossary: Sequence[Entry]) -> dict[str, int]:
    """What our reader finds and a plural in s or es does not explain: each form, and how often."""
    of = Terms(glossary)
    found = ((m.term.english, pair.english[m.start : m.end]) for pair in pairs for m in of.find(pair.english))
    forms = Counter(form.lower() for term, form in found if not _is_plain(term, form))
    return dict(forms.most_common())


def _is_plain(term: str, form: str) -> bool:
    return re.fullmatch(rf"{re.escape(term)}(?:s|es)?", form, re.IGNORECASE) is not None


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    pairs, glossary = list(read_pairs(DATA / PAIRS)), read_glossary(DATA / GLOSSARY)
    begun = time.process_time()
    found = audit(pairs, glossary)
    seconds = time.process_time() - begun
    own, gold = own_glossary(), list(read_pairs(DATA / GOLD))
    result = circumstances("python benchmarks/translate_audit.py", {"doctorglm": version("doctorglm")}) | {
        "fields": len(pairs),
        "cpu_seconds": seconds,
        "by_expression": by_expression(pairs, glossary),
        "beyond": beyond(pairs, glossary),
        "given": _without_examples(found),
        "own": _without_examples(audit(pairs, own)) | {"rows": len(own)},
        "gold": _without_examples(audit(gold, own)),
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _without_examples(result: dict[str, Any]) -> dict[str, Any]:
    """The result without places in the data, and with the worst of its terms."""
    kept = {key: value for key, value in result.items() if key != "examples"}
    return kept | {"worst_terms": kept["worst_terms"][:_WORST]}


if __name__ == "__main__":
    main()
