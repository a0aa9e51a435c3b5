"""All checks of a translation, as one: what is wrong with the Chinese of an English text.

A fault of one kind brings others along: a loop repeats numbers, a sentence that was added has terms. What only follows
from a fault that explains it is left out, so that the reasons are what is to be mended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.settings import STRICT
from doctorglm.translate.checks import (
    adequacy,
    align,
    amounts,
    contrast,
    denial,
    lengths,
    loops,
    opposed,
    persons,
    places,
    script,
    sides,
    terms,
)
from doctorglm.translate.checks.fault import KINDS, Fault
from doctorglm.translate.checks.lexicon import HUSHED, Row, nothing, own_rows
from doctorglm.translate.checks.reading import Reader, Reading
from doctorglm.translate.entry import Entry


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class CheckSettings:
    """Which faults are looked for; all are by default."""

    term: bool = True
    """Terms, parts of the body, examinations and things, by the glossary and the lexicon."""
    number: bool = True
    """Numbers, dates, weekdays, clock times, names with digits."""
    unit_or_dose: bool = True
    """Units, how often, before or after meals, how it is given, times of the day."""
    negation: bool = True
    """What is denied, and opposites."""
    gender_person: bool = True
    """Pronouns and relatives."""
    laterality: bool = True
    """Left and right, upper and lower, inner and outer."""
    drug: bool = True
    """Drugs by generic names, old names and brands."""
    length: bool = True
    """Texts far too long or too short."""
    untranslated: bool = True
    """English words left standing."""
    loop: bool = True
    """Phrases and sentences that are repeated."""
    language: bool = True
    """Clauses in another language, tokens of a model."""
    order: bool = True
    """Sentences and lines that changed places."""
    truncation: bool = True
    """Texts that break off."""
    addition: bool = True
    """Sentences that the English lacks."""
    adequacy: bool = True
    """Texts that have too little in common with the English, however well they read."""


class Checks:
    """The checks of a translation by a glossary; `withheld` terms are taken out of the lexicon as well."""

    def __init__(
        self, glossary: Sequence[Entry], settings: CheckSettings | None = None, withheld: Sequence[Entry] = ()
    ) -> None:
        self.settings = settings or CheckSettings()
        self._on = frozenset(kind for kind in KINDS if getattr(self.settings, kind))
        self._reader = Reader(hushed(own_rows(), rows_without(own_rows(), withheld)), nothing(), glossary)

    def faults(self, english: str, chinese: str) -> list[Fault]:
        """What is wrong with a translation, each once; nothing for an empty English text."""
        if not english.strip():
            return []
        self._reader.forget()
        found = dict.fromkeys(self._found(english, chinese))
        return [one for one in found if one.kind in self._on]

    def _found(self, english: str, chinese: str) -> Iterator[Fault]:
        looped = list(loops.faults(english, chinese))
        yield from looped
        if looped:
            chinese = loops.collapsed(chinese)
        yield from lengths.faults(english, chinese)
        foreign = list(script.faults(english, chinese, self._reader.knows, self._reader.named))
        yield from foreign
        if any(one.kind == "language" for one in foreign):
            return
        one = align.aligned(self._reader, english, chinese)
        cut = list(align.cut_faults(one, english, chinese))
        added = list(align.added_faults(one))
        order = list(align.order_faults(one))
        yield from cut if not looped else ()
        yield from added if not looped else ()
        yield from order
        left = [f.english.lower() for f in foreign]
        for fault in self._contents(one, english, chinese, bool(order)):
            if not _follows(fault, cut, added, left):
                yield fault

    def _contents(self, one: align.Alignment, english: str, chinese: str, moved: bool) -> Iterator[Fault]:
        whole = self._reader.read(english, chinese)
        yield from adequacy.faults(whole)
        yield from terms.faults(whole, lambda: align.belonging(one, english, chinese))
        if not moved:
            yield from places.faults(whole)
        yield from persons.child_faults(english, chinese)
        yield from persons.self_faults(english, chinese)
        units = align.runs(one, english, chinese, moved)
        wrong = list(amounts.faults(english, chinese))
        yield from (fault for said, there in units for fault in amounts.unit_faults(said, there))
        yield from wrong or (amounts.exchanged_between(units) if len(units) > 1 else ())
        for said, there in units:
            reading = whole if (said, there) == (english, chinese) else self._reader.read(said, there)
            yield from denial.faults(reading)
            yield from opposed.faults(reading)
            if not moved:
                yield from contrast.faults(reading)
            yield from persons.faults(said, without_drugs(reading), english)
            yield from sides.faults(said, there)


def without_drugs(reading: Reading) -> str:
    """The Chinese without the names of drugs: 氯雷他定 is nobody."""
    text = list(reading.chinese)
    for one in reading.there.segments:
        if any(reading.row(row).name == "drugs" for row in one.numbers):
            text[one.start : one.end] = "＿" * (one.end - one.start)
    return "".join(text)


def _follows(fault: Fault, cut: Sequence[Fault], added: Sequence[Fault], left: Sequence[str]) -> bool:
    """Whether a fault is only what a cut, an addition or an English word brings along."""
    if cut and fault.english and not fault.chinese:
        return True
    if any(fault.chinese and fault.chinese in one.chinese.replace(" ", "") for one in added) or (
        added and fault.reason in ("negation_added", "pronoun_added")
    ):
        return True
    return bool(fault.english) and any(word in fault.english.lower() or fault.english.lower() in word for word in left)


def rows_without(rows: Sequence[Row], withheld: Sequence[Entry]) -> list[Row]:
    """The rows that share neither an English word nor a rendering with these terms, nor with a row that does.

    What is left of a word in other rows would be taken for all that it means.
    """
    english = {one.english.lower() for one in withheld}
    chinese = {said for one in withheld for said in one.chinese}
    if not english:
        return list(rows)
    for _ in range(2):
        out = [row for row in rows if english & _names(row) or chinese & _wordings(row)]
        english = english.union(*map(_names, out))
        chinese = chinese.union(*map(_wordings, out))
    gone = set(out)
    return [row for row in rows if row not in gone]


def hushed(rows: Sequence[Row], kept: Sequence[Row]) -> list[Row]:
    """The kept rows, and the others as words that ask for nothing and that any text explains.

    Without them, what is left of a longer term would be asked for: blood, where red blood cell is withheld.
    """
    there = set(kept)
    return [row if row in there else replace(row, name=HUSHED, kind=None, asks=False) for row in rows]


def _names(row: Row) -> set[str]:
    return {word.strip("*").lower() for word in row.english if not word.startswith("~")}


def _wordings(row: Row) -> set[str]:
    return {wording for wording in row.chinese if not wording.startswith("~")}
