"""Left and right, both and one: by how often each is said, and in which order."""

import re
from collections.abc import Iterator

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.patterns import pattern
from doctorglm.translate.checks.texts import folded

_LEFT_EN = re.compile(r"\bleft(?:-sided|most)?\b|\bl[lu]q\b|\bos\b(?= ?[0-9])")
_RIGHT_EN = re.compile(r"\bright(?:-sided|most)?\b|\br[lu]q\b|\bod\b(?= ?[0-9])")
_NO_LEFT = pattern("no_left")
_NO_RIGHT = pattern("no_right")
_BOTH_ZH = pattern("both_chinese")
_BOTH_EN = pattern("both_english")
_VERTICAL_EN = {
    "upper": re.compile(r"\b(?:upper|above|over|top|superior|on)\b"),
    "lower": re.compile(r"\b(?:lower|low|below|under|beneath|bottom|inferior)\b"),
}
_BODY = r"(?=腹|臂|叶|眼|肢|极|颌|唇|背|磨牙|牙|智齿|门牙|切牙|胸|肺|眼睑|左|右|象限|段)"
_VERTICAL_ZH = {
    "upper": re.compile(
        rf"(?<=[脐膝腰肘肩胸踝腕])上(?!的)|(?<![以之身加马晚早])上{_BODY}|(?<=[左右外内])上(?=[的臂叶肢腹肺方磨智象])"
    ),
    "lower": re.compile(
        rf"(?<=[脐膝腰肘肩胸踝腕])下(?!的)|(?<![以之余剩底])下{_BODY}|(?<=[左右外内])下(?=[的臂叶肢腹肺方磨智象])"
    ),
}


def faults(english: str, chinese: str) -> Iterator[Fault]:
    """Sides that changed: one more often and the other less, one that is not in the English, an exchange of both."""
    said, there = folded(english), folded(chinese)
    approximate = re.sub(r"左右(?![两双侧眼耳手脚肺肾臂腿])", "", there)  # about
    one = _order(_NO_LEFT.sub(" ", said), _NO_RIGHT.sub(" ", said))
    other = [
        ("左" if m[0] == "左" else "右")
        for m in re.finditer(r"左(?!氧|旋|甲状|乙拉|西|炔|洛|卡尼)|右(?!美|旋|佐|兰)", approximate)
    ]
    both_zh, both_en = bool(_BOTH_ZH.search(there)), bool(_BOTH_EN.search(said))
    for side, word in (("左", "left"), ("右", "right")):
        n_en, n_zh = one.count(side), other.count(side)
        opposite = "右" if side == "左" else "左"
        first = bool(one) and (other[:1] == one[:1] or _NOT_EN.search(said) is not None)
        is_other = first and _OTHER_EN.search(said) is not None
        if (
            n_zh
            and not re.search(rf"\b{word}", said)
            and not n_en
            and not (both_en and opposite in other)
            and not is_other
        ):
            yield Fault("laterality", "side_added", "", side, tuple(dict.fromkeys(one)))
            return
        if n_zh > n_en and other.count(opposite) < one.count(opposite):
            yield Fault(
                "laterality", "side_exchanged", "right" if side == "左" else "left", side, tuple(dict.fromkeys(one))
            )
            return
    if one and not other and both_zh and not both_en:
        yield Fault(
            "laterality", "side_to_both", "left" if one[0] == "左" else "right", "双", tuple(dict.fromkeys(one))
        )
        return
    if both_zh and not both_en:
        yield Fault("laterality", "both_added", "", "双", tuple(dict.fromkeys(one)))
        return
    if one and not other and _SIDED_EN.search(said) and not both_zh:
        yield Fault("laterality", "side_missing", "left" if one[0] == "左" else "right", "", tuple(dict.fromkeys(one)))
        return
    if set(one) == {"左", "右"} and len(set(other)) == 1 and not both_zh and _EITHER_EN.search(said):
        yield Fault("laterality", "side_missing", "left, right", other[0], ("左右", "双", "两侧"))
        return
    if (
        set(one) == {"左", "右"}
        and sorted(one) == sorted(other)
        and one != other
        and one == other[::-1]
        and len(one) == 2
        and "左右" not in there
    ):
        yield Fault("laterality", "sides_exchanged", "left, right", "".join(other), tuple(one))
        return
    if both_en and re.search(r"\bboth\b|\bbilateral", said) and not both_zh and len(set(other)) == 1 and not one:
        yield Fault("laterality", "both_to_one", "both", other[0], ("双", "两侧"))
        return
    only = _ONE_ZH.search(there) if not one and not _SEVERAL_ZH.search(there) else None
    if only and re.search(r"\bboth\b|\bbilateral", said):
        yield Fault("laterality", "both_to_one", "both", only[0], ("双", "两侧"))
        return
    yield from _vertical(said, there)


def _order(left: str, right: str) -> list[str]:
    """The sides of the English in order."""
    found = [(m.start(), "左") for m in _LEFT_EN.finditer(left)] + [
        (m.start(), "右") for m in _RIGHT_EN.finditer(right)
    ]
    return [side for _, side in sorted(found)]


_EITHER_EN = re.compile(
    r"\b(?:both|either|neither)\b[^.;!?]*\b(?:left|right)\b[^.;!?]*\b(?:and|or|nor)\b[^.;!?]*\b(?:left|right)\b"
)
"""Both in the right arm and in the left."""
_OTHER_EN = re.compile(r"\b(?:other|opposite)\b")
"""What the other side is where one is named."""
_NOT_EN = re.compile(r"\bnot\b")
_ONE_ZH, _SEVERAL_ZH = re.compile(r"一侧|单侧|一边"), re.compile(r"双|两|各|另")
_SIDED_EN = re.compile(
    r"\b(?:left|right) (?:\w+ )?(?:side|arm|leg|eye|ear|hand|foot|lung|kidney|breast|hip|knee|ankle|wrist|shoulder"
    r"|elbow|thigh|calf|testicle|lobe|ventricle|atrium|ovary|molar|eyelid|cheek|groin|heel|thumb|flank)s?\b"
    r"|\bon the (?:left|right)\b|\b(?:left|right) side\b"
)


def _vertical(said: str, there: str) -> Iterator[Fault]:
    counts = {
        key: (len(_VERTICAL_EN[key].findall(said)), len(_VERTICAL_ZH[key].findall(there))) for key in _VERTICAL_EN
    }
    for key, opposite in (("upper", "lower"), ("lower", "upper")):
        if counts[key][1] > counts[key][0] and counts[opposite][1] < counts[opposite][0]:
            yield Fault(
                "laterality",
                "upper_and_lower",
                opposite,
                "上" if key == "upper" else "下",
                ("上" if opposite == "upper" else "下",),
            )
            return
