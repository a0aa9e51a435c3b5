"""How the process ends: alone as every other, one of several without freeing anything."""

import subprocess
import sys

import pytest

from .cli.kit import environment

_ENDS = """
import atexit
from doctorglm.__main__ import _end
atexit.register(print, "freed")
print("said")
_end(3)
"""


@pytest.mark.parametrize(("processes", "printed"), [("", "said freed"), ("1", "said freed"), ("2", "said")])
def test_one_of_several_ends_at_once_with_what_it_said_and_its_code(processes: str, printed: str) -> None:
    command = [sys.executable, "-c", _ENDS]
    done = subprocess.run(command, env=environment(WORLD_SIZE=processes), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (3, printed.split(), "")
