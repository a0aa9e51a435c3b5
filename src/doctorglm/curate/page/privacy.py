"""What de-identification found, and what a person who looked at a random sheet found beyond it."""

from collections.abc import Mapping
from typing import Any

from doctorglm.curate.page.wording import IDENTIFIERS, called
from doctorglm.language import Text
from doctorglm.report.blocks import Commands, Figure, Table
from doctorglm.report.charts import Bar, bars
from doctorglm.report.numbers import number, percent

_MODES = {
    "placeholders": Text(en="Each is replaced by its type in brackets.", zh="每处都换成方括号内的类型。"),
    "surrogates": Text(
        en="Each is replaced by an invented one of its type, the same within one conversation.",
        zh="每处都换成同类的虚构内容，同一段对话内前后一致。",
    ),
}
_NAMES = {
    "tagger": Text(en="Names were sought by a tagger and by rules.", zh="姓名由标注模型和规则共同查找。"),
    "rules": Text(en="Names were sought by rules alone.", zh="姓名仅由规则查找。"),
}


def identifiers(record: Mapping[str, Any]) -> Figure | None:
    """How many of which type were masked."""
    deid = record.get("deid") or {}
    spans = {kind: n for kind, n in (deid.get("spans") or {}).items() if n}
    if not spans or deid.get("mode") == "none":
        return None
    whole, conversations = sum(spans.values()), deid.get("conversations", 0)
    rows = [Bar(label=called(kind, IDENTIFIERS), count=n) for kind, n in spans.items()]
    said = [text for text in (_MODES.get(deid.get("mode", "")), _NAMES.get(deid.get("names", ""))) if text]
    return Figure(
        title=Text(
            en=f"{number(whole, 0)} identifiers were masked in {number(conversations, 0)} conversations",
            zh=f"在 {number(conversations, 0)} 段对话中去除了 {number(whole, 0)} 处标识信息",
        ),
        chart=bars(rows, name=Text(en="identifier", zh="类型"), whole=whole),
        n=Text(en=f"n = {number(whole, 0)} identifiers", zh=f"n = {number(whole, 0)} 处"),
        note=Text(en=" ".join(text.en for text in said), zh="".join(text.zh for text in said)) if said else None,
    )


def review(record: Mapping[str, Any]) -> Table | Commands | None:
    """The signed sheet with its miss rate, or how to have one made."""
    deid = record.get("deid")
    if deid is None or deid.get("mode") == "none":
        return None
    title = Text(en="Reviewed by a person", zh="人工抽查")
    sheet = deid.get("review") or {}
    if "file" in sheet and "rate" not in sheet:
        return Commands(
            title=title,
            lines=[str(sheet["file"])],
            note=Text(
                en=f"A sheet of {sheet['records']} random conversations waits to be read and signed.",
                zh=f"已抽取 {sheet['records']} 段对话，抽查表等待审阅签字。",
            ),
        )
    if not sheet:
        return Commands(
            title=title,
            lines=["doctorglm curate SOURCE --out DIR --review 300"],
            note=Text(
                en="Nobody has signed a sheet of this set yet. This writes one of 300 random conversations.",
                zh="尚无人对本数据抽查签字。此命令随机抽取 300 段对话，生成抽查表。",
            ),
        )
    return Table(
        title=title,
        columns=[Text(en="sheet", zh="抽查"), Text(en="value", zh="结果")],
        rows=[
            [Text(en="conversations looked at", zh="抽查的对话"), number(sheet["records"], 0)],
            [Text(en="identifiers missed", zh="漏掉的标识信息"), number(sheet["missed"], 0)],
            [Text(en="miss rate", zh="漏检率"), percent(sheet["rate"], 2)],
            [Text(en="upper 95\u202f% bound", zh="95\u202f% 上限"), percent(sheet["high"], 2)],
            [Text(en="signed by", zh="签字人"), str(sheet.get("signed_by") or "–")],
            [Text(en="date", zh="日期"), str(sheet.get("date") or "–")],
        ],
        note=Text(
            en="A random sheet that a person read and signed; the bound says how many may be missed at worst.",
            zh="随机抽取、由人逐段阅读并签字；上限表示最坏情况下的漏检率。",
        ),
    )
