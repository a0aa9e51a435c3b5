"""What reports, errors and labels tell of a source: names of files, columns and departments, without anybody's.

A hospital's file may be called after a patient, and a table without a header has a patient for its columns.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from doctorglm.clinical.deid import find, masked
from doctorglm.clinical.deid.spans import resolved
from doctorglm.language import Text

_MOST = 8
"""Columns that are named."""
_LONG_CHARS = 24
_NUMBER = re.compile(r"[0-9０-９](?:[ \-]?[0-9０-９]){3}")
_WORD = re.compile("[A-Za-z]+")
_OF_FILES = frozenset({"date", "hospital", "url"})
_SUFFIX = re.compile(r"(?<=.)(?:\.[A-Za-z][A-Za-z0-9]{1,7}){1,2}$")
_ACCOUNT = re.compile(r"微信|薇信|wei ?xin|we ?chat|wxid|(?<![a-z])[vw]x(?![a-z])", re.IGNORECASE)


@lru_cache(4096)
def label(name: str, kept: frozenset[str] = frozenset()) -> str:
    """The name of a source, a department or a file with `[type]` for what identifies somebody; `kept` alone is nobody.

    What only looks like an account (train_v2) is one of these where WeChat is spoken of, and one Latin word
    (Andriatria_男科) is a name where a rule finds it.
    """
    plain = name.replace("_", " ")
    spans = [s for s in find(plain) if s.type != "wechat"] if name else []
    if any(s.type == "name" and _WORD.fullmatch(plain, s.start, s.end) for s in spans):
        sure = find(plain, "rules")
        spans = [s for s in spans if s in sure or not _WORD.fullmatch(plain, s.start, s.end)]
    if _ACCOUNT.search(name):
        spans = resolved([*spans, *find(name)])
    return name if {s.type for s in spans} <= kept else masked(name, spans)


def file_name(path: str) -> str:
    """The path as reports name it, each part without what identifies a person; a day or a hospital alone stays."""
    parts = [(part, _SUFFIX.search(part)) for part in path.split("/")]
    return "/".join(
        label(part[: suffix.start()], _OF_FILES) + suffix[0] if suffix else label(part, _OF_FILES)
        for part, suffix in parts
    )


def columns(names: Iterable[object]) -> Text:
    """The names of columns or keys, in order; only how many there are when one reads as data and not as a name."""
    every = sorted(map(str, names))
    if any(_is_data(name) for name in every):
        return Text(
            en=f"{len(every)} columns or keys, not shown because they hold data: the header may be missing",
            zh=f"{len(every)} 个列名或键，其中含有数据，不予显示：可能缺少表头",
        )
    return Text(en=str(every[:_MOST]), zh=str(every[:_MOST]))


def _is_data(name: str) -> bool:
    return len(name) > _LONG_CHARS or _NUMBER.search(name) is not None or label(name) != name
