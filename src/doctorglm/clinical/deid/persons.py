"""Which of a conversation's names are one person's: a part that stands inside a fuller name counts as that one."""

from collections.abc import Iterable
from itertools import pairwise

from doctorglm.clinical.deid.fold import folded

_PREFIXES = "小老阿"


def persons(names: Iterable[str]) -> dict[str, int]:
    """Name -> a number from 1 on, in order of appearance, the same for the same person.

    王 and 小王 are 王建国 where only one name holds 王; where two do, nobody knows which, and 王 has a number of its
    own. 小王 and 老王 in one conversation are two.
    """
    ordered = list(dict.fromkeys(names))
    cores = {name: _core(name) for name in ordered}
    forms: dict[str, set[str]] = {}
    for name, core in cores.items():
        if core != _compact(name):
            forms.setdefault(core, set()).add(_compact(name))
    cores = {name: _compact(name) if len(forms.get(core, ())) > 1 else core for name, core in cores.items()}
    whole = {core: _fuller(core, set(cores.values())) for core in cores.values()}
    numbers: dict[str, int] = {}
    for name in ordered:
        numbers.setdefault(whole[cores[name]], len(numbers) + 1)
    return {name: numbers[whole[cores[name]]] for name in ordered}


def _fuller(core: str, cores: set[str]) -> str:
    """The longest name that holds this one, if those that hold it are one within the other."""
    holding = sorted((other for other in cores if _holds(other, core)), key=len)
    nested = all(_holds(long, short) for short, long in pairwise(holding))
    return holding[-1] if holding and nested else core


def _holds(whole: str, part: str) -> bool:
    if part[:1].isascii():
        return f" {part} " in f" {whole} "
    return part in whole


def _compact(name: str) -> str:
    plain = folded(name)
    return " ".join(plain.replace("-", " ").lower().split()) if plain[:1].isascii() else plain.replace(" ", "")


def _core(name: str) -> str:
    """王 of 小王; a longer name only begins like that."""
    compact = _compact(name)
    return compact[1:] if compact[:1] in _PREFIXES and 2 <= len(compact) <= 3 else compact
