"""A folder of weights written anew: official ChatGLM as what transformers loads, pickles as safetensors, and back.

Values and types stay as they are, unless they are packed or unpacked. Tensors go from file to file one at a time; the
folder appears when it is complete.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

from doctorglm.errors import ConfigError
from doctorglm.language import Text
from doctorglm.models.loading import stored_quantization
from doctorglm.models.plans import LICENCES, Layout, carry, planned
from doctorglm.models.quantized.official import measured, packed_plan, unmeasured
from doctorglm.models.weights import gguf_file, shapes_of, weight_files
from doctorglm.models.writing import MAX_SHARD_BYTES, write_weights
from doctorglm.report.progress import progress_line
from doctorglm.runs import sync_directory, write_json


def convert(
    source: Path,
    target: Path,
    to: Layout,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    *,
    slim: bool = False,
    quantization_embeddings: bool = False,
) -> dict[str, Any]:
    """Writes the model of `source` to the new folder `target`, whole or not at all; returns what was done.

    "hf" is what the classes of transformers (for ChatGLM-6B, ours) load; "chatglm" are the official names and
    what official checkpoints hold besides; "int8" and "int4" are these in 8 and 4 bits as published, and then
    `divergence` from what it was made of is returned too; `quantization_embeddings` packs ChatGLM-6B's embedding and
    head with them; `slim` drops the image tokens of ChatGLM-6B's first vocabulary.
    Raises ConfigError for a target that is there, ModelError for what cannot be read, is unknown or does not fit.
    """
    refuse_target(source, target)
    packed = to if to in ("int8", "int4") else None
    if packed is None:
        plan = planned(source, to, slim=slim)
    else:
        plan = packed_plan(source, packed, embeddings=quantization_embeddings)
    total = sum(output.size for output in plan.outputs)
    require_room(target, total)
    name = Text(en="convert", zh="转换")
    divergence: dict[str, float] | None = None
    with progress_line(name, total) as line, new_folder(target) as folder:
        files = write_weights(folder, plan.outputs, plan.checkpoint.read, line.update, max_shard_bytes)
        write_json(folder / "config.json", plan.config)
        carry(source, folder, LICENCES)
        if plan.write_tokenizer:
            plan.write_tokenizer(folder)
        if packed and plan.write_tokenizer:
            divergence = measured(source, folder, packed)
        elif packed:
            unmeasured(source)
    return {
        "out": str(target),
        "family": plan.family,
        "to": to,
        "tensors": len(plan.outputs),
        "bytes": total,
        "files": files,
        "tokenizer": plan.write_tokenizer is not None,
        **({"divergence": divergence} if packed else {}),
    }


def refuse_target(source: Path, target: Path) -> None:
    """Raises ConfigError for a target that is there, or that is the source."""
    if source.resolve() == target.resolve():
        raise ConfigError(
            en=f"{target}: SRC and DST are the same folder. Choose another DST.",
            zh=f"{target}：源文件夹与目标文件夹相同。请换一个目标文件夹。",
        )
    if target.exists() or target.is_symlink():
        raise ConfigError(
            en=f"{target} exists already; nothing is overwritten. Remove it, or choose another DST.",
            zh=f"{target} 已经存在，不会覆盖。请先删除它，或换一个目标文件夹。",
        )


def size_in_32_bits(base: Path) -> int:
    """Bytes that the weights of a folder take in 32 bits; 0, which is not known, for a GGUF.

    Raises ModelError for weights that are missing or cannot be read.
    """
    if gguf_file(base) is not None:
        return 0
    shapes = shapes_of(weight_files(base))
    packed = {f"{name}_scale" for name in shapes} & shapes.keys() if stored_quantization(base) == "int4" else set()
    return sum(4 * prod(shape) * (2 if f"{name}_scale" in packed else 1) for name, shape in shapes.items())


def require_room(target: Path, needed: int) -> None:
    """Raises ConfigError where the disk of `target` has less than `needed` bytes free."""
    place = next(folder for folder in (target, *target.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise ConfigError(
            en=f"{target}: {needed / 1e6:,.1f} MB are needed, and {free / 1e6:,.1f} MB are free on this disk; nothing "
            "was written. Make room, or choose a DST on another disk.",
            zh=f"{target}：需要 {needed / 1e6:,.1f} MB，而磁盘只剩 {free / 1e6:,.1f} MB，未写出任何文件。"
            "请腾出空间，或把目标文件夹放到别的磁盘上。",
        )


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its name when the block ends well, and vanishes when not."""
    temporary = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True, mode=0o700)
        yield temporary
        for file in temporary.iterdir():
            file.chmod(0o600)
            _sync(file)
        sync_directory(temporary)
        temporary.rename(target)
        sync_directory(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(file: Path) -> None:
    """Makes a file's content survive a power cut, whoever wrote it."""
    with file.open("rb") as written:
        os.fsync(written.fileno())
