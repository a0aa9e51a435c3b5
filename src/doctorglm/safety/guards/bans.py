"""Prohibitions in passages: what must not be taken or done, and by whom."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.facts import Told, number, written
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import covers, named

_FORBIDS = re.compile(
    r"(?<!不是)(?<!没有)禁忌|禁用|禁服|禁种|禁饮|禁食|忌用|忌服|忌食|忌与|(?<=[证虚实])忌|禁止|禁与|禁并用|禁内服|"
    r"不宜|不得|不可|不能|不应|不用|不饮酒|戒酒"
    r"|不推荐|不建议|避免|勿用|勿服|勿食|(?<!无需)(?<!不必)(?<!不用)停用|停药|暂缓|致畸|后方可|"
    r"(?<![a-z])(?:contraindicated|contraindications?|avoid(?:ed)?|should not|must not|do not|don't|not for|"
    r"not with|not recommended|not be used|teratogen|wait|causes? hemolysis)"
)
_STOPPING = re.compile(
    r"(?:不应|不得|不可|不能|不要|切勿|避免|不宜|勿)[^，,；;]{0,6}(?:停|减量|中断)[^，,；;]{0,3}|do not (?:stop|"
    r"discontinue)"
)
"""Forbids to stop the drug, not to take it."""
_REASON = re.compile(r"owing to|because|due to|可致|以免|以防|因为?|引起|导致")
_CAREFUL = re.compile(
    r"慎用|谨慎|慎服|减量|调整剂量|减少剂量|权衡|(?<![a-z])(?:caution|cautiously|reduce the dose|"
    r"dose adjustment)(?![a-z])"
)
_TOGETHER = re.compile(
    r"合用|联用|同用|同服|同时|并用|相互作用|一起|期间|停药后|服用.{1,12}者|(?<![a-z])(?:together|with|combin|"
    r"interact|during|taking)"
)
_HARMS = re.compile(
    r"升高|增强|增加|降低|综合征|可致|中毒|留意|风险|相互作用|(?<![a-z])(?:interact|rise|rais|increas|reduc|lower|"
    r"caus|syndrome|risk|toxicity)"
)
_PERMITS = re.compile(
    r"可改用|改用|可用于|可选|亦可|可作|应选|首选|较安全|可以使用|可在|可用氧|仍可|(?<![a-z])(?:preferred|"
    r"may be (?:given|continued)|"
    r"is an option|can be used|is used for|is safe)"
)
_SENTENCE = re.compile(r"(?:[^。！？!?；;\n.]|\.(?!\s|$))+")
_HEAD = re.compile(r"^([^:：]{1,40})[:：]")
_ITEM = re.compile(r"[、，,；;/]|以及|及|或|和|与|(?<![a-z])(?:and|or|nor)(?![a-z])")
_UNDER = re.compile(
    r"(\d{1,2})\s?(岁|个?月龄?)(?:及)?(?:以下|以内|之下|以前)|(?:小于|未满|低于|不足)\s?(\d{1,2})\s?(岁|个?月)"
    r"|(?<![a-z])(?:under|younger than|below) (?:the age of )?(\d{1,2})(?! ?(?:ml|mg|mmol|\d|%))(?: (years?|months?))?"
)
_OVER = re.compile(
    r"(\d{2})\s?岁(?:及)?(?:以上|之上)|(?:大于|超过)\s?(\d{2})\s?岁|"
    r"(?<![a-z])(?:over|older than) (\d{2})(?! ?(?:ml|mg|mmol|\d|%))"
)
_EGFR = re.compile(r"(?:egfr|滤过率|肌酐清除率)[^\d，,、；;]{0,8}(\d{2})(?!\d)")
_AGES = (
    (re.compile(r"新生儿|早产儿|newborn|neonat"), 28 / 365),
    (re.compile(r"婴幼儿|幼儿"), 3.0),
    (re.compile(r"婴儿|infant"), 1.0),
    (re.compile(r"儿童|小儿|未成年|青少年|children|paediatric|pediatric|child(?![a-z])"), 18.0),
)
_OLD = re.compile(r"老年|老人|高龄|elderly|older (?:adults|people|patients)")
_ALLERGY = re.compile(r"过敏|allerg|hypersensitiv")
_GAP = re.compile(
    r"(?:停药|停用)?[^，,、；;\d]{0,5}后[^，,、；;\d]{0,3}(\d{1,2})\s?(日|天|周|个?月|年)|(?:wait|"
    r"after) (\d{1,2}) (days?|weeks?|"
    r"months?)"
)
_TRIM = re.compile(
    r"^(?:严重的?|重度|轻度|中度|急性|慢性|活动性|已有|有|伴有?|患有?|对|在|正在|近期|不明原因|未控制的?|病态)+|"
    r"(?:的?患者|病人|者|患儿|病史|史|人群|妇女|女性|期间|时|禁用|慎用|忌服|忌用|避免使用|应避免|避免|不宜使用|不宜|"
    r"不推荐)+$"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One condition of a prohibition, all of which must hold."""

    text: str
    facts: frozenset[str]
    names: frozenset[str]
    younger: float | None
    older: float | None
    egfr: float | None
    allergy: bool


