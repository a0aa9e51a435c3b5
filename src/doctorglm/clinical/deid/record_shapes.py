"""Numbers of records that no word names: by the shape in which hospitals print them, and by the name beside them."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.cues import called, is_order
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import any_of

_START, _STOP = r"(?<![0-9A-Za-z@])(?<![0-9A-Za-z][.\-_/#=])", r"(?![0-9A-Za-z@]|[.\-_/][0-9A-Za-z])"
_SHAPES = (
    # ZY2308-00417, GX-510681-0339, IP/24/00417, NGS23-1187T, DX20230817_0031
    rf"{_START}(?P<letters>[A-Z]{{1,8}})[\-/]?[0-9]{{2,12}}(?:[\-/_][0-9]{{2,8}}){{1,3}}[A-Z]?{_STOP}",
    # SB/JZ/118842, ETBJ-GX-0817
    rf"{_START}(?P<letters2>[A-Z]{{2,8}}[/\-][A-Z]{{1,5}})[/\-]?[0-9]{{4,10}}(?:[/\-][0-9]{{1,6}})?{_STOP}",
    # KCX-009182, HB240017733, AB0044178
    rf"{_START}(?P<letters3>[A-Z]{{1,6}})-?(?:0[0-9]{{5,11}}|[0-9]{{7,14}}){_STOP}",
    # 17-A-2208, 0619-JY-217
    rf"{_START}[0-9]{{2,8}}-(?P<letters4>[A-Z]{{1,4}})-?[0-9]{{3,8}}[A-Z]?{_STOP}",
    # 0000733918
    rf"{_START}(?<![+¥￥$])(?:00(?!86)[0-9]{{6,10}}|000[0-9]{{3,4}}){_STOP}",
    # DR 0417, TJ0093-4
    rf"{_START}(?P<letters5>ZY|MZ|JZ|BL|BA|TJ|DR|CT|MR|US|XR|CR|PET|ZYH|BAH)-?[0-9]{{4,12}}(?:-[0-9]{{1,4}})?{_STOP}",
    rf"{_START}(?P<letters6>[A-Z]{{1,4}})[零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖]{{5,12}}(?![一-鿿])",
)
_SHAPED = re.compile("|".join(_SHAPES))
_OTHER_CODES = re.compile(
    r"(?:NCT|ChiCTR|CTR|GB|GBT|YY|WS|DB|ISO|IEC|EN|ASTM|CLSI|JJG|JJF|YBB|ICD|ATC|CAS|LOINC|SNOMED|HPA|COVID|SARS|MERS"
    r"|IL|CD|CA|HLA|TP|NM|NP|NC|NG|XM|ENS[A-Z]*|RS|OMIM|PMID|PMC|DOI|ISBN|ISSN|SF|YT|JD|EMS|ZTO|STO|YD|DHL|UPS|SN|LOT"
    r"|REF|SKU|USB|RTX|GTX|IPX|CNAS|CMA|EQ|V|NDC|GTIN|EAN|UPC|IC|NRIC|IMEI|MAC|EDC|LMP|DOB|EDD|UTC|GMT|QQ|TEL|VX"
    r"|WX|FAX|PO|FW|HEX)(?:[/\-].*)?"
)
"""Letters before a number that is a trial's, a standard's, a gene's, a parcel's or a device's."""
_IMAGE = re.compile("ZY|MZ|JZ|BL|BA|TJ|DR|CT|MR|US|XR|CR|PET|ZYH|BAH")
_APPROVAL = re.compile(r"[HZSJBTF](?:[A-Z])?(?:19|20)?[0-9]{6,8}")
_STANDARD = re.compile(r".*[0-9]-(?:19[5-9]|20[0-4])[0-9]")
_DAY = re.compile(
    r"^[A-Z]{0,4}(?:19|20)[0-9]{2}[\-/][01][0-9][\-/][0-3][0-9]$|-(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)-"
)
_UNITS_BEHIND = re.compile(
    r"^[ ]?(?:元|块|mg|ml|mm|U|IU|%|次|人|例|天|年|月|个|床|码|步|kcal|号方|型|系列|培养箱|监护仪|呼吸机|机型)"
)


_BRACKET = re.compile(r"[(（\[【/#][ ]?[A-Z]{0,4}-?[0-9]{3}")
_SPOKEN = re.compile("[A-Z][零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖]{5}")


