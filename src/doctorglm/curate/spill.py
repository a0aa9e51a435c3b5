"""Arrays that are written once and read again: in memory while they are few, in a file without a name where not."""

import mmap
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_IN_MEMORY_BYTES = 64_000_000


class Spill:
    """Bytes in the order in which they are written; the system deletes them even after a kill."""

    def __init__(self, folder: Path | None = None) -> None:
        directory = None if folder is None else str(folder)
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=directory)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._size = 0
        self._map: mmap.mmap | None = None

    def write(self, array: NDArray[Any]) -> int:
        """Appends an array, and returns where it begins."""
        at = self._size
        self._file.seek(at)
        self._size += self._file.write(array.tobytes())
        return at

    def read(self, at: int, size: int) -> bytes:
        """So many bytes from there."""
        self._file.seek(at)
        return self._file.read(size)

    def mapped(self) -> NDArray[np.uint8]:
        """All that is written; of a file, only what is looked at comes into memory."""
        if self._size <= _IN_MEMORY_BYTES:
            return np.frombuffer(self.read(0, self._size), np.uint8)
        self._file.flush()
        self._map = self._map or mmap.mmap(self._file.fileno(), self._size, prot=mmap.PROT_READ)
        return np.frombuffer(self._map, np.uint8)

    def forget(self) -> None:
        """Gives the memory back that `mapped` took; what is looked at again comes from the file."""
        if self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)
