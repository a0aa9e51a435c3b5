"""What a run took, beside what was planned: memory beyond what the process had before, and seconds."""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from doctorglm.runs import peak_memory_mb


@dataclass(frozen=True)
class Held:
    """What the process held when a run began, in GB (10^9 bytes)."""

    resident: float
    peak: float

    def peak_gb(self, device: torch.device) -> float | None:
        """The run's own peak; None where an earlier one of the same process was higher, so that nobody can tell."""
        if device.type == "cuda":
            return torch.cuda.max_memory_reserved(device) / 1e9
        peak = peak_memory_mb() / 1e3
        return round(peak - self.resident, 4) if peak > self.peak else None


def held_now() -> Held:
    """Now; where the system does not say what is resident, its peak stands for that."""
    peak = peak_memory_mb() / 1e3
    return Held(resident_gb() or peak, peak)


def resident_gb(statm: Path = Path("/proc/self/statm")) -> float | None:
    """What the process holds in memory, in 10^9 bytes; None where the system does not say."""
    if sys.platform != "linux":
        return None
    import resource

    return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e9
