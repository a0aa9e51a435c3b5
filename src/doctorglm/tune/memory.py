"""Memory: freed blocks go back to the system; when it ends, what is measured is measured in halves, and what is trained
says what to change and by how much."""

import ctypes
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from doctorglm.errors import ModelError
from doctorglm.language import Text

Measured = TypeVar("Measured")

_THRESHOLD = 2**20
"""Bytes from which a block is mapped by itself; a smaller value costs time, a larger one leaves more behind."""
_PRODUCTS = 64
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def return_freed_blocks() -> bool:
    """Has glibc map every large block by itself, so that a freed one is the system's again; whether it does so.

    Left alone it raises its threshold up to 32 MiB as blocks are freed, and keeps in its heap what lies between others:
    a run on a CPU then grows for many steps. Source: mallopt(3).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    set_to = ctypes.CDLL(None).mallopt
    return bool(set_to(_M_MMAP_THRESHOLD, _THRESHOLD) and set_to(_M_TRIM_THRESHOLD, _THRESHOLD))


def keep_few_products() -> None:
    """Has oneDNN keep the code of few products, where the user has not said how much and no product was made yet.

    It compiles each for its number of rows, which packing changes with every batch, and keeps 1,024 of them: a run then
    grows by hundreds of megabytes. 64 are more than one step uses; making one takes less than a millisecond. Source:
    https://uxlfoundation.github.io/oneDNN/dev_guide_primitive_cache.html
    """
    if not {"ONEDNN_PRIMITIVE_CACHE_CAPACITY", "DNNL_PRIMITIVE_CACHE_CAPACITY"} & os.environ.keys():
        os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = str(_PRODUCTS)


def in_parts(indices: list[int], measure: Callable[[list[int]], Measured]) -> Iterator[Measured]:
    """What `measure` says of the indices, in as few parts as the memory allows.

    Raises ModelError when one alone is too much.
    """
    try:
        measured = measure(indices)
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        if len(indices) == 1:
            raise ModelError(
                en=f"a single sample does not fit into memory ({str(error).splitlines()[0]}). Lower max_length.",
                zh=f"单个样本也放不进内存（{str(error).splitlines()[0]}）。请调小 max_length。",
            ) from error
    else:
        yield measured
        return
    # here, where nothing refers to the error and the tensors of its frames any more
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(indices) // 2
    yield from in_parts(indices[:middle], measure)
    yield from in_parts(indices[middle:], measure)


@contextmanager
def told_when_out(remedy: Callable[[], Text]) -> Iterator[None]:
    """Within it, memory that ends raises ModelError with what to change; checkpoints that were written stay."""
    try:
        yield
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        ways, said = remedy(), str(error).splitlines()[0]
        raise ModelError(
            en=f"out of memory ({said}). {ways.en} The last checkpoint is kept.",
            zh=f"内存不足（{said}）。{ways.zh}上一个检查点已保留。",
        ) from error


def _is_out_of_memory(error: RuntimeError) -> bool:
    """A GPU has an error of its own; the CPU's allocator says it in words."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
