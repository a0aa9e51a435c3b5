"""In which manner a term is spoken of: asked, supposed, told in a story or a textbook, of the past, of the family.

The kinds are those of ConText (Harkema et al. 2009, doi 10.1016/j.jbi.2009.05.002: historical, hypothetical,
experiencer), and questions, which make up most of a consultation.
"""

import re
from collections.abc import Iterator, Sequence

from doctorglm.clinical.terms.lexicon import Item
from doctorglm.clinical.terms.scope import Mention, is_alternative

SUBJECTS = ("self", "child", "mother", "father", "parents", "elders", "spouse", "sibling", "aunt", "others")
"""Kinds of cues that name whose a symptom is; `others` are no kin."""

_IS_SUBJECT = frozenset(SUBJECTS)
_TELLS = frozenset(("told", "told_in", "taught"))
_MANNERS = frozenset(("suppose", "suppose_end", "past", "now", "family", "past_after")) | _IS_SUBJECT
_OF_CLAUSES = frozenset(("deny", "deny_verb", "ask", "ask_may", "warn", "stop", "maybe", "past_here"))
_COMMA = re.compile(r"，|,| (?<=[\u4e00-\u9fff] )(?=\s{0,8}[\u4e00-\u9fff0-9])")
"""A space between Chinese characters is one too. Each branch begins with a character, which makes the search fast."""
_QUESTION_BEHIND = re.compile(
    r"(?:过|的|这种)?(?:的)?(?:症状|情况|表现|现象|毛病|可能性?|病)?(?:大|过|了|啊)?(?:[吗么嘛]|[呢吧]?\s*[?？])"
)
_ASKS = re.compile(r"[吗么嘛吧?？]")
_ENUMERATED = re.compile(r"(?:、|和|或|以及|及|跟|还是)[^，。,]{1,10}[吗么嘛]")
_FURTHEST = 40
_EITHER_OR = re.compile(r"(?<!还)是[^，。,]{1,16}还是")
_ASSUMED = re.compile(
    r"严重|厉害|多久|几天|几次|多少|多高|多长|什么时候|何时|怎么|咋|正常|为什么|为啥|哪|几度|好些|好点|好转|缓解|减轻|要紧"
)
_YEARS_AGO = re.compile(
    r"(?:[0-9]+|[一二三四五六七八九十两几数]+)(?:个半?|多|来)?(?:年|月)多?(?:之?前|以前)|半年多?(?:之?前|以前)|去年|大?前年|多年(?:之?前|以前)|前几年"
    r"|(?:[0-9]+|[一二三四五六七八九十两几]+)(?:周?岁多?(?:的时候|时(?!候))|个多?月大?的时候)"
    r"|(?:[0-9]+|a few|several|two|three|many) (?:years|months) ago"
)
_LONG_SIGN = re.compile(r"年|前|时| ago")
_STARTED = re.compile(r"开始|确诊|诊断|查出|检查出|发现|患上|至今|到现在|一直|持续|起病|since")
_IN_A_STORY = re.compile(r"里|中|上(?!火)|讲|说|写|演|情节|角色|人物|主角|的(?!时候)")
_THEIR = re.compile(r"(?:家里|家|的){0,2}|'s ")
_MINE = re.compile(r"(?:会|该|应该|是不是|是否|需要|要不要|也|自己|本人)")
"""我会遗传吗 speaks of oneself, 我很担心 does not."""
_NOT_IS_IT = re.compile(r"不(?:会)?是[^，。,]{0,12}$")
_SPEAKS = re.compile(r"们?(?:好|您好|你好|说|讲|问|让|给|叫|建议|诊断|带|开|看|推荐|介绍|告诉|检查|听|怀疑)")
_ABOUT_ONESELF = re.compile(
    r"(?:也|自己|本人|最近|现在|这几天|这两天|这段时间|今天|昨天|昨晚|今早|早上|晚上|夜里|有点|有些|有|一直|突然|忽然"
    r"|经常|总是|老是|总|老|又|还|都|就|在|开始|的|从|因|感觉|觉得|感到|得了|患有|是|年|月|天|岁|女|男|非常|很|特别|不|没有|没"
    r"|[0-9]+|[一二三四五六七八九十两几]+|,| |am|have|feel|had|got)*+"
)


def read_manner(
    text: str, end: int, items: Sequence[Item], mentions: dict[int, Mention], *, by_doctor: bool
) -> set[str]:
    """Marks the mentions of one sentence, which ends at `end`; returns the kinds of persons it names."""
    told = any(_is_told(text, item) for item in items if not _TELLS.isdisjoint(item.cues))
    ago = _long_ago(text, items[0].start - 12, end)
    supposed = past = family = False
    subject: Item | None = None
    kinds: set[str] = set()
    for index, item in enumerate(items):
        mention = mentions.get(index)
        while ago and ago[0] <= item.start:
            past = bool(ago.pop(0))
        if mention is None:
            cues = item.cues
            if _MANNERS.isdisjoint(cues):
                continue
            supposed = (supposed or "suppose" in cues) and "suppose_end" not in cues
            past = "past" in cues or (past and "now" not in cues)
            is_subject = not _IS_SUBJECT.isdisjoint(cues)
            family = "family" in cues or (family and (not is_subject or "others" in cues))
            if "family" in cues:
                _mark_before(text, items, index, mentions, "family")
            if "past_after" in cues:
                _mark_before(text, items, index, mentions, "past")
            if is_subject and not _SPEAKS.match(text, item.end) and not _is_of_others(text, subject, item):
                subject = item
                if "self" not in cues or _MINE.match(text, item.end):
                    kinds.add(_kind(item))
            continue
        if told or supposed or past or family:
            said = (("told", told), ("supposed", supposed), ("past", past), ("family", family))
            mention.says.update(name for name, holds in said if holds)
        mention.subject = _subject(text, subject, mention) if subject else None
    _read_clauses(text, end, items, mentions, by_doctor=by_doctor)
    return kinds


