"""Data-Juicer's operators for what `doctorglm curate` does too: read, length, repetition, near-duplicates, write.

    .venv-datajuicer/bin/python benchmarks/peers/curate_datajuicer.py --source FILE --out DIR

FILE holds JSON lines (`text`). The operators are those of its recipes; shingles are of characters, as it recommends for
Chinese, five of them, its default. Prints what was removed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

MIN_CHARS, MAX_CHARS = 2, 20_000


def recipe(source: Path, out: Path, workers: int, repetition: bool) -> dict:
    repeated = [{"character_repetition_filter": {"rep_len": 10, "max_ratio": 0.5}}] if repetition else []
    return {
        "project_name": "curate",
        "dataset_path": str(source),
        "export_path": str(out / "kept.jsonl"),
        "work_dir": str(out),
        "np": workers,
        "use_cache": False,
        "open_tracer": False,
        "open_monitor": False,
        "process": [
            {"text_length_filter": {"min_len": MIN_CHARS, "max_len": MAX_CHARS}},
            *repeated,
            {"document_minhash_deduplicator": {"tokenization": "character", "jaccard_threshold": 0.7}},
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--no-repetition", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True)
    file = asked.out / "recipe.json"  # JSON is YAML
    file.write_text(json.dumps(recipe(asked.source, asked.out, asked.workers, not asked.no_repetition)))
    command = [str(Path(sys.executable).with_name("dj-process")), "--config", str(file)]
    # one core for each worker, and no package fetched while it runs
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(asked.out / "cache")}
    subprocess.run(command, check=True, stdout=sys.stderr, env=environment)
    kept = (asked.out / "kept.jsonl").read_bytes().count(b"\n")
    print(json.dumps({"kept": kept}))


if __name__ == "__main__":
    main()
