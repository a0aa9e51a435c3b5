"""Rejects answers that an automatic synonym replacer has been over, some with their meaning turned round.

CMD's are: 救治 for 治疗, 歇息 for 休息, 消化营养 for 吸收营养, 缓解 for 发作. Words that such a machine writes and
people hardly do are counted. Words and limit were chosen on the development half of `benchmarks/sets/spun`; how well it
decides, `benchmarks/spun.py` measures on the other (docs/curate.md).
"""

import re
from importlib import resources

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head

_LIMIT = 2
"""Points: one word that nobody writes, or two odd ones ..."""
_CHARS_A_POINT = 150
"""... and one for so many characters, since a long text has an odd word or two by chance."""


def _any_of(name: str) -> re.Pattern[str]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    words = [word for line in text.splitlines() if not line.startswith("#") for word in line.split()]
    return re.compile("|".join(sorted(map(re.escape, words), key=len, reverse=True)))


_NOBODY_WRITES, _ODD = _any_of("spun_words.txt"), _any_of("spun_odd_words.txt")


def rejects(conversation: Conversation) -> Rejection | None:
    """`machine_spun` when any answer is."""
    spun = next((answer for _, answer in conversation.turns if is_spun(answer)), None)
    return None if spun is None else Rejection("machine_spun", head("、".join(_odd_words(spun))))


def is_spun(answer: str) -> bool:
    """True when the text's different words of this kind are many enough for its length."""
    points = spun_points(answer)
    return points >= _LIMIT and _CHARS_A_POINT * points >= len(answer)


def spun_points(answer: str) -> int:
    """Two for each different word that nobody writes, one for each odd one."""
    return 2 * len(set(_NOBODY_WRITES.findall(answer))) + len(set(_ODD.findall(answer)))


def _odd_words(answer: str) -> list[str]:
    return list(dict.fromkeys([*_NOBODY_WRITES.findall(answer), *_ODD.findall(answer)]))
