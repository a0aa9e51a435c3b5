"""Scores the checks of a translation on pairs with planted errors, right ones that look like errors, and good ones.

    python benchmarks/translate_checks.py dev --out benchmarks/results/translate_checks_dev.json
    python benchmarks/translate_checks.py test --out benchmarks/results/translate_checks_test.json
    python benchmarks/translate_checks.py test2 --out benchmarks/results/translate_checks_test2.json
    python benchmarks/translate_checks.py test3 --out benchmarks/results/translate_checks_test3.json
    python benchmarks/translate_checks.py test4 --out benchmarks/results/translate_checks_test4.json
    python benchmarks/translate_checks.py test5 --out benchmarks/results/translate_checks_test5.json

Rules were learned from `dev` and, after `test` had been scored once, from both; the later sets are by other writers and
are scored once for a version, from `test3` on by the style of the Chinese, too. From version 4 on q001 to q100 of
`test2`, with their errors and the hard ones i0001 to i0078, are learned from, from version 5 on all of `test3`, from
version 6 on all of `test4`. Rows of the other half are dropped.
`as_kind`: the error is told as its kind; `flagged`: as any; `caught`: by a fault that its good pair is not told of, the
only one of the three that a false alarm cannot raise. `precision` of a kind: of all texts that are told to have
such a fault, errors, hard negatives and good pairs together, the share that are errors of that kind. `planted` are
mechanical errors (`plant.py`), a set of their own. `tico`: professional translations, those documents of TICO-19 that
no student is tested on, with later sets those that students are tested on and no rule was learned from; what is flagged
there is mostly a false alarm. `neighbours`: the same English, each with the Chinese of the next sentence.
Sources: benchmarks/sets/translation (written for this project); https://tico-19.github.io (CC0);
intervals: https://doi.org/10.1080/01621459.1927.10502953, 95 %.
"""

import argparse
import gzip
import hashlib
import importlib.util
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.translate.audit import wilson
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.checks.fault import KINDS
from doctorglm.translate.glossary import own_glossary

SET = Path(__file__).parent / "sets" / "translation"
TICO = Path(__file__).parents[1] / ".." / "shared" / "data" / "translation" / "medical_tico19.jsonl.gz"
LATER = {"test2": 2, "test3": 3, "test4": 4, "test5": 5}
_EACH, _SEED = 220, 19
_TIMED_CHARS = 400


def rows(name: str, half: str) -> list[dict[str, Any]]:
    """The rows of one half of a file of the set; those of the other are dropped. Later sets have own files."""
    if half in LATER:
        with (SET / name.replace(".", f"{LATER[half]}.")).open(encoding="utf-8") as lines:
            return [*map(json.loads, lines)]
    with (SET / name).open(encoding="utf-8") as lines:
        return [row for row in map(json.loads, lines) if _half(row) == half]


def _half(row: dict[str, Any]) -> str:
    """The half of a row; a good pair's is told by its number."""
    return str(row.get("half") or ("dev" if int(row["id"][1:]) % 2 else "test"))


