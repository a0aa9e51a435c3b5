"""Glossaries as tables: two columns without a header (English first), named columns, or HPO's babelon.

Lines that begin with # are remarks; `|` or `;` stands between renderings. Source of babelon's columns:
https://github.com/obophenotype/hpo-translations.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from doctorglm.translate.entry import Entry, entry, wrong

_NAMES: Mapping[str, frozenset[str]] = {
    "english": frozenset({"en", "english", "term", "source_value", "英文", "英语", "英文术语", "英文名"}),
    "chinese": frozenset(
        {"zh", "chinese", "translation", "translation_value", "zh-cn", "中文", "汉语", "译法", "译名"}
    ),
    "source": frozenset({"source", "来源", "出处"}),
    "licence": frozenset({"licence", "license", "许可", "许可证"}),
    "of": frozenset({"source_language"}),
    "to": frozenset({"translation_language"}),
    "status": frozenset({"translation_status"}),
    "id": frozenset({"subject_id"}),
}
_HPO = ("HPO", "HPO, https://hpo.jax.org/app/license: cite, unaltered")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_UNSETTLED = frozenset({"CANDIDATE", "REJECTED", "NOT_TRANSLATED"})


def entries(text: str, name: str, source: str = "", licence: str = "") -> Iterator[Entry]:
    """The rows in their order; raises DataError with `name` and the line for one that is none."""
    columns: Mapping[str, int] | None = None
    for number, cells in _records(text, name):
        where = f"{name}:{number}"
        if columns is None:
            named = _columns(cells)
            columns = named or _unnamed(cells, where)
            if named:
                continue
        row = _row(cells, columns, where)
        if not _is_left_out(row):
            said = _HPO if row.get("id", "").startswith("HP:") else (row.get("source") or source, licence)
            english = _repaired(row["english"]) if said == _HPO else row["english"]
            yield entry(english, row["chinese"], where, said[0], row.get("licence") or said[1])


def _records(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row that holds something; the line is where the row ends."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    tabbed = bool(lines) and "\t" in lines[0]
    kept = io.StringIO("\n".join("" if line.startswith("#") else line for line in text.splitlines()), newline="")
    reader = csv.reader(kept, delimiter="\t" if tabbed else ",", strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            raise wrong(f"{name}:{reader.line_num}", en="a quote that does not end. Close it, or double it.",
                        zh="引号没有闭合。请补上，或写成两个。") from None  # fmt: skip
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield reader.line_num, [cell.strip() for cell in cells]


def _columns(cells: Sequence[str]) -> Mapping[str, int]:
    """Where the named columns are; nothing where this is no header."""
    names = [cell.lower() for cell in cells]
    found = {key: i for key, known in _NAMES.items() for i, name in enumerate(names) if name in known}
    return found if {"english", "chinese"} <= found.keys() else {}


def _unnamed(cells: Sequence[str], where: str) -> Mapping[str, int]:
    """English first, Chinese second; raises DataError where the first row is a header with other names."""
    if len(cells) > 1 and cells[1] and not _HAN.search("".join(cells)):
        raise wrong(where, en="no Chinese in the first row. If it is a header, name its columns en and zh.",
                    zh="第一行没有中文。如果是表头，请把列命名为 en 和 zh。")  # fmt: skip
    return {"english": 0, "chinese": 1}


def _row(cells: Sequence[str], columns: Mapping[str, int], where: str) -> dict[str, str]:
    if len(cells) <= max(columns["english"], columns["chinese"]):
        raise wrong(where, en=f"{len(cells)} column(s); an English and a Chinese one are needed.",
                    zh=f"只有 {len(cells)} 列；需要英文和中文各一列。")  # fmt: skip
    if len(columns) == 2 and len(cells) > 2 and any(cells[2:]) and columns == {"english": 0, "chinese": 1}:
        raise wrong(where, en=f"{len(cells)} columns without a header that names them (en, zh, source, licence).",
                    zh=f"有 {len(cells)} 列，但没有表头（en, zh, source, licence）。")  # fmt: skip
    return {key: cells[at] for key, at in columns.items() if at < len(cells)}


def _is_left_out(row: Mapping[str, str]) -> bool:
    """True for what babelon does not give as settled English to Chinese."""
    of, to = row.get("of", "en").lower(), row.get("to", "zh").lower()
    return of[:2] != "en" or to[:2] != "zh" or row.get("status", "").upper() in _UNSETTLED


def _repaired(label: str) -> str:
    """The label with UTF-8 that was read as GBK on its way into the file (Folie 脿 deux) read as what it is."""
    return _HAN.sub(lambda run: _as_utf8(run[0]), label)


def _as_utf8(run: str) -> str:
    try:
        return run.encode("gbk").decode("utf-8")
    except UnicodeError:
        return run
