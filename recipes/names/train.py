"""Trains the tagger of names and writes its weights as the package ships them.

    python recipes/names/train.py --silver silver.jsonl --words dict.txt --out names.npz

The same seed and threads give the same weights. `--without 1-251` leaves those records out, to measure on them.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from lessons import LEFT_OUT, Lessons, Piece, labelled, read, read_words
from network import Tagger
from torch import Tensor

from doctorglm.clinical.deid.tagger import BITS, GAP, PAIRS, Dictionary, hashes, points_of

RECORDS = Path(__file__).parents[2] / "benchmarks/sets/names/train.txt"
ROWS, LENGTH = 24, 512


def alphabet_of(lessons: Lessons, characters: int) -> np.ndarray:
    """What 20,000 lessons and the two levels of GB 2312 hold, below U+FFFF."""
    met: dict[str, int] = {}
    for (text, _), _ in zip(lessons, range(20_000), strict=False):
        for char in text:
            met[char] = met.get(char, 0) + 1
    level = {bytes([a, b]).decode("gb2312", "ignore") for a in range(0xB0, 0xF8) for b in range(0xA1, 0xFF)} - {""}
    often = {char for char, count in met.items() if count >= 2 and ord(char) < 0xFFFF}
    return np.array(sorted(ord(char) for char in often | level)[:characters])


def dictionary_of(words: dict[str, int]) -> dict[str, np.ndarray]:
    """The bits of the words of two characters, of the frequent ones, and of those of three."""
    bits = {name: np.zeros(BITS, dtype=np.uint8) for name in ("pairs", "often", "triples")}
    for word, count in words.items():
        if len(word) in (2, 3):
            at = hashes(points_of(word), len(word))[0]
            bits["pairs" if len(word) == 2 else "triples"][at] = 1
            if len(word) == 2 and count >= 100:
                bits["often"][at] = 1
    return bits


def batches(lessons: Lessons, alphabet: np.ndarray, bits: dict[str, np.ndarray], rng: np.random.Generator):
    """Rows of lessons one behind the other with a gap between; one character in a hundred is made unknown."""
    codes = np.ones(0x10000, dtype=np.int64)
    codes[alphabet] = np.arange(2, len(alphabet) + 2)
    source, dictionary = iter(lessons), Dictionary(**bits)
    while True:
        characters, pairs = np.zeros((2, ROWS, LENGTH), dtype=np.int64)
        flags = np.zeros((ROWS, LENGTH, Dictionary.FLAGS), dtype=np.float32)
        labels = np.full((ROWS, LENGTH), LEFT_OUT, dtype=np.int64)
        for row in range(ROWS):
            at = 0
            while at < LENGTH - 2 * GAP:
                text, marks = next(source)
                length = min(len(text), LENGTH - at)
                if not length:
                    continue
                points = points_of(text[:length])
                two = (np.concatenate([[0], points[:-1]]) * 40_503 + points * 9_973) % PAIRS
                place = slice(at, at + length)
                unknown = rng.random(length) < np.where(np.array(marks[:length]) > 0, 0.03, 0.004)
                characters[row, place] = np.where(unknown, 1, codes[np.minimum(points, 0xFFFF)])
                pairs[row, place] = np.where(rng.random(length) < 0.03, rng.integers(0, PAIRS, length), two)
                flags[row, place] = dictionary.flags(points)
                labels[row, place] = marks[:length]
                at += length + GAP
        yield tuple(map(torch.from_numpy, (characters, pairs, flags, labels)))


def trained(network: Tagger, source, steps: int, peak: float) -> dict[str, Tensor]:
    """The mean of the weights over the last steps (a moving one, 0.998)."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=0.01, betas=(0.9, 0.98))
    weights = torch.tensor([1.0, 1.0, 1.0])
    mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
    begun, seen = time.monotonic(), 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = peak * min((step + 1) / 200, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
        characters, pairs, flags, labels = next(source)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = network(characters, pairs, flags).float()
        loss = torch.nn.functional.cross_entropy(
            scores.reshape(-1, 3), labels.reshape(-1), weight=weights, ignore_index=LEFT_OUT
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        seen = 0.98 * seen + 0.02 * loss.item() if step else loss.item()
        keep = min(0.998, step / (step + 10))
        for name, value in network.state_dict().items():
            mean[name].lerp_(value, 1 - keep)
        if step % 100 == 0:
            print(f"{step} loss {seen:.4f} {time.monotonic() - begun:.0f} s", flush=True)
    return mean


def _without(records: list[Piece], ranges: list[str]) -> list[Piece]:
    out = {i for part in ranges for i in range(int(part.split("-")[0]), int(part.split("-")[1]) + 1)}
    return [record for number, record in enumerate(records, 1) if number not in out]


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--silver", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True, help="jieba's dict.txt")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    records = _without(read(RECORDS), args.without)
    assert all(len(text) == len(labels) for text, labels in map(labelled, records))
    words = read_words(args.words)
    alphabet = alphabet_of(Lessons(records, args.silver, words, args.seed + 1), 8000)
    bits = dictionary_of({w: count for group in words.values() for w, count in group})
    network = Tagger(len(alphabet) + 2)
    source = batches(Lessons(records, args.silver, words, args.seed), alphabet, bits, np.random.default_rng(args.seed))
    mean = trained(network, source, args.steps, 2e-3)
    arrays = {name: value.to(torch.float16).numpy() for name, value in mean.items()}
    arrays |= {f"words.{name}": np.packbits(array) for name, array in bits.items()}
    np.savez_compressed(args.out, alphabet=alphabet.astype(np.uint16), **arrays)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {len(alphabet)} characters")


if __name__ == "__main__":
    main()
