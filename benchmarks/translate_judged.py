"""Counts how a reader judged accepted translations.

    python benchmarks/translate_judged.py accepted.jsonl judged.jsonl > benchmarks/results/translate_judged.json

`accepted.jsonl` is what `translate_accepted.py --judge` wrote; `judged.jsonl` has a line for each of its conversations,
`id`, `judgement` and `note`, by somebody who has not seen the checks: `right`; `minor` where it is imprecise or clumsy
and nobody would act otherwise for it; `wrong` where a fact, term, number, denial or person is another. Intervals are
Wilson's, 95 %. The conversations are GenMedGPT's (synthetic, Apache-2.0), translated; the English is not recorded.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.translate.audit import wilson

JUDGEMENTS = ("right", "minor", "wrong")


def read(path: Path) -> dict[str, dict[str, Any]]:
    """By id, the records of a file."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {row["id"]: row for row in rows}


def counted(judged: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """k of n by judgement, with intervals; raises SystemExit for a judgement that is none."""
    found = Counter(one["judgement"] for one in judged)
    if unknown := found.keys() - set(JUDGEMENTS):
        raise SystemExit(f"no judgements: {', '.join(sorted(map(str, unknown)))}. They are {', '.join(JUDGEMENTS)}.")
    n = len(judged)
    counts = {
        name: {"k": found[name], "share": found[name] / n, "interval": list(wilson(found[name], n))}
        for name in JUDGEMENTS
    }
    return {"n": n, "counts": counts}


def main() -> None:
    """Puts both files together and prints the counts and each conversation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accepted", type=Path)
    parser.add_argument("judged", type=Path)
    given = parser.parse_args()
    accepted, judged = read(given.accepted), read(given.judged)
    if judged.keys() != accepted.keys():
        raise SystemExit("the judged are not the accepted: give a judgement for each id, once.")
    rows = [
        {
            "id": name,
            "judgement": judged[name]["judgement"],
            "note": judged[name].get("note") or "",
            "chinese": one["chinese"],
        }
        for name, one in accepted.items()
    ]
    command = "python benchmarks/translate_judged.py accepted.jsonl judged.jsonl"
    result = circumstances(command, {"doctorglm": version("doctorglm")}) | counted(rows) | {"judged": rows}
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
