"""A page as one HTML file: both languages, both widths and both shades inside, nothing loaded from elsewhere.

Its content-security policy forbids every request and every script but our own, so that a patient's words cannot act
even where a browser would read them as markup.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib import metadata, resources
from pathlib import Path

from doctorglm.language import Language, current
from doctorglm.report import strings, tokens
from doctorglm.report.blocks import (
    Answer,
    Answers,
    Block,
    Commands,
    Figure,
    Listing,
    Number,
    Page,
    Prose,
    Question,
    Sample,
    Samples,
    Table,
    Translations,
    Verdict,
)
from doctorglm.report.differences import pieces
from doctorglm.report.side_by_side import side_by_side
from doctorglm.report.wording import Wording, clean, worded
from doctorglm.runs import atomic_file

_LANGUAGES: tuple[Language, ...] = ("zh", "en")
_TAGS = {"zh": "zh-CN", "en": "en"}
_MASK = re.compile(r"\[([a-z_]{2,20})\]")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def write(path: Path, page: Page) -> None:
    """Writes the page, complete or not at all."""
    html = render(page)
    with atomic_file(path) as out:
        out.write(html)


def render(page: Page, language: Language | None = None) -> str:
    """The page as HTML; `language` (default: the one in force) is what a reader without JavaScript sees.

    Raises ValueError for a `Text` that lacks one of its languages.
    """
    first = language or current()
    script = _asset("page.js")
    titles = " ".join(f'data-{code}="{escape(worded(page.title, code))}"' for code in _LANGUAGES)
    body = "\n".join(_block(block) for block in page.blocks)
    subtitle = "" if page.subtitle is None else f'<p class="subtitle">{_both(page.subtitle)}</p>'
    return f"""<!doctype html>
<html lang="{_TAGS[first]}" {titles}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">
<title>{escape(worded(page.title, first))}</title>
<style>
{tokens.stylesheet()}{_asset("page.css")}</style>
</head>
<body>
<header>
<div class="bar"><span class="brand">DoctorGLM</span>{_switch()}</div>
<script>{script}</script>
<h1>{_both(page.title)}</h1>
{subtitle}
</header>
<main>
{body}
</main>
<footer>
<h2>{_both(strings.HONESTY_TITLE)}</h2>
<p>{_both(page.honesty or strings.HONESTY)}</p>
<p class="version">DoctorGLM {escape(metadata.version("doctorglm"))}</p>
</footer>
</body>
</html>
"""


def _asset(name: str) -> str:
    return (resources.files("doctorglm.report") / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'"
    )


def _switch() -> str:
    names = {"zh": "中文", "en": "English"}
    buttons = "".join(
        f'<button type="button" data-language="{code}" lang="{_TAGS[code]}">{names[code]}</button>'
        for code in _LANGUAGES
    )
    label = f"{strings.LANGUAGE_SWITCH.zh} / {strings.LANGUAGE_SWITCH.en}"
    return f'<div class="switch" role="group" aria-label="{escape(label)}" hidden>{buttons}</div>'


def _both(wording: Wording) -> str:
    """The wording in both languages, one of them hidden by the stylesheet; a `str` stands once."""
    if isinstance(wording, str):
        return escape(clean(wording))
    return "".join(
        f'<span class="{code}" lang="{_TAGS[code]}">{escape(worded(wording, code))}</span>' for code in _LANGUAGES
    )


def _block(block: Block) -> str:
    match block:
        case Verdict():
            return _verdict(block)
        case Figure():
            return _section(block.title, _chart(block), aside=_figure_notes(block), kind=_kind(block))
        case Table():
            aside = "" if block.note is None else _note(block.note)
            return _section(block.title, _table(block), aside=aside, kind=_kind(block))
        case Answers():
            return _answers(block)
        case Prose():
            return _section(block.title, _paragraphs(block.text))
        case Commands():
            lines = "".join(f"<pre><code>{escape(clean(line))}</code></pre>" for line in block.lines)
            return _section(block.title, lines, aside="" if block.note is None else _note(block.note))
        case Listing():
            return _listing(block)
        case Samples():
            groups = "".join(_samples(*group) for group in block.groups)
            return _section(block.title, groups, aside="" if block.note is None else _note(block.note))
        case Translations():
            pairs = "".join(side_by_side(pair, _both, _masked) for pair in block.pairs)
            return _section(block.title, pairs, aside="" if block.note is None else _note(block.note), kind="answers")


def _section(title: Wording | None, content: str, aside: str = "", kind: str = "") -> str:
    heading = "" if title is None else f"<h2>{_both(title)}</h2>"
    return (
        f'<section class="{kind}"><div class="aside">{heading}{aside}</div>'
        f'<div class="content">{content}</div></section>'
    )


def _kind(block: Figure | Table) -> str:
    return "full" if block.wide else ""


def _note(wording: Wording) -> str:
    return f'<p class="note">{_both(wording)}</p>'


def _verdict(verdict: Verdict) -> str:
    kind, sign = {
        True: ("passed", f'<p class="sign"><span aria-hidden="true">✓</span> {_both(strings.PASSED)}</p>'),
        False: ("failed", f'<p class="sign"><span aria-hidden="true">✕</span> {_both(strings.FAILED)}</p>'),
        None: ("unjudged", ""),
    }[verdict.passed]
    reasons = "".join(f"<li>{_both(reason)}</li>" for reason in verdict.reasons)
    numbers = "".join(map(_number, verdict.numbers))
    thirds = " thirds" if len(verdict.numbers) % 3 == 0 else ""
    return (
        f'<div class="verdict {kind}">{sign}<p class="sentence">{_both(verdict.sentence)}</p>'
        + (f"<ul>{reasons}</ul>" if reasons else "")
        + (f'<dl class="numbers{thirds}">{numbers}</dl>' if numbers else "")
        + "</div>"
    )


def _number(number: Number) -> str:
    return (
        f'<div><dt>{_both(number.label)}</dt><dd class="value">{_both(number.value)}</dd>'
        f'<dd class="note">{_both(number.note)}</dd></div>'
    )


def _figure_notes(figure: Figure) -> str:
    notes = [figure.n, figure.note, figure.chart.reading]
    return "".join(_note(note) for note in notes if note is not None)


def _chart(figure: Figure) -> str:
    drawings = "".join(
        f'<div class="chart {width} {code}" lang="{_TAGS[code]}" role="img" '
        f'aria-label="{escape(worded(figure.title, code))}">{worded(svg, code)}</div>'
        for width, svg in (("wide", figure.chart.wide), ("narrow", figure.chart.narrow))
        for code in _LANGUAGES
    )
    return f"{drawings}<details><summary>{_both(strings.TABLE_BEHIND)}</summary>{_table(figure.chart.table)}</details>"


def _table(table: Table) -> str:
    kinds = ['class="number"' if numeric else "" for numeric in table.numeric]
    head = "".join(f'<th scope="col" {kind}>{_both(c)}</th>' for kind, c in zip(kinds, table.columns, strict=True))
    rows = "".join(f"<tr>{''.join(_cells(row, kinds))}</tr>" for row in table.rows)
    label = f"{strings.SCROLLABLE.zh} / {strings.SCROLLABLE.en}"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(row: Sequence[Wording], kinds: Sequence[str]) -> Iterator[str]:
    for index, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
        tag, scope = ("th", 'scope="row"') if index == 0 else ("td", "")
        yield f"<{tag} {scope} {kind}>{_both(cell)}</{tag}>"


def _listing(block: Listing) -> str:
    lines = escape(clean("\n".join(block.lines)))
    folded = (
        f'<details class="printed"><summary>{_both(block.summary)}</summary>'
        f'<pre class="listing" tabindex="0"><code>{lines}</code></pre></details>'
    )
    return _section(block.title, folded, aside="" if block.note is None else _note(block.note))


def _samples(kind: Wording, n: Wording, samples: Sequence[Sample]) -> str:
    quotes = "".join(
        f'<figure><blockquote class="words" dir="auto" lang="{_spoken(sample.text)}">{_masked(sample.text)}'
        f"</blockquote><figcaption>{escape(clean(sample.place))}</figcaption></figure>"
        for sample in samples
    )
    return (
        f'<details class="samples printed"><summary><span class="kind">{_both(kind)}</span> '
        f'<span class="n">{_both(n)}</span></summary>{quotes}</details>'
    )


def _masked(text: str) -> str:
    """The words, with what stands for something that was masked set apart."""
    return _MASK.sub(r'<span class="masked">\1</span>', escape(clean(text)))


def _paragraphs(wording: Wording) -> str:
    """Each language's paragraphs, which need not be equally many."""
    texts = {"": wording} if isinstance(wording, str) else {code: worded(wording, code) for code in _LANGUAGES}
    return "".join(
        f'<div class="prose {code}" lang="{_TAGS.get(code) or _spoken(text)}">'
        + "".join(f"<p>{escape(clean(paragraph))}</p>" for paragraph in re.split(r"\n\s*\n", text.strip()))
        + "</div>"
        for code, text in texts.items()
    )


