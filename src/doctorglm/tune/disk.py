"""What a disk that refuses a file is said to lack: how much is needed, how much is free, and what is not lost."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doctorglm.errors import DoctorGLMError
from doctorglm.language import Text

_REFUSALS = {
    errno.ENOSPC: Text(en="the disk is full", zh="磁盘已满"),
    errno.EDQUOT: Text(en="your share of the disk is used up", zh="磁盘配额已用完"),
    errno.EFBIG: Text(en="the file would exceed the size that is allowed", zh="文件超过允许的大小"),
    errno.EIO: Text(en="the disk cannot be read or written", zh="磁盘读写出错"),
}


@contextmanager
def writing(path: Path, needed: int, kept: int) -> Iterator[None]:
    """Raises DoctorGLMError when the disk refuses `path`, of `needed` bytes; `kept` is the step of the last checkpoint.

    Libraries hide the system's error behind their own, so that the causes are looked through.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = _number(error)
        if number not in _REFUSALS:
            raise
        raise _refused(path, _REFUSALS[number], needed, kept) from error


def _number(error: BaseException | None) -> int | None:
    while error is not None:
        if isinstance(error, OSError):
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def _refused(path: Path, what: Text, needed: int, kept: int) -> DoctorGLMError:
    free = shutil.disk_usage(path.parent).free
    sizes = f"{size_of(needed)}", f"{size_of(free)}"
    after = Text(
        en=f"goes on after step {kept}, whose checkpoint is whole" if kept else "begins at step 1",
        zh=f"从第 {kept} 步之后继续，该步的检查点完好" if kept else "从第 1 步开始",
    )
    return DoctorGLMError(
        en=f"{path}: {what.en}: {sizes[0]} are needed, {sizes[1]} are free on it. Make room and give the same command "
        f"again; it {after.en}.",
        zh=f"{path}：{what.zh}：需要 {sizes[0]}，磁盘剩余 {sizes[1]}。请腾出空间后再次运行同一命令；它会{after.zh}。",
    )


def size_of(count: int) -> str:
    """So many bytes for a reader, in MB or kB."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
