"""What ChatGLM-6B's answers go through before they are shown: the published clean-up of text and punctuation."""

import re

_FULL_WIDTH = {",": "，", "!": "！", ":": "：", ";": "；", "?": "？"}
_CHINESE = "\u4e00-\u9fff"
_RULES = [
    (re.compile(pattern), full)
    for half, full in _FULL_WIDTH.items()
    for pattern in (rf"(?<=[{_CHINESE}]){re.escape(half)}", rf"{re.escape(half)}(?=[{_CHINESE}])")
]


def process_response(text: str) -> str:
    """The answer without outer blanks, its training date filled in, punctuation beside Chinese made full-width.

    Each mark is looked at once after and once before a Chinese character, so "中,,文" becomes "中，，文".
    """
    text = text.strip().replace("[[训练时间]]", "2023年")
    for pattern, full in _RULES:
        text = pattern.sub(full, text)
    return text
