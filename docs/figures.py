"""Holds every figure of the pages to a source, and every result to what it must say.

python docs/figures.py          writes the marked figures (docs/markers.py) and the blocks (docs/tables.py), and checks
python docs/figures.py --check  exits 1 and names what is stale, unsound or without a source

What a figure is, docs/quantities.py says. One of these holds it: a marker or a block, written from benchmarks/results;
a link or an arXiv number in the same sentence; a line of docs/figures_declared.toml, with the reason why it is no
measurement; in docs/decisions.md, a log, a line `*No result file:* which trials` in its entry, where readers see it.
"""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import markers
import quantities
import result_files
import tables
from result_files import FOLDER

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/**/*.md", "recipes/**/*.md", "benchmarks/**/*.md", "src/**/*.md")
ENTRIES = "src/doctorglm/library/shipped/"
"""Pages whose figures have their sources in their own front matter, which tests/library resolves."""
DECLARED = "docs/figures_declared.toml"
LOG = "docs/decisions.md"

_PARAGRAPH_END = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(
    r"\n\s*\n|\n(?= *(?:[-*+] |\d+[.)] |[|#>]))|(?<=[。！？；])"
    r"|(?<=[.!?;])(?<!\bal\.)(?<!e\.g\.)(?<!i\.e\.)(?<!cf\.)\s+"
)
_TABLE = re.compile(r"<!-- figures:[a-z_0-9]+:(?:en|zh) -->")
_LINE_BEGINNING = re.compile(r"[ >]*(?:(?:[-*+]|\d+[.)]) +)?")
_CITED = re.compile(r"https?://|arXiv[: ]\d{4}\.\d{4,5}")
_ENTRY = re.compile(r"^#{2,3} .*?(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
_UNRECORDED = re.compile(r"^\*No result file:\* \S", re.MULTILINE)
_RESULT_FILE = re.compile(rf"{FOLDER}/([a-z0-9_]+)\.json")
_UNCOMMITTED = re.compile(r"uncommitted changes|未提交的改动")


@dataclass(frozen=True)
class Page:
    """A page of Markdown, by its name from the root."""

    name: str
    text: str

    @cached_property
    def markers(self) -> list[markers.Marker]:
        """Its marked figures."""
        return markers.markers(self.text)

    @cached_property
    def blocks(self) -> list[re.Match[str]]:
        """Its blocks of results."""
        return [block for block in quantities.BLOCK.finditer(self.text) if _TABLE.match(block[0])]

    @cached_property
    def typed(self) -> list[quantities.Figure]:
        """The figures outside markers and blocks."""
        unmarked = quantities.blanked(self.text, [(m.start, m.end) for m in self.markers])
        return quantities.figures(quantities.prose(unmarked))

    @property
    def shows(self) -> set[str]:
        """The names of the results that its markers and blocks show."""
        return {m.result for m in self.markers} | {block["name"].split(":")[0] for block in self.blocks}

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the words of `text` stand, however the lines are broken."""
        return [m.span() for m in re.finditer(r"\s+".join(map(re.escape, text.split())), self.text)]

    def line(self, place: int) -> str:
        """`name:line` of a place in the text."""
        return f"{self.name}:{1 + self.text.count(chr(10), 0, place)}"

    def around(self, place: int, end: re.Pattern[str]) -> str:
        """The part of the text in which the place is, of those that `end` divides it into."""
        start = max((m.end() for m in end.finditer(self.text) if m.end() <= place), default=0)
        after = end.search(self.text, place)
        return self.text[start : after.start() if after else len(self.text)]


def write(root: Path) -> None:
    """Makes every block and every marked figure anew."""
    recorded, _ = result_files.load(root)
    for page in _pages(root):
        now = markers.written(tables.written(page.text), recorded)
        if now != page.text:
            (root / page.name).write_text(now, encoding="utf-8")


def check(root: Path) -> tuple[list[str], Counter[str]]:
    """What is wrong, each with its place and its remedy, and how many figures each kind of source holds."""
    recorded, problems = result_files.load(root)
    if problems:
        return problems, Counter()
    pages, declared, counts = _pages(root), _declared(root), Counter[str]()
    for page in pages:
        problems += [*_stale(page, recorded), *_misplaced(page), *_silent_about_changes(page, recorded)]
        problems += _without_source(page, declared.pop(page.name, {}), counts)
        counts["from results"] += len(page.markers)
        counts["tables"] += len(page.blocks)
    problems += [f"{DECLARED}: {name} is no page: remove what is declared for it" for name in declared]
    return [*problems, *_untold(pages, recorded), *_untranslated(pages)], counts


def _pages(root: Path) -> list[Page]:
    files = sorted({file for pattern in PAGES for file in root.glob(pattern)})
    pages = [Page(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")) for file in files]
    return [page for page in pages if not page.name.startswith(ENTRIES)]


def _declared(root: Path) -> dict[str, dict[str, str]]:
    """For each page the texts that hold figures, each with the reason why they are no measurements."""
    file = root / DECLARED
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _stale(page: Page, recorded: Mapping[str, Any]) -> Iterator[str]:
    for block in page.blocks:
        if tables.written(block[0]) != block[0]:
            yield f"{page.line(block.start())}: the block {block['name']} is stale: python docs/figures.py"
    for marker in page.markers:
        try:
            now = marker.current(recorded)
        except ValueError as error:
            yield f'{page.line(marker.start)}: "{marker.shown}" has no result: {error}'
            continue
        if page.name == LOG and not marker.commit:
            commit = recorded[marker.result]["commit"][:7]
            yield f'{page.line(marker.start)}: "{marker.shown}" is history: mark it {marker.result}@{commit}'
        if now != marker.shown:
            where = f"{FOLDER}/{marker.result}.json"
            yield f'{page.line(marker.start)}: "{marker.shown}" is {now} in {where}: python docs/figures.py'


def _misplaced(page: Page) -> Iterator[str]:
    """Markers that a reader would see, and what only looks like a marker or a block."""
    for marker in page.markers:
        line = page.text.rfind("\n", 0, marker.start) + 1
        if _LINE_BEGINNING.fullmatch(page.text, line, marker.start):
            yield f"{page.line(marker.start)}: a marker begins the line, which then is raw HTML: put a word before it"
    known = {m.start for m in page.markers} | {block.start() for block in page.blocks}
    literal = quantities.code(page.text)
    for found in re.finditer(r"<!-- figures?:", page.text):
        if found.start() not in known and not any(start <= found.start() < end for start, end in literal):
            yield f"{page.line(found.start())}: neither docs/markers.py nor docs/tables.py reads this marker: mend it"


def _silent_about_changes(page: Page, recorded: Mapping[str, Any]) -> Iterator[str]:
    """Where a result of uncommitted changes is shown and that is not said, in the block or the marker's paragraph."""
    remedy = 'was measured with uncommitted changes: say "with uncommitted changes" or "有未提交的改动" beside it'
    dirty = {name for name, result in recorded.items() if result["dirty"]}
    said = set()
    for block in page.blocks:
        name = block["name"].split(":")[0]
        if _UNCOMMITTED.search(block[0]):
            said.add(name)
        elif name in dirty:
            yield f"{page.line(block.start())}: {FOLDER}/{name}.json {remedy}"
    for marker in page.markers:
        if marker.result in dirty - said and not _UNCOMMITTED.search(page.around(marker.start, _PARAGRAPH_END)):
            yield f'{page.line(marker.start)}: "{marker.shown}" of {FOLDER}/{marker.result}.json {remedy}'


def _without_source(page: Page, declared: Mapping[str, str], counts: Counter[str]) -> Iterator[str]:
    """The figures that nothing holds, and what is said to hold figures and holds none."""
    spans = {text: page.spans(text) for text in declared}
    unheld = set(declared)
    entries = [m.span() for m in _ENTRY.finditer(page.text) if page.name == LOG and _UNRECORDED.search(m[0])]
    needed = set()
    for figure in page.typed:
        texts = {text for text, found in spans.items() if any(a <= figure.start and figure.end <= b for a, b in found)}
        entry = next((a for a, b in entries if a <= figure.start < b), None)
        unheld -= texts
        if texts:
            counts["declared"] += 1
        elif _CITED.search(page.around(figure.start, _SENTENCE_END)):
            counts["cited"] += 1
        elif entry is not None:
            counts["without a result file"] += 1
            needed.add(entry)
        else:
            yield f'{page.line(figure.start)}: "{figure.shown}" has no source: {_remedy(page)}'
    for text, reason in declared.items():
        times = len(spans[text])
        wrong = f"stands {times} times in it, not once" if times != 1 else "holds no figure" if text in unheld else ""
        if wrong or not reason.strip():
            yield f'{DECLARED}: {page.name}: "{text}" {wrong or "has no reason"}: mend or remove the line'
    for line in _UNRECORDED.finditer(page.text):
        if not any(a in needed and a <= line.start() < b for a, b in entries):
            yield f"{page.line(line.start())}: `*No result file:*` is for entries of {LOG} with such figures: remove it"


def _remedy(page: Page) -> str:
    log = ", or give the entry a line `*No result file:* which trials`" if page.name == LOG else ""
    return (
        "mark it <!-- figure:RESULT:PATH:FORM -->...<!-- / --> (docs/markers.py), cite a source in its sentence, "
        f"or say in {DECLARED} why it is no measurement{log}"
    )


def _untold(pages: Iterable[Page], recorded: Mapping[str, Any]) -> list[str]:
    """Results that no page shows or names, and names of results that do not exist."""
    told, problems = set[str](), []
    for page in pages:
        told |= page.shows
        for named in _RESULT_FILE.finditer(page.text):
            told.add(named[1])
            if named[1] not in recorded:
                problems.append(f"{page.line(named.start())}: there is no {named[0]}: measure it, or do not name it")
    unused = [f"{FOLDER}/{name}.json: no page shows or names it" for name in recorded if name not in told]
    return problems + [f"{problem}: write where it belongs, or remove it" for problem in unused]


def _untranslated(pages: Iterable[Page]) -> Iterator[str]:
    """Values that a page shows in one language alone."""
    values = {
        page.name: {f"{m.result}:{path}" for m in page.markers for path in markers.paths(m.expression)}
        | {f"the block {name}" for name in page.shows - {m.result for m in page.markers}}
        for page in pages
    }
    for name, shown in values.items():
        other = name.replace(".zh-CN.md", ".md")
        if other != name and other in values:
            for value in sorted(shown ^ values[other]):
                lacking, having = (other, name) if value in shown else (name, other)
                yield f"{lacking}: does not show {value}, which {having} shows: show it in both languages"


def main() -> int:
    """Writes unless it only checks; says what is wrong."""
    if "--check" not in sys.argv:
        write(ROOT)
    problems, counts = check(ROOT)
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    told = ("from results", "cited", "declared", "without a result file")
    held = ", ".join(f"{counts[kind]} {kind}" for kind in told)
    sys.stdout.write(f"figures: {held}; {counts['tables']} tables of results\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
