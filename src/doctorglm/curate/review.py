"""A random sheet of kept conversations for a person to read and sign.

The sheet is an Excel workbook, which a reviewer in a hospital opens with what is there. It is drawn by hash, so that it
is the same whatever the order in which conversations come, and so that no more than its rows are held.
"""

import hashlib
import heapq
import re
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.worksheet.datavalidation import DataValidation

from doctorglm.conversation import Conversation
from doctorglm.runs import atomic_file

FILE = "review.xlsx"
SIGN, READ = "签字 Sign", "对话 Conversations"
_HEAD = (
    "编号 id",
    "去标识后的文本 text after de-identification",
    "遗漏的个人标识数 identifiers missed (number)",
    "哪一类 which kinds",
    "文本（续） text, continued",
)
NAME_AT, DATE_AT = "B2", "B3"
_CELL_CHARS = 32_000
"""Excel holds 32 767 characters in a cell; what is longer goes on in the last column."""
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_INSTRUCTIONS = (
    "请逐行阅读「对话」表中的全部文本。看到未被替换的个人标识，把个数填入 C 列；没有遗漏请填 0，不要留空。"
    "个人标识指：姓名、电话、证件号、银行卡、微信、QQ、邮箱、网址、住址、医院及床位、病历号、车牌、"
    "具体日期、90 岁及以上的年龄。",
    "D 列只写类别（例如：姓名），不要抄写标识本身。方括号中的占位符（例如 [name]）和替代用的虚构信息不算遗漏。",
    "全部填完后，在上面写下您的姓名和日期，以原文件名存为 xlsx，放回原文件夹，再次运行同一条 curate 命令。"
    "请勿增删行或改动 A、B 列。",
    "Read every text in the sheet Conversations. Count the identifiers that were not replaced and put the number into "
    "column C: 0 where there is none, no cell empty. Identifiers are names, telephones, identity and bank cards, "
    "WeChat, QQ, e-mail, web addresses, addresses, hospitals and beds, record numbers, plates, exact dates, and ages "
    "of 90 and more.",
    "In column D name the kinds only (such as: name), never the identifier itself. Placeholders in brackets ([name]) "
    "and invented surrogates are no misses.",
    "When all is filled in, write your name and the date above, save as xlsx under the same name in the same folder, "
    "and run the same curate command again. Add or remove no rows, and leave columns A and B as they are.",
)


class Sheet:
    """The conversations with the smallest keyed hashes of their ids, of all that are offered."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed
        self._held: list[tuple[int, str, str]] = []
        self._ids: set[str] = set()

    def offer(self, conversation: Conversation) -> None:
        """Takes the conversation, as it is written, if it is among the drawn so far; a second time changes nothing."""
        digest = hashlib.sha256(f"{self._seed}\0review\0{conversation.id}".encode()).digest()
        rank = -int.from_bytes(digest)
        if conversation.id in self._ids or (len(self._held) == self._count and rank < self._held[0][0]):
            return
        self._ids.add(conversation.id)
        heapq.heappush(self._held, (rank, conversation.id, _shown(conversation)))
        if len(self._held) > self._count:
            self._ids.discard(heapq.heappop(self._held)[1])

    def write(self, path: Path) -> dict[str, Any]:
        """Writes the workbook (0600, whole or not at all); returns what `run.json` keeps under `deid.review`.

        `ids` there is id -> a hash of its text, by which `read_signed` knows the sheet again.
        """
        rows = [(identifier, text) for _, identifier, text in sorted(self._held, reverse=True)]
        book = openpyxl.Workbook()
        _sign_sheet(book.active)
        _read_sheet(book.create_sheet(READ), rows)
        with atomic_file(path, "wb") as out:
            book.save(out)
        return {"file": path.name, "records": len(rows), "ids": {i: fingerprint(text) for i, text in rows}}


def _shown(conversation: Conversation) -> str:
    """Every message with who says it; signs that a workbook cannot hold as `?`."""
    said = "\n".join(f"{message.role}: {message.content}" for message in conversation.messages)
    return _UNFIT.sub("?", said)


def fingerprint(text: str) -> str:
    """A hash of a text, of the signs alone: programs differ in the spaces and line ends that they write."""
    return hashlib.sha256("".join(text.split()).encode("utf-8")).hexdigest()[:16]


def _sign_sheet(sheet: Any) -> None:
    sheet.title = SIGN
    sheet["A1"] = "去标识人工审阅 · Review of de-identification"
    sheet["A1"].font = Font(bold=True, size=14)
    for cell, label in (("A2", "审阅人姓名 reviewer's name"), ("A3", "日期 date (YYYY-MM-DD)")):
        sheet[cell] = label
    for at in (NAME_AT, DATE_AT):
        sheet[at].fill = PatternFill("solid", fgColor="FFF2CC")
        sheet[at].protection = Protection(locked=False)
    sheet[DATE_AT].number_format = "yyyy-mm-dd"
    for row, text in enumerate(_INSTRUCTIONS, 5):
        sheet.merge_cells(start_row=row, start_column=1, end_row=row, end_column=2)
        sheet.cell(row, 1, text).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[row].height = 64
    sheet.column_dimensions["A"].width = 34
    sheet.column_dimensions["B"].width = 60


def _read_sheet(sheet: Any, rows: list[tuple[str, str]]) -> None:
    sheet.append(_HEAD)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    for number, (identifier, text) in enumerate(rows, 2):
        parts = [text[i : i + _CELL_CHARS] for i in range(0, len(text), _CELL_CHARS)] or [""]
        for column, value in ((1, identifier), (2, parts[0]), *enumerate(parts[1:], 5)):
            cell = sheet.cell(number, column)
            # a text that begins with = would else be a formula, which a workbook runs
            cell.value, cell.data_type, cell.number_format = value, "s", "@"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        for column in (3, 4):
            sheet.cell(number, column).fill = PatternFill("solid", fgColor="FFF2CC")
    whole = DataValidation(
        type="whole", operator="greaterThanOrEqual", formula1="0", allow_blank=True, showErrorMessage=True
    )
    whole.error = "请填 0 或正整数 / a whole number, 0 or more"
    sheet.add_data_validation(whole)
    whole.add(f"C2:C{max(2, len(rows) + 1)}")
    for letter, width in zip("ABCDE", (26, 100, 18, 22, 30), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.freeze_panes = "C2"
