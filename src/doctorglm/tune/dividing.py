"""A step's batches among several processes: each sample in exactly one of them, tokens as even as whole samples allow.

The tokens of a step, in the order of its batches, are cut into equal stretches, one for each process; a sample belongs
to the stretch in which its middle lies. What a process gets of a batch stays a batch. So a step has the same samples
whatever the number of processes, a process of a step with few samples may have none, and nobody needs to be told: every
process knows all shares.
"""

from collections.abc import Callable, Sequence


def divided(batches: Sequence[Sequence[int]], tokens: Callable[[int], int], processes: int) -> list[list[list[int]]]:
    """For every process its batches of sample indices, without empty ones; `tokens` are those of a sample."""
    total = sum(tokens(i) for batch in batches for i in batch)
    shares: list[list[list[int]]] = [[] for _ in range(processes)]
    before = 0
    for batch in batches:
        begun: set[int] = set()
        for i in batch:
            # twice the middle over twice the total, in whole numbers, so that every machine cuts at one place
            owner = min(processes - 1, (2 * before + tokens(i)) * processes // max(1, 2 * total))
            if owner not in begun:
                begun.add(owner)
                shares[owner].append([])
            shares[owner][-1].append(i)
            before += tokens(i)
    return shares
