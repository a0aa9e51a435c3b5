"""Scores the detector of machine-spun answers on a half of the labelled set; every miss and false alarm by its id.

    python benchmarks/spun.py test > benchmarks/results/spun_test.json

Needs ../shared/data/corpora. Answers on which the two readers disagree or doubt are left out, and counted.
"""

import argparse
import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from _record import circumstances
from doctorglm.curate.filters.machine_spun import is_spun
from doctorglm.curate.sources import read
from doctorglm.evaluate.statistics import share_interval
from doctorglm.files.found import find_files

ROOT = Path(__file__).parents[1]
CORPORA = ROOT.parent / "shared" / "data" / "corpora"
FILES = ("cmd", "zhongjing", "medicalgpt/medical_sft_1K_format.jsonl", "huatuo-llama/llama_data.json")


def answers() -> dict[str, str]:
    """The answers of the labelled corpora by their id."""
    files = find_files([CORPORA / name for name in FILES])
    entries = (entry for file in files for source in read(file) for entry in source.entries)
    return {entry.id: entry.conversation.answers for entry in entries if entry.conversation}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=["dev", "test"])
    half = parser.parse_args().half
    lines = (ROOT / "benchmarks/sets/spun" / f"{half}.tsv").read_text(encoding="utf-8").splitlines()
    told = answers()
    rows = [line.split("\t") for line in lines]
    agreed = [(i, first == "yes", is_spun(told[i])) for i, first, second in rows if first == second != "doubtful"]
    result = circumstances(f"python benchmarks/spun.py {half}", {"doctorglm": version("doctorglm")}) | {
        "labelled": len(rows),
        "without_agreement": len(rows) - len(agreed),
        "recall": asdict(share_interval([found for _, spun, found in agreed if spun])),
        "precision": asdict(share_interval([spun for _, spun, found in agreed if found])),
        "false_alarms": asdict(share_interval([found for _, spun, found in agreed if not spun])),
        "missed": [i for i, spun, found in agreed if spun and not found],
        "wrong": [i for i, spun, found in agreed if found and not spun],
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
