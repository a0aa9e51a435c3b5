"""Trains the reader of triage or of the guards on labelled texts and writes it as the package ships it.

    python recipes/readers/train.py triage ../shared/data --trunk trunk.npz --out src/doctorglm/safety/triage/reader.npz
    python recipes/readers/train.py guards ../shared/data --trunk trunk.npz --apart t2 t5 q2 --scores apart.json

`--apart` leaves writers out of the training and scores them: thresholds are chosen so.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from disguise import disguised, listed
from network import Reader, Trunk
from texts import (
    ANSWERED,
    OTHERS,
    Lesson,
    answers,
    conversations,
    lines,
    orders,
    ordinary,
    ordinary_answers,
    plain_questions,
    questions,
)
from torch import Tensor

from doctorglm.safety.reader import PAIRS, STRIDE, pairs_of, points_of
from doctorglm.safety.triage.rules import KINDS

SETS = Path(__file__).parents[2] / "benchmarks/sets"
LABELS = {"triage": ("emergency", *KINDS), "guards": (*ANSWERED, *OTHERS)}
FIRST = ("emergency", "unsafe", *OTHERS)
"""What decides; the kinds count less in the loss."""
OF_KINDS = 0.6
HELD_BACK = {"triage": ("g", "h", "i", "j"), "guards": ("test2", "test3")}
"""Halves that are scored, now or before; those of the guards do not say which words are unsafe."""
ROWS, LONGEST, RATE = 32, 1500, 2e-3


def lessons_of(of: str, folder: Path) -> Iterator[Lesson]:
    """All that may be learned from."""
    for file in sorted(folder.glob("*.jsonl")):
        writer = file.name.split(".")[0]
        if writer in HELD_BACK[of]:
            continue
        if of == "triage":
            yield from conversations(file)
        elif writer.startswith("q"):
            yield from questions(file)
        elif writer.startswith("o"):
            yield from orders(file)
        else:
            yield from answers(file)
            yield from lines(file)


def coded(texts: list[str], codes: np.ndarray, rng: np.random.Generator | None = None) -> tuple[Tensor, Tensor]:
    """(B, L) codes of characters and pairs; with `rng` some of them are made unknown."""
    length = -(-max(map(len, texts)) // STRIDE) * STRIDE
    characters, pairs = np.zeros((2, len(texts), length), dtype=np.int64)
    for row, text in enumerate(texts):
        points = points_of(text)
        known, two = codes[points], pairs_of(points)
        if rng is not None:
            known = np.where(rng.random(len(text)) < 0.04, 1, known)
            two = np.where(rng.random(len(text)) < 0.10, rng.integers(0, PAIRS, len(text)), two)
        characters[row, : len(text)], pairs[row, : len(text)] = known, two
    return torch.from_numpy(characters), torch.from_numpy(pairs)


def wanted(lessons: list[Lesson], of: str) -> tuple[Tensor, Tensor]:
    """(B, labels) what is true, and how much it counts; nothing where it is not known."""
    known = [[lesson.labels.get(label, 0.0) for label in LABELS[of]] for lesson in lessons]
    labels = torch.tensor([[value or 0.0 for value in row] for row in known])
    weights = torch.tensor(
        [[(value is not None) * own.weight for value in row] for row, own in zip(known, lessons, strict=True)]
    )
    share = torch.tensor([1.0 if label in FIRST else OF_KINDS for label in LABELS[of]])
    return labels, weights * share


def worn(text: str, rng: np.random.Generator) -> str:
    """The end of the text; one in ten without its marks, one in six as people write who type badly or dodge filters.

    Of the segments of answers one in five is a line of a list.
    """
    text = text[-LONGEST:]
    if rng.random() < 0.2:
        text = listed(text, rng)
    if rng.random() < 0.1:
        text = "".join(c for c in text if c not in "，。！？,.!?")
    return disguised(text, rng) if rng.random() < 0.16 else text


def batches(lessons: list[Lesson], rng: np.random.Generator) -> Iterator[list[Lesson]]:
    """Without end; texts of like length together."""
    while True:
        order = rng.permutation(len(lessons))
        for at in range(0, len(order), ROWS * 16):
            group = sorted(order[at : at + ROWS * 16], key=lambda i: len(lessons[i].text))
            parts = [group[i : i + ROWS] for i in range(0, len(group), ROWS)]
            yield from ([lessons[i] for i in parts[k]] for k in rng.permutation(len(parts)))


def trained(reader: Reader, lessons: list[Lesson], codes: np.ndarray, of: str, steps: int, seed: int) -> dict:
    """The mean of the weights over the last steps (a moving one, 0.995)."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=RATE, weight_decay=0.02, betas=(0.9, 0.98))
    mean = {name: value.detach().clone() for name, value in reader.state_dict().items()}
    begun, seen, source = time.monotonic(), 0.0, batches(lessons, rng)
    decides = torch.tensor([label in FIRST for label in LABELS[of]])
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min((step + 1) / 100, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
        part = next(source)
        labels, weights = wanted(part, of)
        logits = reader(*coded([worn(lesson.text, rng) for lesson in part], codes, rng))
        smooth = torch.where(decides, labels * 0.96 + 0.02, labels)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, smooth, weights, reduction="sum") / ROWS
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        seen = 0.99 * seen + 0.01 * loss.item() if step else loss.item()
        keep = min(0.995, step / (step + 10))
        for name, value in reader.state_dict().items():
            mean[name].lerp_(value, 1 - keep)
        if step % 200 == 0:
            print(f"{step} loss {seen:.3f} {time.monotonic() - begun:.0f} s", flush=True)
    return mean


