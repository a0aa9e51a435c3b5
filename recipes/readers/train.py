"""Trains the reader of triage or of the guards on labelled texts and writes it as the package ships it.

    python recipes/readers/train.py triage ../shared/data --trunk trunk.npz --out src/doctorglm/safety/triage/reader.npz
    python recipes/readers/train.py guards ../shared/data --trunk trunk.npz --apart t1 --scores t1.json

`--apart` leaves writers out of the training and scores them, to measure on them.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from network import Reader, Trunk
from texts import ANSWERED, Lesson, answers, conversations, ordinary, ordinary_answers, questions

from doctorglm.safety.reader import PAIRS, STRIDE, pairs_of, points_of

SETS = Path(__file__).parents[2] / "benchmarks/sets"
KINDS = {}
KINDS["triage"] = (
    "emergency",
    "chest_pain", "dissection", "stroke", "haemorrhage", "anaphylaxis", "poisoning", "bite", "suicide", "infant_fever",
    "pregnancy", "meningitis", "sepsis", "diabetic", "torsion", "airway", "breathing", "head_injury", "burn",
    "heat_stroke", "seizure", "electric_shock", "drowning", "eye", "cord", "abdomen", "trauma", "cardiac_arrest", "other",
)  # fmt: skip
KINDS["guards"] = (*ANSWERED, "harmful")
ROWS = 32


def coded(texts: list[str], codes: np.ndarray, rng: np.random.Generator | None = None) -> tuple[torch.Tensor, ...]:
    """(B, L) codes of characters and pairs; with `rng` some characters are made unknown."""
    length = -(-max(map(len, texts)) // STRIDE) * STRIDE
    characters, pairs = np.zeros((2, len(texts), length), dtype=np.int64)
    for row, text in enumerate(texts):
        points = points_of(text)
        two = pairs_of(points)
        known = codes[points]
        if rng is not None:
            known = np.where(rng.random(len(text)) < 0.04, 1, known)
            two = np.where(rng.random(len(text)) < 0.10, rng.integers(0, PAIRS, len(text)), two)
        characters[row, : len(text)], pairs[row, : len(text)] = known, two
    return torch.from_numpy(characters), torch.from_numpy(pairs)


FEATS = json.loads(Path("/work/lead/feats.json").read_text()) if Path("/work/lead/feats.json").exists() else {}
NAMES = {}


def found_in(lessons):
    rows = torch.zeros(len(lessons), len(NAMES))
    for row, lesson in enumerate(lessons):
        for name in FEATS[lesson.key]:
            if name in NAMES:
                rows[row, NAMES[name]] = 1.0
    return rows


def wanted(lessons: list[Lesson], kinds: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, labels) what is true, and how much it counts; the kinds of an emergency less than that it is one."""
    known = [[lesson.labels.get(kind, 0.0) for kind in kinds] for lesson in lessons]
    labels = torch.tensor([[value or 0.0 for value in row] for row in known])
    weights = torch.tensor([[(value is not None) * own.weight for value in row] for row, own in zip(known, lessons)])
    for column, kind in enumerate(kinds):
        if kind not in ("emergency", "unsafe", "harmful"):
            weights[:, column] *= 0.15 if kinds[0] == "emergency" else 0.3
    return labels, weights


def worn(text: str, rng: np.random.Generator) -> str:
    """The text as it stands, or without marks, or cut at its ends where nothing is lost."""
    if rng.random() < 0.1:
        return "".join(c for c in text if c not in "，。！？,.!?")
    return text


def batches(lessons: list[Lesson], rng: np.random.Generator):
    """Without end; texts of like length together."""
    while True:
        order = rng.permutation(len(lessons))
        for at in range(0, len(order), ROWS * 16):
            group = sorted(order[at : at + ROWS * 16], key=lambda i: len(lessons[i].text))
            parts = [group[i : i + ROWS] for i in range(0, len(group), ROWS)]
            rng.shuffle(parts := list(parts)) if len(parts) > 1 else None
            yield from ([lessons[i] for i in part] for part in parts)


