"""What a teacher's answer is taken for: each id's Chinese, or why it is not taken."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from doctorglm.translate.cache import Known
from doctorglm.translate.endpoint import Reply
from doctorglm.translate.parts import joined
from doctorglm.translate.prompt import NOT_RUN, Asked, ids_of
from doctorglm.translate.renderings import held, plain

PASSING = frozenset({"no_answer", "refused_by_server", "garbage", NOT_RUN})
"""Faults of the server, which the cache does not keep: a later run asks again."""
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORDS = re.compile(r"[A-Za-zÀ-ɏ]+")
_PLAIN_WORD = re.compile(r"\b[a-z]{3,}\b")
_ENGLISH_RUN = re.compile(r"(?:\b[a-z]{2,}\b[ ,;:'’\-]+){3,}\b[a-z]{2,}\b")
"""Four words in small letters in a row are no names and no abbreviations."""
_REFUSAL = re.compile(
    r"(?:抱歉|对不起|不好意思|作为(?:一个|一名)?(?:AI|人工智能|语言模型|助手)|我(?:无法|不能|不会)(?:翻译|提供|协助|帮助|满足|回答|完成)"
    r"|\b(?:I(?:'m| am) sorry|I (?:cannot|can't|can’t|won't)|as an AI)\b)", re.IGNORECASE)  # fmt: skip
_EXCUSED = re.compile(r"\b(?:sorry|apolog\w*|forgive|unfortunately|regret\w*|pardon|excuse|cannot|can['’]?t|won['’]?t"
                      r"|unable|AI|assistant|not able|will not)\b", re.IGNORECASE)  # fmt: skip
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LONGEST, _MERGED, _SHORTEST = 1.2, 0.6, 0.08
"""Characters of Chinese for one of English: hardly above 0.5 and below 0.15 in whole sentences; beyond these it is
none, or of two texts."""
_FREE_CHARS = 24
"""Short texts may differ by so many."""
_LONG_CHARS = 80
"""From here on a text cannot be a name, and may be found too short."""


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of a JSON object, repeated keys included."""


def is_chinese(text: str) -> bool:
    """Whether a text needs no translation: no fewer Chinese characters than words in other letters."""
    han = len(_HAN.findall(text))
    return han > 0 and han >= len(_WORDS.findall(text))


def has_words(text: str) -> bool:
    """Whether there is a letter to translate."""
    return _WORDS.search(text) is not None


def judged(reply: Reply, asked: Sequence[Asked]) -> tuple[dict[str, Known], dict[str, Known]]:
    """By key, what a reply to these texts is taken for: what the cache is to keep, and the faults that pass.

    A text that was put sentence by sentence has its Chinese when each sentence has.
    """
    put = [part for one in asked for part in one.put]
    if reply.fault:
        good, faults = dict[str, str](), {part.key: reply.fault for part in put}
    else:
        good, faults = read(reply.text, put, reply.cut_off)
    said = {one.key: _said(one, good, faults) for one in asked}
    passing = {key: one for key, one in said.items() if one.reason in PASSING}
    return {key: one for key, one in said.items() if key not in passing}, passing


def _said(one: Asked, good: Mapping[str, str], faults: Mapping[str, str]) -> Known:
    """What is known of a text after one more try."""
    reason = next((faults[part.key] for part in one.put if part.key in faults), "")
    if reason:
        return Known(None, one.tries + 1, reason)
    chinese = [good[part.key] for part in one.put]
    pairs = tuple(zip((part.text for part in one.put), chinese, strict=True))
    whole = joined(chinese, [part.blank for part in one.put])
    return Known(whole, one.tries + 1, "", pairs if len(pairs) > 1 else ())


