"""The pairs that a student is measured on: whole documents of a file, chosen by their names alone."""

import json
from hashlib import sha256
from pathlib import Path

from doctorglm.errors import DataError
from doctorglm.files.told import file_name
from doctorglm.runs import Run, atomic_file, sha256_file
from doctorglm.translate.pairs import read_pairs

FILE = "test.jsonl"


def is_held_out(document: str, one_in: int) -> bool:
    """Whether `one_in` divides the sha256 of the document's name."""
    return int(sha256(document.encode()).hexdigest(), 16) % one_in == 0


def hold_out(pairs: Path, out: Path, one_in: int) -> Run:
    """Writes `test.jsonl`: the pairs of the documents that are held out; raises DataError where there is none.

    The pairs that are trained on are not parted from them here: `distill` leaves out what its test holds, by its text,
    in whichever file it stands.
    """
    run = Run(out, stage="held out", settings={"one_in": one_in}, inputs={file_name(pairs.name): sha256_file(pairs)})
    if run.finished:
        return run
    documents, every, written = set[str](), set[str](), 0
    with atomic_file(out / FILE) as test:
        for pair in read_pairs(pairs):
            every.add(pair.document)
            if is_held_out(pair.document, one_in):
                record = {"en": pair.english, "zh": pair.chinese, "document": pair.document}
                test.write(json.dumps(record, ensure_ascii=False) + "\n")
                documents.add(pair.document)
                written += 1
        if not written:
            name = file_name(pairs.name)
            raise DataError(
                en=f"{name}: of its {len(every)} documents none is held out with test_one_in={one_in}. Lower it.",
                zh=f"{name}：test_one_in={one_in} 时，{len(every)} 个文档中没有一个被留出。请调小它。",
            )
    run.finish(counts={"pairs": written, "documents": len(documents), "of_documents": len(every)})
    return run
