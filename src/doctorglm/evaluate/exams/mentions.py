"""Where a text names options: by letter, by their own words, or by both beside one another."""

import itertools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from doctorglm.clinical.folding import folded
from doctorglm.evaluate.exams import answer_words as words
from doctorglm.evaluate.exams.other_names import other_names

_SIGNS = str.maketrans(
    {
        "⁺": "+",
        "⁻": "-",
        "²": "2",
        "³": "3",
        "₂": "2",
        "∴": "故",
        "Ⅰ": "I",
        "Ⅱ": "II",
        "Ⅲ": "III",
        "Ⅳ": "IV",
        "Ⅴ": "V",
        "Ⅵ": "VI",
        "Ⅶ": "VII",
        "Ⅷ": "VIII",
        "Ⅸ": "IX",
        "Ⅹ": "X",
        "✔": "√",
        "✘": "×",
        "《": None,
        "》": None,
    }
)
_UNITS = (
    *(("毫升", "ml"), ("毫克", "mg"), ("公斤", "kg"), ("千克", "kg"), ("厘米", "cm"), ("毫米", "mm"), ("个月", "月")),
    *(
        ("升每分钟", "l/min"),
        ("升/分钟", "l/min"),
        ("升/分", "l/min"),
        ("小时", "h"),
        ("分钟", "min"),
        ("每日两", "每日2"),
        ("每天", "每日"),
        ("每", "/"),
    ),
)
_DEGREES = re.compile(r"(?<=[0-9])(?:摄氏度|度|°c)")
_GRAMS = re.compile(r"(?<=[0-9])克")
_GAP = re.compile(r"(?<=[0-9]) (?=[\u4e00-\u9fff])")
_SPAN = re.compile(r"(?<=[0-9])(?:-|—|至|到)(?=[0-9])")
_LETTERS = re.compile(r"(?<![A-Za-z0-9])[A-Z](?:[、，,/]\s?[A-Z](?![A-Za-z0-9]))+")
_RUN = re.compile(r"[A-Za-z0-9]+")
_CAPITALS = {c: c.upper() for c in string.ascii_lowercase}
_LIST = (
    r"[\s)）\]】\"”'」]*(?:选?项)?(?:[、/+&{commas}]|和|与|及|以及|跟|或者?|还是选?|[也又]是|\band\b|\bor\b)*"
    r"[\s(（\[【\"“'「]*(?:选项|\boption\b|\band\b|\bor\b)?\s*"
)
_BETWEEN_SINGLE, _BETWEEN_MULTIPLE = (re.compile(_LIST.format(commas=c)) for c in ("", ",，;；"))
_SEPARATOR = re.compile(r"[、,，;；/+&和与及跟或]|是|\band\b|\bor\b", re.IGNORECASE)
_LISTED = re.compile(r"\s*(?:[;；,，。、]|$)")
_BRACKETS = frozenset((")(", "）（", "][", "】【"))
_EITHER = re.compile(r"或|还是|\bor\b", re.IGNORECASE)
_LETTER_THEN_TEXT = re.compile(r"[\s.、:：)）\]】*]{0,3}")
_TEXT_THEN_LETTER = re.compile(r"[\s(（\[【,，:：]{0,3}(?:选项|即|也就是)?[\s(（]?")
_CIRCLED = "①②③④⑤⑥⑦⑧"
_NUMERALS = {sign: i for signs in ("一二三四五六七八", "12345678", _CIRCLED) for i, sign in enumerate(signs, 1)} | {
    "两": 2
}
_GENERAL = frozenset(
    re.split(
        " ",
        "急性 慢性 先天 先天性 原发 原发性 继发 继发性 综合 综合征 疾病 病变 治疗 检查 患者 感染 "
        "中毒 功能 损伤 出血 障碍 亢进 减退 增多 减少 升高 降低 试验 方法 系统 组织 细胞 "
        "因素 药物 作用 正常 异常 症状 表现 反应 缺血 不全 狭窄 原则",
    )
)
"""Beginnings and ends of options that name nothing by themselves."""
_LONGEST_PART = 12


@dataclass(frozen=True, slots=True)
class Mention:
    """Some options named together, with their letters in the order of the text; `at` and `end` are its place."""

    at: int
    end: int
    letters: str
    by_letter: bool
    """A letter names them, alone or beside the option's own words."""
    exact: bool
    """No option is named by a part of its words only."""
    either: bool = False
    """They are joined by "or"."""

    def moved(self, by: int) -> "Mention":
        """The same one further on in the text."""
        return replace(self, at=self.at + by, end=self.end + by)


