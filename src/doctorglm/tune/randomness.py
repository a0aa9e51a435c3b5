"""The random numbers of a run: every step begins with a state that the seed and the step alone fix."""

import random
from typing import Any

import torch

from doctorglm.tune.ranks import ranks

_SEEDS_OF_A_RUN = 1_000_003
"""Prime, so that the steps of runs with other seeds draw other numbers."""
_SEEDS_OF_A_PROCESS = 2**40
"""The processes of a run drop out other numbers; the first draws as one that is alone."""


def seed_step(seed: int, step: int) -> None:
    """Sets Python's generator and torch's, on the CPU and on every GPU, to where `step` (0-based) begins."""
    number = seed * _SEEDS_OF_A_RUN + step + ranks().number * _SEEDS_OF_A_PROCESS
    torch.manual_seed(number)
    random.seed(number)


def random_state() -> dict[str, Any]:
    """The state of all these generators."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"python": random.getstate(), "torch": torch.get_rng_state(), "cuda": gpus}


def restore_random(state: dict[str, Any]) -> None:
    """Puts back what `random_state` returned; what is saved of a GPU that is not there is left out."""
    random.setstate(state["python"])
    torch.set_rng_state(state["torch"])
    for number, gpu in enumerate(state["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(gpu, number)
