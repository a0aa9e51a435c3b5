"""The whole of a file in memory, up to the limit, as bytes or as text of a proved encoding."""

import io
import zipfile
from pathlib import PurePosixPath

from doctorglm.files.archives import Content
from doctorglm.files.encoding import prove
from doctorglm.library.importers.entry import LIMIT_BYTES, refused


def whole(content: Content) -> bytes:
    """All bytes; raises DataError with the limit for a file beyond it."""
    with content.open() as stream:
        data = stream.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        limit = LIMIT_BYTES >> 20
        raise refused(
            content.name,
            en=f"larger than {limit} MB, the limit for a file that is no table. Split it into its parts.",
            zh=f"超过 {limit} MB（表格以外文件的上限）。请拆成几个文件。",
        )
    return data


def text_of(content: Content) -> str:
    """The text, decoded as its bytes prove; raises DataError when no encoding fits."""
    data = whole(content)
    return decoded(data, codec_of(data, content.name))


def codec_of(data: bytes, name: str) -> str:
    """The codec that decodes all of the bytes; raises DataError with `name` when none does."""
    return prove(lambda: io.BytesIO(data), name)


def decoded(data: bytes, codec: str) -> str:
    """The text without the mark at its beginning and without NULs, which end a text for many parsers."""
    return data.decode(codec).lstrip("\ufeff").replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def suffix_of(name: str) -> str:
    """The suffix in lower case, without that of gzip."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix == ".gz" else path.suffix


def stem_of(name: str) -> str:
    """The name of the file without folders and suffix."""
    stem = PurePosixPath(name).name
    for _ in range(2 if stem.lower().endswith(".gz") else 1):
        stem = PurePosixPath(stem).stem
    return stem


def zip_parts(content: Content) -> dict[str, int]:
    """The names and unpacked sizes of a zip's parts; none of a broken one."""
    try:
        with content.open() as stream:
            # a member of an archive cannot be read from its end, where a zip's list stands
            seekable = stream if stream.seekable() else io.BytesIO(whole(content))
            with zipfile.ZipFile(seekable) as archive:
                return {part.filename: part.file_size for part in archive.infolist()}
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return {}