def readable(text: str) -> str:
    """Half width, simplified, units as signs; Latin letters keep their case."""
    low = folded(text)
    kept = "".join(_CAPITALS[a] if a in _CAPITALS and b.isupper() else a for a, b in zip(low, text, strict=True))
    for unit, sign in _UNITS:
        kept = kept.replace(unit, sign)
    return _SPAN.sub("~", _GAP.sub("", _GRAMS.sub("g", _DEGREES.sub("℃", kept.translate(_SIGNS)))))


class Namer:
    """Finds mentions of the options of one question."""

    def __init__(self, options: Mapping[str, str], multiple: bool) -> None:
        self.letters = "".join(options)
        self._between = _BETWEEN_MULTIPLE if multiple else _BETWEEN_SINGLE
        self._multiple = multiple
        said = {letter: readable(text).lower().strip(" \n。.;；") for letter, text in options.items()}
        self.said = {
            letter: text for letter, text in said.items() if text and text not in tuple(string.ascii_lowercase)
        }
        self._whole = {text: letter for letter, text in self.said.items()}
        self._parts = other_names(self.said) | _parts(self.said)
        self._find = _finder([*self._whole, *self._parts])

    def mentions(self, text: str) -> list[Mention]:
        """All of a text, those joined by commas or "and" as one."""
        found = [*self._texts(text), *self._letters(text), *self._places(text)]
        atoms = self._merged(text, sorted(found, key=lambda m: (m.at, -m.end)))
        return list(self._grouped(text, atoms))

    def _texts(self, text: str) -> Iterator[Mention]:
        if self._find is None:
            return
        for found in self._find.finditer(text.lower()):
            whole = self._whole.get(found[0])
            yield Mention(found.start(), found.end(), whole or self._parts[found[0]], False, whole is not None)

    def _letters(self, text: str) -> Iterator[Mention]:
        part_of = -1  # the end of a letter that belongs to a name, as does the next in its list: influenza A and B
        outside = self._lists_of_others(text)
        for run in _RUN.finditer(text):
            if run.start() in outside:
                continue
            letters = run[0] if run[0].isupper() else run[0].upper()
            if not set(letters) <= set(self.letters) or len(set(letters)) < len(letters):
                continue
            if len(letters) > 1 and not run[0].isupper():
                continue
            joined = 0 <= part_of >= run.start() - len(" and ") and self._between.fullmatch(text[part_of : run.start()])
            if joined or not _is_option(text, run.start(), run.end()):
                part_of = run.end()
            else:
                yield Mention(run.start(), run.end(), letters, True, True)

    def _lists_of_others(self, text: str) -> set[int]:
        """The places in lists of letters of which one is no option: 维生素有A、D、E、K."""
        lists = [found.span() for found in _LETTERS.finditer(text)]
        others = [(a, b) for a, b in lists if not set(re.findall("[A-Z]", text[a:b])) <= set(self.letters)]
        return {at for a, b in others for at in range(a, b)}

    def _places(self, text: str) -> Iterator[Mention]:
        """第二项, 最后一个, 前两项, ③, option 3: options by their place; ① is none where options are made of such."""
        for found in words.PLACE.finditer(text):
            number = next((_NUMERALS[group] for group in found.groups() if group), 0)
            few = found[0].startswith("前")
            letters = self.letters[:number] if few else self.letters[number - 1 :][:1]
            if letters and not (found[0] in _CIRCLED and any(found[0] in said for said in self.said.values())):
                yield Mention(found.start(), found.end(), letters, True, True)

    def _merged(self, text: str, atoms: Sequence[Mention]) -> list[Mention]:
        """Letters within an option's words are dropped; a letter beside the words of its own option is one mention."""
        kept: list[Mention] = []
        for atom in atoms:
            last = kept[-1] if kept else None
            if last and atom.at < last.end:
                continue
            if last and last.letters == atom.letters and last.by_letter != atom.by_letter:
                beside = _LETTER_THEN_TEXT if last.by_letter else _TEXT_THEN_LETTER
                if beside.fullmatch(text[last.end : atom.at]):
                    kept[-1] = Mention(last.at, atom.end, atom.letters, True, True)
                    continue
            kept.append(atom)
        return kept

    def _grouped(self, text: str, atoms: Sequence[Mention]) -> Iterator[Mention]:
        group: list[Mention] = []
        for atom in atoms:
            between = text[group[-1].end : atom.at] if group else ""
            both = bool(group) and group[-1].by_letter and atom.by_letter and _LISTED.match(text, atom.end)
            apart = ("；" in between or ";" in between) and not both
            joined = bool(group) and not apart and len(between) <= 8 and self._between.fullmatch(between) is not None
            if group and not (
                joined
                and (
                    _SEPARATOR.search(between)
                    or not (between or group[-1].by_letter or atom.by_letter)
                    or (self._multiple and not between.strip())
                    or "".join(between.split()) in _BRACKETS
                )
            ):
                yield _one(group, text)
                group = []
            group.append(atom)
        if group:
            yield _one(group, text)


