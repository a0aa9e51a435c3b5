"""What a signed sheet of `review` says: how many identifiers were missed, with exact bounds.

Source of the bounds: Clopper and Pearson 1934, doi 10.1093/biomet/26.4.404.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl

from doctorglm.curate.review import DATE_AT, NAME_AT, READ, SIGN, fingerprint
from doctorglm.errors import DataError
from doctorglm.runs import note, sha256_file

CONFIDENCE = 0.95
"""Of each bound alone, above and below."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a signed sheet says; `low` and `high` are the exact lower and upper 95 % bounds, one-sided, of `rate`."""

    records: int
    missed: int
    """Identifiers that were missed, in all."""
    conversations_with_a_miss: int
    rate: float
    """The share of conversations in which anything was missed."""
    low: float
    high: float
    missed_per_conversation: float
    signed_by: str
    date: str


def signed_review(out: Path, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `run.json` carries under `deid.review` once the sheet in `out` is signed; None, with a note, until then.

    `record` is that of the run, whose `deid.review` `Sheet.write` has given; None without a word where it has none.
    Raises DataError for a sheet that is filled in by half, was changed, or is of another run.
    """
    asked = (record.get("deid") or {}).get("review") or {}
    if not asked.get("ids"):
        return None
    path = out / str(asked["file"])
    if not path.exists():
        note(
            en=f"{path}: the sheet for the review is gone; nothing is known of what was missed.",
            zh=f"{path}：审阅表不在了，遗漏情况未知。",
        )
        return None
    if _is_untouched(path):
        note(
            en=f"{path}: not signed yet. Fill it in, sign it, save it there and run the same command again.",
            zh=f"{path}：尚未签字。请填写并签字，保存在原处，再运行同一条命令。",
        )
        return None
    review = read_signed(path, asked["ids"])
    return {**asked, **asdict(review), "sha256": sha256_file(path)}


def read_signed(path: Path, ids: Mapping[str, str]) -> Review:
    """The review in a signed sheet; `ids` is what `Sheet.write` gave.

    Raises DataError with the row and the remedy for one that is not signed, has a number missing or a row too many or
    too few, or whose ids or texts are not those of the run.
    """
    book = _opened(path)
    signed_by, day = _signature(book, path)
    left, counts = dict(ids), []
    for number, cells in enumerate(book[READ].iter_rows(min_row=2, values_only=True), 2):
        values = (*cells, *[None] * 5)
        if all(value is None or value == "" for value in values):
            continue
        where_en, where_zh = f"{path}: row {number} of {READ}", f"{path}：「{READ}」第 {number} 行"
        identifier = _cell(values[0])
        if identifier not in left:
            raise DataError(
                en=f"{where_en}: the id in column A is there twice, or not of this run. "
                "Put back the row as it was written.",
                zh=f"{where_zh}：A 列的编号重复，或不属于本次运行。请恢复该行原样。",
            )
        text = "".join(_cell(value) for value in (values[1], *values[4:]))
        if fingerprint(text) != left.pop(identifier):
            raise DataError(
                en=f"{where_en}: the text is not the one that was written. Review the sheet of this run, unchanged.",
                zh=f"{where_zh}：文本与写出时不同。请审阅本次运行写出的表，且不要改动文本。",
            )
        counts.append(_count(values[2], where_en, where_zh))
    if left:
        raise DataError(
            en=f"{path}: {len(left)} of {len(ids)} rows are missing, the first is {next(iter(left))!r}. "
            "Put them back and review them too.",
            zh=f"{path}：{len(ids)} 行中缺少 {len(left)} 行，首个为 {next(iter(left))!r}。请恢复并一并审阅。",
        )
    return _summed(counts, signed_by, day)


def _summed(counts: list[int], signed_by: str, day: str) -> Review:
    hit = sum(count > 0 for count in counts)
    low, high = exact_bounds(hit, len(counts))
    return Review(
        records=len(counts),
        missed=sum(counts),
        conversations_with_a_miss=hit,
        rate=hit / len(counts),
        low=low,
        high=high,
        missed_per_conversation=sum(counts) / len(counts),
        signed_by=signed_by,
        date=day,
    )


def _opened(path: Path) -> Any:
    try:
        book = openpyxl.load_workbook(path, data_only=True)
    except Exception as error:  # openpyxl lets through whatever zip, XML and its own parsers raise
        raise DataError(
            en=f"{path}: not a workbook that can be read ({type(error).__name__}). Save it again as .xlsx.",
            zh=f"{path}：无法作为工作簿读取（{type(error).__name__}）。请另存为 .xlsx。",
        ) from None
    if absent := [name for name in (SIGN, READ) if name not in book.sheetnames]:
        raise DataError(
            en=f"{path}: the sheet {absent[0]!r} is missing. Use the workbook that curate has written.",
            zh=f"{path}：缺少工作表 {absent[0]!r}。请使用 curate 写出的工作簿。",
        )
    return book


def _is_untouched(path: Path) -> bool:
    book = _opened(path)
    counts = (row[2] for row in book[READ].iter_rows(min_row=2, max_col=3, values_only=True))
    cells = (book[SIGN][NAME_AT].value, book[SIGN][DATE_AT].value, *counts)
    return not any(_cell(value) for value in cells)


def _signature(book: Any, path: Path) -> tuple[str, str]:
    name, day = _cell(book[SIGN][NAME_AT].value), _day(book[SIGN][DATE_AT].value)
    if not name or not day:
        missing_en, missing_zh = (
            ("reviewer's name", "审阅人姓名") if not name else ("date, as YYYY-MM-DD", "日期（YYYY-MM-DD）")
        )
        at = NAME_AT if not name else DATE_AT
        raise DataError(
            en=f"{path}: not signed: the {missing_en} is missing in {at} of {SIGN}. Fill it in and save.",
            zh=f"{path}：未签字：「{SIGN}」的 {at} 缺少{missing_zh}。请填写并保存。",
        )
    return name, day


def _cell(value: Any) -> str:
    """The text of a cell; of what Excel made a number, its digits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _day(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.strftime("%Y-%m-%d")
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", _cell(value))
    try:
        return date(*map(int, match.groups())).isoformat() if match else ""
    except ValueError:
        return ""


def _count(value: Any, where_en: str, where_zh: str) -> int:
    text = unicodedata.normalize("NFKC", _cell(value))
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,4}", text):
        # what stands there is not shown: it may be what was missed
        found_en, found_zh = ("not a whole number", "不是整数") if text else ("no number", "没有填数字")
        raise DataError(
            en=f"{where_en}, column C: {found_en}. Put the number of missed identifiers there, 0 if none.",
            zh=f"{where_zh} C 列：{found_zh}。请填写遗漏的个数，没有则填 0。",
        )
    return int(text)


def exact_bounds(count: int, n: int) -> tuple[float, float]:
    """The exact lower and upper bounds of a share, each with 95 % confidence of its own (Clopper and Pearson).

    Of 0 in 300 the upper one is 0.0099, the rule of three.
    """
    rest = 1 - CONFIDENCE
    low = 0.0 if count == 0 else _root(lambda p: 1 - _at_most(count - 1, n, p) - rest)
    high = 1.0 if count == n else _root(lambda p: rest - _at_most(count, n, p))
    return low, high


def _at_most(count: int, n: int, p: float) -> float:
    """The chance of so many or fewer in n, each with chance p."""
    if p in (0.0, 1.0):
        return 1.0 if p == 0 or count >= n else 0.0
    log_p, log_q = math.log(p), math.log1p(-p)
    logs = (
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + k * log_p + (n - k) * log_q
        for k in range(count + 1)
    )
    return math.fsum(map(math.exp, logs))


def _root(rising: Callable[[float], float]) -> float:
    """Where a rising function of a share crosses 0, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return high
