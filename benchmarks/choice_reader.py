"""Scores the reader of choices on a part of the labelled set; every miss by its id, none with its text.

    python benchmarks/choice_reader.py dev > benchmarks/results/choice_reader_dev.json

Agreement: the same letters, or none where none are right. Recall and precision are of answers with letters: of those
that choose, which were read rightly, and of those that were read, which are right. The set's README says who wrote it.
"""

import argparse
import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from _record import circumstances
from doctorglm.evaluate.exams.answers import read_choice
from doctorglm.evaluate.statistics import share_interval

SETS = Path(__file__).parent / "sets" / "choice"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["dev", "test", "test2"])
    part = parser.parse_args().part
    lines = (SETS / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    rows = [(r["id"], r["choice"], read_choice(r["answer_text"], r["options"], r["multiple"])) for r in records]
    result = circumstances(f"python benchmarks/choice_reader.py {part}", {"doctorglm": version("doctorglm")}) | {
        "labelled": len(rows),
        "with_letters": sum(choice is not None for _, choice, _ in rows),
        "agreement": asdict(share_interval([choice == read for _, choice, read in rows])),
        "recall": asdict(share_interval([choice == read for _, choice, read in rows if choice is not None])),
        "precision": asdict(share_interval([choice == read for _, choice, read in rows if read is not None])),
        "letters_where_none": asdict(share_interval([read is not None for _, choice, read in rows if choice is None])),
        "read_without_choice": [i for i, choice, read in rows if choice is None and read is not None],
        "other_letters": [i for i, choice, read in rows if choice is not None and read not in (None, choice)],
        "not_read": [i for i, choice, read in rows if choice is not None and read is None],
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
