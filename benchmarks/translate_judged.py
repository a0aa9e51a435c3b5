"""Counts how a reader judged accepted translations, and writes the page that shows each.

    python benchmarks/translate_judged.py accepted.jsonl judged.jsonl --page docs/translate_judged.md > RESULT.json

`accepted.jsonl` is what `translate_accepted.py --judge` wrote; `judged.jsonl` has a line for each of its conversations,
`id`, `judgement` and `note`, by somebody who has not seen the checks: `right`; `minor` where it is imprecise or clumsy
and nobody would act otherwise for it; `wrong` where a fact, term, number, denial or person is another. Intervals are
Wilson's, 95 %. The conversations are GenMedGPT's (synthetic, Apache-2.0), translated; the English is not printed.
"""

import argparse
import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.translate.audit import wilson

JUDGEMENTS = ("right", "minor", "wrong")
_HEAD = """# Accepted translations, and a reader's judgement of each

Drawn at random from what the checks accepted of a small teacher's translations (`benchmarks/translate_accepted.py`).
Judged by a language model that had seen neither checks nor lists; **no clinician has read them**. The conversations are
synthetic (GenMedGPT, of ChatDoctor, Apache-2.0) and are translated here as they are: what they say is not advice, and
some of it is bad medicine in English, too. Ids are those of the source.
"""


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def counted(judged: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """k of n by judgement, with intervals; raises SystemExit for a judgement that is none."""
    found = Counter(one["judgement"] for one in judged)
    if unknown := found.keys() - set(JUDGEMENTS):
        raise SystemExit(f"no judgements: {', '.join(sorted(map(str, unknown)))}. They are {', '.join(JUDGEMENTS)}.")
    n = len(judged)
    return {"n": n, "counts": {name: {"k": found[name], "interval": list(wilson(found[name], n))}
                               for name in JUDGEMENTS}}  # fmt: skip


def page(accepted: Sequence[Mapping[str, Any]], judged: Mapping[str, Mapping[str, Any]]) -> str:
    """Each conversation in Chinese with its judgement, wrong ones first."""
    blocks = [_HEAD]
    for name in reversed(JUDGEMENTS):
        mine = [one for one in accepted if judged[one["id"]]["judgement"] == name]
        blocks.append(f"## {name.capitalize()}\n" if mine else "")
        for one in mine:
            note = judged[one["id"]].get("note") or ""
            told = "".join(f"> {line}\n" for text in one["chinese"] for line in [*_lines(text), ""])
            blocks.append(f"**{one['id']}**{f': {_plain(note)}' if note else ''}\n\n{told.rstrip('> ' + chr(10))}\n")
    return "\n".join(block for block in blocks if block)


def _lines(text: str) -> list[str]:
    return [_plain(line) for line in text.splitlines() if line.strip()]


def _plain(text: str) -> str:
    return html.escape(text, quote=False).replace("*", "\\*").replace("_", "\\_").replace("[", "\\[")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accepted", type=Path)
    parser.add_argument("judged", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    accepted, judged = read(given.accepted), {one["id"]: one for one in read(given.judged)}
    if judged.keys() != {one["id"] for one in accepted}:
        raise SystemExit("the judged are not the accepted: give a judgement for each id, once.")
    if given.page:
        given.page.write_text(page(accepted, judged), encoding="utf-8")
    command = "python benchmarks/translate_judged.py accepted.jsonl judged.jsonl --page docs/translate_judged.md"
    rows = [{name: one.get(name) for name in ("id", "judgement", "note")} for one in judged.values()]
    result = circumstances(command, {"doctorglm": version("doctorglm")}) | counted(rows) | {"judged": rows}
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
