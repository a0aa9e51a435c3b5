"""Trains the tagger of identifiers and writes its weights as the package ships them.

    python recipes/names/train.py --silver silver.jsonl --words dict.txt --out names.npz

The same seed and threads give the same weights. `--without dev2 w4` leaves those files out, to measure on them.
"""

import argparse
import math
import time
import unicodedata
from pathlib import Path

import numpy as np
import torch
from lessons import Lessons, read_words
from network import Tagger
from opencc import OpenCC
from pieces import LEFT_OUT, NOT_NAME, Piece, labelled, read
from torch import Tensor

from doctorglm.clinical.deid.tagger import (
    BITS,
    FLAGS,
    GAP,
    LABELS,
    PAIRS,
    Dictionary,
    hashes,
    points_of,
    shapes,
)

SETS = Path(__file__).parents[2] / "benchmarks/sets"
RECORDS = (
    *(f"deid/{half}" for half in ("dev", "test", "dev2", "test2", "test3")),
    "names/train",
    *(f"names/w{n}" for n in range(1, 15)),
)
ROWS, LENGTH = 12, 512


def alphabet_of(lessons: Lessons, characters: int) -> np.ndarray:
    """What 20,000 lessons and the two levels of GB 2312 hold, below U+FFFF."""
    met: dict[str, int] = {}
    for (text, _), _ in zip(lessons, range(20_000), strict=False):
        for char in text:
            met[char] = met.get(char, 0) + 1
    level = {bytes([a, b]).decode("gb2312", "ignore") for a in range(0xB0, 0xF8) for b in range(0xA1, 0xFF)} - {""}
    often = {char for char, count in met.items() if count >= 2 and ord(char) < 0xFFFF}
    return np.array(sorted(ord(char) for char in often | level)[:characters])


def aliases() -> tuple[np.ndarray, np.ndarray]:
    """Characters and the plainer ones that stand for them: simplified for traditional ones, digits for ringed ones."""
    simplified = OpenCC("t2s")
    pairs = [(point, simplified.convert(chr(point))) for point in range(0x4E00, 0x9FFF)]
    ringed = ((point, unicodedata.normalize("NFKC", chr(point)).strip("().")) for point in range(0x2460, 0x2500))
    pairs += [(point, plain) for point, plain in ringed if plain.isdigit()]
    kept = [(point, ord(plain)) for point, plain in pairs if len(plain) == 1 and ord(plain) not in (point, 0xFFFF)]
    kept = [(point, plain) for point, plain in kept if plain < 0xFFFF]
    return np.array([p for p, _ in kept], dtype=np.uint16), np.array([q for _, q in kept], dtype=np.uint16)


def dictionary_of(words: dict[str, int], places: list[str]) -> dict[str, np.ndarray]:
    """The bits of the words of two characters, of the frequent ones, of those of three, and of places."""
    bits = {name: np.zeros(BITS, dtype=np.uint8) for name in ("pairs", "often", "triples", "places")}
    for place in places:
        if len(place) in (2, 3):
            bits["places"][hashes(points_of(place), len(place))[0]] = 1
    for word, count in words.items():
        if len(word) in (2, 3):
            at = hashes(points_of(word), len(word))[0]
            bits["pairs" if len(word) == 2 else "triples"][at] = 1
            if len(word) == 2 and count >= 100:
                bits["often"][at] = 1
    return bits


