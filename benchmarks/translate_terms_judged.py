"""Counts how a reader judged the mentions of terms that nothing knew, beside what the glossary says of them.

    python benchmarks/translate_terms_judged.py mentions.jsonl judged.jsonl > RESULT.json

`mentions.jsonl` is what `translate_accepted.py --mentions` wrote; `judged.jsonl` has a line for each, `id`,
`judgement` and `said`, the Chinese of the term, by somebody who has not seen `listed`: `right`; `other`, an imprecise
wording or one that nobody uses, by which the same is understood; `wrong`, another illness, drug, examination or part of
the body, or nothing. Intervals are Wilson's, 95 %.
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
from translate_judged import read

JUDGEMENTS = ("right", "other", "wrong")


def counted(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """k of n by judgement and by the list, with intervals; raises SystemExit for a judgement that is none."""
    found = Counter(one["judgement"] for one in rows)
    if unknown := found.keys() - set(JUDGEMENTS):
        raise SystemExit(f"no judgements: {', '.join(sorted(map(str, unknown)))}. They are {', '.join(JUDGEMENTS)}.")
    counts = {name: found[name] for name in JUDGEMENTS} | {
        "not_wrong": found["right"] + found["other"],
        "listed": sum(one["listed"] for one in rows),
        "listed_and_wrong": sum(one["listed"] and one["judgement"] == "wrong" for one in rows),
        "unlisted_and_right": sum(not one["listed"] and one["judgement"] == "right" for one in rows),
    }
    n = len(rows)
    return {
        "n": n,
        "counts": {name: {"k": k, "share": k / n, "interval": list(wilson(k, n))} for name, k in counts.items()},
    }


def main() -> None:
    """Puts both files together; prints the counts, and each mention about which the list and the reader differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mentions", type=Path)
    parser.add_argument("judged", type=Path)
    given = parser.parse_args()
    mentions, judged = read(given.mentions), read(given.judged)
    if judged.keys() != mentions.keys():
        raise SystemExit("the judged are not the mentions: give a judgement for each id, once.")
    rows = [
        {"id": name, "term": one["term"], "said": judged[name]["said"], "listed": one["listed"],
         "judgement": judged[name]["judgement"]}
        for name, one in mentions.items()
    ]  # fmt: skip
    command = "python benchmarks/translate_terms_judged.py mentions.jsonl judged.jsonl"
    result = circumstances(command, {"doctorglm": version("doctorglm")}) | counted(rows) | {"judged": rows}
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
