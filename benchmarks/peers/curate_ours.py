"""What `doctorglm curate` does of what its peers do too: read, length, loops, copies exact and near, write.

    .venv/bin/python benchmarks/peers/curate_ours.py --source FILE --out DIR

The project's own steps and no others: no clusters and splits, for which the peers have no counterpart. Each record has
its id, its quality and its sizes counted all the same, and pairs are decided by exact similarity, which peers do not.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

from doctorglm.curate import CurateSettings
from doctorglm.curate.choice import Choice, drop_copies
from doctorglm.curate.engines import workers
from doctorglm.curate.record import Records
from doctorglm.curate.repeats import repeats
from doctorglm.curate.store import Store, Table
from doctorglm.files.found import find_files

SETTINGS = CurateSettings(
    filters=["length", "loops", "duplicate"], deidentify="none", normalise=[], drop_courtesies=False
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    store = Store(asked.out / "work", "benchmark")
    with workers(asked.workers) as engine:
        for outcome in engine.outcomes(find_files([asked.source]), None, Records(SETTINGS), store.finished):
            store.add(outcome)
        table = Table(store, store.heads())
        choice = Choice.of_all(table)
        drop_copies(choice, np.zeros(len(table), dtype=bool), texts=True)
        for gone in repeats(table, choice.kept, SETTINGS.repeats_threshold, engine, store.folder):
            choice.reject_copy(gone.number, gone.of, gone.similarity)
        with (asked.out / "kept.jsonl").open("wb") as out:
            out.writelines(table.lines(choice.kept))
    store.remove()
    print(json.dumps({"kept": len(choice.kept), "removed": choice.counts()}))


if __name__ == "__main__":
    main()