def read(answer: str, asked: Sequence[Asked], cut_off: bool = False) -> tuple[dict[str, str], dict[str, str]]:
    """By key, the Chinese that is taken, and why what is not is not; each key of `asked` is in one of the two.

    An answer that is no JSON object of texts, or has an id that nobody asked for, is not taken at all.
    """
    ids = ids_of(asked)
    pairs = _object(answer)
    if pairs is None:
        return {}, {one.key: "cut_off" if cut_off else "not_json" for one in asked}
    if {id_ for id_, _ in pairs} - set(ids):
        return {}, {one.key: "other_ids" for one in asked}
    said = {one.key: [value for key, value in pairs if key == id_] for id_, one in zip(ids, asked, strict=True)}
    faults = {one.key: _fault(one.text, said[one.key]) for one in asked}
    taken = {one.key: said[one.key][0].strip() for one in asked if not faults[one.key]}
    faults |= _mistaken(asked, taken, [one for one in asked if faults[one.key] in ("missing", "empty")])
    good = {key: chinese for key, chinese in taken.items() if not faults[key]}
    return good, {key: why for key, why in faults.items() if why}


def _object(answer: str) -> _Pairs | None:
    fenced = _FENCE.fullmatch(answer)
    try:
        found = json.loads(fenced[1] if fenced else answer, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, _Pairs) else None


def _fault(english: str, values: Sequence[Any]) -> str:
    """Why what stands under an id is no translation of its text; "" where it may be one."""
    if len(values) != 1:
        return "repeated" if values else "missing"
    value = values[0]
    if not isinstance(value, str):
        return "empty" if value is None else "not_text"
    chinese = value.strip()
    if not chinese:
        return "empty"
    if re.search("[\ufffd\ud800-\udfff]", chinese):
        return "damaged"
    if _REFUSAL.search(chinese) and not _EXCUSED.search(english):
        return "refused"
    return _unlike(english, chinese)


def _unlike(english: str, chinese: str) -> str:
    has_english = _PLAIN_WORD.search(english) is not None
    if has_english and " ".join(chinese.lower().split()) == " ".join(english.lower().split()):
        return "echoed"
    if (has_english and not _HAN.search(chinese)) or _ENGLISH_RUN.search(chinese):
        return "untranslated"
    if len(chinese) > len(english) * _LONGEST + _FREE_CHARS:
        return "too_long"
    if len(english) > _LONG_CHARS and len(chinese) < len(english) * _SHORTEST:
        return "too_short"
    return ""


def _mistaken(asked: Sequence[Asked], taken: Mapping[str, str], absent: Sequence[Asked]) -> dict[str, str]:
    """`swapped` and `merged` by key: whose terms and numbers another answer holds, or whose answer holds another's.

    A suspicion is enough: the text is asked for again alone, where neither can happen.
    """
    plains = {key: plain(chinese) for key, chinese in taken.items()}
    found = {}
    for one in asked:
        if one.key not in taken:
            continue
        own = _evidence(one, plains[one.key])
        others = {key: _evidence(one, text) for key, text in plains.items() if key != one.key}
        best = max(others, key=others.__getitem__, default=None)
        if best is not None and others[best] > own:
            found[one.key] = found[best] = "swapped"
        elif absent and _holds_more(one, plains[one.key], absent):
            found[one.key] = "merged"
    return found


def _evidence(one: Asked, chinese: str) -> int:
    """How many of a text's terms and numbers a translation holds."""
    numbers = set(_NUMBER.findall(one.text)) & set(_NUMBER.findall(chinese))
    return len(numbers) + sum(bool(held(term.chinese, chinese)) for term in one.terms)


def _holds_more(one: Asked, chinese: str, absent: Sequence[Asked]) -> bool:
    if len(chinese) > len(one.text) * _MERGED + _FREE_CHARS:
        return True
    own = {term.english for term in one.terms}, set(_NUMBER.findall(one.text))
    rest = [
        Asked(other.key, " ".join(set(_NUMBER.findall(other.text)) - own[1]),
              tuple(term for term in other.terms if term.english not in own[0]))
        for other in absent
    ]  # fmt: skip
    return any(_evidence(other, chinese) for other in rest)
