"""Writes which terms the checks tell alone (`checks/lists/alone.tsv`), by how often right translations hold them.

    python benchmarks/checks_alone.py
    python benchmarks/checks_alone.py --table

A list is told alone where, on the medical texts, the lower bound of the share of its terms that are held is at least
0.97: of the English ones that have their Chinese, of the Chinese ones that have their English. A word without evidence
has its list's bound; one with evidence on any right text is excepted where its share, drawn towards that bound as by 50
other places, is lower, and where manuals of software have it as well (`_EVERYDAY`). A word whose own lower bound is
0.95 is told alone in any case, of persons and days 0.9.
Right texts: the sets written for this project (of the second q001 to q100 and its hard ones, all of the two after it),
TICO-19 without its test documents, everyday pairs (every other line), wiki questions. No sentence is kept.
Sources: benchmarks/sets/translation; https://tico-19.github.io (CC0); https://tatoeba.org (CC BY 2.0 FR);
https://github.com/google-deepmind/xquad (CC BY-SA 4.0); intervals (95 %): https://doi.org/10.1080/01621459.1927.10502953.
"""

import argparse
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from doctorglm.translate.audit import wilson
from doctorglm.translate.checks import lexicon, terms
from doctorglm.translate.checks.alone import LONG, key
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.glossary import own_glossary
from translate_checks import TICO, rows, tico

DATA = TICO.parent
OUT = Path(lexicon.__file__).parent / "lists" / "alone.tsv"
_EVERYDAY = ("howto_libreoffice_help_MPL", "howto_gnome_user_docs", "tech_d2l", "tech_cncf_glossary")
_MEDICAL = frozenset(("drugs", "illness", "symptoms", "body", "examinations"))
"""Lists that may be told alone, by medical texts."""
_SUM_UP = frozenset((f"illness {LONG}", "illness"))
"""Lists whose Chinese may sum up what the English describes, so that its words are told in another's place alone."""
_ANYWHERE = frozenset(("persons", "calendar", "times"))
"""The same by all texts: their words mean one thing everywhere, and are few; a little less than of terms is asked."""
_LEAST, _LEAST_ANYWHERE, _OTHERS = 0.97, 0.95, 50
_OWN, _OWN_ANYWHERE = 0.95, 0.9
_READ, _READ_HARD = 100, 78
"""Of the second set, numbers of the pairs and of the hard ones that may be learned from."""


class Place(NamedTuple):
    """A term in a text: "en" or "zh", its list, the word as exceptions have it, whether the other side has it."""

    language: str
    list: str
    word: str
    held: bool


def medical() -> Iterator[tuple[str, str]]:
    """Right translations of medical texts."""
    for half in ("dev", "test"):
        for name in ("pairs.jsonl", "hard.jsonl"):
            yield from ((row["en"], row["zh"]) for row in rows(name, half))
    for name, last in (("pairs.jsonl", _READ), ("hard.jsonl", _READ_HARD)):
        yield from ((row["en"], row["zh"]) for row in rows(name, "test2") if int(row["id"][1:]) <= last)
        for later in ("test3", "test4"):
            yield from ((row["en"], row["zh"]) for row in rows(name, later))
    yield from ((english, chinese) for _, english, chinese in tico())


def everyday(*names: str) -> Iterator[tuple[str, str]]:
    """Pairs of these files of other texts."""
    for name in names:
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield row["en"], row["zh"]


def places(reading: Reading) -> Iterator[Place]:
    """The terms of both sides."""
    lost = {one.english for one in terms._missing(reading)}
    for (start, end), numbers in reading.said.asking.items():
        said = reading.english[start:end]
        for name in {reading.row(number).name for number in numbers}:
            yield Place("en", name, key(said), said not in lost)
    strange = {one.chinese for one in terms._strange(reading)}
    for one in reading.there.segments:
        row = terms._asks_as(reading, one)
        if row is not None:
            said = reading.chinese[one.start : one.end]
            yield Place("zh", row.name, said, said not in strange)


def all_places(pairs: Iterator[tuple[str, str]]) -> Iterator[Place]:
    """The terms of all these texts."""
    reader = Checks(own_glossary())._reader
    for english, chinese in pairs:
        reader.forget()
        yield from places(reader.read(english, chinese))


def lists_of(place: Place) -> tuple[str, str]:
    """What a term's share is counted in: language and list, of Chinese ones by their length, too."""
    is_long = place.language == "zh" and len(place.word) >= LONG
    return place.language, f"{place.list} {LONG}" if is_long else place.list


def counted(some: Iterable[Place], of: Callable[[Place], tuple[str, str]]) -> dict[tuple[str, str], Counter[bool]]:
    """How often terms are held, by what they are counted as."""
    counts: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    for one in some:
        counts[of(one)][one.held] += 1
    return counts


def share(n: Counter[bool]) -> float:
    """The lower bound of the share that is held."""
    return wilson(n[True], n.total())[0]


def chosen(
    medicine: Sequence[Place], every: Sequence[Place], everyday_: Collection[Place]
) -> Iterator[tuple[str, str, str]]:
    """The lines: language, `list`, `word` or `not`, which."""
    common = {(one.language, one.word) for one in everyday_ if one.list not in _ANYWHERE}
    own = [one for one in medicine if one.list in _MEDICAL and (one.language, one.word) not in common]
    bounds = {of: share(n) for of, n in counted(own, lists_of).items()}
    alone = {of: (bound, _LEAST) for of, bound in bounds.items() if bound >= _LEAST}
    anywhere = counted((one for one in every if one.list in _ANYWHERE), lists_of)
    alone |= {of: (bound, _LEAST_ANYWHERE) for of, n in anywhere.items() if (bound := share(n)) >= _LEAST_ANYWHERE}
    yield from ((language, "list", name) for language, name in alone if language == "en" or name not in _SUM_UP)
    words = counted(every, lambda one: (one.language, one.word))
    inherited = {(one.language, one.word): alone[lists_of(one)] for one in every if lists_of(one) in alone}
    least_of = dict.fromkeys(_MEDICAL, _OWN) | dict.fromkeys(_ANYWHERE, _OWN_ANYWHERE)
    told = {(one.language, one.word): least_of[one.list] for one in every if one.list in least_of}
    firm = {word for word, least in told.items() if share(words[word]) >= least}
    yield from ((language, "word", word) for language, word in firm - set(inherited))
    for word, (bound, least) in inherited.items():
        n = words[word]
        drawn = (n[True] + _OTHERS * bound) / (n.total() + _OTHERS)
        if word not in firm and (drawn < least or word in common):
            yield word[0], "not", word[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the lists' shares and write nothing")
    options = parser.parse_args()
    of_medicine, common = [*all_places(medical())], [*all_places(everyday(*_EVERYDAY))]
    others = (pair for at, pair in enumerate(everyday("everyday_tatoeba"), 1) if at % 2 == 0)
    every = [*of_medicine, *all_places(others), *all_places(everyday("wiki_xquad"))]
    if options.table:
        for (language, name), n in sorted(counted(of_medicine, lists_of).items()):
            print(f"{language} {name}: {n[True]} of {n.total()}, at least {share(n):.3f}")
        return
    lines = ["\t".join(line) for line in sorted({*chosen(of_medicine, every, common)})]
    head = "# Lists and words that are told alone, and words that are not; written by benchmarks/checks_alone.py."
    OUT.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
