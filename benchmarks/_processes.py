"""What a command costs with all the processes that it starts: wall and CPU seconds, and the peak of their memory.

/proc is read every tenth of a second. Memory is the sum of each process's proportional share (PSS), so that pages which
processes share count once; where the kernel does not say it, the resident size. CPU seconds are those that each process
had when it was last seen: the last tenth of a second of one that ends is missing, and what ends sooner is not seen.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_EVERY_S = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Of one command."""

    returncode: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    """10^6 bytes."""
    output: str = ""
    cpu_of: dict[int, float] = field(default_factory=dict, repr=False)

    def told(self) -> dict[str, float]:
        """As results give it."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "peak_memory_mb": round(self.peak_memory_mb, 1),
        }


def measured(
    command: Sequence[str], *, environment: dict[str, str] | None = None, until: Callable[[], bool] | None = None
) -> Cost:
    """Runs a command to its end, or kills its first process by SIGKILL once `until` says so."""
    cost, started = Cost(), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        while process.poll() is None:
            _look(process.pid, cost)
            if until and until():
                process.kill()
                until = None
            time.sleep(_EVERY_S)
        cost.seconds = time.monotonic() - started
        cost.output = process.stdout.read() if process.stdout else ""
    cost.returncode, cost.cpu_seconds = process.returncode, sum(cost.cpu_of.values())
    return cost


def _look(root: int, cost: Cost) -> None:
    memory = 0
    for pid in _tree(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cost.cpu_of[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
            memory += _memory(pid, int(fields[21]))
        except (OSError, IndexError):  # it has ended meanwhile
            continue
    cost.peak_memory_mb = max(cost.peak_memory_mb, memory / 1e6)


def _memory(pid: int, resident_pages: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    return resident_pages * os.sysconf("SC_PAGE_SIZE")


def _tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found
