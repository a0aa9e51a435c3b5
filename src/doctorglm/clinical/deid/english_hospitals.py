"""Hospitals, clinics and wards in English: a capitalised name before a kind of house, or a short name that is"
" known."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import either, words

_CAPITALISED = r"(?:[A-Z][A-Za-z'’.\-]+[ ](?:of[ ]|and[ ]|the[ ]|&[ ])?)"
_ENGLISH = re.compile(
    rf"(?:St\.?[ ])?{_CAPITALISED}{{1,6}}(?:Hospital|Clinic|Infirmary|Medical[ ](?:Center|Centre|Group|Practice"
    rf"|Clinic)|"
    r"Health[ ](?:Center|Centre|Clinic)|Surgery|Hospice|Nursing[ ]Home|Care[ ]Home|Centre|Center|Practice|Sanatorium|"
    rf"Polyclinic|Dental(?:[ ](?:Clinic|Care|Centre|Surgery))?|Physio(?:therapy)?|Orthopaedics|Fertility"
    rf"|Pharmacy)(?![a-z])(?:[ ][A-Z][a-z]+(?=[,.;)]))?|(?<=at )St\.?[ ]{_CAPITALISED}{{1,2}}(?:Maternity|General)|"
    rf"(?<=at ){_CAPITALISED}{{1,3}}(?:General|Maternity|Infirmary)(?![a-z])"
)
_HEAD_FIRST = re.compile(
    r"(?<![A-Za-z])(?:Hospital|Klinik|Poliklinik|Cl[ií]nica|Policl[ií]nico|H[oô]pital|Rumah[ ]Sakit|Ospedale)"
    r"(?:[ ](?:de|del|de la|di|da|Pakar|Umum)(?=[ ]))*(?:[ ](?:del?[ ]|de la[ ])?(?!(?:Authority|Admission|Number"
    r"|No|ID|Bill|Bed|Ward|Road|Street|Name"
    r"|Records?|Dr|MC|Room)(?![a-z]))[A-Z][\w'’\-]+){1,4}"
)
_KIND_LAST = re.compile(
    r"(?<![A-Za-z])(?!(?:Attorney|Surgeon|Director|Major|Lieutenant|Governor|In|The|A|My|Our|His|Her|World|Annual"
    r"|Ward|New|Old|All|Male"
    r"|Female|American|National|Local|Under|With|On|At|From|Secretary|Postmaster|Consul|Inspector|Total|And|Of)[ ])"
    r"(?P<n>(?:[A-Z][a-z]+[ ]){1,2}(?:General|Regional|Memorial|Methodist|Presbyterian|Infirmary|Mercy|GH))(?![a-z])"
    r"(?=[ ]?[,.;)]|[ ](?:er|ER|ED|records?|said|says|that|told|gave|for|on|and|in|with|A ?& ?E|ICU|ward|notes"
    r"|yesterday|last|off)(?![a-z])|$)"
)
_SAINT = re.compile(r"(?<=at )St\.?[ ][A-Z][a-z]+(?:['’]s?)(?=[.,;)]|[ ][a-z])")
_EITHER = re.compile(r"(?<![A-Za-z])(?P<a>[A-Z]{3,5})(?:[ ](?:or|and|vs)[ ]|/|[跟和或])(?P<b>[A-Z]{3,5})(?![A-Za-z])")
_ENGLISH_WARD = re.compile(
    r"(?<![A-Za-z])(?:[A-Z][0-9]{1,2}[ ](?:[Ee]ast[ ]|[Ww]est[ ]|[Nn]orth[ ]|[Ss]outh[ ])?)?(?:katil|[Bb]ed"
    r"|BED)[ ](?:no\.?[ ]?)?"
    r"[A-Za-z]?[0-9]{1,3}[A-Z]?(?![0-9A-Za-z])[ ](?:Male|Female|Surgical|Medical|Children"
    r"|Maternity)(?:[ ][A-Z][a-z]+)?[ ][Ww]ard"
    r"|(?<![A-Za-z])[A-Z][0-9]{1,2}[ ](?:[Ee]ast[ ]|[Ww]est[ ]|[Nn]orth[ ]|[Ss]outh[ ])?(?:katil"
    r"|[Bb]ed)[ ][0-9]{1,3}(?![0-9])|"
    r"(?<![A-Za-z])katil[ ][0-9]{1,3}(?![0-9])"
    r"|(?<![A-Za-z])WARD[ ][0-9A-Z\-]{1,8}[ ,]{1,2}BED[ ][0-9A-Z]{1,4}(?![0-9A-Za-z])|"
    r"(?<![A-Za-z])(?:[A-Z][a-z]+[ ])?(?:[Ww]ard|[Bb]ay(?=.{3,8}[Bb]ed)|ICU|CCU|HDU|[Rr]oom(?=[ ][0-9A-Z]+,?[ ][Bb]ed"
    r"))[ ]"
    r"(?:[0-9]{1,2}[A-Z]?|[A-Z](?![A-Za-z]))[0-9]{0,2}"
    r"(?:[,/]?[ ]?(?:[Bb]ay[ ][0-9A-Z]+[,/]?[ ])?[Bb]ed[ ]?(?:no\.?[ ]?)?[A-Za-z]?[0-9]{1,3}[A-Z]?)?"
    r"|(?<![A-Za-z])[Bb]ed[ ](?:"
    r"no\.?[ ]?)?[0-9]{1,3}[A-Z]?(?:-[0-9]{1,3})?(?![0-9A-Za-z])(?:[,]?[ ](?:in[ ]|on[ ]|of[ ])?[Ww]ard[ ][0-9A-Z]{1,"
    r"3})?"
    r"|(?<![A-Za-z])[A-Z][a-z]+[ ][Ww]ard,?[ ](?:[Bb]ay[ ][0-9A-Z]+,?[ ])?[Bb]ed[ ]?[0-9]{1,3}[A-Z]?"
)
_ENGLISH_KNOWN = re.compile(
    rf"(?P<n>{either(name.replace('_', ' ') for name in words('known_hospitals_english'))})(?![A-Za-z'’/])"
)
_ENGLISH_SMALL = re.compile(
    r"(?<![A-Za-z])(?P<n>prince of wales|queen mary|queen elizabeth|kwong wah|tuen mun|princess margaret|pamela youde"
    r"|tan tock seng|ucla|kkh|ttsh|nuh|sgh|ppum|hkl|qmh|pwh|qeh|ng teng fong|changi general|mass general|mayo"
    r"|mount elizabeth|peking union|west china|john radcliffe)(?![A-Za-z'’])"
)
_ENGLISH_AT = re.compile(
    r"(?:(?<![A-Za-z])(?:at|to|from|via|@|under|in|by|of the)[ ](?:the[ ])?|[在去到喺响于从住转来往]"
    r"|hosp(?:ital)?:?|admitted|at the|brought to|sa|di|dari|→|->)[ ]?$",
    re.IGNORECASE,
)
_ENGLISH_THEN = re.compile(
    r"^[ ]?(?:hosp|A ?& ?E|AED|OPD|SOPD|SOPC|ward|clinic|ICU|GOPC|outpatient|emergency|discharge|referral"
    r"|records?|said|says|gave|told|called|wants?|did|found|resus|bookings|letter|notes|physio|card|reception"
    r"|path|sent|cath|病|比较|那边|很|说|复康|X-?ray|MRI"
    r"|CT(?![A-Za-z])|[\u4e00-\u9fff]{0,2}(?:复诊|覆诊|急症|急诊|医院|专科|门诊|看|做|住))",
    re.IGNORECASE,
)


def found(text: str) -> Iterator[Span]:
    """Houses by a proper name before their kind, wards with beds, and short names beside what is done there."""
    if not re.search(r"[A-Za-z]{3}", text):
        return
    kinds = words("english_kinds_of_hospitals")
    for match in _ENGLISH.finditer(text):
        parts = re.split(r"[ ]", match[0])
        while parts and (parts[0] in kinds or not parts[0][:1].isupper()) and len(parts) > 1:
            if not any(p not in kinds and p[:1].isupper() for p in parts[1:]):
                parts = []
                break
            parts = parts[1:]
        if (
            parts
            and parts[0] not in words("english_kinds_of_hospitals")
            and _may_be_house(parts, text[max(0, match.start() - 12) : match.start()])
        ):
            yield Span(match.end() - len(" ".join(parts)), match.end(), "hospital")
    for pattern in (_HEAD_FIRST, _KIND_LAST, _SAINT):
        yield from (Span(match.start(), match.end(), "hospital") for match in pattern.finditer(text))
    for match in _EITHER.finditer(text):
        if {match["a"], match["b"]} <= set(words("known_hospitals_english")):
            yield Span(match.start("a"), match.end("a"), "hospital")
            yield Span(match.start("b"), match.end("b"), "hospital")
    for match in _ENGLISH_WARD.finditer(text):
        yield Span(match.start(), match.end(), "hospital")
    for match in [*_ENGLISH_KNOWN.finditer(text), *_ENGLISH_SMALL.finditer(text)]:
        if text[max(0, match.start() - 1) : match.start()].isalpha() and text[match.start() - 1].isascii():
            continue
        is_plain = (len(match[0]) >= 4 and match[0].isupper()) or re.search(
            r"[A-Z]{2,} [A-Z]|^[A-Z]{2} [A-Z]", match[0]
        )
        if (
            is_plain
            or _ENGLISH_AT.search(text[max(0, match.start() - 9) : match.start()])
            or _ENGLISH_THEN.match(text[match.end() : match.end() + 12])
        ):
            yield Span(match.start(), match.end(), "hospital")


def _may_be_house(parts: list[str], lead: str) -> bool:
    """False for a kind of operation and for an office that only ends like a house."""
    if (
        parts[-1] in ("Surgery", "Center", "Centre", "Practice", "Pharmacy")
        and "Medical" not in parts
        and "Health" not in parts
    ):
        is_at = re.search(r"(?:at|to|from|with|by|our|called)[ ](?:the[ ])?$", lead) or (
            re.search(r"the[ ]$", lead) and len(parts) <= 3
        )
        return bool(is_at)
    return True
