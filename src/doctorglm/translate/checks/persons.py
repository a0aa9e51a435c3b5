"""Persons by their pronouns: 他 where the English has he, 我 where it has I."""

import re
from collections import Counter
from collections.abc import Iterator

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.texts import folded, plain

_ENGLISH = {
    "i": re.compile(r"\b(?:i|me|my|mine|myself|i'm|i've|i'd|i'll|im|ive)\b"),
    "we": re.compile(r"\b(?:we|us|our|ours|ourselves|we're|we've|we'll|let's)\b"),
    "you": re.compile(r"\b(?:you|your|yours|yourself|yourselves|you're|you've|you'll|you'd|youre|youve)\b"),
    "he": re.compile(r"\b(?:he|him|his|himself|he's|he'll|he'd|hes)\b"),
    "she": re.compile(r"\b(?:she|her|hers|herself|she's|she'll|she'd|shes)\b"),
    "they": re.compile(
        r"\b(?:they|them|their|theirs|themselves|they're|they've|theyre|theyve|one|someone|everyone|people|anyone)\b"
    ),
}
_CHINESE = {
    "we": re.compile(r"我们|咱们|我国|我俩|我方"),
    "they": re.compile(r"[他她它]们"),
    "i": re.compile(r"(?<!自)我(?![们国俩方])|俺"),
    "you": re.compile(r"您|你"),
    "he": re.compile(
        r"(?<![其吉司伐维利舍替排西恩普帕奥洛倍])(?<!布美)他(?![们人克莫汀米喷达西仑韦洛滨佐替日拉唑扎]|比妥)"
    ),
    "she": re.compile(r"她(?!们)"),
}
_SPELLED = {"i": "我", "we": "我们", "you": "您", "he": "他", "she": "她", "they": "他们"}
_MALE = re.compile(
    r"\b(?:father|dad|husband|son|brother|uncle|grandfather|grandpa|nephew|boy|man|men|male|boyfriend|mr|baby|infant"
    r"|child|toddler|patient|doctor|person|kid|newborn|cousin|friend|teenager|surgeon|one|it|its|they|their|them|who"
    r"|someone|everyone|gentleman|president|director|king|driver|worker|dentist|partner|spouse|sibling|president|minister)s?\b"
)
_FEMALE = re.compile(
    r"\b(?:mother|mom|mum|wife|daughter|sister|aunt|grandmother|grandma|niece|girl|woman|women|female|girlfriend|mrs|ms|miss"
    r"|nurse|lady|ladies|pregnant|queen|midwife)s?\b"
)
_WOMAN = re.compile(r"\b(?:mother|mom|mum|wife|daughter|sister|aunt|grandmother|grandma|niece|girl|woman|girlfriend)\b")
_MAN = re.compile(
    r"\b(?:father|dad|husband|son|brother|uncle|grandfather|grandpa|nephew|boy|man|boyfriend|doctor|child|baby|he|his)\b"
)
_MAN_SAID = re.compile(
    r"\b(?:he|his|him|hes|he's|he'll|he'd|himself|male|m|boys?|sons?|grandsons?|brothers?|nephews?|children|kids|grandchild\w*)\b"
)
_WOMAN_SAID = re.compile(
    r"\b(?:she|her|hers|shes|she's|she'll|she'd|herself|female|f|girls?|daughters?|granddaughters?|sisters?|nieces?|children"
    r"|kids|grandchild\w*)\b"
)
_ORDER = ("i", "he", "she", "you")
_ADDRESSED = re.compile(r"^(?:please\b|\w+\b)")