def trained(reader: Reader, lessons: list[Lesson], codes: np.ndarray, kinds, steps: int, seed: int) -> dict:
    """The mean of the weights over the last steps."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=1e-3, weight_decay=0.02, betas=(0.9, 0.98))
    mean = {name: value.detach().clone() for name, value in reader.state_dict().items()}
    begun, seen, source = time.monotonic(), 0.0, batches(lessons, rng)
    for step in range(steps):
        rate = 1e-3 * min((step + 1) / 100, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
        for group in optimizer.param_groups:
            group["lr"] = rate
        part = next(source)
        labels, weights = wanted(part, kinds)
        smooth = labels * 0.96 + 0.02
        logits = reader(
            *coded([worn(lesson.text, rng)[-1500:] for lesson in part], codes, rng), found_in(part) if NAMES else None
        )
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
    """Per lesson its key, whether it is one, and how probable the reader holds each label."""
    reader.eval()
    found = []
    with torch.no_grad():
        for lesson in lessons:
            p = torch.sigmoid(reader(*coded([lesson.text[-1500:]], codes), found_in([lesson]) if NAMES else None))[
                0
            ].tolist()
            found.append([lesson.key, lesson.labels, [round(x, 4) for x in p]])
    return found


def _lessons(of: str, folder: Path):
    """What may be learnt from: never a test half that is to be scored yet."""
    for file in sorted(folder.glob("*.jsonl")):
        writer = file.name.split(".")[0]
        if of == "triage" and writer not in ("c", "d"):
            yield from conversations(file)
        if of == "guards" and writer.startswith("q"):
            yield from questions(file)
        elif of == "guards" and writer != "test2" and not file.name.endswith(".spans.jsonl"):
            spans = file.with_suffix(".spans.jsonl")
            yield from answers(file, spans if spans.exists() else None)


def main() -> None:
    """Trains, and writes or scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", choices=sorted(KINDS))
    parser.add_argument("data", type=Path)
    parser.add_argument("--trunk", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--apart", nargs="*", default=[])
    parser.add_argument("--sets", type=Path)
    parser.add_argument("--found", action="store_true")
    parser.add_argument("--ordinary", type=int, default=1500)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    kinds = KINDS[args.of]
    lessons = list(_lessons(args.of, SETS / args.of if args.sets is None else args.sets))
    apart = [lesson for lesson in lessons if lesson.key.split("/")[0] in args.apart]
    lessons = [lesson for lesson in lessons if lesson.key.split("/")[0] not in args.apart]
    rng = np.random.default_rng(args.seed)
    others = list(ordinary(args.data) if args.of == "triage" else ordinary_answers(args.data, rng))
    lessons += [others[i] for i in rng.permutation(len(others))[: args.ordinary]]
    with np.load(args.trunk) as arrays:
        weights = {name: arrays[name] for name in arrays.files}
    alphabet = weights.pop("alphabet").astype(np.int64)
    codes = np.ones(0x10000, dtype=np.int64)
    codes[alphabet] = np.arange(2, len(alphabet) + 2)
    if args.found:
        from collections import Counter

        met = Counter(n for lesson in lessons for n in FEATS[lesson.key])
        NAMES.update({n: i for i, n in enumerate(sorted(n for n, c in met.items() if c >= 4))})
    reader = Reader(Trunk(len(alphabet) + 2), len(kinds), len(NAMES))
    held = {} if args.trunk.name == "none" else {name: torch.from_numpy(value) for name, value in weights.items()}
    reader.load_state_dict(held, strict=False)
    print(len(lessons), "lessons,", len(apart), "apart", flush=True)
    reader.load_state_dict(trained(reader, lessons, codes, kinds, args.steps, args.seed))
    if args.scores:
        args.scores.write_text(json.dumps(scores(reader, apart, codes)))
    if args.out:
        arrays = {name: value.to(torch.float16).numpy() for name, value in reader.state_dict().items()}
        np.savez_compressed(args.out, alphabet=alphabet.astype(np.uint16), labels=np.array(kinds), **arrays)
        print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
