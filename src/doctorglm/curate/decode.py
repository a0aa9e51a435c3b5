"""Bytes to text, strictly: UTF-8 (with or without mark), else GB18030, else an error with the byte offset.

Every byte is decoded; nothing is ignored or replaced. GB18030 accepts nearly any bytes, so its result must also look
like Chinese, and must hold no run of UTF-8, which would be a file of two encodings.
"""

import gzip
import re
import zlib
from dataclasses import dataclass

from doctorglm.errors import DataError

_UTF8_RUN = re.compile(rb"(?:[\xe3-\xe9\xef][\x80-\xbf][\x80-\xbf]){5,}")
"""Five Chinese characters or marks in UTF-8. CMD's 3.4 MB of GB18030 hold no run of even four."""

_OTHER_KINDS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"PK\3\4": "a zip or Excel file", b"PAR1": "Parquet"}

COMMON = frozenset(
    "的一是不了在有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去过家学对可她里后小么心多天而能好都没日起还"
    "发成事只作当想看无开手用主行方又如前所本见经头面公同已老从动两长您请问医药病治疗症状检查吃痛科内外妇儿体血肝胃化肿什怎建议饮食"
    "，。、？！：；（）“”"
)
_MIN_COMMON_SHARE = 0.1
"""Consultations in CMD have 0.45; Big5, EUC-KR, Latin-1 and random bytes read as GB18030 have below 0.05."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text and the encoding that was proved by decoding all of it."""

    text: str
    encoding: str


def is_binary(data: bytes) -> bool:
    """True for an archive, an image and the like: NULs among the first bytes, which UTF-8 and GB18030 text lacks."""
    start = data[:8192]
    return start.startswith(tuple(_OTHER_KINDS)) or start.count(b"\0") > len(start) // 100


def decode(data: bytes, name: str) -> Decoded:
    """The text of `data`, unpacked when it is gzip; raises DataError with `name` and the byte offset."""
    data = _unpacked(data, name)
    for start, kind in _OTHER_KINDS.items():
        if data.startswith(start):
            raise DataError(
                en=f"{name}: {kind} is not read. Save the file as text in UTF-8.",
                zh=f"{name}：不支持 {kind}。请另存为 UTF-8 文本。",
            )
    try:
        return Decoded(data.decode("utf-8-sig"), "utf-8")
    except UnicodeDecodeError as error:
        return _gb18030(data, name, error.start)


def _unpacked(data: bytes, name: str) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            en=f"{name}: the gzip file is damaged ({error}). Fetch or pack it again.",
            zh=f"{name}：gzip 文件已损坏（{error}）。请重新下载或压缩。",
        ) from None


def _gb18030(data: bytes, name: str, not_utf8: int) -> Decoded:
    mixed = _UTF8_RUN.search(data)
    if mixed:
        raise DataError(
            en=f"{name}: two encodings in one file: UTF-8 at byte {mixed.start()}, not UTF-8 at byte {not_utf8}. "
            "Convert the parts separately and join them again.",
            zh=f"{name}：一个文件里有两种编码：第 {mixed.start()} 字节是 UTF-8，"
            f"第 {not_utf8} 字节不是。请分别转换后再合并。",
        )
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        raise DataError(
            en=f"{name}: neither UTF-8 (wrong at byte {not_utf8}) nor GB18030 (wrong at byte {error.start}). "
            "Save the file as UTF-8.",
            zh=f"{name}：既不是 UTF-8（第 {not_utf8} 字节有误），"
            f"也不是 GB18030（第 {error.start} 字节有误）。请另存为 UTF-8。",
        ) from None
    if _common_share(text) < _MIN_COMMON_SHARE:
        raise DataError(
            en=f"{name}: unknown encoding: not UTF-8 (wrong at byte {not_utf8}), and as GB18030 it does not read as "
            "Chinese. Save the file as UTF-8.",
            zh=f"{name}：编码无法识别：不是 UTF-8（第 {not_utf8} 字节有误），"
            "按 GB18030 读出来也不像中文。请另存为 UTF-8。",
        )
    return Decoded(text, "gb18030")


def _common_share(text: str) -> float:
    """The share of everyday Chinese characters and marks among all that are not ASCII."""
    wide = [c for c in text if not c.isascii()]
    return sum(c in COMMON for c in wide) / max(1, len(wide))
