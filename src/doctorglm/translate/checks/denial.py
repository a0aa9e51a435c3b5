"""What is denied: sentence by sentence, clause by clause, and for each term that both sides name."""

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.lexicon import Wording, read_list
from doctorglm.translate.checks.patterns import pattern
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.checks.texts import folded

_EN = re.compile(
    r"\b(?:not?|never|none|neither|nor|cannot|without|den(?:y|ies|ied|ying)|nothing|nobody|nowhere|no one|hardly|barely"
    r"|scarcely|unable|(?:do|does|did|is|are|was|were|has|have|had|ca|could|wo|would|should)nt)\b|n't\b"
)
_EN_IDIOM = pattern("no_denial_english")
_EN_IMPLIED = pattern("implied_denial_english")
_ZH = re.compile(
    r"没|无|未|不|别(?=[再吃喝用去做让担把给忘吸揉])|勿|并非|而非|从未|否认|否定|非(?=[是因典])|禁(?=[止用忌食])"
)
_ZH_IDIOM = pattern("no_denial_chinese")
_ZH_IMPLIED = pattern("implied_denial_chinese")
_ZH_NO_ANSWER = pattern("no_answer_chinese")
_EN_REPLY, _ZH_REPLY = (
    re.compile(r"^\W*no(?=[,.;!])"),
    re.compile(r"^\W*(?:不用|不是|不会|不行|不能|没有|不|没)(?=[的了呢]?[，。；！,;!])"),
)
"""The first word of an answer, which denies what was asked."""
_Both: TypeAlias = tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]


def _both(direction: str) -> _Both:
    """Expressions of Chinese and English of which one may deny what the other affirms."""
    rows = [line.split("\t") for line in read_list("denials.tsv")]
    return tuple((re.compile(chinese), re.compile(english)) for way, chinese, english in rows if way == direction)


_ZH_IF, _EN_IF = _both("lost"), _both("added")
"""What Chinese may say where English denies, and English where Chinese denies."""
_WELL_EN = re.compile(r"\b(?:fine|well|good|healthy|ok|okay|comfortable|normal)\b")
_WELL_ZH = re.compile(r"[没无未][^，。]{0,4}(?:不适|不舒服|大碍|异常|问题)")
_ASKED_EN = re.compile(
    r"\W*(?:why )?(?:is|are|was|were|do|does|did|has|have|had|ca|could|wo|would|should)n't\b.*\?\W*$"
)
_DENIED_ZH = re.compile(r"(?:没有|无|未见|未|否认|没)[^，。]{0,3}$")
_DENIES_ZH = re.compile(r"[没无未否]")
"""Without one of these nothing is denied by what stands before a term."""
_GONE_EN = re.compile(
    r"\b(?:free|clear|lack|without|asympt\w*|negative|rul\w+ out|before|absen\w*|unless|un\w+|non\w*|stop\w*|resolv\w*"
    r"|gone)\b"
)
_CLAUSE_EN = re.compile(r"[,;:.?!\n]+(?=\s|$)|\b(?:but|although|though|because|whereas|while|unless|until|except)\b")
_CLAUSE_ZH = re.compile(r"[，。；：！？\n,;?!]+|(?=但是|但(?!是)|而且|除非|因为|虽然)")
_SUBORDINATE = re.compile(
    r"\b(?:if|because|why|how|what|where|when|who|and (?:is|has|was|i|he|she|it|my|his|her|your|our|their"
    r"|offer\w*|giv\w+|gave|want\w*|sa(?:ys?|id)|suggest\w*)|then)\b"
)
_DESPITE = re.compile(r"\b(?:on|despite|after|since|during|because of|due to|while taking)\s+(?:\w+\s+)?$")
"""No seizure on valproate."""
_ONLY_WITH = re.compile(r"[^,.;!?]*\bwithout\b")
"""What makes a denial a condition: never take it without telling them."""
_DENIED = frozenset(("illness", "symptoms", "glossary", "drugs"))
"""Lists of what is denied word by word."""
_DENIED_TOO = frozenset(("common", "examinations", "things", "body"))
"""Lists of which the same is told where the Chinese denies less often than the English."""
_SCOPE_ENDS = re.compile(r"\b(?:is|are|was|were|be|been|by|for|in case|so|than|enough)\b")
_SCOPE = 5
"""Words behind a denial, without one of these words, of which it denies something."""
_OR_NOT = re.compile(r"(.)[不没]\1")
"""抽不抽烟 asks, and denies nothing, though a term holds half of it."""
_IF_NOT_ZH = re.compile(
    r"(?:如果|要是|倘若|假如|若|一旦)[^，。；！？、]{0,6}?(?:没|不(?!适|舒|良|够|足|明|稳|同|慎|小心|当)|未)"
)
_IF_EN = re.compile(r"\b(?:if|when|once|in case|should)\b[^,.;!?]*")
_CLAUSES = 4
"""Clauses of a sentence that are compared one by one; in longer ones they change places."""
_NEAR = 9
"""Characters before a term in which a word denies it."""


