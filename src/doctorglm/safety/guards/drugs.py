"""Drugs named in a text, and which of them an answer advises."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from doctorglm.safety.guards.lexicon import lexicon
from doctorglm.safety.guards.rules import composed, items, mapping, rules_file, word
from doctorglm.safety.search import Words

_WORD = re.compile(r"[a-z][a-z]{2,23}")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_BEFORE = 2
"""Characters before a stem or a form that are taken as part of the name."""
_VERBS = "用服吃给予加换可以和及或与的了在把种些请打注射含"
"""What stands before a name and is no part of it."""


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug at `text[start:end]`; `prescription` where it is sold on a doctor's prescription only."""

    start: int
    end: int
    name: str
    prescription: bool


@dataclass(frozen=True, slots=True)
class _Names:
    prescription: frozenset[str]
    known: frozenset[str]
    han: Words
    """Finds names, stems and forms of Chinese characters, and what is no drug; the longest where several begin."""
    han_words: tuple[str, ...]
    stems: frozenset[str]
    forms: frozenset[str]
    not_drugs: frozenset[str]
    latin_ends: tuple[str, ...]
    herbs: re.Pattern[str]


_FIELDS = ("source", "prescription", "other", "stems", "stems_latin", "forms", "not_drugs", "herbs")


@cache
def _names() -> _Names:
    """`rules/drugs.yaml`; raises ConfigError with the line where it is wrong."""
    where = "drugs.yaml"
    top = mapping(composed(rules_file("drugs").read_text(encoding="utf-8"), where), where, needed=_FIELDS)
    lists = {n: {w for node in items(top[n], where) for w in word(node, where).lower().split()} for n in _FIELDS[1:3]}
    stems, latin, forms, others, herbs = (word(top[n], where).split() for n in _FIELDS[3:])
    named = lexicon()
    lists["prescription"] |= named.prescription - lists["other"]
    known = lists["prescription"] | lists["other"] | named.other
    han = tuple(sorted(name for name in {*known, *stems, *forms, *others} if not name.isascii()))
    return _Names(
        prescription=frozenset(lists["prescription"]),
        known=frozenset(known),
        han=Words(han, longest=True),
        han_words=han,
        stems=frozenset(stems),
        forms=frozenset(forms),
        not_drugs=frozenset(others),
        latin_ends=tuple(latin),
        herbs=re.compile("|".join(sorted(herbs, key=lambda h: (-len(h), h)))),
    )


def prepare() -> None:
    """Reads the names now, so that wrong rules are told before the first answer."""
    _names()


@lru_cache(maxsize=512)
def drugs(text: str) -> tuple[Drug, ...]:
    """The drugs in a folded text, from left to right."""
    return tuple(sorted([*_han(text), *_latin(text)], key=lambda d: d.start))


def _han(text: str) -> Iterator[Drug]:
    names = _names()
    taken = 0
    for index, at, end in names.han.places(text):
        said = names.han_words[index]
        start = at if said in names.known or said in names.not_drugs else _begin(text, at, taken)
        taken = end
        drug = _drug(said, text[start:taken], start, taken)
        if drug:
            yield drug


def _begin(text: str, at: int, taken: int) -> int:
    """Where the name before a stem or a form begins."""
    first = at
    while first > max(taken, at - _BEFORE) and _HAN.match(text[first - 1]) and text[first - 1] not in _VERBS:
        first -= 1
    return first


def _drug(said: str, name: str, start: int, end: int) -> Drug | None:
    names = _names()
    if said in names.known:
        return Drug(start, end, said, said in names.prescription)
    if said in names.not_drugs or name == said:
        return None
    return Drug(start, end, name, said in names.stems)


def _latin(text: str) -> Iterator[Drug]:
    names = _names()
    for match in _WORD.finditer(text):
        name = match[0]
        if name in names.known:
            yield Drug(*match.span(), name, name in names.prescription)
        elif len(name) > 4 and name.removesuffix("s").endswith(names.latin_ends) and name not in names.latin_ends:
            yield Drug(*match.span(), name, True)


