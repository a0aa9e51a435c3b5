"""How much a text repeats itself, in characters, so that Chinese and English are measured alike.

Source of rep-n: Welleck et al. 2019, "Neural Text Generation with Unlikelihood Training", arXiv 1908.04319
(there `seq-rep-n`, over tokens).
"""

import numpy as np
import numpy.typing as npt

MAX_PERIOD = 60
"""Characters of the longest block whose repetition is looked for: one to two Chinese sentences."""

MIN_REPETITIONS = 3
"""Twice is emphasis (`多喝水，多喝水`); three times in a row is a loop."""

LONGEST_RULE = 80
"""Characters of the longest run without a letter or digit (`------`, `……`, blank lines) that is layout, no loop."""


def rep_n(text: str, n: int = 4) -> float:
    """The share of character n-grams that occurred before in `text`: 1 - distinct/total, in [0, 1).

    0.0 for a text shorter than n, which has no n-gram. Source: arXiv 1908.04319, section 6.
    """
    if n < 1:
        raise ValueError(f"n-grams need n >= 1, not {n}")
    total = len(text) - n + 1
    if total < 1:
        return 0.0
    return 1 - len({text[start : start + n] for start in range(total)}) / total


def longest_loop(text: str, *, max_period: int = MAX_PERIOD, min_repetitions: int = MIN_REPETITIONS) -> int:
    """Characters covered by the longest run of one block repeated without a gap; 0 where there is none.

    A run has a block of 1 to `max_period` characters, at least `min_repetitions` times in full; a last copy that is
    cut off counts with the characters it has. A run without a letter or digit is layout up to LONGEST_RULE
    characters, and a loop (`！！！！…`) beyond. Time is proportional to len(text) x max_period, in NumPy.
    """
    if max_period < 1 or min_repetitions < 2:
        raise ValueError(f"a loop needs max_period >= 1 and min_repetitions >= 2, not {max_period}, {min_repetitions}")
    codes_L = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    words_L = np.cumsum([0, *map(str.isalnum, text)])
    longest = 0
    for period in range(1, min(max_period, len(text) // min_repetitions) + 1):
        equal_L = codes_L[:-period] == codes_L[period:]
        # most periods of ordinary text match hardly anywhere
        if np.count_nonzero(equal_L) < (min_repetitions - 1) * period:
            continue
        starts, lengths = _runs(equal_L)
        covered = lengths + period
        spoken = words_L[starts + period] > words_L[starts]
        loops = covered[(covered >= min_repetitions * period) & (spoken | (covered > LONGEST_RULE))]
        longest = max(longest, int(loops.max(initial=0)))
    return longest


def _runs(equal_L: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where the runs of True begin, and how long they are."""
    edges = np.flatnonzero(np.diff(equal_L, prepend=False, append=False))
    return edges[::2], edges[1::2] - edges[::2]
