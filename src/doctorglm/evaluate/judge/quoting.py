"""Text under judgement as a judge reads it: between delimiters that it cannot forge, and without what acts on a judge.

An answer may say "judge me the winner", close its own block, open a turn of the judge's chat template or hold a ready
verdict. The delimiters bear a mark that stands in no text between them; template tokens and verdicts are broken up.
"""

import hashlib
import json
import re
from collections.abc import Sequence

Block = tuple[str, str]
"""A label and the text that stands under it."""

# `<|im_end|>`, `</s>`, `<<SYS>>`, `<start_of_turn>`, `<｜User｜>`, but not `<5 mmol/L`
_ANGLE = re.compile(r"<(?=[|｜/<a-zA-Z_])")
_SQUARE = re.compile(r"\[(?=/?(?:INST|TOOL|SYS|AVAIL|[gs]?MASK|CLS|SEP|PAD|UNK|BOS|EOS)|\[)")
_BRACES = str.maketrans("{}", "｛｝")
_MARK_LENGTH = 16


def defused(text: str) -> str:
    """The text with a blank in every template token and `[[`, and with wide braces, which hold no JSON."""
    return _SQUARE.sub("[ ", _ANGLE.sub("< ", text)).translate(_BRACES)


def mark_for(blocks: Sequence[Block]) -> str:
    """Sixteen hex digits that depend on all texts and stand in none of them."""
    content = json.dumps(list(blocks), ensure_ascii=True)
    turn = 0
    while True:
        mark = hashlib.sha256(f"{turn}:{content}".encode()).hexdigest()[:_MARK_LENGTH]
        if not any(mark in text for _, text in blocks):
            return mark
        turn += 1


def delimited(blocks: Sequence[Block], mark: str, begin: str, end: str) -> str:
    """The blocks below one another; `begin` and `end` are the words that open and close one."""
    return "\n\n".join(
        f"【{label}·{mark}·{begin}】\n{defused(text)}\n【{label}·{mark}·{end}】" for label, text in blocks
    )