def herbs(text: str) -> list[tuple[int, int]]:
    """Where herbs of Chinese medicine are named."""
    return [m.span() for m in _names().herbs.finditer(text)]


_ADVISES = re.compile(
    r"(?:跟|找).{1,6}拿|(?:把|先|就|再|就会|请)$|(?:点|打|滴|喷|含|塞|贴|敷|喝|灌|挂|雾化|上|买|服|吃|开)(?:起|一|两|"
    r"几|点|些|上|个|针|瓶|支|片|粒|颗|袋|盒|了){0,3}$|补(?:点|一点|上)|换(?:成|用|上|服)?|加(?:上|用|点|服)?|(?:先|"
    r"就|再|直接|赶紧|马上)(?:给|吃|用|来|打|服|上)|给(?:他|她|孩子|宝宝|娃|老人|爷爷|奶奶|外公|爸|妈)|拿(?:点|些|盒|"
    r"瓶)|来(?:点|些|盒|一)|弄(?:点|些|盒)|搞(?:点|盒)|抹(?:点|些|上)?|去药店|建议|推荐|可以|可用|可服|可给|可选|"
    r"可予|可口服|可在|应该|应当|应用|应给|需要?(?=用|服|吃|口服)|给予|予以|服用|口服|内服|吃(?:点|些|一|上|几)?|"
    r"用(?:点|些|上)?|使用|加用|选用|改用|换成|注射|输液|静滴|静脉滴注|肌注|外涂|外用|涂抹?|配合|联合|首选|买(?:点|"
    r"些|盒)|开(?:点|些)|(?<![a-z])(?:adding|add|keep|go on|switch to|a (?:little|small dose of|few)|short (?:course|"
    r"burst) of|take|taking|use|using|start|try|recommend|prescribe|suggest|give|get|need|buy|grab|pop|ask|have|"
    r"swallow|borrow|apply|inject|apply|begin|put|on)(?![a-z])"
)
_DENIES = re.compile(
    r"(?:吃不吃|用不用|要不要|能不能|偷偷|可能会建议|也许会|不是|并不|停|不要|不能|不可|不宜|不应|不该|不得|不用|"
    r"避免|避开|排泄|释放|施放|禁用|禁止|禁服|忌用|忌服|停用|停服|停止|产生|分泌|勿|慎用|别|不建议|"
    r"不推荐|不需要|没必要|无需|过敏|(?:吃|用|服)的|(?<!现)在(?:吃|用|服)|是否|有没有|有无|吗|曾经?|之前|以前|正在|"
    r"目前|现在(?:在|吃|用|服)|(?<!该)(?<!议)长期|您(?:在)?(?:服|吃|用)|"
    r"你(?:在)?(?:服|吃|用)|滥用|误服|过量|如果|若"
    r"|(?<![a-z])(?:leave|leave the|return|asking me to|telling me to|stopping|do not|don't|not|never|avoid|stop|"
    r"without|reacted to|allergic to|can't|cannot|body|bodys|body's|if you|you're|"
    r"you are|you take|you were|are you|"
    r"have you|did you|currently|were|been)(?![a-z]))[^，,。；;]{0,12}$"
)
_DENIED_AFTER = re.compile(
    r"[^，,。；;]{0,4}(?:禁用|忌用|不宜|慎用|过敏|中毒|期间|引起|导致|所致|类?药?也?(?:更?不行|更?不能|都有|也会|"
    r"就?别|要看|伤|能不能|还是)|(?:这|之)?类(?:药|成分)|"
    r"可能(?:出现|引起)|无效|不能|不要|不建议|不适合|的?副作用|的?不良反应|是(?:一种|什么)|属于|抵抗|耐药|史|吗|反抗|"
    r"抵抗|缺少|分泌|施放|释放|增加|水平|类药物(?:引起|过敏))"
    r"|s? ?(?:resistance|properly|levels?|pump|well)|[^,.;]{0,3} can (?:signal|cause|lead|affect)|[^,.;]{0,12}(?:is|"
    r"are|should be|"
    r"must be) (?:not|contraindicated|avoided|dangerous|unsafe|a type|an?)"
)
_ADVISED_AFTER = re.compile(
    r"[^，,。；;]{0,6}(?:口服|治疗|静滴|肌注|外用|外涂|每次|每日|一日|一天|即可|就行|就可以|"
    r"灌肠液?用上|[用吃加滴打服涂]上|[吃打用服]起来|备起来|给(?:他|她|孩子|宝宝)(?:睡前)?(?:吃|用|喝)|压着|(?:先)?放|"
    r"很?对症|最好|您吃|吃起来|管用|见效|效果(?:最|很)?好|能(?:止|退|降|化|"
    r"缓|压|治|帮|把|让)|就能|"
    r"试试|先吃|吃上|吃吃|抹抹|就行|顶一下|一片|两片|would|will|should help|once|twice|a day)"
    r"|[^,.;]{0,20}(?<![a-z])(?:would|will) (?!not|be |only|need)|[^,.;]{0,12} (?:at home|in the (?:morning|"
    r"evening)s?|at bedtime|at night)"
)
_DENIED_LIST = re.compile(
    r"(?:避开|避免|不能|不要|禁用|停用)[^。；;]{0,20}[，,](?:比如|例如|譬如|如|像|包括)[^，,。；;]{0,8}$"
)
"""Before a drug that stands as an example of what is warned against."""
_REACH = 24
"""Characters before a drug in which the advice to take it stands."""