def faults(reading: Reading) -> Iterator[Fault]:
    """What one side denies and the other does not, once for a sentence."""
    english, chinese = folded(reading.english), reading.chinese
    said, there = english, _masked(reading, all_=True)
    for asked in _OR_NOT.finditer(chinese):
        there = f"{there[: asked.start()]}＿＿＿{there[asked.end() :]}"
    if _EN.search(said):
        said = _EN_IDIOM.sub(lambda m: "_" * len(m[0]), english)
    if _ZH.search(there):
        there = _ZH_IDIOM.sub(lambda m: "＿" * len(m[0]), there)
    answers = _masked(reading)
    if _EN_REPLY.search(said) and (reply := _ZH_REPLY.search(there)):
        said = _EN_REPLY.sub(lambda m: "_" * len(m[0]), said)
        there, answers = (f"{'＿' * reply.end()}{text[reply.end() :]}" for text in (there, answers))
    denied, denies = _EN.search(said), _ZH.search(there)
    if denies and not denied and _affirms(english, chinese):
        denies = None
    if denied and _ASKED_EN.match(english):
        denied = None  # isn't it, asked
    if denied and not _answers(english, answers, chinese):
        yield Fault("negation", "negation_lost", denied[0], "")
        return
    forbidden = _FORBIDS_EN.search(english)
    if forbidden and not _FORBIDS_ZH.search(chinese) and not _answers(english, answers, chinese):
        yield Fault("negation", "prohibition_lost", forbidden[0].strip(), "", ("不要",))
        return
    if _MODAL_EN.search(english) and not denied and not _EN.search(english) and (found_ := _MODAL_ZH.search(chinese)):
        yield Fault("negation", "permission_denied", "", found_[0], ("可以",))
        return
    if denies and not denied and _WELL_EN.search(english) and _WELL_ZH.search(chinese):
        return  # feels fine, 没有不适
    if denies and not denied and not _EN_IMPLIED.search(english) and not _EN.search(english):
        if wrong := next((m for m in _ZH.finditer(there) if _is_of_english(reading, m.end())), None):
            yield Fault("negation", "negation_added", "", chinese[wrong.start() : wrong.start() + 4])
        return
    unless = _IF_NOT_ZH.search(there)
    if unless and (condition := _IF_EN.search(english)) and not _denies_at_all(english, condition[0]):
        yield Fault("negation", "negation_added", condition[0], unless[0])
        return
    found = next(_terms(reading, said, there, answers), None) or next(_clauses(said, there, english, answers), None)
    if found:
        yield found
        return
    denials = [*_EN.finditer(_NOR.sub("_", said))]
    if 1 < len(denials) > len(_ZH_IMPLIED.findall(_ZH_NO_ANSWER.sub("＿", answers))) and not _ALWAYS_ZH.search(chinese):
        yield Fault("negation", "negation_lost", denials[-1][0], "")


