"""What can be wrong with the input or with the machine, said in Chinese and in English.

DoctorGLMError         caught by `cli.main` alone; exit code 2
├── ConfigError        a setting, a flag or a recipe
├── DataError          a corpus, a record, a file
├── ModelError         weights, a vocabulary, an adapter
└── GateError          the gate failed or is missing; exit code 3
"""

import errno
import re
from collections.abc import Iterator
from typing import Any

from doctorglm.language import Text


class DoctorGLMError(Exception):
    """What is wrong, with which value, where, and what to do; `exit_code` is what the process returns."""

    exit_code = 2

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.text = Text(en=en, zh=zh)

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is sent from one process to another."""
        return _made, (type(self), self.text)

    def __str__(self) -> str:
        return str(self.text)


def _made(kind: type[DoctorGLMError], text: Text) -> DoctorGLMError:
    return kind(en=text.en, zh=text.zh)


class ConfigError(DoctorGLMError):
    """A setting, a flag or a recipe is wrong."""


class DataError(DoctorGLMError):
    """A corpus, a record or a file cannot be used."""


class ModelError(DoctorGLMError):
    """Weights, a vocabulary or an adapter cannot be used."""


class GateError(DoctorGLMError):
    """The tuned model was not shown to be better than its base and its placebo."""

    exit_code = 3


_FULL = {
    errno.ENOSPC: Text(en="the disk is full", zh="磁盘已满"),
    errno.EDQUOT: Text(en="your share of the disk is used up", zh="磁盘配额已用完"),
    errno.EFBIG: Text(en="the file would exceed the size that is allowed", zh="文件超过允许的大小"),
}
_REFUSED = {
    errno.ENOENT: Text(en="no such file or folder", zh="文件或文件夹不存在"),
    errno.EACCES: Text(en="permission denied", zh="没有权限"),
    errno.EPERM: Text(en="not permitted", zh="操作不被允许"),
    errno.EROFS: Text(en="the disk is read-only", zh="磁盘是只读的"),
    errno.ENOTDIR: Text(en="a part of this path is a file, not a folder", zh="路径中有一段是文件，不是文件夹"),
    errno.EISDIR: Text(en="this is a folder, a file is needed", zh="这是文件夹，需要的是文件"),
    errno.EEXIST: Text(en="it exists already, and is not a folder", zh="已经存在，且不是文件夹"),
    errno.ENOTEMPTY: Text(en="the folder is not empty", zh="文件夹不是空的"),
    errno.ENAMETOOLONG: Text(en="the name is too long", zh="名称过长"),
    errno.ELOOP: Text(en="the links lead in a circle", zh="符号链接形成了循环"),
    errno.EIO: Text(en="the disk cannot be read or written", zh="磁盘读写出错"),
}
_QUOTED = re.compile(
    r"""(?<![A-Za-z0-9])[bru]?'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|[0-9](?:[ \-.]?[0-9]){4,}|[^\x00-\x7f…]+"""
)
_PLAIN = re.compile(r"(?!.*[0-9]{5})[a-z0-9_.,\[\]{}'\" \-]{1,30}|None|True|False")
_RUST = re.compile(r"\(os error (\d+)\)")
"""How safetensors and tokenizers name the system's error: only in the words of their own exception."""


def shown(value: object) -> str:
    """A value as an error repeats it: short, plain and in small letters; of any other, which may be somebody's, …."""
    return repr(value) if _PLAIN.fullmatch(repr(value)) else "…"


def without_values(message: str) -> str:
    """What a library says of an error, with … for what it may quote of somebody's data.

    That is what stands in quotes, digits in a row, and every sign beyond ASCII.
    """
    return _QUOTED.sub("…", message)


def from_system(error: BaseException) -> DoctorGLMError | None:
    """What the machine refused, in words; None when the error is another."""
    if isinstance(error, OSError) and error.errno in _REFUSED:
        what = _REFUSED[error.errno]
        return DoctorGLMError(
            en=f"{_place(error)}: {what.en}. Choose another path, or change this one.",
            zh=f"{_place(error)}：{what.zh}。请换一个路径，或修正它。",
        )
    for cause in _causes(error):
        number = cause.errno if isinstance(cause, OSError) else _number_in(str(cause))
        if number in _FULL:
            what, where = _FULL[number], _place(cause)
            return DoctorGLMError(
                en=f"{where}: {what.en}. Free some space and start again; no half-written file stands under its name.",
                zh=f"{where}：{what.zh}。请腾出空间后重新运行；不会有写了一半的文件。",
            )
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from: libraries hide the system's error behind their own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _number_in(message: str) -> int | None:
    found = _RUST.search(message)
    return int(found[1]) if found else None


def _place(error: BaseException) -> str:
    return str(getattr(error, "filename", None) or Text(en="while writing", zh="写入时"))