def advised(text: str, start: int, end: int) -> list[Drug]:
    """The drugs that the sentence `text[start:end]` tells to take; those it warns against or asks after are not."""
    sentence = text[start:end]
    if not (named := drugs(sentence)) or sentence.rstrip('\n"”』」 ').endswith(("?", "？", "吗", "吗。")):
        return []
    return [d for d in _within(named, start) if _is_advised(text, start, d)]


def _within(found: Iterable[Drug], start: int) -> list[Drug]:
    return [Drug(d.start + start, d.end + start, d.name, d.prescription) for d in found]


def _is_advised(text: str, sentence: int, drug: Drug) -> bool:
    before = _clause(text, max(sentence, drug.start - _REACH), drug.start)
    if _DENIED_LIST.search(text, max(sentence, drug.start - 2 * _REACH), drug.start):
        return False
    if _DENIES.search(before) or _DENIED_AFTER.match(text[drug.end : drug.end + _REACH]):
        return False
    after = text[drug.end : drug.end + 12]
    return _ADVISES.search(before) is not None or _ADVISED_AFTER.match(after) is not None


def _clause(text: str, start: int, end: int) -> str:
    """The clause before a drug; in a list of drugs, with the clauses before it."""
    at = end
    while at > start and (comma := max(text.rfind(mark, start, at) for mark in "，,；;：:、")) >= 0:
        if at < end and not drugs(text[comma + 1 : at]):
            return text[comma + 1 : end]
        if at == end and end - comma > 3:
            return text[comma + 1 : end]
        at = comma
    return text[start:end]


_INFORMS = re.compile(
    r"(?:常用|常见|主要|首选|一线|必选|一般|代表|包括|分为|药物有|药有|比如|例如|譬如|诸如|像|"
    r"如|(?<![a-z])(?:such as|include|includes|including|like|called))"
    r"[^。；;]{0,16}$"
)


def is_information(text: str, start: int, drug: Drug) -> bool:
    """True where the sentence from `start` on lists the drug as one that there is, and tells nobody to take it."""
    before = text[max(start, drug.start - 40) : drug.start]
    return _INFORMS.search(before) is not None and not re.search(
        r"建议您?|请您?|您可以|你可以|您先|你先|推荐您", before
    )
