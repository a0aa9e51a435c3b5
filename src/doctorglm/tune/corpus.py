"""What a run trains on, in which steps, and which share of a step is a process's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from doctorglm.render import Sample
from doctorglm.tune.batches import Batch, collate, in_rows, order, pack
from doctorglm.tune.dividing import divided
from doctorglm.tune.ranks import ranks
from doctorglm.tune.settings import TuneSettings

ROW_TOKENS = 2048
"""Tokens of a packed row on a CPU: with fewer, what is done once a row weighs more; with more, memory does."""


@dataclass(frozen=True)
class Corpus:
    """What is trained on, and what the training is validated on."""

    train: Sequence[Sample]
    valid: Sequence[Sample]
    pad_token_id: int
    packing: bool = False
    """Whether batches are packed; see `reading.reads_packed`."""
    general: Sequence[Sample] = ()
    """General text, which is validated on too: what of it is forgotten."""

    def batches(self, samples: Sequence[Sample], device: torch.device) -> list[Batch]:
        """The forward passes of one batch: one of padded rows, or packed rows that fit the processor's caches."""
        make = pack if self.packing else partial(collate, pad_token_id=self.pad_token_id)
        return [make(row).to(device) for row in self.rows(samples, device)]

    def rows(self, samples: Sequence[Sample], device: torch.device) -> list[list[Sample]]:
        """The samples of each of these passes."""
        if not self.packing:
            return [list(samples)]
        most = ROW_TOKENS if device.type == "cpu" else sum(len(s.input_ids) for s in samples)
        return in_rows(samples, most)

    def share(self, batches: list[list[int]], device: torch.device) -> list[Batch]:
        """This process's forward passes of a step, of which it may have none.

        Where processes must read together it has as many as the others: it then reads the step's shortest sample, of
        which nothing is supervised.
        """
        team = ranks()
        shares = divided(batches, lambda i: len(self.train[i].input_ids), team.count)
        samples = [[[self.train[i] for i in indices] for indices in share] for share in shares]
        own = [batch for of in samples[team.number] for batch in self.batches(of, device)]
        most = max(sum(len(self.rows(of, device)) for of in share) for share in samples) if team.sharded else 0
        if len(own) < most:
            shortest = min((self.train[i] for indices in batches for i in indices), key=lambda s: len(s.input_ids))
            own += [self.batches([shortest], device)[0].unsupervised()] * (most - len(own))
        return own


def steps_of(train: Sequence[Sample], settings: TuneSettings, packing: bool = False) -> list[list[list[int]]]:
    """For every step its batches, for every batch its sample indices, over all epochs."""
    steps: list[list[list[int]]] = []
    for epoch in range(settings.epochs):
        batches = order(train, settings.batch_tokens, settings.seed, epoch, packing=packing)
        steps += [batches[i : i + settings.accumulation] for i in range(0, len(batches), settings.accumulation)]
    return steps[: settings.max_steps] if settings.max_steps else steps


def place_in_data(steps: list[list[list[int]]], samples: int, step: int) -> dict[str, int]:
    """Where `step` (0-based) of `steps` begins: its epoch, and how many of the `samples` it has used."""
    used = sum(len(batch) for batches in steps[:step] for batch in batches)
    return {"step": step, "epoch": used // samples, "samples": used % samples}