def faults(english: str, chinese: str, context: str) -> Iterator[Fault]:
    """Pronouns of the Chinese that the English has not, or has less often while another is missing.

    `context` is the whole English text: whom it names may be said again in any sentence, and 您 where one is spoken to.
    """
    said, there, whole = folded(english), folded(chinese), folded(context)
    one = Counter({key: len(pattern.findall(said)) for key, pattern in _ENGLISH.items()})
    other = Counter({key: len(pattern.findall(there)) for key, pattern in _CHINESE.items()})
    for key in _ORDER:
        lost = [k for k in ("i", "he", "she") if k != key and one[k] and not other[k]]
        if key == "he" and not one["he"] and one["she"] > other["she"]:
            lost.append("she")
        if not other[key] or one[key] or (lost and one["we"]) or (key == "you" and not lost):
            continue
        if lost or not (_ENGLISH[key].search(whole) or _excused(key, whole)):
            if key == "you" and _excused(key, said):
                continue
            yield Fault("gender_person", "pronoun_added", "", _SPELLED[key], _wanted(one))
            return
    more = [key for key in _ORDER if other[key] > one[key] and key != "you"]
    less = [key for key in (*_ORDER, "we", "they") if other[key] < one[key]]
    for key in more:
        lost = [k for k in less if one[k] and (k != "they")]
        if lost and one[key] and other[key] - one[key] >= 1 and not _excused_more(key, said, one, other):
            yield Fault("gender_person", "pronoun_exchanged", _SPELLED[lost[0]], _SPELLED[key], _wanted(one))
            return


_SEXES = (
    ("儿子", re.compile(r"儿子|男孩|男婴|男童|外孙(?!女)"), _MAN_SAID),
    ("女儿", re.compile(r"女儿|女孩|女婴|女童|外孙女"), _WOMAN_SAID),
)


def child_faults(english: str, chinese: str) -> Iterator[Fault]:
    """A child that Chinese calls by a sex which the English speaks of the other of alone: my baby, she; 儿子."""
    said, there = folded(english), folded(chinese)
    for (name, named, own), (other, _, others) in (_SEXES, _SEXES[::-1]):
        if named.search(there) and not own.search(said) and others.search(said):
            yield Fault("gender_person", "not_in_english", "", name, (other,))


_SELF_EN = re.compile(
    r"\b[0-9]{1,3}[\s-]?(?:yo|y/o|yrs?|years?)?(?:[\s-]old)?,?\s?(male|man|boy|m|female|woman|girl|f)\b"
    r"|\b(male|man|boy|female|woman|girl),?\s(?:aged )?[0-9]{1,3}\b"
)
_SELF_ZH = re.compile(
    r"(?<!子)(男|女)(?:[性生士人孩童])?[，,]?(?:今年)?[0-9]{1,3}岁|[0-9]{1,3}岁的?[，,]?(男|女)(?![儿朋友])"
)


def self_faults(english: str, chinese: str) -> Iterator[Fault]:
    """Somebody who is told of by age and sex alone and has the other one there: 17yo male, 17岁女生."""
    said, there = _SELF_EN.findall(folded(english)), _SELF_ZH.findall(plain(chinese))
    if len(said) != 1 or len(there) != 1:
        return
    is_male, sex = "".join(said[0])[0] in "mb", "".join(there[0])
    if is_male != (sex == "男"):
        yield Fault("gender_person", "not_in_english", "", sex, ("男" if is_male else "女",))


def _wanted(said: Counter[str]) -> tuple[str, ...]:
    return tuple(_SPELLED[key] for key in said if said[key])


def _excused(key: str, said: str) -> bool:
    """Whether Chinese may say this pronoun though the English has none."""
    if key == "you":
        return bool(
            re.search(r"\b(?:please|doctor|dr|thank|hi|hello|dear|recommend|suggest|advise|prescribe)\b|\?", said)
        )
    if key == "i":
        return not _ENGLISH["you"].search(said)
    if key == "he":
        return bool(_MALE.search(said)) and not (_WOMAN.search(said) and not _MAN.search(said))
    return bool(_FEMALE.search(said)) and not _ENGLISH["he"].search(said)


def _excused_more(key: str, said: str, one: Counter[str], other: Counter[str]) -> bool:
    return key == "i" and one["we"] > other["we"]
