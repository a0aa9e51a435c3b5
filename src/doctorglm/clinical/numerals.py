"""Numbers as people write them in a consultation: 38.5, 39,4, 三十八点五, 一百二, 两, 半."""

import re

NUMBER = r"(?:[0-9]{1,7}(?:[.,][0-9]{1,4})?|[零〇一二三四五六七八九十百千两半]{1,7}(?:点[零一二三四五六七八九]{1,3})?)"
"""A pattern for one, of bounded length, so that every pattern made of it is linear in time."""

_DIGITS = {**{c: i for i, c in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2}
_WHOLE = re.compile(
    r"[零〇一二三四五六七八九两]?(?:千[零〇一二三四五六七八九两]{0,2})?(?:百[零〇一二三四五六七八九两]{0,2})?"
    r"(?:十[一二三四五六七八九]?)?|[零〇一二三四五六七八九两]{1,4}"
)
_UNITS = {"十": 10, "百": 100, "千": 1000}


def value(number: str) -> float | None:
    """The value of what NUMBER matches; None where it is no number (十百)."""
    if number[0] in "0123456789":
        return float(number.replace(",", "."))
    whole, _, fraction = number.partition("点")
    if whole == "半":
        return 0.5
    half, whole = (0.5, whole[:-1]) if whole.endswith("半") else (0.0, whole)
    if not _WHOLE.fullmatch(whole):
        return None
    digits = "".join(str(_DIGITS[c]) for c in fraction)
    return _whole(whole) + half + (float(f"0.{digits}") if digits else 0.0)


_ABOUT = re.compile(r"([零一二三四五六七八九十百千]*?)([一二两三四五六七八])([二三四五六七八九])")


def between(number: str) -> tuple[float, float | None] | None:
    """(value, None) of what NUMBER matches, (low, high) of 三四 and 十五六; None where it is no number."""
    match = _ABOUT.fullmatch(number)
    if match and _DIGITS[match[3]] == _DIGITS[match[2]] + 1 and (not match[1] or match[1][-1] in _UNITS):
        base = value(match[1]) if match[1] else 0.0
        return None if base is None else (base + _DIGITS[match[2]], base + _DIGITS[match[3]])
    exact = value(number)
    return None if exact is None else (exact, None)


def _whole(text: str) -> float:
    """三百二十 is 320, 一百二 120, 一二〇 120."""
    if not any(c in _UNITS for c in text):
        return float("".join(str(_DIGITS[c]) for c in text) or 0)
    total, digit, last = 0, 0, 10
    for place, c in enumerate(text):
        if c in _UNITS:
            total += (digit or (1 if c == "十" else 0)) * _UNITS[c]
            digit, last = 0, _UNITS[c]
        else:
            digit = _DIGITS[c]
            if digit and place == len(text) - 1:
                after_zero = text[place - 1] in "零〇"
                return float(total + digit * (1 if after_zero or last == 10 else last // 10))
    return float(total)