def _long_ago(text: str, start: int, end: int) -> list[int]:
    """The places behind 三年前 and the like from which what follows is past, unless it began then."""
    if not _LONG_SIGN.search(text, max(0, start), end):
        return []
    return [
        match.end()
        for match in _YEARS_AGO.finditer(text, max(0, start), end)
        if not _STARTED.search(text, match.end(), min(end, match.end() + 24))
    ]


def _is_told(text: str, item: Item) -> bool:
    """True for what tells of a story, an exercise or a textbook."""
    cues = item.cues
    return "told" in cues or "taught" in cues or ("told_in" in cues and bool(_IN_A_STORY.match(text, item.end)))


def _mark_before(text: str, items: Sequence[Item], index: int, mentions: dict[int, Mention], says: str) -> None:
    """Marks what stands directly before a cue: 哮喘病史, 高血压、糖尿病家族史."""
    edge = items[index].start
    for earlier in range(index - 1, -1, -1):
        mention = mentions.get(earlier)
        if mention is None or not re.fullmatch(r"\s?(?:的|、|和|及)?\s?", text[mention.end : edge]):
            return
        mention.says.add(says)
        edge = mention.start


def _kind(subject: Item) -> str:
    return next(kind for kind in SUBJECTS if kind in subject.cues)


def _is_of_others(text: str, before: Item | None, item: Item) -> bool:
    """邻居家孩子 is of the neighbours."""
    return before is not None and "others" in before.cues and bool(_THEIR.fullmatch(text, before.end, item.start))


def _subject(text: str, subject: Item, mention: Mention) -> str | None:
    kind = _kind(subject)
    if kind != "self":
        return kind
    is_near = mention.start - subject.end <= _FURTHEST and _ABOUT_ONESELF.fullmatch(text, subject.end, mention.start)
    return kind if is_near else None


def _read_clauses(text: str, end: int, items: Sequence[Item], mentions: dict[int, Mention], *, by_doctor: bool) -> None:
    """Marks what a clause says of its mentions: asked, only possible, to be prevented."""
    is_question = text[end : end + 1] == "?" or text[end - 1 : end] == "?"
    asks_in_english = False
    begun = items[0].start
    holds_choice, holds_question = text.find("还是", begun, end) >= 0, bool(_ASKS.search(text, begun, end + 1))
    for first, last, stop in _clauses(text, end, items):
        asks = warns = maybe = may_take = past = False
        choice = _choice(text, items[first].start, stop) if holds_choice else (0, 0)
        for index in range(first, last):
            mention = mentions.get(index)
            if mention is None:
                item, cues = items[index], items[index].cues
                if _OF_CLAUSES.isdisjoint(cues):
                    continue
                alternative = ("deny" in cues or "deny_verb" in cues) and is_alternative(text, item)
                if alternative and index > first and index - 1 in mentions:
                    mentions[index - 1].says.add("asked")
                if "ask" in cues:
                    asks_in_english |= text[item.start].isascii()
                    asks |= not text[item.start].isascii()
                asks |= alternative
                may_take |= "ask_may" in cues
                warns = "warn" in cues or (warns and "stop" not in cues)
                maybe |= "maybe" in cues
                past |= "past_here" in cues
                continue
            asked = asks or choice[0] < mention.start <= choice[1] or (asks_in_english and is_question)
            asked |= may_take and mention.entries[0].type not in ("symptom", "disease")
            if asked or (holds_question and _asks_behind(text, mention, stop, end, by_doctor=by_doctor)):
                mention.says.add("asked")
            if warns:
                mention.says.add("warned")
            if maybe:
                mention.says.add("maybe")
            if past:
                mention.says.add("past")


def _choice(text: str, start: int, stop: int) -> tuple[int, int]:
    """Where 是感冒还是肺炎 stands; (0, 0) where nothing is to be chosen."""
    match = _EITHER_OR.search(text, max(0, start - 4), stop)
    return (match.start(), match.end() + 2) if match else (0, 0)


def _asks_behind(text: str, mention: Mention, stop: int, end: int, *, by_doctor: bool) -> bool:
    """发烧吗 asks; 发烧严重吗 takes the fever for granted."""
    if text[mention.end : mention.end + 1] == "吧" and _NOT_IS_IT.search(
        text, max(0, mention.start - 14), mention.start
    ):
        return True
    tail = text[mention.end : min(mention.end + _FURTHEST, stop + (stop == end))]
    if not _ASKS.search(tail):
        return False
    if _QUESTION_BEHIND.match(tail):
        return True
    return not _ASSUMED.search(tail) and (by_doctor or bool(_ENUMERATED.match(tail)))


def _clauses(text: str, end: int, items: Sequence[Item]) -> Iterator[tuple[int, int, int]]:
    """Yields (first item, behind the last, end of the text) of each part of a sentence between commas."""
    first, count = 0, len(items)
    commas = [match.start() for match in _COMMA.finditer(text, items[0].end, end)]
    for stop in (*commas, end):
        if first < count and stop >= items[first].end:
            last = first + 1
            while last < count and items[last].start < stop:
                last += 1
            yield first, last, stop
            first = last
