"""Which encoding a text has, proved by decoding all of it: UTF-8, UTF-16, GB18030 or Big5, else an error with the byte.

Nothing is ignored or replaced. GB18030 and Big5 accept nearly any bytes, so what they give must also look like Chinese,
and must hold no run of UTF-8, which would be a file of two encodings.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from doctorglm.errors import DataError

_UTF8_RUN = re.compile(rb"(?:[\xe3-\xe9\xef][\x80-\xbf][\x80-\xbf]){5,}")
"""Five Chinese characters or marks in UTF-8. CMD's 3.4 MB of GB18030 hold no run of even four."""
_RUN_BYTES = 15
_CHUNK_BYTES = 1 << 20
_START_BYTES = 8192
MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

COMMON = frozenset(
    "的一是不了在有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去过家学对可她里后小么心多天而能好都没日起还"
    "发成事只作当想看无开手用主行方又如前所本见经头面公同已老从动长两您请问医药病治疗症状检查吃痛科内外妇儿体血肝胃化肿什怎建议饮食"
    "，。、？！：；（）“”"
)
COMMON_TRADITIONAL = COMMON | frozenset(
    "這來個國說們為時會著過學對裡後麼還發當開無經頭動長兩請問醫藥療癥檢查內婦兒體腫議飲"
)
_MIN_COMMON_SHARE = 0.1
"""Consultations in CMD have 0.45; Big5, EUC-KR, Latin-1 and random bytes read as GB18030 have below 0.05."""


def is_binary(start: bytes) -> bool:
    """True when a file that begins so is no text: NULs that are not rare, in neither UTF-16 nor UTF-8."""
    if start[:2] in MARKS or _utf16_without_mark(start) or start.count(b"\0") <= len(start) // 100:
        return False
    return not _Attempt("utf-8").feed(start)


def prove(open_bytes: Callable[[], BinaryIO], name: str) -> str:
    """The codec that decodes the whole of the file; raises DataError with `name`, the byte and a remedy."""
    with open_bytes() as stream:
        start = stream.read(_START_BYTES)
    if start[:4] in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        raise _utf32(name)
    marked, guessed = MARKS.get(start[:2], ""), _utf16_without_mark(start)
    if guessed and not start.isascii() and _Attempt("utf-8").feed(start, final=len(start) < _START_BYTES):
        guessed = ""  # what is no ASCII and reads as UTF-8 is that, NULs or not
    if marked or guessed:
        attempt = _Attempt(marked or guessed, COMMON_TRADITIONAL)
        whole = all(attempt.feed(chunk) for chunk in _chunks(open_bytes)) and attempt.end()
        if whole and (marked or attempt.share >= _MIN_COMMON_SHARE):
            return attempt.codec
        if marked:
            raise _not_utf16(name, attempt.wrong_at)
    utf8, last = _Attempt("utf-8"), b""
    for chunk in _chunks(open_bytes):
        if not utf8.feed(chunk):
            return _proved_chinese(open_bytes, name, utf8.wrong_at)
        last = chunk
    if utf8.end():
        return "utf-8-sig"
    if _UTF8_RUN.search(last):
        raise _cut_off(name, utf8.wrong_at)
    return _proved_chinese(open_bytes, name, utf8.wrong_at)


@dataclass
class _Attempt:
    """A decoding in progress: where it first failed, and how much of it looks like Chinese."""

    codec: str
    common: frozenset[str] = COMMON
    wrong_at: int = -1
    seen: int = 0
    wide: int = 0
    known: int = 0
    decoder: codecs.IncrementalDecoder = field(init=False)

    def __post_init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder(self.codec)("strict")

    def feed(self, chunk: bytes, final: bool = False) -> bool:
        """Decodes on; False from the first byte that cannot be."""
        if self.wrong_at >= 0:
            return False
        held = len(self.decoder.getstate()[0])
        try:
            text = self.decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            self.wrong_at = self.seen - held + error.start
            return False
        self.seen += len(chunk)
        if self.codec != "utf-8" and not text.isascii():
            wide = [c for c in text if not c.isascii()]
            self.wide += len(wide)
            self.known += sum(c in self.common for c in wide)
        return True

    def end(self) -> bool:
        """True when no character was left half."""
        return self.feed(b"", final=True)

    @property
    def share(self) -> float:
        """The share of everyday Chinese characters and marks among all that are not ASCII; -1 after a failure."""
        return -1.0 if self.wrong_at >= 0 else self.known / max(1, self.wide)


