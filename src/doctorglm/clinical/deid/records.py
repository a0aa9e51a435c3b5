"""Numbers of a hospital's and an insurer's records, and every other number that something beside it names."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.cues import Kind, called, is_generic, is_order
from doctorglm.clinical.deid.spans import Span

_UNIT = (
    r"(?!\s?(?:元|块|年|岁|月|次|天|周|分(?!机)|秒|mg|ml|cm|mm|kg|g(?![A-Za-z])|例|人|级|期|U|IU|μ|万|步|毫|克|斤|米"
    r"|公|倍|个|米|%|％|kcal|mmol|bpm|小时|点"
    r"|床|mmHg|°|℃|years?|days?|weeks?|hours?|minutes?|copies|cells))"
)
_TOKEN = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][.:/])"
    r"(?P<n>(?:(?!(?:MRN|URN|UHID|HN|HRN|IPN|IPD|OPD|SOPD|NHS|CHI|ID|NO|TEL|DOB|QQ|RN"
    r"|PID|UID|ADM|REG|CARD|CASE|FILE|IC|IP|OP|MR|PT|LAB|ACC|CT|MRI)[ ])[A-Z]{1,6}[ ])?(?=[A-Za-z\-_/."
    r"&:#(\[〔]{0,24}[0-9])[A-Za-z0-9][A-Za-z0-9&]{0,39}(?:[\-_/.:#＃]{1,2}[A-Za-z0-9]{1,24}){0,8}"
    r"(?:[(\[〔](?:19|20)?[0-9]{2}[)\]〕][0-9A-Za-z\-]{2,12})?(?:[ ]{1,2}(?:[0-9]{1,6}"
    r"|[A-Z]?[0-9]{1,4}-[0-9]{1,5})(?![0-9A-Za-z.:年月日/%]|[ ]?(?:床|岁|天|次|mg"
    r"|ml))){0,8}(?:\([0-9A-Z]{1,2}\))?)"
    rf"(?![0-9A-Za-z%]|\.[0-9]){_UNIT}"
)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}(?:[\-/.][01]?[0-9][\-/.][0-3]?[0-9]|[01][0-9][0-3][0-9]|[\-/.][01]?[0-9])?"
    r"|[0-3]?[0-9][\-/.][0-3]?[0-9][\-/.](?:19|20)?[0-9]{2}"
    r"|[01]?[0-9][/.\-][0-3]?[0-9]|[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?|[0-9]+(?:\.[0-9]+)?(?:-[0-9]+(?:\.[0-9]+)?)"
    r"?(?<=\.[0-9]{1})|[0-9]{1,3}/[0-9]{2,3}"
)
_CODE = re.compile(
    r"(?:[A-TV-Z][0-9]{2}(?:\.[0-9]+)?|[A-Z][0-9]{1,2}(?:-[A-Z]?[0-9]{1,2})?|NCT[0-9]+|ChiCTR[0-9]+|rs[0-9]+"
    r"|GB[ /T]*[0-9\-]+|SF[0-9]+|YT[0-9]+|v[0-9.]+"
    r"|[A-Za-z]+[0-9]{1,2}|[0-9]+[A-Za-z]{1,2}|[ZHSJB][0-9]{8})",
)
"""What is short, or has the shape of an ICD code, a drug's approval, a trial or a gene."""
_NO_NUMBER = re.compile(
    r"[A-Za-z]{0,4}[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:[\-—~][0-9]{1,2}:[0-9]{2})?|[0-9]+\.[0-9]+|[cgpn]\.[0-9].*"
    r"|.*(?:del|dup|ins|fs)[A-Z*]*[0-9]*"
    r"|.*\.(?:dcm|zip|rar|jpe?g|png|pdf|docx?|xlsx?|csv|txt|mp[34]|nii|gz)|[0-9]{1,3}-[0-9]{1,3}|(?:110|119|120|122"
    r"|12[0-9]{3}|95[0-9]{3})"
)
"""A time, a decimal, a mutation, a file, a range, a short public number."""
_FILL = re.compile(
    r"[:：是为叫填写报念到即=#\[(（【「\"“'｜|\-— \n\t.]|我?记得|好像|应该|大概|可能|就|尾|前台|给你?|的|系|嘅"
    r"|你?记一?下|念一下|如下|如右|这个|上面|那|您|我"
    r"|number|No|no|is|was|isn't|reads|says"
)
_HARD = re.compile(
    r"号|条码|条形码|码$|流水|序号|ID$|(?:[ ](?:no|number|num|id|code|nr|ref|reference)\.?|#)$|^(?:MRN|URN|UHID|HN"
    r"|HRN|IPN|IPD|OPD|SOPD|NHS|CHI|NRN|accession)",
    re.IGNORECASE,
)
_FILE = re.compile(r"\.(?:jsonl?|csv|tsv|xlsx?|txt|pdf|docx?|jpe?g|png|dcm|zip|gz|parquet)$", re.IGNORECASE)
_LIST = re.compile(
    r"(?:[、,，/和与及或;； ]{1,3}|还是|(?=一个))(?:一个[是叫]|又?(?:写成|变成)|另一个"
    r"|还有一个?|另外|以及|还有|或者?|and|or)?[ ]?"
)
_MORE = re.compile(r"[ ,，]{0,2}(?:转|分机|ext\.?|extension)(?:分机)?[ ]?[0-9]{1,6}(?![0-9A-Za-z])")


