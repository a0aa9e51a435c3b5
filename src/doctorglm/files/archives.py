"""What a file holds: itself, what gzip packed, or the members of a zip or tar archive. Nothing is unpacked to disk.

Source for the limits: zip bombs live on ratios that text does not reach; JSON of consultations packs to a fifth.
"""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from doctorglm.errors import DataError, without_values
from doctorglm.files.told import file_name

_MAX_RATIO = 200
_FREE_BYTES = 1 << 28
"""Below this size a ratio does no harm."""

_GZIP, _ZIP = b"\x1f\x8b", b"PK\3\4"
_DAMAGE = (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Content:
    """A file or a member of an archive: its name in reports, and how to read it from its beginning.

    `member` is the name that the archive itself gives, "" for a file; it may be a patient's, and is never told.
    """

    name: str
    open: Callable[[], BinaryIO]
    member: str = ""

    def start(self) -> bytes:
        """The first 8 KiB; raises DataError when they cannot be read."""
        with self.open() as stream:
            return stream.read(8192)


def contents(path: Path, name: str) -> Iterator[Content]:
    """The file's contents, in order; raises DataError with the name when it is damaged, unsafe or refused."""
    plain = Content(name, lambda: _opened(path, name))
    start = plain.start()
    if start.startswith(_GZIP):
        plain = Content(name, lambda: _buffered(cast(BinaryIO, gzip.open(path)), path, name))  # noqa: SIM115 - closed by its reader
        start = plain.start()
    if start[257:262] == b"ustar":
        yield from _tar_members(plain)
    elif start.startswith(_ZIP) and not _is_office(path, name):
        yield from _zip_members(path, name)
    else:
        yield plain


def _opened(path: Path, name: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(
            en=f"{name}: cannot be read ({error.strerror}). Check its permissions.",
            zh=f"{name}：无法读取（{error.strerror}）。请检查权限。",
        ) from None


def _buffered(stream: BinaryIO, path: Path, name: str) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Unpacked(stream, path, name)))


class _Unpacked(io.RawIOBase):
    """A packed stream whose damage and whose size are errors of the input."""

    def __init__(self, stream: BinaryIO, path: Path, name: str) -> None:
        self._stream, self._name, self._given = stream, name, 0
        self._limit = max(_FREE_BYTES, _MAX_RATIO * path.stat().st_size)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Unpacks on."""
        try:
            data = self._stream.read(len(buffer))
        except _DAMAGE as error:
            raise _damaged(self._name, error) from None
        self._given += len(data)
        if self._given > self._limit:
            raise _explodes(self._name, self._given)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Closes what lies beneath, too."""
        self._stream.close()
        super().close()


def _is_office(path: Path, name: str) -> bool:
    """True for a workbook or a Word document, whose parts are no files of their own."""
    with _zip(path, name) as archive:
        found = not {"xl/workbook.xml", "word/document.xml"}.isdisjoint(archive.namelist())
        for member in archive.infolist() if found else ():
            _check_size(member, name)
        return found


def _zip(path: Path, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise _damaged(name, error) from None


def _zip_members(path: Path, name: str) -> Iterator[Content]:
    with _zip(path, name) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            inside = f"{name}/{file_name(_safe(_zip_name(member), name))}"
            _check_size(member, inside)
            if member.flag_bits & 1:
                raise DataError(
                    en=f"{inside}: is encrypted. Unpack the archive with its password and give the folder.",
                    zh=f"{inside}：已加密。请用密码解压后给出文件夹。",
                )
            yield Content(inside, _member_opener(archive, member, path, inside), _zip_name(member))


def _check_size(member: zipfile.ZipInfo, name: str) -> None:
    if member.file_size > max(_FREE_BYTES, _MAX_RATIO * member.compress_size):
        raise _explodes(name, member.file_size)


def _member_opener(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, name: str) -> Callable[[], BinaryIO]:
    def opened() -> BinaryIO:
        try:
            return _buffered(cast(BinaryIO, archive.open(member)), path, name)
        except _DAMAGE as error:
            raise _damaged(name, error) from None

    return opened


def _zip_name(member: zipfile.ZipInfo) -> str:
    """The member's name; without the flag for UTF-8 it was written by a Chinese Windows, in GBK."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def _tar_members(packed: Content) -> Iterator[Content]:
    try:
        with packed.open() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                inside = f"{packed.name}/{file_name(_safe(member.name, packed.name))}"
                if member.size > _FREE_BYTES:
                    raise DataError(
                        en=f"{inside}: {member.size:,} bytes inside a tar archive. Unpack it and give the folder.",
                        zh=f"{inside}：tar 包内的文件有 {member.size:,} 字节。请解压后给出文件夹。",
                    )
                extracted = archive.extractfile(member)
                assert extracted is not None
                data = extracted.read()
                yield Content(inside, lambda data=data: io.BytesIO(data), member.name)  # type: ignore[misc]
    except _DAMAGE as error:
        raise _damaged(packed.name, error) from None


def _safe(member: str, archive: str) -> str:
    """The member's name; raises DataError when it would lie outside of the folder that it is unpacked to."""
    path = PurePosixPath(member.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        shown = file_name(member)
        raise DataError(
            en=f"{archive}: a member lies outside of the archive's folder ({shown!r}). Do not trust this file.",
            zh=f"{archive}：有成员指向压缩包文件夹之外（{shown!r}）。请不要信任该文件。",
        )
    return path.as_posix()


def _damaged(name: str, error: BaseException) -> DataError:
    return DataError(
        en=f"{name}: the archive is damaged ({without_values(str(error))}). Fetch or pack it again.",
        zh=f"{name}：压缩文件已损坏（{without_values(str(error))}）。请重新下载或压缩。",
    )


def _explodes(name: str, size: int) -> DataError:
    return DataError(
        en=f"{name}: unpacks to {size:,} bytes and more, over {_MAX_RATIO} times what it was packed to. Unpack it "
        "yourself if you trust it.",
        zh=f"{name}：解压后超过 {size:,} 字节，是压缩前的 {_MAX_RATIO} 倍以上。如果信任它，请自行解压。",
    )