def found(text: str, has_many_digits: bool = True) -> Iterator[Span]:
    """Numbers in the shape of records, and such as stand in brackets behind a name."""
    if _BRACKET.search(text):
        yield from _beside_names(text)
    if not has_many_digits and not _SPOKEN.search(text):
        return
    for match in _SHAPED.finditer(text):
        letters = (
            match["letters"]
            or match["letters2"]
            or match["letters3"]
            or match["letters4"]
            or match["letters5"]
            or match["letters6"]
            or ""
        )
        if _is_record(text, match, letters):
            yield Span(match.start(), match.end(), "mrn")
    yield from _looked_up(text)


def _is_record(text: str, match: re.Match[str], letters: str) -> bool:
    number = match[0]
    if (
        _OTHER_CODES.fullmatch(letters)
        or _STANDARD.fullmatch(number)
        or _UNITS_BEHIND.match(text[match.end() : match.end() + 4])
    ):
        return False
    if sum(c.isnumeric() for c in number) < 5 or is_order(text, match.start()):
        return False
    kind, word, gap = called(text, match.start(), match.end())
    if (_APPROVAL.fullmatch(number) and kind != "mrn") or _DAY.search(number):
        return False
    if kind in (None, "mrn") or (letters and kind in ("phone", "mobile", "qq", "bank_card")):
        return True
    if kind == "none" and letters and len(gap) > 8 and re.search("[,，]", gap):
        return True
    if kind == "none" and gap.strip(" :") and _IMAGE.fullmatch(letters):
        return True
    return kind != "none" and (len(gap) > 6 or word in ("证号", "证件"))


_SURNAME = any_of("surnames")
_NUMBER = r"(?P<n>[A-Z]{0,4}-?(?=[0-9\-]*[0-9]{3})[0-9]{3,12}(?:-[0-9]{1,6})?)"
_BESIDE = (
    re.compile(rf"(?<=[0-9][)）][、,，和])[\u4e00-\u9fff]{{2,4}}[(（]{_NUMBER}(?=[)）])"),
    re.compile(
        rf"(?:^|(?<![\u4e00-\u9fff])|(?<=[、和及]))(?:患者|病人|老人|患儿)?(?:{_SURNAME}[\u4e00-\u9fff]{{1,2}}"
        rf"|{_SURNAME}[叔姨伯婶爷奶姐哥老嫂总某])"
        rf"[ ]?[(（\[【/][ ]?{_NUMBER}[ ]?(?=[)）\]】,，;；/])"
    ),
    re.compile(
        r"(?<![A-Za-z])(?:Mr|Mrs|Ms|Miss|Mdm|Madam|Master|Baby|[Pp]t|[Pp]atient|PATIENT|BB"
        r"|B/O)\.?:?(?:[ ][A-Z][A-Za-z'’\-]+){1,4}"
        rf"[ ]?[,]?[ ]?[(\[/#]{{1,2}}[ ]?{_NUMBER}[ ]?(?=[)\],;/])"
    ),
)


def _beside_names(text: str) -> Iterator[Span]:
    """黄秀云(1102847), Mrs Huang (HK-77013): a number in brackets behind who it belongs to."""
    for pattern in _BESIDE:
        for match in pattern.finditer(text):
            number = match["n"]
            digits = sum(c.isdigit() for c in number)
            is_long = digits >= 6 or (digits >= 3 and (number[0].isalpha() or "-" in number[1:]))
            if is_long and not _is_day_or_telephone(number):
                yield Span(match.start("n"), match.end("n"), "mrn")


def _is_day_or_telephone(number: str) -> bool:
    return bool(
        re.fullmatch(
            r"(?:19|20)[0-9]{2}-?[01]?[0-9](?:-?[0-3]?[0-9])?|1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8}"
            r"|[0-9]{2,3}-[0-9]{2,3}",
            number,
        )
    )


_LOOKED_UP = re.compile(
    r"(?:输入?|凭|报|刷|扫)(?:一下)?(?:这个|这串|我的)?[ :]?(?P<n>[A-Z]{0,4}[0-9]{6,20})"
    r"(?=[ ]?(?:就|即|便)?(?:可|能|可以)?(?:以)?(?:看"
    r"|查|取|打|领|拿))"
)


def _looked_up(text: str) -> Iterator[Span]:
    """What is typed in to see a report or what is paid."""
    for match in _LOOKED_UP.finditer(text):
        if called(text, match.start("n"), match.end("n"))[0] in (None, "mrn"):
            yield Span(match.start("n"), match.end("n"), "mrn")
