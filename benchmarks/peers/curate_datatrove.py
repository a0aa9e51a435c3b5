"""datatrove's blocks for what `doctorglm curate` does too: read, length, repetition, MinHash near-duplicates, write.

    .venv-datatrove/bin/python benchmarks/peers/curate_datatrove.py --source FOLDER --out DIR [--words jieba]

FOLDER holds as many JSON lines files (`text`) as there are workers: a task reads whole files. `--words` says what a
shingle of five is made of: `jieba`, datatrove's own tokenizer for Chinese; or `characters`, a tokenizer of one line put
in its place, since Jieba takes most of the time. `--no-repetition` leaves GopherRepetitionFilter out.
The four steps and their settings are those of datatrove's examples/minhash_deduplication.py. Prints what was removed.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
)
from datatrove.pipeline.filters import GopherRepetitionFilter, LambdaFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.typeshelper import Languages

CHINESE = Languages.mandarin_chinese
CONFIG = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8)
MIN_CHARS, MAX_CHARS = 2, 20_000


class Characters:
    """A tokenizer that takes every character for a word."""

    def word_tokenize(self, text: str) -> list[str]:
        """The characters but spaces."""
        return [character for character in text if not character.isspace()]


def fits(document) -> bool:
    """The length filter."""
    return MIN_CHARS <= len(document.text) <= MAX_CHARS


def signatures(folder: Path, words: str) -> MinhashDedupSignature:
    step = MinhashDedupSignature(str(folder / "signatures"), config=CONFIG, language=CHINESE)
    if words == "characters":
        step.word_tokenizer = Characters()
    return step


def run(folder: Path, name: str, tasks: int, workers: int, steps: list[PipelineStep]) -> None:
    LocalPipelineExecutor(steps, tasks=tasks, workers=workers, logging_dir=str(folder / "logs" / name)).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", choices=("jieba", "characters"), default="jieba")
    parser.add_argument("--no-repetition", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True)
    # what the blocks log goes to stderr
    stdout = os.dup(1)
    os.dup2(2, 1)
    filtered, files = asked.out / "filtered", len(list(asked.source.glob("*.jsonl")))
    repetition = [] if asked.no_repetition else [GopherRepetitionFilter(language=CHINESE)]
    reader = JsonlReader(str(asked.source), glob_pattern="*.jsonl")
    writer = JsonlWriter(str(filtered), output_filename="${rank}.jsonl", compression=None)
    steps = [reader, LambdaFilter(fits), *repetition, writer, signatures(asked.out, asked.words)]
    run(asked.out, "1", files, asked.workers, steps)
    buckets = MinhashDedupBuckets(
        str(asked.out / "signatures"), str(asked.out / "buckets"), config=CONFIG, only_dedup_in_index=False
    )
    run(asked.out, "2", CONFIG.num_buckets, asked.workers, [buckets])
    cluster = MinhashDedupCluster(str(asked.out / "buckets"), str(asked.out / "remove"), config=CONFIG)
    run(asked.out, "3", 1, 1, [cluster])
    again = JsonlReader(str(filtered), glob_pattern="*.jsonl")
    kept = JsonlWriter(str(asked.out / "kept"), output_filename="${rank}.jsonl", compression=None)
    run(asked.out, "4", files, asked.workers, [again, MinhashDedupFilter(str(asked.out / "remove")), kept])
    after_filters, after = (lines(folder) for folder in (filtered, asked.out / "kept"))
    os.write(stdout, (json.dumps({"filtered_to": after_filters, "kept": after}) + "\n").encode())


def lines(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*.jsonl"))


if __name__ == "__main__":
    main()