def named(text: str) -> Iterator[Span]:
    """Numbers that a word beside them names, as what it names them; in a list the first one's word counts for all."""
    last: tuple[int, Kind, str] | None = None
    for match in _TOKEN.finditer(text):
        number = _FILE.sub("", match["n"])
        count = len(re.sub(r"[^0-9]", "", number))
        if count < 3 or _NO_NUMBER.fullmatch(number):
            continue
        kind, word, gap = called(text, match.start(), match.end())
        if last and _LIST.fullmatch(text[last[0] : match.start()]):
            _, kind, word = last
        what = _of_kind(kind, word, gap, number, count) if kind else None
        if what and kind and (what == "mrn" or not is_order(text, match.start())):
            start, end = match.start() + _words_in_front(what, number), match.start() + len(number)
            if what == "landline" and (more := _MORE.match(text, end)):
                end = more.end()
            yield Span(start, end, what)
            last = end, kind, word


def _words_in_front(what: str, number: str) -> int:
    """How many signs of the token are no part of it: Latin letters before a telephone or an account."""
    return len(re.match(r"[A-Za-z ]*", number)[0]) if what in ("qq", "landline", "mobile") else 0  # type: ignore[index]


def _of_kind(kind: Kind, word: str, gap: str, number: str, count: int) -> str | None:
    """The type of a number that is called so, None when it can be none of that kind."""
    plain = re.sub(r"[ \-.,/_]", "", number)
    if kind == "id_card" and (re.search(r"[,，].{4}", gap) or (word.startswith("统") and len(plain) == 8)):
        return None
    is_day = _DATE.fullmatch(number) or _DATE.fullmatch(number.split(" ", 1)[-1])
    if is_day and not (kind == "mrn" and number.isdigit() and count >= 8 and _HARD.search(word)):
        return None
    if kind == "qq":
        return "qq" if plain.isdigit() and 5 <= count <= 11 and plain[0] != "0" else None
    if kind in ("mobile", "phone"):
        return _telephone(kind, plain, gap)
    if kind == "bank_card":
        return "bank_card" if plain.isdigit() and 13 <= count <= 21 else None
    if kind == "mrn":
        return "mrn" if _is_record(word, gap, number, count) else None
    if kind == "id_card":
        return "id_card" if re.fullmatch(r"[A-Za-z]{0,2}[0-9]{7,18}[Xx]?", plain) and count >= 7 else None
    return None


def _telephone(kind: Kind, plain: str, gap: str) -> str | None:
    if not re.fullmatch(r"\+?[0-9]+", plain) or not 7 <= len(plain) <= 13 or len(gap) > 20:
        return None
    if re.fullmatch(r"(?:86)?1[3-9][0-9]{9}|(?:886)?0?9[0-9]{8}", plain):
        return "mobile"
    if len(plain) == 8 and kind == "mobile":
        return "mobile" if plain[0] in "4567890" else "landline"
    if len(plain) in (7, 8):
        return "landline"
    if len(plain) in (10, 11, 12) and plain[0] == "0":
        return "landline"
    if len(plain) in (10, 11, 12) and kind == "mobile" and plain[0] == "1":
        return "mobile"
    return "landline" if len(plain) in (9, 10, 11) else None


def _is_record(word: str, gap: str, number: str, count: int) -> bool:
    """True for a number behind a noun of records: the plainer the noun, the farther and shorter it may be."""
    if _CODE.fullmatch(number):
        return False
    far = len(_FILL.sub("", gap))
    if is_generic(word):
        return far == 0 and count >= 4 and not re.fullmatch(r"69[0-9]{11}", number)
    is_mixed = bool(re.search(r"[A-Za-z]", number)) or "-" in number
    if _HARD.search(word):
        if is_mixed and count >= 6 and far <= 10:
            return True
        return far <= (3 if re.search("[,，]", gap) else 8) and (count >= 4 or (count >= 3 and far <= 2))
    if " " in number and not number[0].isdigit() and count < 6:
        return False
    if "." in number or re.match(r"[0-9]+/[0-9]", number) or re.search(r"[0-9](?:mm|ml|mg|ng|IU|U|S)", number):
        return False
    return far <= 3 and not re.search("[,，]", gap) and (count >= 6 or (is_mixed and count >= 4))


_FIRST_CELL = re.compile(r"(?m)^(?P<n>[A-Z]{0,3}[0-9]{7,12})(?=\t[^\t\n]{1,12}\t)")
"""The first cell of a row in a table, before a short one."""


def first_cells(text: str) -> Iterator[Span]:
    """Record numbers at the head of a row."""
    for match in _FIRST_CELL.finditer(text):
        yield Span(match.start("n"), match.end("n"), "mrn")
