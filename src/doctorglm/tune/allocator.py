"""What a step frees stays with the process, so that the next one does not get it from the system zeroed, page by page.

A CPU's training step allocates the same buffers of a few megabytes each time. glibc hands such memory back to the
system when it is freed, and every page of it costs a fault when it is touched again. PyTorch has a caching allocator
of its own on GPUs alone.
Source: mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 1 << 30
"""Larger buffers than 1 GiB, weights for instance, still go back when they are freed."""
_NEVER = -1


def keep_freed_memory() -> bool:
    """Asks glibc for it, for the rest of the process; False where there is another C library, which stays as it is."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER))
