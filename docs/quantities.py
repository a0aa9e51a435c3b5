"""Finds the figures in a page of Markdown: quantities that were measured, counted or claimed, in English and Chinese.

A figure is a number with a unit of time, size, rate, loss or money (`3 GB`, `401 s`, `0.07 nats`, `40 %`, `两分钟`), a
multiple (`1.5x`, `eighteen times slower`, `三倍`), a count of what was read, run or made (`208 dialogues`, `20 of 20`,
`208 段`), the value of a measure (`perplexity 33`, `n = 40`), and any other number with decimals or three digits.

Not figures: what stands in code, links and generated blocks; dates, years, versions, identifiers, exit codes; the value
that follows a setting's name (`learning rate 0.004`); small numbers without a unit (`4 layers`). Words are read as
numbers before a unit of measurement alone: `two seconds` is a figure, `two languages` and `a few minutes` are not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

BLOCK = re.compile(r"<!-- (?P<kind>figures|settings):(?P<name>[^ ]+) -->\n.*?<!-- /(?P=kind) -->", re.DOTALL)
"""What docs/tables.py and docs/settings_tables.py write."""

_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,}).*?(?:^ {0,3}(?P=fence)[`~]*[ ]*$|\Z)", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ ]*\n).)*?(?<!`)(?P=ticks)(?!`)(?: = \S*\d)?", re.DOTALL)
_LIST_ITEM = re.compile(r" {0,3}(?:[-*+]|\d+[.)]) ")
_SETTING_AND_DEFAULT = re.compile(r"^\|[^|\n]*\|[^|\n]*\|", re.MULTILINE)

_NOT_PROSE = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<!--.*?-->",
        r"\]\([^)]*\)",
        r"</?[A-Za-z][^>\n]*>",
        r"https?://[^\s)>\]]+",
        r"\b(?:arXiv[: ]?)?\d{4}\.\d{5}\b",
        r"\b\d{4}-\d\d-\d\d\b|\b(?:19|20)\d0s\b",
        r"(?<![\d.])v?\d+\.\d+\.\d+[\w.+-]*",
        r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b",
        r"\b(?:Python|PyTorch|torch|transformers|CUDA|CC BY(?:-[A-Z]+)*|CC0|PEP|RFC|ISO)[ -]\d[\d.]*",
        r"(?:[Ee]xit codes?|退出码)[^.。\n]*",
        r"(?i:learning rate|temperature|top-p|seed|rank|alpha|margin|dropout|threshold|width|学习率|温度)"
        r"(?: of| =|：)? ?[-+]?\d[\d.e-]*",
    )
]


def _any(*alternatives: str) -> str:
    return f"(?:{'|'.join(alternatives)})"


# A number, and what may stand before it and between it and its unit.
_START = r"(?<![A-Za-z0-9_.^/#\\])(?<![A-Za-z]-)(?<!\d,)(?<!第)(?<!第 )"
_NUMBER = r"(?:(?<!\d)[-+−])?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?!0\d)\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
_GAP = r"\**(?:[ \u00a0\u2009\u202f]|\n *(?!\d+\.))?\**"

_COMPARED = (
    r"(?:as|the|faster|slower|quicker|more|less|fewer|larger|smaller|longer|shorter|higher|lower|better|worse)\b"
)
_MEASURE = _any(
    r"(?:milli|micro)?seconds?\b|minutes?\b|hours?\b|days?\b",
    r"(?:[KkMGTP]i?B|bytes?)\b",
    r"percent(?:age points?)?\b|per cent\b",
    r"nats?\b|bits per\b",
    rf"-?fold\b|times {_COMPARED}",
    r"dollars?\b|cents?\b|euros?\b|yuan\b",
)
_COUNTED = (
    r"(?:[a-z][a-z-]*[ \n])?(?:tokens|dialogues|conversations|consultations|records|rows|items|answers|questions|"
    r"samples|documents|texts|characters|words|pieces|parameters|steps|runs|trials|moments|kills|copies|departments|tests|"
    r"errors|failures|pages|papers|points|requests)\b"
)
_UNIT = _any(
    _MEASURE,
    r"%|％|(?:ms|[µμn]s|s|secs?|mins?|h|hrs?)\b",
    r"[KMGT]?Hz\b|kWh\b|W\b|[KMGTP]?FLOPs?(?:/s)?\b",
    r"[A-Za-z]+/(?:s|sec|second|min|minute|h|hour|step|token|answer|dialogue)\b",
    r"[a-z]+ (?:per|a) (?:second|minute|hour)\b",
    rf"[x×](?= {_COMPARED})",
    r"(?:million|billion)\b|USD\b|EUR\b|RMB\b|CNY\b",
    _COUNTED,
)
_WORD = _any(
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]+teen",
    r"twenty|thirty|forty|fifty|sixty|eighty|ninety|hundred|thousand|half an?",
)
_SCORE = r"(?:perplexity|BLEU(?:-\d)?|ROUGE(?:-\w+)?|accuracy|F1|AUC|NLL|score|loss)(?: of| is| was|:| =)?"
_UNIT_ZH = (
    r"(?:毫秒|微秒|秒|分钟|小时|天|倍|字节|个百分点|元|美元|[万亿]|"
    r"条|段|项|步|次|轮|字符?|样本|对话|记录|参数|tokens?\b|词元|科室)"
)
_ZH = "[一二两三四五六七八九十百千万]"
_YEAR = r"(?:19\d\d|20[0-3]\d)(?!\d|[.,]\d)"

_FIGURES = [
    re.compile(pattern)
    for pattern in (
        rf"[$€£¥] ?{_NUMBER}",
        rf"{_START}{_NUMBER}[x×](?![A-Za-z0-9])",
        rf"{_START}{_NUMBER}[KkMB]?{_GAP}{_UNIT}",
        rf"{_START}{_NUMBER} ?[个多余]?{_GAP}{_UNIT_ZH}",
        rf"{_START}{_NUMBER} (?:out )?of {_NUMBER}(?![A-Za-z0-9])",
        rf"\b(?:[npr] ?[=<>≈≤≥]|{_SCORE}) ?{_NUMBER}",
        rf"(?i:\b{_WORD}[ -]{_MEASURE})",
        rf"(?i:\b(?:twice|thrice|half|third|quarter|fifth|tenth) {_COMPARED})",
        rf"百分之{_ZH}+",
        rf"(?<!第)(?:{_ZH}+|半) ?(?:毫秒|秒|分钟|小时|倍|字节|个百分点)",
        r"(?<=[约近达了低高少多降增升快慢])[一二两三四五六七八九]成",
        rf"{_START}(?!{_YEAR})(?=[-+−]?(?:\d[\d,]*\.\d|\d+,\d|\d\d\d)){_NUMBER}(?![A-Za-z0-9^]|-[a-z]| wide)",
    )
]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A quantity of a page: `text[start:end]`, as it stands."""

    start: int
    end: int
    shown: str


