"""Tables in a text: what a column's head says of the numbers in its cells."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.spans import Span

_MARK = re.compile(r"[\t|]|[,，](?! )| {2,}")
_HEADS = (
    (
        "id_card",
        re.compile(
            r"(?:患者|病人|本人)?(?:身份证|身分证|证件|护照)(?:号码?|编号)?|ID card.*|passport.*", re.IGNORECASE
        ),
    ),
    ("qq", re.compile(r"QQ(?:号码?)?", re.IGNORECASE)),
    ("wechat", re.compile(r"微信(?:号|ID)?|wechat(?: id)?|VX", re.IGNORECASE)),
    ("bank_card", re.compile(r"(?:银行)?(?:卡号|账号|账户)|(?:银行|工资|收款)卡(?:号)?", re.IGNORECASE)),
    ("plate", re.compile(r"车牌(?:号码?)?|plate", re.IGNORECASE)),
    (
        "phone",
        re.compile(
            r".{0,4}(?:电话|手机|联系方式|座机|固话)(?:号码?)?|.{0,8}(?:phone|tel|mobile|contact)\.?(?: no\.?)?",
            re.IGNORECASE,
        ),
    ),
    (
        "mrn",
        re.compile(
            r".{0,6}(?:住院|病案|病历|门诊|就诊|登记|检查|影像|放射|超声|病理|标本|样本|条码|申请单?|体检|理赔|报告"
            r"|档案|卡)(?:号码?|编号|条码|ID)?"
            r"|(?:MRN|acc(?:ession)?|case|record|patient|specimen|sample|hosp(?:ital)?|lab|chart|claim"
            r"|file)[ .]?(?:no\.?|number|id|#)?",
            re.IGNORECASE,
        ),
    ),
    (
        "mrn",
        re.compile(
            r"(?:ZYH|BAH|MZH|JZH|BLH|ZYHM|BRID|KH|JZKH|YXH|TJH)|(?:[a-z]{2,12}[_ ])(?:no|id|number)", re.IGNORECASE
        ),
    ),
    ("id_card", re.compile(r"SFZH?M?|ZJHM?", re.IGNORECASE)),
    ("phone", re.compile(r"LXDH|DH|SJH?M?|LXFS", re.IGNORECASE)),
    ("date", re.compile(r"CSRQ|RYRQ|CYRQ|JZRQ", re.IGNORECASE)),
    (
        "other",
        re.compile(
            r"(?:患者)?(?:姓名|名字)|性别|床号|床位|诊断|科室|医生|主诊|备注|结果|项目|序号|民族|职业|费别|手术|术式|术者"
            r"|names?|sex|gender|ward|bed|dx|diagnosis|gene|pt|vaf|result|consultant|XM|XB|ZD|KS|CH",
            re.IGNORECASE,
        ),
    ),
    ("age", re.compile(r"年龄|岁数|age", re.IGNORECASE)),
    ("date", re.compile(r".{0,6}(?:日期|时间|生日|出生)|(?:.{0,10} )?date|DOB", re.IGNORECASE)),
)
_CELLS = {
    "id_card": re.compile(r"[0-9]{15}|[0-9]{17}[0-9Xx]|[A-Z]{1,2}[0-9]{6,9}"),
    "qq": re.compile(r"[1-9][0-9]{4,10}"),
    "wechat": re.compile(r"[A-Za-z][A-Za-z0-9_\-]{4,19}"),
    "bank_card": re.compile(r"[0-9][0-9 \-]{11,22}[0-9]"),
    "plate": re.compile(r"\S{1,2}[·\- ]?[A-Z0-9·\- ]{4,8}"),
    "mobile": re.compile(r"1[3-9][0-9]{9}|1[3-9][0-9][ \-][0-9]{4}[ \-][0-9]{4}"),
    "landline": re.compile(r"(?:0[0-9]{2,3}[ \-]?)?[0-9]{3,4}[ \-]?[0-9]{4}"),
    "mrn": re.compile(r"(?=(?:[^0-9\n]*[0-9]){3})[A-Za-z0-9][A-Za-z0-9\-_/.#]{2,24}"),
    "age": re.compile(r"(?:9[0-9]|1[0-2][0-9])(?:岁|Y|y)?"),
    "date": re.compile(
        r"(?:[0-9]{2,4}[./\-])?[01]?[0-9][./\-][0-3]?[0-9](?:[./\-](?:19|20)[0-9]{2})?|(?:19|20)[0-9]{6}"
    ),
}


def found(plain: str) -> Iterator[Span]:
    """The cells that look like what the head of their column calls them; a head is a row with two such words."""
    if not _MARK.search(plain) or "\n" not in plain:
        return
    columns: dict[int, str] = {}
    at = 0
    for line in plain.split("\n"):
        cells = list(_cells(line))
        heads = {i: kind for i, (_, cell) in enumerate(cells) if (kind := _head(cell))} if len(cells) >= 3 else {}
        if len(heads) >= 2 and set(heads.values()) != {"other"}:
            columns = heads
        elif columns and len(cells) >= 2:
            yield from (
                span for i, (start, cell) in enumerate(cells) for span in _told(columns.get(i), at + start, cell)
            )
        at += len(line) + 1


def _cells(line: str) -> Iterator[tuple[int, str]]:
    at = 0
    for mark in [*_MARK.finditer(line), None]:
        cell = line[at : mark.start() if mark else len(line)]
        yield at + len(cell) - len(cell.lstrip()), cell.strip()
        if mark:
            at = mark.end()


def _head(cell: str) -> str | None:
    return next((kind for kind, pattern in _HEADS if pattern.fullmatch(cell)), None) if len(cell) <= 16 else None


def _told(kind: str | None, start: int, cell: str) -> Iterator[Span]:
    for what in ("mobile", "landline") if kind == "phone" else (kind,):
        if what and what != "other" and _CELLS[what].fullmatch(cell):
            yield Span(start, start + len(cell), what)
            return