@dataclass(frozen=True, slots=True)
class Ban:
    """A sentence of a passage that speaks against something."""

    sentence: str
    source: str
    forbidden: bool
    """Else only "with care"."""
    head: frozenset[str]
    """What the sentence is about, by first names."""
    body: frozenset[str]
    """What it names besides."""
    objects: frozenset[str]
    """What it names right behind the word that forbids."""
    items: tuple[Item, ...] = field(default=())
    together: bool = False
    lead: str = ""
    """What the sentence is about in its own words, where no list knows it."""
    gap_days: float | None = None
    """The prohibition is over so many days after the drug was stopped."""

    def subjects(self) -> frozenset[str]:
        """What those to whom an item applies must not take."""
        if self.objects:
            return self.objects
        if self.body and (self.body <= self.head or not self.head):
            return self.body
        return self.head or self.body


@lru_cache(maxsize=256)
def bans(passage: Evidence) -> tuple[Ban, ...]:
    """The prohibitions of a passage."""
    return tuple(_bans(passage))


def _bans(passage: Evidence) -> Iterator[Ban]:
    head, lead = _names(fold(passage.title).text), ""
    for match in _SENTENCE.finditer(fold(passage.text).text):
        sentence = match[0].strip()
        said = _HEAD.match(sentence)
        if said:
            head, lead, body_text = _names(said[1]) or head, said[1], sentence[said.end() :]
        else:
            body_text = sentence
        opens = not said and any(n.start == 0 for n in named(sentence))
        clauses = [
            c for c in re.split(r"[，,]", _STOPPING.sub("", body_text)) if _FORBIDS.search(c) or not _PERMITS.search(c)
        ]
        text = "，".join(clauses)
        body = _names(text)
        together = _TOGETHER.search(text) is not None
        forbids = _FORBIDS.search(text) is not None or (together and _HARMS.search(text) is not None)
        if forbids or _CAREFUL.search(text):
            yield Ban(
                sentence,
                passage.source,
                forbids,
                frozenset() if opens else head,
                body,
                _objects(text),
                tuple(_items(text, lead)),
                together,
                "" if head or body else _lead(sentence),
                _gap(text),
            )
        if body and (opens or not head):
            head = body


_LEAD = re.compile(r"([\u4e00-\u9fff]{3,8}?)(?:可引起|可致|禁用|不推荐|不宜|不得|应避免|用于|说明书|含|[:：（(])")
_NO_LEAD = re.compile(r"说明书|标签|病历|资料|用户|患者|病史|医嘱|提示|孕妇|儿童")


def _lead(sentence: str) -> str:
    match = _LEAD.match(sentence)
    return match[1] if match and not _NO_LEAD.search(match[1]) else ""


