"""A SentencePiece vocabulary in ChatGLM-6B's layout: trained from text, or completed when only its text pieces exist.

In order: `<unk> <s> </s> <pad> <n>`, the text's pieces, eight control tokens, `<|tab|>`, `<|blank_2|>` to
`<|blank_80|>`, 256 bytes. Control pieces are never matched in text, so no text becomes one.
Source: the published `ice_text.model`; the file is a protocol buffer, https://github.com/google/sentencepiece.
"""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import sentencepiece

from doctorglm.errors import DataError
from doctorglm.runs import atomic_file

CONTROL_PIECES = ("[MASK]", "[gMASK]", "[sMASK]", "<unused_0>", "<sop>", "<eop>", "<ENC>", "<dBLOCK>")
LINE = "<n>"
TAB = "<|tab|>"
LONGEST_BLANK = 80

_BLANK_PIECES = tuple(f"<|blank_{size}|>" for size in range(2, LONGEST_BLANK + 1))
_BYTE_PIECES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_BLANKS = re.compile(f" {{2,{LONGEST_BLANK}}}")
_WRITTEN_BLANK = re.compile(r"<\|blank_([2-9]|[1-7][0-9]|80)\|>")

_CONTROL, _USER_DEFINED, _BYTE = 3, 4, 6
_ADDED = len(CONTROL_PIECES) + 1 + len(_BLANK_PIECES) + len(_BYTE_PIECES)


def written(text: str) -> str:
    """The text as the vocabulary sees it: line ends, tabs and runs of 2 to 80 spaces become pieces."""
    text = text.replace("\n", LINE).replace("\t", TAB)
    return _BLANKS.sub(lambda run: f"<|blank_{len(run[0])}|>", text)


def read(text: str) -> str:
    """The inverse of `written`, for text that came out of the vocabulary."""
    text = text.replace(LINE, "\n").replace(TAB, "\t")
    return _WRITTEN_BLANK.sub(lambda piece: " " * int(piece[1]), text)


def train_sentencepiece(
    texts: Iterable[str],
    vocab_size: int,
    out: Path,
    *,
    normalization: Literal["identity", "nmt_nfkc"] = "identity",
    character_coverage: float = 0.9995,
    threads: int = 2,
) -> None:
    """Writes to `out` a Unigram model of `vocab_size` pieces, all told, in the published layout.

    "identity" keeps full-width punctuation; "nmt_nfkc" is what the published vocabulary does, and loses it.
    Characters beyond `character_coverage` (share of the text) are written as bytes.
    Raises DataError when the text is too short, or too varied, for that many pieces.
    """
    trained = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=trained,
            model_type="unigram",
            vocab_size=vocab_size - _ADDED,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=3,
            user_defined_symbols=[LINE],
            normalization_rule_name=normalization,
            character_coverage=character_coverage,
            num_threads=threads,
            minloglevel=2,
        )
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(
            en=f"no vocabulary of {vocab_size} pieces ({_ADDED} of them fixed) could be learned from this text: "
            f"{reason} Ask for another size or give more text.",
            zh=f"无法从这些文本学到 {vocab_size} 个 token 的词表（其中 {_ADDED} 个固定）：{reason} "
            "请换一个大小，或提供更多文本。",
        ) from None
    with atomic_file(out, "wb") as file:
        file.write(completed(trained.getvalue()))


def _lines(texts: Iterable[str]) -> Iterator[str]:
    # the trainer counts `<n>` as a piece of its own, so the text between line ends is all that it can learn from
    for text in texts:
        yield from (line for line in text.splitlines() if line.strip())


def completed(model: bytes) -> bytes:
    """A model that has ChatGLM's control, blank and byte pieces; one that has them already is returned as it is.

    The 150,528-token vocabulary is published without them. Protocol buffers merge when joined end to end.
    """
    if b"\n\x07[gMASK]" in model:
        return model
    pieces = [(piece, _CONTROL) for piece in CONTROL_PIECES]
    pieces += [(piece, _USER_DEFINED) for piece in (TAB, *_BLANK_PIECES)]
    pieces += [(piece, _BYTE) for piece in _BYTE_PIECES]
    return model + b"".join(_field(1, _piece(*piece)) for piece in pieces) + _field(2, _BYTE_FALLBACK)


_BYTE_FALLBACK = bytes([35 << 3 & 0x7F | 0x80, 35 >> 4, 1])
"""trainer_spec.byte_fallback (field 35) = true."""


def _piece(text: str, kind: int) -> bytes:
    # piece (1, bytes), score (2, float 0.0), type (3, varint)
    return _field(1, text.encode()) + b"\x15\x00\x00\x00\x00" + bytes([3 << 3, kind])


def _field(number: int, value: bytes) -> bytes:
    assert len(value) < 128, "one-byte lengths are enough for every piece"
    return bytes([number << 3 | 2, len(value)]) + value
