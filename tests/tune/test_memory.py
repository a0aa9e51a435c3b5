"""Memory that is freed goes back to the system."""

import ctypes
import os
import subprocess
import sys

import pytest

from doctorglm.tune.memory import keep_few_products

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


_PRODUCTS = """
import sys, torch
from doctorglm.models.products import product
from doctorglm.tune.memory import keep_few_products

if sys.argv[1] == "few":
    keep_few_products()
weight = torch.ones(16, 16)
for rows in (5, *range(100, 200), 5):
    product(torch.ones(rows, 16), weight)
"""


@pytest.mark.parametrize(("how", "made"), [("all", 1), ("few", 2)])
def test_the_code_of_few_products_is_kept(how: str, made: int) -> None:
    environment = {**os.environ, "ONEDNN_VERBOSE": "2"}
    environment.pop("ONEDNN_PRIMITIVE_CACHE_CAPACITY", None)
    command = [sys.executable, "-c", _PRODUCTS, how]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    if "onednn_verbose" not in said:
        pytest.skip("this build of torch does not tell what oneDNN makes")
    of_five_rows = [line for line in said.splitlines() if "create:cache_miss" in line and "mb5ic16oc16" in line]
    assert len(of_five_rows) == made


def test_what_the_user_said_of_products_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", raising=False)
    monkeypatch.setenv("DNNL_PRIMITIVE_CACHE_CAPACITY", "7")
    keep_few_products()
    assert "ONEDNN_PRIMITIVE_CACHE_CAPACITY" not in os.environ