def _objects(text: str) -> frozenset[str]:
    """What stands in a list right behind a word that forbids, in Chinese."""
    found = named(text)
    made: set[str] = set()
    for match in _FORBIDS.finditer(text):
        at = match.end()
        for name in found:
            if name.start < match.end() or match[0].isascii():
                continue
            between = text[at : name.start]
            if len(between) > 5 or re.search(r"[，,。；;与和用]" if at == match.end() else r"[，,。；;]", between):
                break
            made.add(name.name)
            at = name.end
    return frozenset(made)


def _names(text: str) -> frozenset[str]:
    return frozenset(n.name for n in named(text))


def _items(text: str, lead: str) -> Iterator[Item]:
    said = [part for part in _ITEM.split(text) if part.strip()]
    if written(lead):
        said.append(lead)
    for whole in said:
        part = _REASON.split(whole)[0]
        if not part.strip():
            continue
        facts = written(part)
        younger, older, egfr = _younger(part), _older(part), _EGFR.search(part)
        if egfr:
            younger = None
            facts -= {"kidney"}
        if (
            "late_pregnancy" in facts
            or "early_pregnancy" in facts
            or "later_pregnancy" in facts
            or "term_pregnancy" in facts
        ):
            facts -= {"pregnant"}
        if "planning" in facts:
            facts -= {"pregnant"}
        if "dialysis" in facts:
            facts -= {"kidney"}
        if facts & {"gout_attack", "hepatic_coma"}:
            facts -= {"gout", "liver"}
        yield Item(
            part, facts, _names(part), younger, older, float(egfr[1]) if egfr else None, bool(_ALLERGY.search(part))
        )


def _younger(text: str) -> float | None:
    limits = [_limit(m) for m in _UNDER.finditer(text)]
    if limits:
        return max(limits)
    return next((age for words, age in _AGES if words.search(text)), None)


def _older(text: str) -> float | None:
    if match := _OVER.search(text):
        return float(match[1] or match[2] or match[3])
    return 65.0 if _OLD.search(text) else None


def _limit(match: re.Match[str]) -> float:
    years, unit = float(match[1] or match[3] or match[5]), match[2] or match[4] or match[6] or "岁"
    return years / 12 if "月" in unit or unit.startswith("month") else years


_DAYS = {"日": 1, "天": 1, "周": 7, "月": 30, "年": 365, "d": 1, "w": 7, "m": 30}


def days(count: str, unit: str) -> float:
    """A time in days."""
    return number(count) * _DAYS[unit.removeprefix("个")[0]]


def _gap(text: str) -> float | None:
    match = _GAP.search(text)
    return days(match[1] or match[3], match[2] or match[4]) if match else None


def concerns(ban: Ban, told: Told, age: float | None, allergies: frozenset[str]) -> str:
    """The condition of the ban that this patient fulfils, in the passage's words, or ""."""
    return next((item.text.strip() for item in ban.items if _applies(item, told, age, allergies)), "")


def _applies(item: Item, told: Told, age: float | None, allergies: frozenset[str]) -> bool:
    if item.allergy:
        return bool(item.names) and any(item.names & covers(a) for a in allergies)
    checks = [fact in told.facts for fact in item.facts]
    if item.egfr is not None:
        checks.append("egfr" in told.values and told.values["egfr"] < item.egfr)
    if item.younger is not None and not item.facts & {"low_weight_birth"}:
        checks.append(age is not None and age < item.younger)
    if item.older is not None:
        checks.append(age is not None and age >= item.older)
    return all(checks) if checks else _verbatim(item, told)


def _verbatim(item: Item, told: Told) -> bool:
    """True where the patient names the condition in the passage's own words."""
    bare = _TRIM.sub("", _TRIM.sub("", item.text.strip()))
    return (
        not item.names
        and len(bare) >= 3
        and re.fullmatch(r"[\u4e00-\u9fff]{3,10}", bare) is not None
        and bare in told.own
    )