def tico(of_test: bool = False) -> Iterable[tuple[str, str, str]]:
    """(id, English, Chinese) of the documents that no student is tested on, or of those that all are."""
    with gzip.open(TICO, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if is_test_document(row["source"].rpartition(":")[0]) is of_test:
                yield f"t{number:04d}", row["en"], row["zh"]


def neighbours(pairs: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Each English text with the next pair's Chinese: of the same subject mostly, and no translation of it."""
    return [(pair[1], after[2]) for pair, after in itertools.pairwise(pairs)]


def is_test_document(document: str) -> bool:
    """Whether a document is of the quarter that students are tested on."""
    return int(hashlib.sha256(document.encode()).hexdigest(), 16) % 4 == 0


def planted(half: str) -> list[dict[str, Any]]:
    """The mechanical errors of a half; none of a test document of TICO-19."""
    spec = importlib.util.spec_from_file_location("plant", SET / "plant.py")
    assert spec is not None and spec.loader is not None
    plant = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plant)
    allowed = {number for number, _, _ in tico()}
    found = plant.plant(TICO, _EACH, _SEED)
    return [row for row in found if row["half"] == half and (row["pair"][0] == "p" or row["pair"] in allowed)]


def kinds_of(checks: Checks, english: str, chinese: str) -> list[str]:
    """The kinds of the faults that are found, each once."""
    return sorted({fault.kind for fault in checks.faults(english, chinese)})


def share(k: int, n: int) -> dict[str, Any]:
    """k of n with its interval."""
    return {"k": k, "n": n, "share": k / n if n else None, "interval": list(wilson(k, n))}


def told_of(checks: Checks, english: str, chinese: str) -> set[tuple[str, str, str]]:
    """The faults that are found, without what stands in the Chinese."""
    return {(fault.kind, fault.reason, fault.english) for fault in checks.faults(english, chinese)}


def caught(checks: Checks, errors: Sequence[dict[str, Any]], pairs: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """By kind and in all, the errors with a fault that their good pair is not told of."""
    usual = {name: told_of(checks, pair["en"], pair["zh"]) for name, pair in pairs.items()}
    found = [(row["kind"], bool(told_of(checks, pairs[row["pair"]]["en"], row["zh"]) - usual[row["pair"]]))
             for row in errors]  # fmt: skip
    kinds = dict.fromkeys(kind for kind, _ in found)
    return {"all": share(sum(new for _, new in found), len(found))} | {
        kind: share(sum(new for one, new in found if one == kind), sum(one == kind for one, _ in found))
        for kind in kinds
    }


def recalls(told: Sequence[tuple[dict[str, Any], list[str]]]) -> dict[str, Any]:
    """By kind: told as it, told at all, and the ids that were not."""
    result = {}
    for kind in dict.fromkeys(row["kind"] for row, _ in told):
        mine = [(row, found) for row, found in told if row["kind"] == kind]
        result[kind] = {
            "as_kind": share(sum(kind in found for _, found in mine), len(mine)),
            "flagged": share(sum(bool(found) for _, found in mine), len(mine)),
            "missed": [row["id"] for row, found in mine if not found],
            "told_as_another": [row["id"] for row, found in mine if found and kind not in found],
        }
    return result


def precisions(told: Sequence[tuple[str, list[str]]]) -> dict[str, Any]:
    """By kind, of the texts that are told to have such a fault, those whose label it is; "" labels right texts."""
    result = {}
    for kind in KINDS:
        labels = [label for label, found in told if kind in found]
        others = Counter(label or "right" for label in labels if label != kind)
        result[kind] = share(labels.count(kind), len(labels)) | {"others": dict(others.most_common())}
    return result


def hard_by_kind(told: Sequence[tuple[dict[str, Any], list[str]]]) -> dict[str, Any]:
    """By what they look like, how many of the right translations are flagged, and which."""
    kinds = dict.fromkeys(row["looks_like"] for row, _ in told)
    mine = {kind: [(row, found) for row, found in told if row["looks_like"] == kind] for kind in kinds}
    return {
        kind: share(sum(bool(found) for _, found in of), len(of)) | {"ids": [row["id"] for row, found in of if found]}
        for kind, of in mine.items()
    }


def speed(checks: Checks) -> dict[str, float]:
    """Texts of 400 English characters a second and core, on the professional texts; after some, to have words known."""
    texts = [(english, chinese) for _, english, chinese in tico()]
    half = len(texts) // 2
    for english, chinese in texts[:half]:
        checks.faults(english, chinese)
    begun = time.process_time()
    for english, chinese in texts[half:]:
        checks.faults(english, chinese)
    seconds = time.process_time() - begun
    characters = sum(len(english) for english, _ in texts[half:])
    return {
        "texts": len(texts) - half,
        "characters": characters,
        "cpu_seconds": seconds,
        "texts_a_second": characters / _TIMED_CHARS / seconds,
    }


def score(half: str) -> dict[str, Any]:
    """All figures of a half."""
    checks = Checks(own_glossary())
    pairs = {row["id"]: row for row in rows("pairs.jsonl", half)}
    errors = [(row, kinds_of(checks, pairs[row["pair"]]["en"], row["zh"])) for row in rows("errors.jsonl", half)]
    hard = [(row, kinds_of(checks, row["en"], row["zh"])) for row in rows("hard.jsonl", half)]
    good = [(row, kinds_of(checks, row["en"], row["zh"])) for row in pairs.values()]
    mechanical = [(row, kinds_of(checks, row["en"], row["zh"])) for row in planted(half)] if half not in LATER else []
    professional = [(number, kinds_of(checks, english, chinese)) for number, english, chinese in tico(half in LATER)]
    right = [("", found) for _, found in (*hard, *good)]
    elsewhere = [kinds_of(checks, english, chinese) for english, chinese in neighbours([*tico(half in LATER)])]
    return {
        "half": half,
        "errors": {
            "flagged": share(sum(bool(found) for _, found in errors), len(errors)),
            "as_kind": share(sum(row["kind"] in found for row, found in errors), len(errors)),
            "kinds": recalls(errors),
            "caught": caught(checks, [row for row, _ in errors], pairs),
        },
        "precision": precisions([*((row["kind"], found) for row, found in errors), *right]),
        "good": share(sum(bool(found) for _, found in good), len(good)) | {"ids": [r["id"] for r, f in good if f]},
        "good_by_style": {
            style: share(
                sum(bool(found) for row, found in good if row.get("style") == style),
                sum(row.get("style") == style for row, _ in good),
            )
            for style in sorted({row["style"] for row, _ in good if "style" in row})
        },
        "hard": share(sum(bool(found) for _, found in hard), len(hard)) | {"kinds": hard_by_kind(hard)},
        "planted": recalls(mechanical),
        "tico": share(sum(bool(found) for _, found in professional), len(professional))
        | {"kinds": dict(Counter(kind for _, found in professional for kind in found).most_common())},
        "neighbours": share(sum(bool(found) for found in elsewhere), len(elsewhere))
        | {"adequacy": share(sum("adequacy" in found for found in elsewhere), len(elsewhere))},
        "speed": speed(Checks(own_glossary())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=("dev", "test", *LATER))
    parser.add_argument("--out", type=Path, help="write the JSON here, too")
    options = parser.parse_args()
    command = f"python benchmarks/translate_checks.py {options.half}"
    result = circumstances(command, {"doctorglm": version("doctorglm")}) | score(options.half)
    text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
