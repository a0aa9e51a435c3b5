"""The sample of a run: chosen from the source, kept in the folder so that a second start translates the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation
from doctorglm.errors import ConfigError
from doctorglm.runs import read_json, to_json, write_json
from doctorglm.translate.cost import Prices
from doctorglm.translate.coverage import coverage, random_coverage
from doctorglm.translate.entry import Entry
from doctorglm.translate.features import read_source, worst_request_usd
from doctorglm.translate.sample import Choice, SampleSettings, Source, choose
from doctorglm.translate.teacher import TeacherSettings

KEPT = ".sample.json"
"""Hidden, as the cache is: a folder that holds nothing else is free for another run."""
_A_TOKEN_A_TOKEN = Prices(usd_in=1.0, usd_out=1.0)
"""What costs are compared by where there are no prices: millions of tokens."""
_LEAST = 4
"""What a request costs at most is never more than so many times what is expected of it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The numbers of the conversations that are translated, and how they were chosen."""

    numbers: frozenset[int]
    report: Mapping[str, Any]

    def of(self, conversations: Iterable[Conversation]) -> Iterator[Conversation]:
        """The chosen ones of the source, in order."""
        return (one for i, one in enumerate(conversations) if i in self.numbers)

    def rest(self, conversations: Iterable[Conversation]) -> Iterator[Conversation]:
        """The others of the source, in order."""
        return (one for i, one in enumerate(conversations) if i not in self.numbers)


def sampled(
    conversations: Iterable[Conversation], number: int, budget_usd: float | None, glossary: Sequence[Entry], *,
    settings: SampleSettings, teacher: TeacherSettings, prices: Prices,
) -> Sample:  # fmt: skip
    """At most `number` conversations that are expected to cost no more than the budget.

    Raises ConfigError where the budget has no room for a single one.
    """
    is_priced = bool(prices.usd_in or prices.usd_out)
    source = read_source(conversations, glossary, teacher, prices if is_priced else _A_TOKEN_A_TOKEN)
    room = None if budget_usd is None else _room(budget_usd, teacher, prices)
    choice = choose(source, number, room, settings)
    if room is not None and not choice.numbers:
        raise _too_small(budget_usd or 0.0, room, min(source.costs))
    report = _report(source, choice) | {
        "asked": number,
        "budget_usd": room,
        "cost_unit": "USD" if is_priced else "million tokens",
        "seed": settings.sample_seed,
        "words": settings.sample_words,
        "balance": settings.sample_balance,
    }
    return Sample(frozenset(choice.numbers), report)


def kept(path: Path, identity: Mapping[str, Any]) -> Sample | None:
    """The sample that `keep` left under this identity; None where there is none.

    A budget that was reached and is raised is no part of the identity: what is paid for stays in the sample.
    """
    found = read_json(path) if path.exists() else {}
    if found.get("key") != _key(identity):
        return None
    return Sample(frozenset(found["numbers"]), found["report"])


def keep(path: Path, identity: Mapping[str, Any], sample: Sample) -> None:
    """Leaves the sample for a second start of the same run."""
    write_json(path, {"key": _key(identity), "numbers": sorted(sample.numbers), "report": sample.report})


def _key(identity: Mapping[str, Any]) -> str:
    return sha256(to_json(identity).encode()).hexdigest()


def _room(budget_usd: float, teacher: TeacherSettings, prices: Prices) -> float:
    """What may be expected of the sample, so that the budget has room for the worst price of every request under way.

    A small budget has no such room: there what is expected stays so low that even the worst price of all is within it.
    """
    return max(budget_usd - teacher.concurrency * worst_request_usd(teacher, prices), budget_usd / _LEAST)


def _report(source: Source, choice: Choice) -> dict[str, Any]:
    found = coverage(source, choice.numbers)
    random = {} if choice.by == "all" else {"random": random_coverage(source, found["cost"])}
    return {
        "by": choice.by,
        "near_duplicates": sum(1 for i, original in enumerate(source.originals) if i != original),
        "chosen": found,
        "source": coverage(source, range(len(source))),
        **random,
    }


def _too_small(budget_usd: float, room: float, least: float) -> ConfigError:
    return ConfigError(
        en=f"--budget {budget_usd:g}: {room:.6f} USD of it are for the sample, the rest for the worst price of "
        f"requests under way, and the cheapest conversation is expected to cost {least:.6f}. Raise the budget.",
        zh=f"--budget {budget_usd:g}：其中 {room:.6f} 美元用于样本，其余留给进行中请求的最高价；"
        f"最便宜的一段对话预计需要 {least:.6f} 美元。请提高预算。",
    )
