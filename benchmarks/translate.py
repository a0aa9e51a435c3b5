"""Tokens per second of a translation student: CTranslate2 with int8 weights against transformers, in one run.

    python benchmarks/translate.py --by-heart DIR > benchmarks/results/translate.json
    python benchmarks/translate.py --student runs/student

`--by-heart` trains a student of the default shape, without tags, on the very sentences that it is then timed on, until
it says them (resumable). A student that has learned little says what has no end, and its time is that of loops and of
second attempts: what is timed has to be one that translates. Of quality that says nothing; the scores are there to see
that both engines say the same.

Both are given the same sentences, cut and tagged as `translate --student` does, sorted by length, and are timed from
text to text on the same cores, in turn, the median of so many rounds. transformers has float32 weights, a thread for
each core, and the batch that was fastest on a part of the sentences. chrF and BLEU (sacrebleu, zh) are of the fields
put together again; what CTranslate2's side rejects (loops, no end) counts as nothing said. The fields are of the
documents of TICO-19 whose name's sha256 is divisible by four, which `--student` must not have seen.
Source: https://tico-19.github.io, CC0; https://github.com/mjpost/sacrebleu.
"""

import argparse
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sacrebleu
import torch
from transformers import MarianMTModel

from _record import circumstances
from doctorglm.distill.settings import DistillSettings
from doctorglm.distill.stage import Job, distill
from doctorglm.translate.glossary import own_glossary
from doctorglm.translate.outcome import kept
from doctorglm.translate.student.bulk import Student, StudentSettings, batched
from doctorglm.translate.student.decoding import END
from doctorglm.translate.student.sentences import Piece, pieces, rebuilt

DATA = Path(__file__).parents[1] / ".." / "shared" / "data" / "translation" / "medical_tico19.jsonl.gz"
_BATCHES = (8, 16, 32, 64, 128)
_TUNED_ON = 192
"""Sentences that the batch of transformers is chosen on, of every length."""
_BY_HEART = 200
Said = Mapping[str, str]
"""By source, its Chinese; without what was rejected."""


@dataclass(frozen=True)
class HeldOut:
    """Fields with their references, and what is translated of them."""

    fields: Sequence[tuple[str, str]]
    cut: Sequence[Sequence[Piece]]
    sources: Sequence[str]


def held_out(path: Path, student: Student, most: int | None) -> HeldOut:
    """The test quarter: documents whose sha256 is divisible by four; the document is `source` before its last `:`."""
    rows = rows_of(path)[:most]
    cut = [pieces(row["en"]) for row in rows]
    spoken = (student.source(part.text) for one in cut for part in one if part.spoken)
    return HeldOut([(row["en"], row["zh"]) for row in rows], cut, list(dict.fromkeys(spoken)))


def rows_of(path: Path) -> list[dict[str, str]]:
    """The test quarter's fields in which there is something to translate."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [row for row in map(json.loads, lines) if is_test(row["source"]) and not kept(row["en"])]


def by_heart(path: Path, folder: Path, most: int, epochs: int) -> Path:
    """A student that knows the quarter's first fields of one sentence, and in `folder/said.jsonl.gz` these."""
    rows = [row for row in rows_of(path) if sum(part.spoken for part in pieces(row["en"])) == 1][:most]
    said = folder / "said.jsonl.gz"
    folder.mkdir(parents=True, exist_ok=True)
    said.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))
    pairs = folder / "pairs.jsonl"
    pairs.write_text("".join(json.dumps({"en": row["en"], "zh": row["zh"]}) + "\n" for row in rows), encoding="utf-8")
    settings = DistillSettings(
        vocabulary=2_000, valid_share=0, epochs=epochs, batch_tokens=2_048, dropout=0.0, label_smoothing=0.0,
        tags=False, own_terms=False, term_pairs=False,
    )  # fmt: skip
    distill(Job(pairs=[pairs], out=folder / "run"), settings)
    return folder / "run" / "student"


def is_test(source: str) -> bool:
    return int(sha256(source.rpartition(":")[0].encode()).hexdigest(), 16) % 4 == 0


def by_ctranslate2(student: Student, sources: Sequence[str]) -> Said:
    batches = list(batched([(one, student.tokens(one)) for one in sources], student.settings.batch_tokens))
    found = student._engine.decode([tuple(tokens for _, tokens in batch) for batch in batches])
    return {
        source: student.chinese(one.tokens)
        for batch, said in zip(batches, found, strict=True)
        for (source, _), one in zip(batch, said, strict=True)
        if not one.reason
    }