def batches(
    lessons: Lessons,
    alphabet: np.ndarray,
    bits: dict[str, np.ndarray],
    alias: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
):
    """Rows of lessons one behind the other with a gap between; one character in a hundred is made unknown."""
    codes = np.ones(0x10000, dtype=np.int64)
    codes[alphabet] = np.arange(2, len(alphabet) + 2)
    plain = np.arange(0x10000)
    plain[alias[0].astype(np.int64)] = alias[1].astype(np.int64)
    source, dictionary = iter(lessons), Dictionary(**bits)
    while True:
        characters, pairs = np.zeros((2, ROWS, LENGTH), dtype=np.int64)
        flags = np.zeros((ROWS, LENGTH, FLAGS), dtype=np.float32)
        labels = np.full((ROWS, LENGTH), LEFT_OUT, dtype=np.int64)
        for row in range(ROWS):
            at = 0
            while at < LENGTH - 2 * GAP:
                text, marks = next(source)
                length = min(len(text), LENGTH - at)
                if not length:
                    continue
                points = plain[np.minimum(points_of(text[:length]), 0xFFFF)]
                two = (np.concatenate([[0], points[:-1]]) * 40_503 + points * 9_973) % PAIRS
                place = slice(at, at + length)
                unknown = rng.random(length) < np.where(np.isin(marks[:length], (1, 2)), 0.03, 0.004)
                characters[row, place] = np.where(unknown, 1, codes[points])
                pairs[row, place] = np.where(rng.random(length) < 0.03, rng.integers(0, PAIRS, length), two)
                flags[row, place] = np.concatenate([dictionary.flags(points), shapes(points)], axis=1)
                labels[row, place] = marks[:length]
                at += length + GAP
        yield tuple(map(torch.from_numpy, (characters, pairs, flags, labels)))


def loss_of(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy; where a label is NOT_NAME, of all labels but a name's together."""
    scores, labels = scores.reshape(-1, LABELS), labels.reshape(-1)
    scores, labels = scores[labels != LEFT_OUT], labels[labels != LEFT_OUT]
    partly = labels == NOT_NAME
    told = torch.nn.functional.cross_entropy(scores[~partly], labels[~partly], reduction="sum")
    others = torch.cat([scores[partly][:, :1], scores[partly][:, 3:]], 1)
    return (told + (scores[partly].logsumexp(1) - others.logsumexp(1)).sum()) / len(labels)


def trained(network: Tagger, source, steps: int, peak: float) -> dict[str, Tensor]:
    """The mean of the weights over the last steps (a moving one, 0.998)."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=0.01, betas=(0.9, 0.98))
    mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
    begun, seen = time.monotonic(), 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = peak * min((step + 1) / 400, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
        characters, pairs, flags, labels = next(source)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = network(characters, pairs, flags).float()
        loss = loss_of(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        seen = 0.99 * seen + 0.01 * loss.item() if step else loss.item()
        keep = min(0.999, step / (step + 10))
        for name, value in network.state_dict().items():
            mean[name].lerp_(value, 1 - keep)
        if step % 200 == 0:
            print(f"{step} loss {seen:.4f} {time.monotonic() - begun:.0f} s", flush=True)
    return mean


def _records(without: list[str]) -> list[Piece]:
    paths = [SETS / f"{name}.txt" for name in RECORDS if name.split("/")[1] not in without]
    return [record for path in paths for record in read(path)]


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--silver", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True, help="jieba's dict.txt")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    records = _records(args.without)
    assert all(len(text) == len(labels) for text, labels in map(labelled, records))
    words = read_words(args.words)
    lessons = Lessons(records, args.silver, words, args.seed + 1)
    alphabet = alphabet_of(lessons, 9000)
    lessons.rng.seed(args.seed)
    places = [w for w, _ in words["ns"]]
    bits, alias = dictionary_of({w: count for group in words.values() for w, count in group}, places), aliases()
    network = Tagger(len(alphabet) + 2)
    source = batches(lessons, alphabet, bits, alias, np.random.default_rng(args.seed))
    mean = trained(network, source, args.steps, 2e-3)
    arrays = {name: value.to(torch.float16).numpy() for name, value in mean.items()}
    arrays |= {"alias.of": alias[0], "alias.is": alias[1]}
    arrays |= {f"words.{name}": np.packbits(array) for name, array in bits.items()}
    np.savez_compressed(args.out, alphabet=alphabet.astype(np.uint16), **arrays)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {len(alphabet)} characters")


if __name__ == "__main__":
    main()