_ALWAYS_ZH = re.compile("以外|一定要?|务必|才能?")
"""What Chinese affirms of what English may never do without."""
_NOR = re.compile(r"\bneither\b(?=.*\bn?or\b)")
"""Of neither and nor one denies."""
_FORBIDS_EN = pattern("prohibition_english")
_FORBIDS_ZH = pattern("prohibition_chinese")
_MODAL_EN = re.compile(
    r"(?:^|[.!?,;]\s+|\b(?:you|she|he|i|we|they|it)\s+)(?:may|can)\s+"
    r"(?!be\b|cause\b|also be\b|happen\b|lead\b|develop\b|not\b)"
)
_MODAL_ZH = re.compile(r"(?<!可)(?<!能)(?<!是)不可以|(?<!能)(?<!不得)不能(?!不|吗|够吗)|不得(?!不|已)|不准(?!确)|不许")


def _is_of_english(reading: Reading, at: int) -> bool:
    """Whether what is denied at a place of the Chinese, to the end of its clause, is said by the English: 没有皮疹."""
    start = _FILLERS.match(reading.chinese, at).end()  # type: ignore[union-attr]
    near = [one for one in reading.there.segments if at <= one.start <= start < one.end and one.rows]
    return any(reading.explains(one) for one in near)


_FILLERS = re.compile("[弄搞做打有能会要是应该可以须需让给被再太很多大么怎过到出在用什任何明显一些了得必法曾]*")
"""What may stand between a word that denies and what it denies."""


def _masked(reading: Reading, *, all_: bool = False) -> str:
    """The Chinese without its terms, so that 失眠 and 缺铁 deny nothing; 无症状 does, unless `all_` are taken out."""
    text = list(reading.chinese)
    for one in reading.there.segments:
        if not all_ and set(text[one.start : one.end]) & set("无没未不非"):
            continue
        if reading.reader.is_term(one.numbers):
            text[one.start : one.end] = "＿" * (one.end - one.start)
    return "".join(text)


def _answers(english: str, masked: str, chinese: str = "") -> bool:
    """Whether something in the Chinese answers a denial; `chinese` is the same with its terms."""
    return _ZH_IMPLIED.search(_ZH_NO_ANSWER.sub("＿", masked)) is not None or any(
        there.search(chinese or masked) and said.search(english) for there, said in _ZH_IF
    )


def _denies_at_all(english: str, condition: str) -> bool:
    """Whether a condition denies, or something does that may be one: unless, otherwise, without."""
    if _EN.search(condition) or _EN_IMPLIED.search(condition.split(None, 1)[-1]):
        return True
    return re.search(r"\b(?:unless|otherwise|without|until)\b|\bif so\b.*\?", english) is not None or (
        len(_IF_EN.findall(english)) > 1
    )


def _may_deny(english: str, chinese: str) -> bool:
    """Whether the English denies by other words than no and not: failed to, gone, fine."""
    return any(pattern_.search(english) for pattern_ in (_GONE_EN, _EN_IMPLIED, _WELL_EN)) or _affirms(english, chinese)


def _affirms(english: str, chinese: str) -> bool:
    """Whether the English affirms what Chinese says by a denial: kept dry, 不要沾水."""
    return any(there.search(chinese) and said.search(english) for there, said in _EN_IF)