def by_transformers(model: Any, student: Student, sources: Sequence[str], size: int) -> Said:
    """Sorted by length too, with the same cap on what is generated."""
    tokenizer, settings = student._tokenizer, student.settings
    ordered = sorted(sources, key=lambda one: -len(student.tokens(one)))
    said = {}
    for start in range(0, len(ordered), size):
        some = ordered[start : start + size]
        batch = tokenizer(some, padding=True, return_tensors="pt")
        most = int(settings.length_ratio * batch["input_ids"].shape[1]) + settings.length_more
        with torch.inference_mode():
            rows = model.generate(**batch, num_beams=settings.beam, early_stopping=False, length_penalty=1.0,
                                  max_length=min(most, student.folder.positions))  # fmt: skip
        for source, row in zip(some, rows.tolist(), strict=True):
            tokens = tokenizer.convert_ids_to_tokens(row[1:])
            said[source] = student.chinese(tuple(tokens[: tokens.index(END)] if END in tokens else tokens))
    return said


def scores(student: Student, data: HeldOut, said: Said) -> dict[str, float]:
    hypotheses = [
        rebuilt(one, [said.get(student.source(part.text), "") for part in one if part.spoken]) for one in data.cut
    ]
    references = [[chinese for _, chinese in data.fields]]
    return {
        "chrf": sacrebleu.corpus_chrf(hypotheses, references).score,
        "bleu": sacrebleu.corpus_bleu(hypotheses, references, tokenize="zh").score,
    }


def timed(work: Callable[[], Said]) -> tuple[float, Said]:
    begun = time.perf_counter()
    said = work()
    return time.perf_counter() - begun, said


def tuned(model: Any, student: Student, sources: Sequence[str]) -> tuple[int, dict[int, float]]:
    """The fastest batch, and seconds by batch, on sentences from shortest to longest."""
    by_length = sorted(sources, key=len)
    some = by_length[:: max(1, len(by_length) // _TUNED_ON)]
    seconds = {size: timed(lambda size=size: by_transformers(model, student, some, size))[0] for size in _BATCHES}
    return min(seconds, key=seconds.__getitem__), seconds


def measured(folder: Path, data_path: Path, beam: int, rounds: int, most: int | None) -> dict[str, Any]:
    """Both sides with one beam."""
    student = Student(folder, StudentSettings(beam=beam), glossary=own_glossary())
    model = MarianMTModel.from_pretrained(folder, local_files_only=True).float().eval()
    data = held_out(data_path, student, most)
    by_ctranslate2(student, data.sources[:32])  # what is allocated once is not timed
    size, tried = tuned(model, student, data.sources)
    sides: dict[str, Callable[[], Said]] = {
        "transformers": lambda: by_transformers(model, student, data.sources, size),
        "ctranslate2": lambda: by_ctranslate2(student, data.sources),
    }
    runs = {name: list[tuple[float, Said]]() for name in sides}
    for _ in range(rounds):
        for name, work in sides.items():
            runs[name].append(timed(work))
    result = {name: _side(student, data, some) for name, some in runs.items()}
    result["transformers"] |= {"batch": size, "seconds_by_batch": tried}
    result["ctranslate2"] |= {"batch_tokens": student.settings.batch_tokens}
    ours, theirs = result["ctranslate2"], result["transformers"]
    return result | {
        "fields": len(data.fields),
        "sentences": len(data.sources),
        "source_characters": sum(map(len, data.sources)),
        "source_tokens": sum(len(student.tokens(one)) for one in data.sources),
        "ratio": ours["tokens_per_s"] / theirs["tokens_per_s"],
        "chrf_difference": ours["chrf"] - theirs["chrf"],
    }


def _side(student: Student, data: HeldOut, runs: Sequence[tuple[float, Said]]) -> dict[str, Any]:
    seconds, (_, said) = statistics.median(one for one, _ in runs), runs[-1]
    tokens = sum(len(student._tokenizer(text_target=one)["input_ids"]) for one in said.values())
    return {
        "seconds": seconds,
        "seconds_of_each": [one for one, _ in runs],
        "tokens": tokens,
        "tokens_per_s": tokens / seconds,
        "rejected": len(data.sources) - len(said),
        **scores(student, data, said),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--student", type=Path)
    which.add_argument("--by-heart", type=Path, help="a folder for a student that is trained for this")
    parser.add_argument("--epochs", type=int, default=60, help="of that training")
    parser.add_argument("--pairs", type=Path, default=DATA, help="JSON lines with en, zh, source, gzip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, help="fields; by heart 200, else all")
    given = parser.parse_args()
    cores = StudentSettings().threads
    torch.set_num_threads(cores)
    data, student, most = given.pairs, given.student, given.most
    if given.by_heart:
        most = most or _BY_HEART
        student = by_heart(data, given.by_heart, most, given.epochs)
        data = given.by_heart / "said.jsonl.gz"
    names = ("doctorglm", "transformers", "torch", "ctranslate2", "sacrebleu")
    which_one = "--by-heart DIR" if given.by_heart else "--student runs/student"
    result = circumstances(f"python benchmarks/translate.py {which_one}", {name: version(name) for name in names}) | {
        "cores": cores,
        "by_heart": {"fields": most, "epochs": given.epochs} if given.by_heart else None,
        "student": Student(student).folder.sha256,
        "parameters": sum(p.numel() for p in MarianMTModel.from_pretrained(student).parameters()),
        "beams": {str(beam): measured(student, data, beam, given.rounds, most) for beam in (1, 4)},
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
