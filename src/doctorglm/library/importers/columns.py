"""What the columns of a table are: by their names in Chinese and English, or by a mapping file of the user's.

品名: drug            # a title: title, disease, drug, symptom, test (the last four say of what kind the entries are)
俗称: aliases          # or id, department, source, licence, version, kind
主要表现: symptoms     # a section: one of the keys of headings.txt, or a heading in words
备注: ignore
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from doctorglm.clinical.folding import folded
from doctorglm.errors import ConfigError, shown
from doctorglm.files.told import columns as told_columns
from doctorglm.library.document import KINDS
from doctorglm.library.headings import NAMES, OTHER, key_of
from doctorglm.library.importers.blocks import HAN
from doctorglm.settings import nearest, yaml_problem

_TITLES = {
    "disease": "疾病 疾病名 疾病名称 病名 病种 disease diseasename",
    "drug": "药品 药品名 药品名称 药名 药物 药物名称 通用名 通用名称 drug drugname medicine medicinename genericname",
    "symptom": "症状名称 symptomname",
    "test": "检查项目 检查名称 检验项目 testname",
    "other": "name 名称 名字 标题 题名 title 条目 词条 entry term",
}
_FIELDS = {
    "id": "id 编号",
    "aliases": "别名 别称 又名 又称 俗称 俗名 简称 同义词 曾用名 英文名 英文名称 商品名 商品名称 "
    "alias aliases synonym synonyms aka englishname brand brandname brandnames",
    "department": "科室 就诊科室 所属科室 挂号科室 department curedepartment",
    "source": "来源 出处 链接 网址 source url link reference",
    "licence": "许可 许可证 授权 licence license",
    "version": "版本 更新日期 修订日期 version updated date",
    "kind": "类型 kind type",
}
_SECTIONS = {
    "overview": "desc",
    "causes": "cause getway easyget getprob",
    "symptoms": "acompany",
    "diagnosis": "check",
    "treatment": "cureway commondrug recommanddrug",
    "prevention": "prevent",
    "prognosis": "curedprob curelasttime",
    OTHER: "text content body 正文 内容 全文",
}
"""Short names that are no headings; most are those of the widely used table of QASystemOnMedicalKG."""
_IGNORED = frozenset(["index", "idx", "序号", "no", "number", "#"])
_ROLES = {
    **{name: ("title", kind) for kind, names in _TITLES.items() for name in names.split()},
    **{name: (field, "") for field, names in _FIELDS.items() for name in names.split()},
    **{name: ("section", key) for key, names in _SECTIONS.items() for name in names.split()},
    **dict.fromkeys(_IGNORED, ("ignore", "")),
}
_BETWEEN = re.compile(r"[\s_\-]+")


@dataclass(frozen=True, slots=True)
class Mapping:
    """The user's word on columns: (what, detail) by the column's name in lower case."""

    roles: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a table: title, its kind, aliases, other fields, sections (column, heading, key), and the rest."""

    title: str
    kind: str
    aliases: tuple[str, ...]
    fields: dict[str, str]
    sections: tuple[tuple[str, str, str], ...]
    unused: tuple[str, ...]


def read_mapping(path: Path) -> Mapping:
    """The mapping in a YAML file; raises ConfigError with the path, what is wrong, and an example."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _wrong(path, yaml_problem(error), yaml_problem(error)) from None
    if not isinstance(values, dict) or not values:
        raise _wrong(path, "no `column: field` pairs", "没有“列: 字段”")
    return Mapping({str(column).strip().lower(): _role_named(field, path) for column, field in values.items()})


def _role_named(field: Any, path: Path) -> tuple[str, str]:
    said = field.strip() if isinstance(field, str) else ""
    if said in ("title", *KINDS[:-1]):
        return "title", "other" if said == "title" else said
    if said in (*_FIELDS, "ignore"):
        return said, ""
    if said in NAMES or key_of(said) != OTHER:
        return "section", said
    near = nearest(said, ["title", *KINDS[:-1], *_FIELDS, *NAMES, "ignore"]) if said else None
    hint = (f" Did you mean `{near}`?", f"是否要写 `{near}`？") if near else ("", "")
    raise _wrong(path, f"no field or heading {shown(said)}.{hint[0]}", f"没有字段或标题 {shown(said)}。{hint[1]}")


def _wrong(path: Path, en: str, zh: str) -> ConfigError:
    return ConfigError(
        en=f"mapping={path}: {en} Write `COLUMN: title`, `COLUMN: aliases`, and for a section its key or heading, "
        "such as `COLUMN: symptoms`.",
        zh=f"mapping={path}：{zh} 请写 `列名: title`、`列名: aliases`；内容列写键或标题，如 `列名: symptoms`。",
    )


def layout_of(names: Sequence[str], mapping: Mapping | None = None) -> Layout:
    """What the columns are; of several titles the mapping's, else the first; one of the same kind is an alias."""
    said = mapping.roles if mapping else {}
    roles = {name: said.get(name) or _role(name) for name in names}
    titles = [name for name in names if roles[name][0] == "title"]
    titles.sort(key=lambda name: name not in said)
    title = titles[0] if titles else ""
    kind = roles[title][1] if title else ""
    others = tuple(name for name in titles[1:] if roles[name][1] == kind)
    fields = {what: name for name in reversed(names) if (what := roles[name][0]) in _FIELDS and what != "aliases"}
    return Layout(
        title,
        kind,
        (*others, *(name for name in names if roles[name][0] == "aliases")),
        fields,
        tuple(_sections(names, roles)),
        tuple(n for n in names if roles[n][0] == "" or (n in titles[1:] and n not in others)),
    )


def _role(name: str) -> tuple[str, str]:
    plain = _BETWEEN.sub("", folded(name))
    known = _ROLES.get(plain) or _ROLES.get(plain.lstrip("#*"))
    if known:
        return known
    key = key_of(name)
    return ("section", key) if key != OTHER else ("", "")


def _sections(names: Sequence[str], roles: dict[str, tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Headings as the mapping or the column has them; the names of columns in English letters are rarely words."""
    for name in names:
        what, said = roles[name]
        if what == "section" and said in NAMES:
            yield name, name if HAN.search(name) else NAMES[said][1], said
        elif what == "section":
            yield name, said, key_of(said)


def no_columns(names: Sequence[str]) -> tuple[str, str]:
    """Why a table gives nothing, in English and Chinese, with its columns and what to do."""
    told = told_columns(names)
    return (
        f"no column is known as a title with one for a text; its columns are {told.en}. Say with a mapping file which "
        "they are (`COLUMN: title`, `COLUMN: symptoms`).",
        f"没有认出标题列和内容列；它的列是 {told.zh}。请用映射文件说明（`列名: title`、`列名: symptoms`）。",
    )
