"""What words around a term deny it, or say that it is over: how far a denial reaches.

After NegEx (Chapman et al. 2001, doi 10.1006/jbin.2001.1029) and ConText (Harkema et al. 2009,
doi 10.1016/j.jbi.2009.05.002): words of denial reach forward, words that only look like denials reach nowhere, words
such as 但 and "but" end the reach. In Chinese a denial is written against its term or behind it (发热：无), and goes on
over what is enumerated; a comma ends it, but in English and behind 否认.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from doctorglm.clinical.terms.lexicon import Entry, Item
from doctorglm.clinical.terms.words import words


@dataclass(slots=True)
class Mention:
    """A word in a text that is a term, and what the words around it say of it."""

    item: Item
    entries: tuple[Entry, ...]
    says: set[str] = field(default_factory=set)
    """Of denied, over, past, family, asked, supposed, warned, maybe, told."""
    subject: str | None = None
    """The kind of the cue that names whose it is: self, child, mother, others ..."""

    @property
    def start(self) -> int:
        """Where it begins."""
        return self.item.start

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.item.end


_DENIED_IN_GAP = re.compile(r"没|不|无|未|沒|冇")
_AND_ZH = re.compile(
    r"(?:的?症状|的?情况)?(?:\s?(?:、|和|或者|或|及|以及|与|跟|/|\+|也|以及|等)\s?)?(?:的|有|明显|其他|其它)?"
)
_AND_LIST = re.compile(r"\s?(?:,|，|、|和|或|及|以及)?\s?(?:和|或|及)?\s?")
_AND_EN = re.compile(
    r"\s*(?:,|/|;)?\s*(?:or|nor|and)?\s*(?:any|a|an|the|his|her|my|other|recent|new|significant|severe)?\s*"
)
_BEHIND = re.compile(
    r"[\s:：]*(?:的?(?:症状|情况|现象|反应|检测|检查|筛查|抗体|抗原|核酸|试验|测试|结果|是){1,2})?[也都均还并是]{0,2}\s*(?:is|was|were|are)?\s*"
)
_ENDS = re.compile(r"\s*(?:的|了|吧|啊|呢|过|哦|喔)?\s*(?:$|[，。,;；、！!.\s)）])")
_OVER_BEHIND = re.compile(r"[^，。,;；！!?？\n]{0,6}")
_HOPED = re.compile(r"能|会|才|怎|何|想|要|可以")
"""多久能好了 is not over."""
_BETTER = re.compile(r"\s*(?:[?？]|很多|一些|一点|点|许多|大半|不少|吗|没|么)")
_CHANGES = re.compile(r"(?:有所|明显|逐渐|稍微|稍|也|都|在|又)?(?:好转|减轻|加重|加剧|缓解|变|增多|严重|更|厉害)")
"""没发烧咳嗽好转: what changes is there, and is not enumerated with what is denied."""
_ASKS_OR_GOES_ON = re.compile(r"[吗么几两三四五六七八九十0-9]")
"""没发烧了吗, and 没咳嗽了几天, are no 不咳嗽了."""
_LOOKS = frozenset(("deny", "deny_verb", "over_before", "deny_after", "over_after"))
_ENDS_REACH = frozenset(("stop", "affirm", "ignored"))
_FURTHEST = 40
"""Characters between a denial and its term, at most."""


def read_denials(text: str, items: Sequence[Item], mentions: dict[int, Mention]) -> None:
    """Marks the mentions of one sentence (by the index of their item) as denied or over."""
    reach: _Reach | None = None
    for index, item in enumerate(items):
        mention = mentions.get(index)
        if mention is not None:
            if item.gap and _DENIED_IN_GAP.search(text[item.gap[0] : item.gap[1]]):
                mention.says.add("over" if text[item.end : item.end + 1] == "了" else "denied")
            if reach is not None and reach.includes(text, item):
                is_over = text[item.end : item.end + 1] == "了" and not _ASKS_OR_GOES_ON.match(text, item.end + 1)
                mention.says.add("over" if is_over else reach.says)
            elif item.gap is None:
                reach = None
        elif not _LOOKS.isdisjoint(item.cues):
            reach = _cue(text, items, index, mentions)
        elif not _ENDS_REACH.isdisjoint(item.cues):
            reach = None


def is_alternative(text: str, item: Item) -> bool:
    """True for 不 and 没 in 咳不咳 and 发没发烧, which ask."""
    before, after = text[item.start - 1 : item.start], text[item.end : item.end + 1]
    return bool(before) and before == after and item.end - item.start == 1


@dataclass(slots=True)
class _Reach:
    """How far a denial has come: its last place, and whether it has reached a term already."""

    says: str
    edge: int
    is_list: bool
    is_fresh: bool = True

    def includes(self, text: str, item: Item) -> bool:
        """True when the item is reached; the reach then goes on behind it."""
        if item.start - self.edge > _FURTHEST:
            return False
        gap = text[self.edge : item.start]
        pattern = _fillers() if self.is_fresh else self._enumeration(text, item)
        if not pattern.fullmatch(gap) or (not self.is_fresh and not gap and _CHANGES.match(text, item.end)):
            return False
        self.edge, self.is_fresh = max(self.edge, item.end), False
        return True

    def _enumeration(self, text: str, item: Item) -> re.Pattern[str]:
        if text[item.start].isascii():
            return _AND_EN
        return _AND_LIST if self.is_list else _AND_ZH


def _cue(text: str, items: Sequence[Item], index: int, mentions: dict[int, Mention]) -> _Reach | None:
    """Marks the mentions before a cue that speaks of them, or returns the reach of one that looks ahead."""
    item = items[index]
    if is_alternative(text, item):
        return None
    is_hoped = _HOPED.search(text, max(0, item.start - 6), item.start) is not None
    if "over_after" in item.cues and not is_hoped and not _BETTER.match(text, item.end):
        before = list(_group(text, items, index, mentions, _OVER_BEHIND))
        if before:
            _mark(before, "over")
            return None
    if "deny_after" in item.cues and _ENDS.match(text, item.end):
        before = [m for m in _group(text, items, index, mentions, _BEHIND) if not _is_a_result(m, text, item)]
        if before:
            _mark(before, "denied")
            return None
    if "over_before" in item.cues:
        return _Reach("over", item.end, False)
    if "deny" in item.cues or "deny_verb" in item.cues:
        return _Reach("denied", item.end, "deny_list" in item.cues)
    return None


def _is_a_result(mention: Mention, text: str, item: Item) -> bool:
    """血常规正常 is a test that was made."""
    is_test = any(entry.type in ("test", "drug", "procedure") for entry in mention.entries)
    return is_test and text[item.start : item.end] in ("正常", "阴性", "未见异常", "无异常", "不明显", "negative")


def _group(
    text: str, items: Sequence[Item], index: int, mentions: dict[int, Mention], behind: re.Pattern[str]
) -> Iterator[Mention]:
    """The mention before a cue, and those that are enumerated with it."""
    edge, pattern = items[index].start, behind
    seen: set[Entry] = set()
    for earlier in range(index - 1, -1, -1):
        mention = mentions.get(earlier)
        if mention is None:
            if edge - items[earlier].start > _FURTHEST:
                return
            continue
        if not pattern.fullmatch(text, mention.end, edge) or "denied" in mention.says or seen & set(mention.entries):
            return
        yield mention
        seen |= set(mention.entries)
        edge, pattern = mention.start, _AND_EN if text[mention.start].isascii() else _AND_ZH


def _mark(mentions: Sequence[Mention], says: str) -> None:
    for mention in mentions:
        mention.says.add(says)


@cache
def _fillers() -> re.Pattern[str]:
    """What may stand between a denial and its term."""
    chinese = sorted((w for w in words("fillers") if not w.isascii()), key=len, reverse=True)
    english = sorted((w for w in words("fillers") if w.isascii()), key=len, reverse=True)
    return re.compile(rf"(?:{'|'.join(chinese)}|\s|(?:{'|'.join(english)})(?![a-z]))*+")
