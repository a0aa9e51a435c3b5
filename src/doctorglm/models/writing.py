"""Safetensors files written tensor by tensor, so that memory holds the largest tensor and never a model.

The library's own `save_file` needs all of a file's tensors at once. Format:
https://github.com/huggingface/safetensors#format.
"""

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from doctorglm.models.weights import DTYPES, Stored
from doctorglm.runs import atomic_file, write_json

MAX_SHARD_BYTES = 5_000_000_000
"""A shard's tensors at most, as large as the hub's own tools make them; a larger tensor has a shard of its own."""

Read = Callable[[str], torch.Tensor]
"""A tensor of a checkpoint by its name."""

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor to be written: what it will be, and how it is made from tensors of a checkpoint."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[Read], torch.Tensor]

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return Stored(None, self.shape, self.dtype).size


def renamed(target: str, source: str, one: Stored) -> Output:
    """The tensor `source` under the name `target`."""
    return Output(target, one.shape, one.dtype, lambda read: read(source))


def write_weights(
    folder: Path,
    outputs: Sequence[Output],
    read: Read,
    told: Callable[[int, str], None],
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> list[str]:
    """Writes `model.safetensors`, or shards of at most `max_shard_bytes` and their index; returns the files' names.

    `told` is called with the bytes written so far and the file's name.
    """
    shards = _shards(outputs, max_shard_bytes)
    names = [_shard_name(i, len(shards)) for i in range(len(shards))]
    done = 0
    for name, shard in zip(names, shards, strict=True):
        for size in _write_file(folder / name, shard, read):
            done += size
            told(done, name)
    if len(shards) == 1:
        return names
    where = {output.name: name for name, shard in zip(names, shards, strict=True) for output in shard}
    index = "model.safetensors.index.json"
    write_json(folder / index, {"metadata": {"total_size": done}, "weight_map": where})
    return [*names, index]


def _shard_name(number: int, count: int) -> str:
    return "model.safetensors" if count == 1 else f"model-{number + 1:05d}-of-{count:05d}.safetensors"


def _shards(outputs: Sequence[Output], limit: int) -> list[list[Output]]:
    shards: list[list[Output]] = [[]]
    size = 0
    for output in outputs:
        if shards[-1] and size + output.size > limit:
            shards.append([])
            size = 0
        shards[-1].append(output)
        size += output.size
    return shards


def _write_file(path: Path, shard: list[Output], read: Read) -> Iterator[int]:
    """Yields the bytes of each tensor once they are written."""
    # wide types first, so that every tensor begins at a multiple of its own width
    ordered = sorted(shard, key=lambda output: -output.dtype.itemsize)
    header = _header(ordered)
    with atomic_file(path, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header)
        for output in ordered:
            tensor = output.make(read)
            assert (tuple(tensor.shape), tensor.dtype) == (output.shape, output.dtype), output.name
            out.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
            # else it would stay while the next one's file is opened
            del tensor
            yield output.size


def _header(ordered: list[Output]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    start = 0
    for output in ordered:
        stop = start + output.size
        entries[output.name] = {"dtype": _NAMES[output.dtype], "shape": output.shape, "data_offsets": [start, stop]}
        start = stop
    written = json.dumps(entries, separators=(",", ":")).encode()
    return written + b" " * (-len(written) % 8)
