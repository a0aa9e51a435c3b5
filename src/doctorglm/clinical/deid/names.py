"""Names of private persons: by a title, by what introduces them, by their form, and wherever a found one stands again.

Which surnames are everyday words too decides how much a rule asks for beside them.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import any_of, words

_SURNAME, _SURE = any_of("surnames"), any_of("surnames", but="surnames_that_are_words")
_COMPOUND = any_of("compound_surnames")
_HAN = r"[\u4e00-\u9fff]"
_GIVEN = rf"{_HAN}(?<![的了是在有和与及也都就很不没说来去到给把被让请问这那哪什么个吗呢吧啊呀嘛您你我他她它们医])"
_FULL = rf"(?:{_COMPOUND}[ ]?{_GIVEN}{{1,2}}|{_SURNAME}[ ]{{0,2}}{_GIVEN}(?:[ ]{{0,2}}{_GIVEN})?)"
_AFTER_DOT = rf"{_HAN}(?:(?![来去在说的是住做已也就都要想问我你他她女男，]){_HAN}){{0,5}}"
_WITH_DOT = rf"{_HAN}{{1,6}}·{_AFTER_DOT}(?:·{_AFTER_DOT})?"
_INTRODUCED_BY = any_of("introductions")

_BY_TITLE = re.compile(
    rf"(?P<n>{_COMPOUND}{_GIVEN}{{0,2}}|{_SURNAME}{_GIVEN}{{1,2}}|{_SURNAME})(?=[ ]?{any_of('titles')})"
)
_NEVER_BEFORE_TITLE = set("那时和都从有别能要将向于由与找没连单全成管任应干查解路左")
_MAY_STAND_BEFORE = set("问给找请是的叫跟和让见谢那在约个挂向好")
_BY_INTRODUCTION = re.compile(
    rf"{_INTRODUCED_BY}(?:姓名)?(?:[:是为叫\s「“\"'【(—、-]|一栏|写|填){{0,5}}(?P<n>{_WITH_DOT}|{_FULL})"
)
_IN_A_FIELD = re.compile(
    rf"{_INTRODUCED_BY}(?:姓名)?[: \t|｜]{{1,4}}(?P<n>{_HAN}(?:[ ]?{_HAN}){{1,3}})"
    r"(?=[\s，。；,;、|｜)(【\]:\"”]|$|[0-9]|男|女|之)"
)
_SURNAME_TOLD = re.compile(
    rf"(?<![百老小])姓(?P<n>{_COMPOUND}|(?![名氏什啥]){_HAN})(?=[，。,;；、的这\s！!]|啊|嘛|跟|和|$)"
)
_SIGNED = re.compile(rf"(?:[。.!?！？\n~…]|谢谢|您,|——|--)[ ]{{0,3}}(?P<n>{_SURE}{_HAN}{{1,2}})[。.!！\s]*$")
"""The last words of a message, behind its last sentence."""
_SMALL = re.compile(
    rf"(?<![大中最很太变更从缩减狭矮])(?P<n>[小老阿](?:{_SURE}(?!{_HAN}?[肠脑指腿便学区])"
    rf"|(?<=[我找叫和是给让问请说喊，。、！？\s：@].){_HAN}(?=医生|大夫|护士|老师|姐|哥|师傅"
    r"|[，。：:、！\s妈爸]|说|在|的)))"
)

_WORD = r"[A-Z][a-zà-ÿ'’]+"
_ENGLISH = rf"{_WORD}(?:[\- ](?:{_WORD}|[A-Z]\.|de|van|von|bin|al|der|la))*(?:[\- ]{_WORD})?"
_ENGLISH_TITLE = re.compile(
    r"(?<![A-Za-z])(?:Mr|Mrs|Ms|Miss|Mx|Dr|Drs|Prof|Professor|Doctor|Nurse|Sister|Sir|Madam|Auntie|Uncle|Aunt|Grandma|"
    rf"Grandpa|Matron|Midwife|Rev|Officer|Sgt)\.?[ ](?P<n>{_ENGLISH})"
)
_ENGLISH_INTRODUCTION = re.compile(
    r"(?:[Nn]ame(?:'s| is|:)?|[Ii] am|I'm|[Tt]his is|[Pp]atient:?|[Pp]t:?|named|called|[Aa]ttn\.?:?|Dear|Regards,|"
    r"regards,|Sincerely,|Thanks,|Best,|Cheers,|Yours,|signed:?|[Cc]ontact:?|[Cc]onsultant:?|GP:?|[Ss]urgeon:?|niece|"
    r"nephew|son|daughter|wife|husband|mother|father|brother|sister|mum|mom|dad|grandson|granddaughter|carer|"
    rf"caregiver|[Cc]/o|NOK:?|from|for|by|ask for|with|see|to)[ \n]{{1,2}}(?:is |was )?(?P<n>{_ENGLISH})"
    rf"(?=[,.;:)'\s]|$|{_HAN})"
)
_ENGLISH_POSSESSIVE = re.compile(
    r"(?<![A-Za-z])(?P<n>[A-Z][a-z]{2,})(?='s (?:mum|mom|dad|mother|father|wife|husband|son|daughter|record|results?|"
    r"number|scan|blood|chart))"
)
_NEXT_WORDS = {
    "电话",
    "手机",
    "今年",
    "今天",
    "住院",
    "联系",
    "身份",
    "女儿",
    "儿子",
    "男性",
    "女性",
    "因为",
    "已经",
    "现在",
    "转入",
    "转到",
    "的是",
    "微信",
    "家住",
    "住在",
    "入院",
    "出院",
    "诊断",
    "主诉",
    "血压",
    "体温",
    "自诉",
    "昨天",
    "明天",
    "上午",
    "下午",
    "老人",
    "老师",
    "签字",
    "签名",
    "先生",
    "女士",
    "医生",
    "护士",
    "主任",
    "年龄",
    "性别",
    "就诊",
    "复诊",
    "术后",
    "术前",
    "陪同",
    "代办",
    "接听",
}
"""A third character that begins one of these belongs to it and not to a name of two."""


def found(text: str) -> Iterator[Span]:
    """Names in order of certainty, then every other place where one of two characters and more stands."""
    plain = folded(text)
    names = list(_met(plain))
    yield from names
    for name in sorted({plain[s.start : s.end] for s in names if s.end - s.start >= 2}, key=len, reverse=True):
        yield from again(plain, name)


def again(plain: str, name: str) -> Iterator[Span]:
    """Every place where the name stands, in Latin letters only as whole words."""
    pattern = rf"(?<![A-Za-z]){re.escape(name)}(?![a-z])" if name[0].isascii() else re.escape(name)
    for match in re.finditer(pattern, plain):
        yield Span(match.start(), match.end(), "name")


def _met(text: str) -> Iterator[Span]:
    for match in re.finditer(_WITH_DOT, text):
        yield Span(match.start(), match.end(), "name")
    for pattern in (_IN_A_FIELD, _BY_INTRODUCTION):
        for match in pattern.finditer(text):
            name = _without_next_word(match["n"].strip(), text[match.start("n") + len(match["n"].strip()) :])
            if _may_be_a_name(name):
                yield Span(match.start("n"), match.start("n") + len(name), "name")
    yield from (Span(m.start(), m.end(), "name") for m in _BY_TITLE.finditer(text) if _is_addressed(m["n"], text, m))
    for match in _SIGNED.finditer(text):
        if _may_be_a_name(match["n"]):
            yield Span(match.start("n"), match.end("n"), "name")
    for pattern in (_SURNAME_TOLD, _SMALL):
        for match in pattern.finditer(text):
            if match["n"] not in words("not_small"):
                yield Span(match.start("n"), match.end("n"), "name")
    for pattern in (_ENGLISH_TITLE, _ENGLISH_INTRODUCTION, _ENGLISH_POSSESSIVE):
        for match in pattern.finditer(text):
            parts = match["n"].split(" ")
            while parts and parts[-1] in words("english_words"):
                parts.pop()
            if parts and parts[0] not in words("english_words"):
                yield Span(match.start("n"), match.start("n") + len(" ".join(parts)), "name")


def _may_be_a_name(name: str) -> bool:
    compact = name.replace(" ", "")
    return not any(compact[:n] in words("not_names") for n in (2, 3, 4)) and compact not in words("titles")


def _is_addressed(name: str, text: str, match: re.Match[str]) -> bool:
    """False for a word that ends like a surname, and for what is no name."""
    before = text[match.start() - 1 : match.start()]
    if name in _NEVER_BEFORE_TITLE or not _may_be_a_name(name):
        return False
    is_word = name in words("surnames_that_are_words") and "\u4e00" <= before <= "\u9fff"
    return not is_word or before in _MAY_STAND_BEFORE


def _without_next_word(name: str, after: str) -> str:
    is_three = len(name) == 3 and " " not in name and "·" not in name
    return name[:2] if is_three and name[-1] + after[:1] in _NEXT_WORDS else name