def _answers(block: Answers) -> str:
    notes = "".join(_note(note) for note in (block.note, strings.MARKED) if note is not None)
    return _section(block.title, "".join(map(_question, block.questions)), aside=notes, kind="answers")


def _question(question: Question) -> str:
    base, *rest = question.answers
    columns = [_answer(base, against=rest[0].text if rest else None)]
    columns += [_answer(answer, against=base.text) for answer in rest]
    return (
        f'<article><div class="asked"><p class="who">{_both(strings.PATIENT)}</p>{_spoken_words(question.asked)}</div>'
        f'<div class="columns">{"".join(columns)}</div></article>'
    )


def _answer(answer: Answer, against: str | None) -> str:
    text = clean(answer.text).strip()
    cut = None if against is None else pieces(text, clean(against).strip())
    if not text:
        words = f'<p class="words note">{_both(strings.NO_ANSWER)}</p>'
    elif against is None or cut is None:
        words = _spoken_words(text) + (_note(strings.LITTLE_IN_COMMON) if against else "")
    else:
        marked = "".join(f"<mark>{escape(piece)}</mark>" if differs else escape(piece) for piece, differs in cut)
        words = f'<p class="words" dir="auto" lang="{_spoken(text)}">{marked}</p>'
    label = f'<span class="label">{_both(strings.AI_ANSWER)}</span>' if answer.generated else ""
    return (
        f'<div class="answer"><p class="who"><i style="background:var(--{answer.colour})"></i>{_both(answer.label)}'
        f"{label}</p>{words}</div>"
    )


def _spoken_words(text: str) -> str:
    return f'<p class="words" dir="auto" lang="{_spoken(text)}">{escape(clean(text))}</p>'


def _spoken(text: str) -> str:
    """The language tag of text that is in one language only."""
    return _TAGS["zh"] if _CHINESE.search(text) else _TAGS["en"]
