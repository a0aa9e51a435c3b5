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

_COMMA = re.compile(r"[，,]|(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff0-9])")
_QUESTION_BEHIND = re.compile(
    r"(?:过|的|这种)?(?:的)?(?:症状|情况|表现|现象|毛病|可能性?|病)?(?:大|过|了|啊)?(?:[吗么嘛]|[呢吧]?\s*[?？])"
)
_EITHER_OR = re.compile(r"(?<!还)是[^，。,]{1,16}还是")
_ASSUMED = re.compile(
    r"严重|厉害|多久|几天|几次|多少|多高|多长|什么时候|何时|怎么|咋|正常|为什么|为啥|哪|几度|好些|好点|好转|缓解|减轻|要紧"
)
_YEARS_AGO = re.compile(
    r"(?:[0-9]+|[一二三四五六七八九十两几数]+)(?:个半?|多|来)?(?:年|月)多?(?:之?前|以前)|半年多?(?:之?前|以前)"
    r"|(?:[0-9]+|[一二三四五六七八九十两几]+)(?:周?岁多?(?:的时候|时(?!候))|个多?月大?的时候)"
    r"|(?:[0-9]+|a few|several|two|three|many) (?:years|months) ago"
)
_STARTED = re.compile(r"开始|至今|到现在|一直|持续|起病|since")
_IN_A_STORY = re.compile(r"里|中|上(?!火)|讲|说|写|演|情节|角色|人物|主角|的(?!时候)")
_SPEAKS = re.compile(r"们?(?:好|您好|你好|说|讲|问|让|给|叫|建议|诊断|带|开|看|推荐|介绍|告诉|检查|听|怀疑)")
_ABOUT_ONESELF = re.compile(
    r"(?:也|自己|本人|最近|现在|这几天|这两天|这段时间|今天|昨天|昨晚|今早|早上|晚上|夜里|有点|有些|有|一直|突然|忽然|经常|总是|老是|总|老|又|还|都|就"
    r"|在|开始|的|从|因|感觉|觉得|感到|得了|患有|是|年|月|天|[0-9]+|[一二三四五六七八九十两几]+|岁|女|男|非常|很|特别|不|没有|没|,| |am|have|feel|had|got)*+"
)


def read_manner(text: str, end: int, items: Sequence[Item], mentions: dict[int, Mention], *, by_doctor: bool) -> None:
    """Marks the mentions of one sentence, which ends at `end`; `items` are its words."""
    told = _is_told(text, items)
    supposed = past = family = False
    subject: Item | None = None
    since = items[0].start if items else 0
    for index, item in enumerate(items):
        mention = mentions.get(index)
        ago = _YEARS_AGO.search(text, since, item.start)
        if ago and not _STARTED.search(text, ago.end(), min(end, ago.end() + 24)):
            past = True
        since = max(since, item.start - 12)
        if mention is None:
            supposed = (supposed or item.is_cue("suppose")) and not item.is_cue("suppose_end")
            past = (past or item.is_cue("past")) and not (item.is_cue("now") and not item.is_cue("past"))
            is_subject = any(item.is_cue(kind) for kind in SUBJECTS)
            family = item.is_cue("family") or (family and not is_subject)
            if item.is_cue("family"):
                _mark_before(text, items, index, mentions, "family")
            if item.is_cue("past_after"):
                _mark_before(text, items, index, mentions, "past")
            if is_subject and not _SPEAKS.match(text, item.end):
                subject = item
            continue
        said = {"told": told, "supposed": supposed, "past": past, "family": family}
        mention.says |= {name for name, holds in said.items() if holds}
        mention.subject = _subject(text, subject, mention)
    _read_clauses(text, end, items, mentions, by_doctor=by_doctor)


def _is_told(text: str, items: Sequence[Item]) -> bool:
    """True for a sentence of a story, an exercise or a textbook."""
    return any(
        item.is_cue("told")
        or item.is_cue("taught")
        or (item.is_cue("told_in") and _IN_A_STORY.match(text, item.end) is not None)
        for item in items
    )


def _mark_before(text: str, items: Sequence[Item], index: int, mentions: dict[int, Mention], says: str) -> None:
    """Marks what stands directly before a cue: 哮喘病史, 高血压、糖尿病家族史."""
    edge = items[index].start
    for earlier in range(index - 1, -1, -1):
        mention = mentions.get(earlier)
        if mention is None or not re.fullmatch(r"\s?(?:的|、|和|及)?\s?", text[mention.end : edge]):
            return
        mention.says.add(says)
        edge = mention.start


def _subject(text: str, subject: Item | None, mention: Mention) -> str | None:
    if subject is None:
        return None
    kind = next(kind for kind in SUBJECTS if subject.is_cue(kind))
    between = text[subject.end : mention.start]
    if kind == "self" and not _ABOUT_ONESELF.fullmatch(between):
        return None
    return kind


def _read_clauses(text: str, end: int, items: Sequence[Item], mentions: dict[int, Mention], *, by_doctor: bool) -> None:
    """Marks what a clause says of its mentions: asked, only possible, to be prevented."""
    english_question = text[end : end + 1] == "?" or text[end - 1 : end] == "?"
    asks_in_english = False
    for first, last, stop in _clauses(text, end, items):
        asks = warns = maybe = may_take = False
        either = _EITHER_OR.search(text, max(0, items[first].start - 4), end)
        for index in range(first, last):
            item, mention = items[index], mentions.get(index)
            if mention is None:
                alternative = (item.is_cue("deny") or item.is_cue("deny_verb")) and is_alternative(text, item)
                if alternative and index > first and index - 1 in mentions:
                    mentions[index - 1].says.add("asked")
                in_english = text[item.start].isascii()
                asks_in_english |= item.is_cue("ask") and in_english
                asks |= alternative or (item.is_cue("ask") and not in_english)
                may_take |= item.is_cue("ask_may")
                warns = (warns or item.is_cue("warn")) and not item.is_cue("stop")
                maybe |= item.is_cue("maybe")
                continue
            is_symptom = any(entry.type in ("symptom", "disease") for entry in mention.entries)
            is_choice = either is not None and either.start() < mention.start <= either.end() + 2
            asked = asks or is_choice or (may_take and not is_symptom) or (asks_in_english and english_question)
            if asked or _asks_behind(text, mention, stop, end, by_doctor=by_doctor):
                mention.says.add("asked")
            if warns:
                mention.says.add("supposed")
            if maybe:
                mention.says.add("maybe")


def _asks_behind(text: str, mention: Mention, stop: int, end: int, *, by_doctor: bool) -> bool:
    """发烧吗 asks; 发烧严重吗 takes the fever for granted."""
    tail = text[mention.end : min(len(text), stop + (stop == end))]
    if _QUESTION_BEHIND.match(tail):
        return True
    if not re.search(r"[吗么嘛?？]", tail) or _ASSUMED.search(tail):
        return False
    return by_doctor or bool(re.match(r"(?:、|和|或|以及|及|跟|还是)[^，。,]{1,10}[吗么嘛]", tail))


def _clauses(text: str, end: int, items: Sequence[Item]) -> Iterator[tuple[int, int, int]]:
    """Yields (first item, behind the last, end of the text) of each part of a sentence between commas."""
    first = 0
    while first < len(items):
        comma = _COMMA.search(text, items[first].end, end)
        stop = comma.start() if comma else end
        last = first
        while last < len(items) and items[last].start < stop:
            last += 1
        yield first, last, stop
        first = max(last, first + 1)
