"""Names of one thing: generics, brands, Chinese and English, and the classes that a passage may name in their place."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.rules import composed, mapping, rows, rules_file, wrong_at
from doctorglm.safety.search import Words

_FILE = "names.yaml"
_KINDS = ("prescription", "other", "things")


@dataclass(frozen=True, slots=True)
class Named:
    """A thing that is named at `text[start:end]`, by the first of its names."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`rules/names.yaml`."""

    prescription: frozenset[str]
    """Names of drugs sold on a doctor's prescription only."""
    other: frozenset[str]
    """Names of other drugs."""
    first: dict[str, str]
    """The first name of each name."""
    classes: dict[str, frozenset[str]]
    """The classes of each first name."""
    words: tuple[str, ...]
    found: Words


@cache
def lexicon() -> Lexicon:
    """The names; raises ConfigError with the line where the file is wrong."""
    return read_lexicon(rules_file("names").read_text(encoding="utf-8"), _FILE)


def read_lexicon(text: str, where: str) -> Lexicon:
    """The names of a file's text; raises ConfigError that names `where` and the line."""
    top = mapping(composed(text, where), where, needed=("source", *_KINDS, "classes"))
    first: dict[str, str] = {}
    kinds: dict[str, frozenset[str]] = {}
    for kind in _KINDS:
        lines = [[_folded(name) for name in line.split()] for _, line in rows(top[kind], where)]
        kinds[kind] = frozenset(name for names in lines for name in names)
        for names in lines:
            for name in names:
                first.setdefault(name, names[0])
    classes: dict[str, set[str]] = {}
    for number, line in rows(top["classes"], where):
        said, colon, members = line.partition(": ")
        if not colon:
            raise wrong_at(number, where, en="a class is NAME|NAME: members", zh="类别应写成 名称|名称: 成员")
        names = [_folded(name) for name in said.split("|")]
        for name in names:
            first.setdefault(name, names[0])
        for member in members.split():
            if _folded(member) not in first:
                raise wrong_at(number, where, en=f"{member!r} is named nowhere above", zh=f"上文没有 {member!r}")
            classes.setdefault(first[_folded(member)], set()).add(first[names[0]])
    words = tuple(sorted(first))
    return Lexicon(
        prescription=kinds["prescription"],
        other=kinds["other"],
        first=first,
        classes={name: frozenset(of) for name, of in classes.items()},
        words=words,
        found=Words(words, longest=True),
    )


def _folded(name: str) -> str:
    return fold(name.lower().replace("_", " ")).text


@lru_cache(maxsize=1024)
def named(text: str) -> tuple[Named, ...]:
    """What a folded text names, from left to right."""
    return tuple(_named(text))


def _named(text: str) -> Iterator[Named]:
    known = lexicon()
    for index, start, end in known.found.places(text):
        said = known.words[index]
        if not said.isascii() or _stands_alone(text, start, end):
            yield Named(start, end, known.first[said])


def _stands_alone(text: str, start: int, end: int) -> bool:
    """True where no English word goes on; a plural's s may follow."""
    behind = text[end : end + 2].removeprefix("s")[:1]
    before = text[start - 1 : start]
    return not _is_latin(before) and not _is_latin(behind)


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def covers(name: str) -> frozenset[str]:
    """A thing's first name and its classes: under all of them a passage may speak of it."""
    known = lexicon()
    first = known.first.get(name, name)
    return known.classes.get(first, frozenset()) | {first}
