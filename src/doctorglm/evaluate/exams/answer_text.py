"""The text of an answer before it is read: without thoughts, markup and the question's own options, or out of JSON."""

import json
import re
from collections.abc import Mapping
from typing import Any

from doctorglm.evaluate.exams.mentions import readable

_LATEX = ((re.compile(r"\\boxed\s*\{"), "答案:{"), (re.compile(r"\\(?:text|mathrm|mathbf)\s*\{"), "{"))
_MARKUP = re.compile(
    r"</?(?:s|answer|think)>|<(?=[A-H]>)|(?<=<[A-H])>|<\|[^|<>]{1,20}\|>|[*`#{}$『』]|~~|"
    r"\\[()\[\]]|(?m:^[ \t]{0,8}>[ \t]?)"
)
_EMOJI = re.compile("[\U0001f000-\U0001faff\ufe0f\u2b50]")
_ANSWER_KEY = re.compile(r"answer|choice|final|result|option|答案|选项|选择|结果", re.IGNORECASE)
_JSON = re.compile(r"(?:```(?:json)?\s{0,8})?(\{.*\})(?:\s{0,8}```)?", re.DOTALL)
_NEXT = re.compile(
    r"\n[ \t]{0,8}(?:[【\[(（]?(?:下一题|问题?|题目|例题|试题|用户|患者|病人|(?:单|多)选题|"
    r"第 ?[0-9二三四五六七八九十]+ ?题)[0-9]*(?:[】\])）]|[：:.、\n ])|"
    r"(?:question|user|human|q)\b[^\n:：]{0,8}[:：]|(?:下列|以下)[^\n]{2,60}(?:[(（]\s{0,4}[)）]|[?？])|"
    r"[0-9]{1,3}[.、] ?(?:患者|下列|以下|关于|男|女))",
    re.IGNORECASE,
)
_ONLY_LETTERS = re.compile(
    r"[\s(（\[【\"“]*([A-Za-z](?:[\s,，、;；/+&和与及]*[A-Za-z])*)[\s)）\]】\"”.。、,，;；!！:：]*"
)


def in_json(text: str) -> str | None:
    """What an answer written as JSON gives as its choice, maybe ""; None for another text."""
    found = _JSON.fullmatch(text.strip())
    if not found:
        return None
    try:
        record = json.loads(found[1])
    except (ValueError, RecursionError):
        return None
    values: list[Any] = [value for key, value in record.items() if _ANSWER_KEY.search(str(key))]
    if not values:
        return None
    value = values[-1]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def plain(text: str) -> str | None:
    """The text without thoughts and markup; None when it ends within a thought."""
    text = text.rpartition("</think>")[2] if "</think>" in text else text
    if "<think>" in text:
        return None
    for pattern, instead in _LATEX:
        text = pattern.sub(instead, text)
    return readable(_EMOJI.sub(" ", _MARKUP.sub("", text))).strip()


def first_answer(text: str) -> str:
    """The text as far as a next question or speaker that a model went on to invent; "" where it invented none."""
    found = _NEXT.search(text)
    return text[: found.start()].strip() if found else ""


def only_letters(text: str, letters: str) -> str:
    """The letters of a text that holds nothing else."""
    found = _ONLY_LETTERS.fullmatch(text)
    named = re.sub(r"[^A-Za-z]", "", found[1]).upper() if found else ""
    return "".join(dict.fromkeys(named)) if named and set(named) <= set(letters) else ""


def without_echo(text: str, said: Mapping[str, str]) -> str:
    """The text without a list of all options, each with its letter on a line of its own; `said` gives their words."""
    lines = text.split("\n")
    own = {f"{letter.lower()}{bare(option)}" for letter, option in said.items()}
    echoed = [i for i, line in enumerate(lines) if bare(line) in own]
    if len({bare(lines[i]) for i in echoed}) < len(said):
        return text
    return "\n".join(line for i, line in enumerate(lines) if i not in set(echoed)).strip()


def bare(line: str) -> str:
    """A line without spaces and marks, in small letters."""
    return re.sub(r"[\s.、:：)）(（，,。;；]", "", line.lower())


def common(a: str, b: str) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for i, y in enumerate(b, 1):
            before, row[i] = row[i], before + 1 if x == y else max(row[i], row[i - 1])
    return row[-1]
