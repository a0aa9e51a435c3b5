"""Tables of diseases or drugs, one row an entry: CSV, TSV, JSON, JSON lines, Excel, Parquet, in any encoding."""

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache

from doctorglm.files.archives import Content
from doctorglm.files.formats import Row, format_of
from doctorglm.files.told import columns
from doctorglm.language import Text
from doctorglm.library.document import KINDS, Section
from doctorglm.library.importers.cells import names_in, text_of_cell
from doctorglm.library.importers.columns import Layout, Mapping, layout_of, no_columns
from doctorglm.library.importers.entry import Read, Skipped, entry, refused

_FORMS = frozenset({"table", "json", "json lines", "excel", "parquet"})
_FIRST_ROWS = 1000
"""A file is a table of entries when one of so many first rows has a title and a text."""
_CHINESE_KINDS = {"疾病": "disease", "药品": "drug", "药物": "drug", "症状": "symptom", "检查": "test", "其他": "other"}
_WHY = {
    "ragged_row": Text(
        en="more or fewer cells than columns. Put quotes around cells with line breaks or commas.",
        zh="单元格数与列数不符。含换行或逗号的单元格请加引号。",
    ),
    "repeated_header": Text(en="the header stands here again.", zh="这里又是一行表头。"),
    "not_an_object": Text(en="no object with named fields.", zh="不是带字段名的对象。"),
}


def is_table(content: Content, mapping: Mapping | None) -> bool:
    """True for JSON, and for a text whose first line names columns of which one is known as a title."""
    form = format_of(content, lambda names: bool(layout_of(tuple(names), mapping).title))
    return form.form.startswith("json") or (form.form == "table" and bool(layout_of(form.names, mapping).title))


def entries(content: Content, stem: str, mapping: Mapping | None) -> Iterator[Read]:
    """The rows as entries, read as they are used; raises DataError for a damaged table, or one of other columns."""
    known = lru_cache(None)(lambda names: layout_of(names, mapping))
    form = format_of(content, lambda names: bool(known(tuple(names)).title))
    if form.form not in _FORMS:
        raise refused(content.name, en="no table. Give CSV, JSON or .xlsx.", zh="不是表格。请给出 CSV、JSON 或 .xlsx。")
    rows = form.rows()
    first = list(itertools.islice(rows, _FIRST_ROWS))
    layouts = [known(names) for names in dict.fromkeys(tuple(row.fields) for row in first if row.fields is not None)]
    if not any(layout.title and layout.sections for layout in layouts):
        names = next((list(row.fields) for row in first if row.fields), list(form.names))
        en, zh = no_columns(names)
        raise refused(content.name, en=en, zh=zh)
    if unused := {name for layout in layouts for name in layout.unused}:
        yield Skipped(where=content.name, reason=_unused(sorted(unused)))
    for row in itertools.chain(first, rows):
        layout = known(tuple(row.fields)) if row.fields is not None else None
        yield from _entry(row, layout, content.name, stem)


def _entry(row: Row, layout: Layout | None, name: str, stem: str) -> Iterator[Read]:
    where = f"{name}:{row.number}"
    if row.fields is None or layout is None:
        yield Skipped(where=where, reason=_WHY.get(row.reason, Text(en=row.reason, zh=row.reason)))
        return
    cells = {field: text_of_cell(row.fields[column]) for field, column in layout.fields.items()}
    kind = _kind(cells.pop("kind", ""), layout.kind)
    given = row.fields.get(layout.fields.get("id", ""))
    identifier = cells.pop("id", "")
    if not isinstance(given, str | int):
        identifier = ""
    yield from entry(
        where,
        # a number alone counts within this table
        id=f"{stem}-{identifier}" if identifier.isdigit() else identifier,
        title=text_of_cell(row.fields[layout.title]) if layout.title else "",
        aliases=[alias for column in layout.aliases for alias in names_in(row.fields[column])],
        sections=[Section(heading, key, text_of_cell(row.fields[column])) for column, heading, key in layout.sections],
        kind=kind,
        **cells,
    )


def _kind(said: str, of_title: str) -> str:
    """The row's own kind where it is one, else that of the title's column; "" leaves it to the sections."""
    said = _CHINESE_KINDS.get(said, said.lower())
    if said in KINDS:
        return said
    return "" if of_title == "other" else of_title


def _unused(names: Sequence[str]) -> Text:
    told = columns(names)
    return Text(
        en=f"columns that are no known field or heading were not read: {told.en}. A mapping file can name them.",
        zh=f"未读取的列（不是已知字段或标题）：{told.zh}。可在映射文件里指明。",
    )
