"""What is freed stays with the process: a second step faults in no more pages than its first touch needed."""

import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import torch
from doctorglm.tune.allocator import keep_freed_memory

if sys.argv[1] == "kept":
    print(keep_freed_memory(), end=" ")
megabytes = [torch.ones(10_000_000) for _ in range(4)]
del megabytes
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    megabytes = [torch.ones(10_000_000) for _ in range(4)]
    del megabytes
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _run(how: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has mallopt")
def test_buffers_are_not_faulted_in_again() -> None:
    (usual,) = _run("usual")
    kept, faults = _run("kept")
    if kept != "True":
        pytest.skip("this C library has no mallopt that answers")
    pages = 4 * 10_000_000 * 4 // 4096
    assert int(usual) > 5 * pages, "what this is about: as many faults as pages, every time"
    assert int(faults) < pages