def scores(reader: Reader, lessons: list[Lesson], codes: np.ndarray) -> list[list]:
    """Per lesson its key, what is true of it, and how probable the reader holds each label."""
    reader.eval()
    with torch.no_grad():
        return [
            [lesson.key, lesson.labels, torch.sigmoid(reader(*coded([lesson.text[-LONGEST:]], codes)))[0].tolist()]
            for lesson in lessons
        ]


def main() -> None:
    """Trains, and writes or scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", choices=sorted(LABELS))
    parser.add_argument("data", type=Path)
    parser.add_argument("--trunk", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--apart", nargs="*", default=[])
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--ordinary", type=int, default=6000, help="texts without labels that are taken as harmless")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    every = list(lessons_of(args.of, SETS / args.of))
    apart = [lesson for lesson in every if lesson.key.split("/")[0] in args.apart]
    lessons = [lesson for lesson in every if lesson.key.split("/")[0] not in args.apart]
    rng = np.random.default_rng(args.seed)
    if args.of == "guards":
        lessons += [lesson for file in (SETS / "triage").glob("t12.jsonl") for lesson in plain_questions(file)]
    others = list(ordinary(args.data) if args.of == "triage" else ordinary_answers(args.data, rng))
    lessons += [others[i] for i in rng.permutation(len(others))[: args.ordinary]]
    with np.load(args.trunk) as arrays:
        weights = {name: arrays[name] for name in arrays.files}
    alphabet = weights.pop("alphabet").astype(np.int64)
    codes = np.ones(0x10000, dtype=np.int64)
    codes[alphabet] = np.arange(2, len(alphabet) + 2)
    reader = Reader(Trunk(len(alphabet) + 2), len(LABELS[args.of]))
    reader.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, strict=False)
    print(len(lessons), "lessons,", len(apart), "apart", flush=True)
    reader.load_state_dict(trained(reader, lessons, codes, args.of, args.steps, args.seed))
    if args.scores:
        args.scores.write_text(json.dumps(scores(reader, apart, codes)))
    if args.out:
        arrays = {name: value.to(torch.float16).numpy() for name, value in reader.state_dict().items()}
        labels = np.array(LABELS[args.of])
        np.savez_compressed(args.out, alphabet=alphabet.astype(np.uint16), labels=labels, **arrays)
        print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