def _one(group: Sequence[Mention], text: str) -> Mention:
    letters = "".join(dict.fromkeys("".join(atom.letters for atom in group)))
    either = any(_EITHER.search(text[a.end : b.at]) for a, b in itertools.pairwise(group))
    return Mention(
        group[0].at,
        group[-1].end,
        letters,
        any(atom.by_letter for atom in group),
        all(atom.exact for atom in group),
        either,
    )


def _is_option(text: str, at: int, end: int) -> bool:
    """Whether these letters can name an option where they stand."""
    before, after = text[max(0, at - words.WINDOW) : at], text[end : end + words.WINDOW]
    if words.BEFORE_A_NAME.search(before) and not before.endswith(("->", "--")):
        return False
    if words.AFTER_A_NAME.search(after) and not (at == 0 and after[:1] == "."):
        return False
    word = re.search(r"([A-Za-z']+)\s+$", before)
    if word and not words.BEFORE_IN_ENGLISH.fullmatch(word[1]) and len(word[1]) != 1:
        return False
    return text[at:end].isupper() or _is_small_option(before, after, end - at)


def _is_small_option(before: str, after: str, length: int) -> bool:
    """Whether small letters name an option: alone, in brackets, as a heading, or right behind a word that chooses."""
    alone = not before.strip() and (not after.strip() or re.match(r"\s*[.)、:：,，]", after))
    enclosed = before.rstrip()[-1:] in ("(", "（", "[", "【") and after.lstrip()[:1] in (")", "）", "]", "】")
    closed = re.search(r"(?:^|[\s:：])$", before) is not None and after[:1] in (")", "）")
    chosen = words.FORMAL.search(before) or re.search(r"(?:选项?|option|choice|→|->|=>|\))\s*$", before, re.IGNORECASE)
    listed = length > 1 or re.match(r"[\s,、]+[a-h]\b", after) or re.search(r"(?<![A-Za-z0-9])[a-h][\s,、]+$", before)
    whole = listed and not re.search(r"[a-z]{2}", before + after)
    return bool(alone or enclosed or closed or (chosen and not re.match(r"\s*[A-Za-z]", after)) or whole)


def _finder(texts: Sequence[str]) -> re.Pattern[str] | None:
    """The longest of these where they begin; digits and Latin letters do not go on beyond an edge of their kind."""
    if not texts:
        return None
    parts = []
    for text in sorted(set(texts), key=len, reverse=True):
        head = (
            r"(?<![a-z0-9.~-])"
            if text[0].isdigit()
            else r"(?<![a-z0-9])"
            if text[0].isascii() and text[0].isalnum()
            else ""
        )
        tail = r"(?![a-z0-9]|\.[0-9])" if text[-1].isascii() and text[-1].isalnum() else ""
        parts.append(head + re.escape(text) + tail)
    return re.compile("|".join(parts))


def _parts(said: Mapping[str, str]) -> dict[str, str]:
    """What names one option and no other: its beginnings and ends, and its first sign with a later one (乙肝)."""
    found: dict[str, set[str]] = {}
    for letter, text in said.items():
        for part in _parts_of(text):
            found.setdefault(part, set()).add(letter)
    alone = {part: letters.pop() for part, letters in found.items() if len(letters) == 1}
    return {part: letter for part, letter in alone.items() if _is_own(part, letter, said)}


@cache
def _parts_of(text: str) -> frozenset[str]:
    if text.isascii():
        return frozenset(word for word in re.findall(r"[a-z][a-z0-9-]{2,}", text) if len(word) < len(text))
    if not re.fullmatch(r"[\u4e00-\u9fffA-Za-z0-9-]{3,24}", text):
        return frozenset()
    cuts = range(2, min(len(text), _LONGEST_PART))
    parts = {text[:cut] for cut in cuts} | {text[-cut:] for cut in cuts}
    if len(text) >= 4:
        parts |= {text[0] + sign for sign in text[2:]} | (
            {text[1:3]} if len(text) == 4 and not text[1].isascii() else set()
        )
    return frozenset(p for p in parts if p not in _GENERAL and any("\u4e00" <= sign <= "\u9fff" for sign in p))


def _is_own(part: str, letter: str, said: Mapping[str, str]) -> bool:
    """False where another option has these signs too, in this order."""
    mixed = not all("\u4e00" <= sign <= "\u9fff" for sign in part)
    pattern = _finder([part]) if mixed else re.compile(".*".join(map(re.escape, part)))
    assert pattern
    return not any(other != letter and pattern.search(text) for other, text in said.items())
