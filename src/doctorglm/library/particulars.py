"""What a question wants exactly: a price, a named hospital, a dose, how long; and whether passages may tell it.

An entry about gout does not say what a tablet costs, however well its words fit. Most questions that a library must not
answer are of this kind: the illness is known, the particular is not there. The patterns are `particulars.yaml`'s.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from doctorglm.clinical.folding import folded

_NAMED = {
    "NUMBER": r"(?:\d+(?:\.\d+)?|[零一二三四五六七八九十百千两半数几])",
    # not 好几天, 十几岁, 这几天, 停几天
    "SOME": "(?<![好十这那前过停了有啊年])(?<!再过)几",
    "TIMES": "(?:次|针|回|趟|个?疗程|遍)",
    "TIME": "(?:天|日|周|星期|礼拜|个?月|年|个?小时|个?钟头|分钟)",
    "PIECE": "(?:片|粒|颗|丸|毫升|毫克|微克|克|支|瓶|包|袋|勺|滴|喷|吸|杯|两|斤|单位|mg|ml|μg|g)",
}


@dataclass(frozen=True, slots=True)
class Particular:
    """Something exact: what asks for it, and what a passage that may tell it holds; both of folded text."""

    name: str
    asks: re.Pattern[str]
    tells: re.Pattern[str]


def particulars(question: str) -> list[Particular]:
    """What the question wants exactly."""
    plain = folded(question)
    return [one for one in _all() if one.asks.search(plain)]


@cache
def _all() -> tuple[Particular, ...]:
    text = resources.files(__package__).joinpath("particulars.yaml").read_text(encoding="utf-8")
    return tuple(
        Particular(name, _joined(of["asks"]), _joined(of["tells"])) for name, of in yaml.safe_load(text).items()
    )


def _joined(patterns: list[str]) -> re.Pattern[str]:
    joined = "|".join(patterns)
    for name, pattern in _NAMED.items():
        joined = joined.replace(name, pattern)
    return re.compile(joined)
