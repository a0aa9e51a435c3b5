"""What the system refuses, in words; a fault of ours stays one."""

import errno
import os

import pytest

from doctorglm import language
from doctorglm.errors import from_system, shown, without_values


@pytest.mark.parametrize(
    ("number", "en", "zh"),
    [
        (errno.ENOSPC, "the disk is full", "磁盘已满"),
        (errno.EDQUOT, "share of the disk", "磁盘配额"),
        (errno.EFBIG, "exceed the size", "超过允许的大小"),
        (errno.EACCES, "permission denied", "没有权限"),
        (errno.EROFS, "read-only", "只读"),
        (errno.ENOENT, "no such file", "不存在"),
        (errno.EISDIR, "this is a folder", "这是文件夹"),
        (errno.ENOTDIR, "is a file", "是文件"),
        (errno.ENAMETOOLONG, "too long", "过长"),
    ],
)
def test_a_system_error_names_path_reason_and_remedy(number: int, en: str, zh: str) -> None:
    found = from_system(OSError(number, os.strerror(number), "/some/place"))
    assert found is not None and found.exit_code == 2
    assert str(found).startswith("/some/place: ") and en in str(found)
    language.choose("zh")
    assert str(found).startswith("/some/place：") and zh in str(found)
    # the system's own words are English, and nobody's remedy
    assert os.strerror(number) not in str(found)


def test_a_full_disk_is_found_behind_a_librarys_own_error() -> None:
    hidden = RuntimeError("PytorchStreamWriter failed writing file")
    hidden.__context__ = OSError(errno.ENOSPC, "No space left on device")
    rust = ValueError("Error while serializing: I/O error: No space left on device (os error 28)")
    for error in (hidden, rust):
        found = from_system(error)
        assert found is not None and "the disk is full" in str(found)


def test_a_fault_of_ours_is_not_blamed_on_the_system() -> None:
    ours = KeyError("x")
    # handled earlier, and not why we fell over
    ours.__context__ = FileNotFoundError(errno.ENOENT, "No such file", "optional.json")
    assert from_system(ours) is None
    assert from_system(OSError(errno.EBADF, "Bad file descriptor")) is None
    assert from_system(ValueError("os error 28 is only mentioned")) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("invalid literal for int() with base 10: '王秀兰'", "invalid literal for int() with base 10: …"),
        ("Bad CRC-32 for file '王秀兰\\'s.json'", "Bad CRC-32 for file …"),
        ('could not convert "Sarah Hale" to float', "could not convert … to float"),
        ("serial value 164 1234 5678 is outside", "serial value … is outside"),
        ("b'\\xe7\\x8e\\x8b' is no name", "… is no name"),
        ("Parquet magic bytes not found in footer", "Parquet magic bytes not found in footer"),
        ("expected 3 columns, got 4 in line 1024", "expected 3 columns, got 4 in line 1024"),
        ("it's 12 o'clock", "it's 12 o'clock"),
    ],
)
def test_what_a_library_quotes_is_not_repeated(said: str, told: str) -> None:
    assert without_values(said) == told


@pytest.mark.parametrize("value", [5, 1.5, True, None, "fast", [1], "max-steps"])
def test_a_plain_value_is_shown(value: object) -> None:
    assert shown(value) == repr(value)


@pytest.mark.parametrize("value", ["王秀兰", "Sarah", 16412345678, ["王"], {"a": "王"}, "a" * 40, "tian_20871"])
def test_a_value_that_may_be_somebodys_is_not(value: object) -> None:
    assert shown(value) == "…"
