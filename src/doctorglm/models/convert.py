"""A folder of weights written anew: official ChatGLM as what transformers loads, pickles as safetensors, and back.

Values and types stay as they are. Tensors go from file to file one at a time; the folder appears when it is complete.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast, get_args

from doctorglm.errors import ConfigError
from doctorglm.language import Text
from doctorglm.models.plans import LICENCES, Layout, carry, planned
from doctorglm.models.quantized.official import measured, packed_plan, unmeasured
from doctorglm.models.writing import MAX_SHARD_BYTES, write_weights
from doctorglm.report.progress import progress_line
from doctorglm.runs import sync_directory, write_json


def convert(
    source: Path,
    target: Path,
    to: Layout,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> dict[str, Any]:
    """Writes the model of `source` to the new folder `target`, whole or not at all; returns what was done.

    "hf" is what the classes of transformers (for ChatGLM-6B, ours) load; "chatglm" are the official names of ChatGLM2
    and ChatGLM3, from a folder of GLM; "int8" and "int4" are ChatGLM-6B as published in 8 and 4
    bits; then `divergence` from what it was made of is returned too.
    Raises ConfigError for a target that is there, ModelError for what cannot be read, is unknown or does not fit.
    """
    refuse_target(source, target)
    packed = to if to in ("int8", "int4") else None
    plan = planned(source, to) if packed is None else packed_plan(source, packed)
    total = sum(output.size for output in plan.outputs)
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


def layout(name: str) -> Layout:
    """The layout of that name; raises ConfigError for one that is none."""
    for known in get_args(Layout):
        if name == known:
            return cast(Layout, known)
    raise ConfigError(
        en=f"--to {name}: it must be hf, chatglm, int8, int4 or merged. Choose one of them.",
        zh=f"--to {name} 无效：应为 hf、chatglm、int8、int4 或 merged。请选择其一。",
    )


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
