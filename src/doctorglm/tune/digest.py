"""One sha256 for tensors and numbers nested in lists and mappings, by which a checkpoint is proved whole."""

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import torch


class _Sink(Protocol):
    def update(self, data: Any, /) -> None: ...


def digest(value: Any) -> str:
    """The hex sha256 of a value: of types, shapes and bytes of its tensors, wherever they are; mappings have no order.

    Values that are equal bit by bit, and only those, have the same one: -0.0 is not 0.0, and float16 is not bfloat16.
    """
    sha = hashlib.sha256()
    _feed(sha, value)
    return sha.hexdigest()


def _feed(sha: _Sink, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        sha.update(f"{value.dtype} {tuple(value.shape)}\0".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        if flat.numel():
            sha.update(flat.view(torch.uint8).numpy())
    elif isinstance(value, Mapping):
        sha.update(f"map {len(value)}\0".encode())
        for key in sorted(value, key=repr):
            _feed(sha, key)
            _feed(sha, value[key])
    elif isinstance(value, list | tuple):
        sha.update(f"list {len(value)}\0".encode())
        for item in value:
            _feed(sha, item)
    else:
        sha.update(f"{type(value).__name__} {value!r}\0".encode())


def tensor_bytes(value: Any) -> int:
    """What the tensors in a value take up, in bytes."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return sum(tensor_bytes(item) for item in inside)
