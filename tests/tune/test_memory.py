"""Memory that is freed goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

_BLOCKS = """
import ctypes, sys, torch
from doctorglm.tune.memory import return_freed_blocks

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

def mapped():
    of = ctypes.CDLL(None).mallinfo2
    of.restype = Info
    return of().hblkhd

if sys.argv[1] == "returned":
    assert return_freed_blocks()
for _ in range(3):
    held = torch.empty(2**22)
    del held
before = mapped()
held = torch.empty(2**21)
print(mapped() - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
@pytest.mark.parametrize(("how", "mapped"), [("left alone", 0), ("returned", 2**23)])
def test_a_large_block_is_mapped_by_itself_however_many_were_freed_before(how: str, mapped: int) -> None:
    said = subprocess.run([sys.executable, "-c", _BLOCKS, how], capture_output=True, text=True, check=True)
    assert mapped <= int(said.stdout) <= mapped + 2**13