def _pieces(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    cuts = [0, *(at for m in pattern.finditer(text) for at in m.span()), len(text)]
    return [(a, b) for a, b in itertools.pairwise(cuts) if text[a:b].strip(" ,.;:!?，。；：！？")]


def _terms(reading: Reading, said: str, there: str, masked: str) -> Iterator[Fault]:
    """Terms that the English denies and the Chinese affirms, and the other way round."""
    if not (_EN.search(said) or _DENIES_ZH.search(there)):
        return
    english, places = folded(reading.english), reading.said.places
    often = _by_row(reading.there.segments)
    less = len(_EN.findall(said)) > len(_ZH_IMPLIED.findall(_ZH_NO_ANSWER.sub("＿", masked)))
    lists = _DENIED | _DENIED_TOO if less else _DENIED
    pieces_en, pieces_zh = _pieces(_CLAUSE_EN, said), _pieces(_CLAUSE_ZH, there)
    for one in reading.there.segments:
        rows = one.numbers
        if not any(reading.row(row).name in lists for row in rows):
            continue
        spans = {span for row in rows for span in places.get(row, ())}
        if len(set[int]().union(*(often[row] for row in rows))) != 1 or max((a for a, _ in spans), default=0) > min(
            (b for _, b in spans), default=0
        ):
            continue  # said in several places, on either side
        start, end = min(spans, default=(0, 0))
        if not end:
            continue
        clause, mine = _piece(pieces_en, start), _piece(pieces_zh, one.start)
        if clause is None or mine is None:
            continue
        before = said[clause[0] : start]
        here = there[mine[0] : mine[1]]
        whole = masked[mine[0] : mine[1]]
        if (
            (denied := _last(_EN, before))
            and not _SUBORDINATE.search(before)
            and not _SCOPE_ENDS.search(before, denied.end())
            and len(before[denied.end() :].split()) <= _SCOPE
            and not _DESPITE.search(before)
            and not _ONLY_WITH.search(said, end)
            and not _answers(english, whole, reading.chinese[mine[0] : mine[1]])
            and not _carried(there, mine, pieces_zh)
        ):
            yield Fault(
                "negation", "denied_term_affirmed", reading.english[start:end], reading.chinese[one.start : one.end]
            )
        near = there[max(mine[0], one.start - _NEAR) : one.start]
        if _DENIED_ZH.search(near) and not _EN.search(said) and not _may_deny(english, reading.chinese):
            yield Fault("negation", "affirmed_term_denied", reading.english[start:end], here)


def _last(pattern_: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last match in a text."""
    return next(reversed([*pattern_.finditer(text)]), None)


def _by_row(segments: Sequence[Wording]) -> dict[int, set[int]]:
    """By row, which segments are a wording of it."""
    found: dict[int, set[int]] = {}
    for at, one in enumerate(segments):
        for row in one.numbers:
            found.setdefault(row, set()).add(at)
    return found


def _piece(pieces: Sequence[tuple[int, int]], at: int) -> tuple[int, int] | None:
    """The piece in which a place lies."""
    i = bisect_right(pieces, at, key=lambda piece: piece[0]) - 1
    return pieces[i] if i >= 0 and at < pieces[i][1] else None


def _carried(there: str, mine: tuple[int, int], pieces: Sequence[tuple[int, int]]) -> bool:
    """Whether the clause goes on with what a clause before it denies: 没有发热、头痛，咳嗽 does not."""
    return (
        any(a < mine[0] and re.search(r"(?:既不|均|都)", there[a:b]) for a, b in pieces)
        and "也" in there[mine[0] : mine[1]]
    )


def _clauses(said: str, there: str, english: str, chinese: str) -> Iterator[Fault]:
    """Clause by clause, where both sides have as many."""
    ours = [(a, b) for a, b in _pieces(re.compile(r"[,;:.?!\n]+(?=\s|$)"), said)]
    theirs = [(a, b) for a, b in _pieces(re.compile(r"[，。；：！？\n,;?!]+"), there)]
    if len(ours) != len(theirs) or not 1 < len(ours) <= _CLAUSES:
        return
    if len(_EN.findall(said)) == len(_ZH.findall(there)):
        return  # each denial has its own, in whatever clause
    for (a, b), (c, d) in zip(ours, theirs, strict=True):
        denied, denies = _EN.search(said[a:b]), _ZH.search(there[c:d])
        if denied and not _answers(english[a:b], chinese[c:d]):
            yield Fault("negation", "negation_lost", english[a:b].strip(), chinese[c:d])
        elif denies and not denied and not _EN.search(english[a:b]) and not _may_deny(english[a:b], chinese[c:d]):
            yield Fault("negation", "negation_added", english[a:b].strip(), chinese[c:d])
