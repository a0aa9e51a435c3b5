"""Teaches a trunk to guess hidden characters of running text, and writes it.

python recipes/readers/pretrain.py ../shared/data --out trunk.npz
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from network import Guesser, Trunk
from texts import alphabet_of, running

from doctorglm.safety.reader import PAIRS, pairs_of, points_of
from doctorglm.safety.triage.text import plain_of

ROWS, LENGTH, HIDDEN = 24, 256, 0.15


def batches(text: str, alphabet: np.ndarray, rng: np.random.Generator):
    """Stretches of the text, with stretches of one to three characters hidden in each."""
    points = points_of(text)
    codes = np.ones(0x10000, dtype=np.int64)
    codes[alphabet] = np.arange(2, len(alphabet) + 2)
    while True:
        starts = rng.integers(0, len(points) - LENGTH, ROWS)
        rows = points[starts[:, None] + np.arange(LENGTH)]
        hidden = np.zeros((ROWS, LENGTH), dtype=bool)
        for width in (1, 2, 3):
            first = rng.random((ROWS, LENGTH)) < HIDDEN / 6
            for i in range(width):
                hidden[:, i:] |= first[:, : LENGTH - i]
        seen = np.where(hidden, 1, codes[rows])
        read = np.where(hidden, 0xFFFF, rows)
        pairs = np.stack([pairs_of(row) for row in read])
        wanted = codes[rows][hidden]
        yield tuple(map(torch.from_numpy, (seen, pairs, hidden, wanted)))


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    texts = [plain_of(text)[0] for text in running(args.data)]
    np.random.default_rng(args.seed).shuffle(texts)
    alphabet = alphabet_of(texts, 6000)
    guesser = Guesser(Trunk(len(alphabet) + 2), len(alphabet) + 2)
    source = batches("\x02".join(texts), alphabet, np.random.default_rng(args.seed))
    optimizer = torch.optim.AdamW(guesser.parameters(), lr=2e-3, weight_decay=0.01, betas=(0.9, 0.98))
    begun, seen = time.monotonic(), 0.0
    print(sum(map(len, texts)), "characters,", len(alphabet), "in the alphabet,", PAIRS, "pairs", flush=True)
    for step in range(args.steps):
        rate = 2e-3 * min((step + 1) / 200, 0.5 * (1 + math.cos(math.pi * step / args.steps)) + 0.01)
        for group in optimizer.param_groups:
            group["lr"] = rate
        characters, pairs, hidden, wanted = next(source)
        loss = torch.nn.functional.cross_entropy(guesser(characters, pairs, hidden), wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(guesser.parameters(), 1.0)
        optimizer.step()
        seen = 0.99 * seen + 0.01 * loss.item() if step else loss.item()
        if step % 200 == 0:
            print(f"{step} loss {seen:.3f} {time.monotonic() - begun:.0f} s", flush=True)
    weights = {f"trunk.{name}": value.numpy() for name, value in guesser.trunk.state_dict().items()}
    np.savez_compressed(args.out, alphabet=alphabet.astype(np.uint16), **weights)


if __name__ == "__main__":
    main()
