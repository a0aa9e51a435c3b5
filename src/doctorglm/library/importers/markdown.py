"""Markdown with front matter in YAML, if any, and plain text.

---
id: common-cold
title: 普通感冒
aliases: [感冒, 伤风]
kind: disease            # disease, drug, symptom, test, other
department: 呼吸内科
source: https://…        # of all of it; `sources` says what each section's is
sources: {病因: [medquad 0000223]}
licence: CC BY 4.0
version: 2026-11
---
# 普通感冒
## 病因
…

Source of the parser: markdown-it-py (CommonMark and tables).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml
from markdown_it import MarkdownIt

from doctorglm.errors import DataError
from doctorglm.files.archives import Content
from doctorglm.files.told import columns
from doctorglm.language import Text
from doctorglm.library.document import KINDS, Section
from doctorglm.library.headings import OTHER
from doctorglm.library.importers.blocks import HAN, sections_of, take_title
from doctorglm.library.importers.cells import names_in
from doctorglm.library.importers.entry import Read, Skipped, entry, refused
from doctorglm.library.importers.markup import blocks_of, tree_of
from doctorglm.library.importers.reading import text_of
from doctorglm.settings import nearest, yaml_problem

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_LONGEST_FRONT_CHARS = 1 << 16
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""libyaml's, which is several times faster and refuses what is nested too deep, where PyYAML was built with it."""
_DEEPEST = 2
_NAMES = {
    "id": "id",
    "title": "title 标题 名称 name",
    "aliases": "aliases alias 别名",
    "kind": "kind 类型",
    "department": "department 科室",
    "source": "source 来源",
    "sources": "sources",
    "licence": "licence license 许可",
    "version": "version 版本",
}
_FIELDS = {name: field for field, names in _NAMES.items() for name in names.split()}


def entries(content: Content, stem: str) -> Iterator[Read]:
    """The file as one entry, a section for each `##`; raises DataError for front matter that is wrong."""
    front, body = _front_matter(text_of(content), content.name)
    if unknown := [name for name in front if name not in _FIELDS]:
        yield Skipped(where=content.name, reason=_unknown(unknown))
    said = {_FIELDS[name]: value for name, value in front.items() if name in _FIELDS}
    blocks = blocks_of(tree_of(MarkdownIt("commonmark").enable("table").render(body), content.name))
    heading, rest = take_title(blocks)
    title = _line(said.get("title")) or heading
    if heading and title != heading and any(block.level == 1 for block in rest):
        rest = blocks  # `#` stands for sections here, and the title above them
    sources, source = _sources(said)
    yield from entry(
        content.name,
        id=_line(said.get("id")),
        title=title or stem,
        aliases=_names(said.get("aliases")),
        kind=_kind(said.get("kind"), content.name),
        sections=_with_sources(sections_of(rest, _DEEPEST), sources, content.name),
        source=source,
        **{field: _line(said.get(field)) for field in ("department", "licence", "version")},
    )


def plain_entries(content: Content, stem: str) -> Iterator[Read]:
    """A plain text as one entry of one section, with the file's name for its title."""
    text = "\n".join(filter(None, (" ".join(line.split()) for line in text_of(content).split("\n"))))
    heading = "正文" if HAN.search(text) else "Text"
    yield from entry(content.name, title=stem, sections=[Section(heading, OTHER, text)])


def _front_matter(text: str, name: str) -> tuple[dict[str, Any], str]:
    """The front matter, every scalar as the text it is, and what stands below it."""
    found = _FRONT.match(text[:_LONGEST_FRONT_CHARS])
    if not found:
        return {}, text
    try:
        values = yaml.load(found[1] or "", Loader=_LOADER)
    except (yaml.YAMLError, RecursionError) as error:
        raise _wrong_front(name, yaml_problem(error)) from None
    if values is not None and not isinstance(values, dict):
        raise _wrong_front(name, "KEY: VALUE pairs are needed")
    return {str(key).strip().lower(): value for key, value in (values or {}).items()}, text[found.end() :]


def _line(value: Any) -> str:
    """A scalar as it is, a list joined; "" for anything deeper."""
    if isinstance(value, list):
        return "; ".join(part for part in value if isinstance(part, str) and part)
    return value.strip() if isinstance(value, str) else ""


def _names(value: Any) -> list[str]:
    """The aliases: those of a list as they are, those of a string split."""
    if isinstance(value, list):
        return [part for part in value if isinstance(part, str)]
    return names_in(value) if isinstance(value, str) else []


def _kind(value: Any, name: str) -> str:
    said = _line(value).lower()
    if said and said not in KINDS:
        raise refused(
            name,
            en=f"unknown kind in the front matter. Write one of {', '.join(KINDS)}.",
            zh=f"front matter 中的 kind 不认识。请写 {'、'.join(KINDS)} 之一。",
        )
    return said


def _sources(said: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The sources of each section by its heading, and those of the whole document."""
    given = said.get("sources")
    whole = "; ".join(filter(None, (_line(said.get("source")), _line(given))))
    by_section = given if isinstance(given, dict) else {}
    return {str(heading).strip(): _line(value) for heading, value in by_section.items()}, whole


def _with_sources(sections: Sequence[Section], sources: Mapping[str, str], name: str) -> list[Section]:
    headings = [section.heading for section in sections]
    for heading in sources:
        if heading not in headings:
            raise _no_section(heading, headings, name)
    return [replace(section, source=sources.get(section.heading, "")) for section in sections]


def _no_section(heading: str, headings: Sequence[str], name: str) -> DataError:
    near = nearest(heading, headings)
    hint = Text(en=f" Did you mean {near!r}?", zh=f"是否要写“{near}”？") if near else Text(en="", zh="")
    return refused(
        name,
        en=f"`sources` names {heading!r}, which is no section with a text.{hint.en} Correct or remove it.",
        zh=f"`sources` 里的“{heading}”不是有正文的小节。{hint.zh}请更正或删去。",
    )


def _wrong_front(name: str, what: str) -> DataError:
    return refused(
        name,
        en=f"the front matter is no YAML ({what}). Mend it, or remove the lines between `---`.",
        zh=f"front matter 不是正确的 YAML（{what}）。请修正，或删去 `---` 之间的内容。",
    )


def _unknown(names: Sequence[str]) -> Text:
    told = columns(names)
    known = ", ".join(_NAMES)
    return Text(
        en=f"keys of the front matter that were not read: {told.en}. The keys are {known}.",
        zh=f"未读取的 front matter 键：{told.zh}。可用的键：{known}。",
    )