def code(text: str) -> list[tuple[int, int]]:
    """The spans of fenced, indented and inline code, where nothing is read and no marker counts."""
    blocks = [*_spans(_FENCE, text), *_indented(text)]
    return sorted([*blocks, *_spans(_INLINE, blanked(text, blocks))])


def prose(text: str) -> str:
    """The text, what is not prose blanked and all in its place; a table of settings keeps what its settings mean."""
    text = BLOCK.sub(_meanings, text)
    text = blanked(text, code(text))
    for pattern in _NOT_PROSE:
        text = blanked(text, _spans(pattern, text))
    return text


def figures(prose: str) -> list[Figure]:
    """The figures in what `prose` returned, in their order; of those that overlap the first and longest."""
    found: list[Figure] = []
    spans = {span for pattern in _FIGURES for span in _spans(pattern, prose)}
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not found or start >= found[-1].end:
            found.append(Figure(start=start, end=end, shown=" ".join(prose[start:end].split())))
    return found


def _meanings(block: re.Match[str]) -> str:
    """The block blanked, or of a table of settings the columns that are not text."""
    if block["kind"] == "figures":
        return blanked(block[0], [(0, len(block[0]))])
    return blanked(block[0], _spans(_SETTING_AND_DEFAULT, block[0]))


def _indented(text: str) -> list[tuple[int, int]]:
    """Lines of four spaces after an empty line, outside lists."""
    spans, at, in_list, may_begin = [], 0, False, True
    for line in text.splitlines(keepends=True):
        if not line.strip():
            may_begin = True
        elif not line.startswith("    "):
            in_list = bool(_LIST_ITEM.match(line)) or (in_list and line.startswith(" "))
            may_begin = False
        elif may_begin and not in_list:
            spans.append((at, at + len(line)))
        at += len(line)
    return spans


def _spans(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    return [found.span() for found in pattern.finditer(text)]


def blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with NULs for what stands in the spans, but for line ends."""
    for start, end in spans:
        text = text[:start] + re.sub(r"[^\n]", "\0", text[start:end]) + text[end:]
    return text