def _chunks(open_bytes: Callable[[], BinaryIO]) -> Iterator[bytes]:
    with open_bytes() as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _utf16_without_mark(start: bytes) -> str:
    """UTF-16 by its zero bytes: ASCII in it (digits, commas, line ends) has one on one side alone, Chinese none."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    least = max(1, len(start) // 50)
    if odd >= least and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even >= least and odd == 0 else ""


def _utf32(name: str) -> DataError:
    return DataError(
        en=f"{name}: UTF-32, which is not read. Save the file as UTF-8.",
        zh=f"{name}：编码是 UTF-32，无法读取。请另存为 UTF-8。",
    )


def _not_utf16(name: str, wrong_at: int) -> DataError:
    return DataError(
        en=f"{name}: UTF-16 that is wrong at byte {wrong_at}; the file may be cut off. Save it as UTF-8.",
        zh=f"{name}：UTF-16 在第 {wrong_at} 字节有误，文件可能不完整。请另存为 UTF-8。",
    )


def _cut_off(name: str, wrong_at: int) -> DataError:
    return DataError(
        en=f"{name}: UTF-8 that ends inside a character, at byte {wrong_at}. The file is cut off; restore it.",
        zh=f"{name}：UTF-8 在第 {wrong_at} 字节处断在一个字符中间，文件不完整。请恢复原文件。",
    )


def _proved_chinese(open_bytes: Callable[[], BinaryIO], name: str, not_utf8: int) -> str:
    simplified, traditional = _Attempt("gb18030"), _Attempt("big5hkscs", COMMON_TRADITIONAL)
    before, offset = b"", 0
    for chunk in _chunks(open_bytes):
        mixed = _UTF8_RUN.search(before + chunk)
        if mixed:
            raise _two_encodings(name, offset - len(before) + mixed.start(), not_utf8)
        simplified.feed(chunk)
        traditional.feed(chunk)
        before, offset = chunk[-_RUN_BYTES:], offset + len(chunk)
    simplified.end()
    traditional.end()
    best = max(simplified, traditional, key=lambda attempt: attempt.share)
    if best.share >= _MIN_COMMON_SHARE:
        return best.codec
    raise _unknown(name, not_utf8, simplified.wrong_at)


def _two_encodings(name: str, utf8: int, not_utf8: int) -> DataError:
    return DataError(
        en=f"{name}: two encodings in one file: UTF-8 at byte {utf8}, not UTF-8 at byte {not_utf8}. "
        "Convert the parts separately and join them again.",
        zh=f"{name}：一个文件里有两种编码：第 {utf8} 字节是 UTF-8，第 {not_utf8} 字节不是。请分别转换后再合并。",
    )


def _unknown(name: str, not_utf8: int, not_gb18030: int) -> DataError:
    if not_gb18030 >= 0:
        return DataError(
            en=f"{name}: neither UTF-8 (wrong at byte {not_utf8}) nor GB18030 (wrong at byte {not_gb18030}). "
            "Save the file as UTF-8.",
            zh=f"{name}：既不是 UTF-8（第 {not_utf8} 字节有误），"
            f"也不是 GB18030（第 {not_gb18030} 字节有误）。请另存为 UTF-8。",
        )
    return DataError(
        en=f"{name}: unknown encoding: not UTF-8 (wrong at byte {not_utf8}), and as GB18030 or Big5 it does not read "
        "as Chinese. Save the file as UTF-8.",
        zh=f"{name}：编码无法识别：不是 UTF-8（第 {not_utf8} 字节有误），"
        "按 GB18030 或 Big5 读出来也不像中文。请另存为 UTF-8。",
    )
