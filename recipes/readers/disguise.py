"""Texts as people write them who type badly or dodge a filter (pinyin, sounds, slips), and lists as chatbots write."""

import re
from collections import defaultdict
from functools import cache

import numpy as np
from pypinyin import lazy_pinyin

_HAN = re.compile("[\u4e00-\u9fff]+")
SEGMENT = "\x05"
"""Stands before the segment that is read (`doctorglm.safety.guards.second`)."""
_HEADS = ("{}. ", "{}、", "{}) ", "({})", "（{}）", "- ", "* ", "• ", "")
_TAILS = ("\n", "；\n", "。\n", " ", "\n\n", "")
_LOOKS = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "l": "1", "t": "7"}


def disguised(text: str, rng: np.random.Generator) -> str:
    """One disguise, drawn; Chinese in pinyin or by sound, English by slips."""
    han = sum(map(len, _HAN.findall(text)))
    if han * 3 < len(text):
        return _slips(text, rng)
    drawn = rng.random()
    if drawn < 0.3:
        return _HAN.sub(lambda run: f" {' '.join(lazy_pinyin(run[0]))} ", text)
    if drawn < 0.6:
        return "".join(_part_in_pinyin(c, rng) for c in re.split("([，。！？、,.!? ])", text))
    return "".join(_of_the_same_sound(c, rng) if rng.random() < 0.12 else c for c in text)


def listed(text: str, rng: np.random.Generator) -> str:
    """A segment of an answer as a line of a list: a number or a dot before it, a line's end behind it."""
    before, mark, segment = text.rpartition(SEGMENT)
    if not mark:
        return text
    head = _HEADS[int(rng.integers(len(_HEADS)))].format(int(rng.integers(1, 9)))
    if rng.random() < 0.3:
        head += f"**{segment[: int(rng.integers(2, 6))]}**：" if rng.random() < 0.5 else "**"
    return before + mark + head + segment.rstrip("。.;；\n ") + _TAILS[int(rng.integers(len(_TAILS)))]


def _part_in_pinyin(clause: str, rng: np.random.Generator) -> str:
    if not _HAN.search(clause) or len(clause) < 3:
        return clause
    start = int(rng.integers(len(clause)))
    end = start + int(rng.integers(1, 5))
    return clause[:start] + "".join(lazy_pinyin(clause[start:end])) + clause[end:]


def _of_the_same_sound(character: str, rng: np.random.Generator) -> str:
    others = _by_sound().get(_sound(character), "")
    return others[int(rng.integers(len(others)))] if others else character


@cache
def _sound(character: str) -> str:
    return lazy_pinyin(character)[0] if _HAN.fullmatch(character) else ""


@cache
def _by_sound() -> dict[str, str]:
    """The common characters of each sound: GB 2312 lists its first level in the order of pinyin."""
    found: dict[str, str] = defaultdict(str)
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                character = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            found[_sound(character)] += character
    return found


def _slips(text: str, rng: np.random.Generator) -> str:
    written = []
    looks = rng.random() < 0.4
    for character in text:
        drawn = rng.random()
        if not character.isalpha() or drawn > 0.08:
            written.append(character)
        elif looks:
            others = _LOOKS.get(character.lower(), character)
            written.append(others[int(rng.integers(len(others)))])
        elif drawn < 0.025:
            continue
        elif drawn < 0.05:
            written += [character, character]
        elif written:
            written[-1:] = [character, written[-1]]
    return "".join(written)
