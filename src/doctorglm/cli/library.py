"""`doctorglm library`: build, search, ground, report."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from doctorglm.cli import flags
from doctorglm.cli.output import print_json, tell
from doctorglm.cli.sections import split_settings
from doctorglm.cli.usage import Verb, Verbs
from doctorglm.errors import ConfigError
from doctorglm.language import Text, readable, say
from doctorglm.report.terminal import PLAIN_WIDTH
from doctorglm.report.wording import clean
from doctorglm.settings import build as settings_of
from doctorglm.settings import parse_overrides

if TYPE_CHECKING:
    from doctorglm.library import Found, Hit
    from doctorglm.library.grounding import GroundSettings

app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    rich_markup_mode=None,
    help=say(
        en="A library of diseases and drugs: built from your documents, searched, put in front of questions.",
        zh="疾病与药品资料库：由您的文档构建，可检索，并为问题提供依据。",
    ),
    epilog="doctorglm library search runs/library 'what helps against gout'",
)

_EXCERPT_CHARS = 150
_Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help=say(en="A library that was built.", zh="已构建的资料库。"))
]
_Data = Annotated[
    Path, typer.Argument(metavar="DATA", help=say(en="A folder that curate wrote.", zh="curate 的输出文件夹。"))
]
_Library = Annotated[
    Path, typer.Option("--library", metavar="DIR", help=say(en="A library that was built.", zh="已构建的资料库。"))
]
_Base = Annotated[
    str,
    typer.Option(
        "--base",
        metavar="MODEL",
        help=say(
            en="Whose tokenizer counts the prompt: the model that will be tuned. Default: embedded.",
            zh="用哪个模型的分词器计算提示词长度，即将要微调的模型。默认 embedded。",
        ),
    ),
]
_Query = Annotated[str, typer.Argument(metavar="QUERY", help=say(en="What a patient asks.", zh="患者的问题。"))]
_Top = Annotated[
    int,
    typer.Option(
        "--top", metavar="N", min=1, max=100, help=say(en="Passages to show.", zh="显示的段落数。"), show_default=True
    ),
]
_Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        metavar="P",
        min=0.0,
        max=1.0,
        help=say(
            en="Confidence below which it abstains; 0 never does. Default: the calibrated one.",
            zh="低于该置信度则不作答；0 表示总是作答。默认用校准值。",
        ),
    ),
]
_NoVectors = Annotated[
    bool,
    typer.Option(
        "--no-vectors",
        help=say(
            en="Leave out the library's vectors; needs no encoder.", zh="不使用资料库的向量，也就不需要编码模型。"
        ),
    ),
]
_Reranker = Annotated[
    Path | None,
    typer.Option(
        "--reranker",
        metavar="FOLDER",
        help=say(
            en="A cross-encoder of sentence-transformers, which orders the best 20 anew.",
            zh="sentence-transformers 的 cross-encoder 模型文件夹，对前 20 个段落重新排序。",
        ),
    ),
]
_Asked = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help=say(
            en="Conversations: a folder of curate, or a .jsonl file.", zh="对话：curate 的输出文件夹，或 .jsonl 文件。"
        ),
    ),
]
_Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE ...] [KEY=VALUE ...]",
        help=say(
            en="Files and folders, then settings; without a source the entries that come with DoctorGLM.",
            zh="文件和文件夹，然后是设置项；不给来源则使用 DoctorGLM 自带的条目。",
        ),
    ),
]


def ground_settings(values: Mapping[str, Any]) -> "GroundSettings":
    """How a library is put before questions; raises ConfigError for a setting that is none or wrong."""
    _require_installed()
    from doctorglm.library.grounding import GroundSettings

    return settings_of(GroundSettings, values, "library")


def _require_installed() -> None:
    """Raises ConfigError where the packages that search are missing; they are an extra."""
    try:
        import pypinyin  # noqa: F401
        import rjieba  # noqa: F401
        import tantivy  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            en=f"{error.name} is not installed, which a library needs. Run pip install 'doctorglm[library]'.",
            zh=f"没有安装资料库所需的 {error.name}。请运行 pip install 'doctorglm[library]'。",
        ) from None


@app.command(
    help=say(
        en="Pages, tables, PDF, Word and Markdown to a library; what is unchanged is not built again.",
        zh="把网页、表格、PDF、Word、Markdown 构建为资料库；未变化的内容不会重建。",
    ),
    epilog="doctorglm library build manual/ drugs.csv --out runs/library",
    cls=Verb,
)
def build(out: flags.Out, sources: _Sources = None, as_json: flags.Json = False) -> int:
    """Brings a library up to date."""
    _require_installed()
    from doctorglm.library.settings import LibrarySettings
    from doctorglm.library.stage import build_library
    from doctorglm.processes import spread
    from doctorglm.report.progress import progress_line

    files, values = split_settings(sources or [])
    wanted = settings_of(LibrarySettings, values, "library")
    with progress_line(Text(en="library", zh="资料库"), 1.0) as line, spread((os.cpu_count() or 1) - 1) as over:
        run = build_library(files, out, wanted, lambda doing, share: line.update(share, doing), over)
    counts = run.record["counts"]
    print_json({"out": str(out), **counts, "licences": run.record["licences"]}, as_json)
    encoded = counts.get("encoded")
    en, zh = ("", "") if encoded is None else (f"; {encoded} passages encoded", f"；新编码 {encoded} 个段落")
    tell(
        say(
            en=f"{out}: {counts['documents']} documents, {counts['chunks']} passages; {counts['indexed']} documents "
            f"new or changed, {counts['removed']} replaced or removed, {counts['skipped']} skipped "
            f"(rejected.jsonl){en}",
            zh=f"{out}：{counts['documents']} 篇文档，{counts['chunks']} 个段落；新增或变更 {counts['indexed']} 篇，"
            f"替换或移除 {counts['removed']} 篇，跳过 {counts['skipped']} 处（见 rejected.jsonl）{zh}",
        ),
        as_json,
    )
    return 0


@app.command(
    help=say(
        en="What the library holds on a question, best first, the words that matched marked; or that it holds nothing.",
        zh="检索资料库：按相关程度列出段落并标出匹配的词；没有依据时如实说明。",
    ),
    epilog="doctorglm library search runs/library 'what helps against gout' --top 3",
    cls=Verb,
)
def search(
    folder: _Folder,
    query: _Query,
    top: _Top = 10,
    threshold: _Threshold = None,
    no_vectors: _NoVectors = False,
    reranker: _Reranker = None,
    as_json: flags.Json = False,
) -> int:
    """A table, or one JSON object."""
    _require_installed()
    from doctorglm.library import Library

    library = Library(folder, vectors=not no_vectors, reranker=reranker)
    found = library.search(_readable(query), top, threshold=threshold)
    print_json(_object(found), as_json)
    if not as_json:
        _show(found)
    return 0


def _readable(query: str) -> str:
    text = readable(query)
    if not text.strip():
        raise ConfigError(en="QUERY is empty. Write what a patient asks.", zh="QUERY 是空的。请写出要查的问题。")
    return text


def _object(found: "Found") -> dict[str, Any]:
    hits = [asdict(hit) | {"section": hit.heading} for hit in found.hits]
    return {"hits": hits, "abstain": found.abstain, "confidence": round(found.confidence, 4)}


def _show(found: "Found") -> None:
    if found.abstain:
        text = say(en="The library does not hold enough to answer this.", zh="资料库中没有足够的依据来回答这个问题。")
        tell(text, silent=False)
    out = sys.stdout
    console = Console(file=out, width=None if out.isatty() else PLAIN_WIDTH, highlight=False)
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=False)
    for name, width in (
        (say(en="Entry", zh="条目"), 18),
        (say(en="Passage", zh="段落"), None),
        (say(en="Source", zh="来源"), 22),
    ):
        drawn.add_column(name, width=width, overflow="fold")
    for hit in found.hits:
        drawn.add_row(
            Line(clean(f"{hit.title}\n{hit.heading}"), style="bold"), _passage(hit, found.terms), clean(_source(hit))
        )
    if found.hits:
        console.print(drawn)


def _passage(hit: "Hit", runs: Sequence[str]) -> Line:
    """The part of a passage that shows the matched words, marked."""
    from doctorglm.library.marking import excerpt, marked

    text = clean(hit.text.replace("\n", " "))
    shown, spans = excerpt(text, marked(text, runs), _EXCERPT_CHARS)
    line = Line(shown)
    for start, end in spans:
        line.stylize("bold green underline", start, end)
    return line


def _source(hit: "Hit") -> str:
    """The first source, how many more there are, and the licence."""
    first, *more = hit.source.split("; ")
    return "\n".join(filter(None, (f"{first} (+{len(more)})" if more else first, hit.licence)))


@app.command(
    help=say(
        en="What the library covers, by department and section; with --data, what a corpus asks often that it lacks.",
        zh="资料库按科室和章节的覆盖情况；加 --data 还会列出语料中常问而资料库没有的内容。",
    ),
    epilog="doctorglm library report runs/library --data runs/data --out runs/coverage",
    cls=Verb,
)
def report(
    folder: _Folder,
    out: flags.Out,
    data: _Asked = None,
    no_vectors: _NoVectors = False,
    as_json: flags.Json = False,
) -> int:
    """A page with pictures, and coverage.json."""
    _require_installed()
    from doctorglm.library.survey import survey
    from doctorglm.report.progress import progress_line

    with progress_line(Text(en="report", zh="报告"), 1.0) as line:
        run = survey(folder, out, data, lambda doing, share: line.update(share, doing), vectors=not no_vectors)
    print_json({"out": str(out), **run.record["counts"]}, as_json)
    tell(f"{out / 'report.html'}", as_json)
    return 0


@app.command(
    help=say(
        en="Conversations with the library's evidence in front of the question, as chat --library has it, to train on.",
        zh="把资料库的依据放到问题之前（与 chat --library 相同的提示词），生成训练数据。",
    ),
    epilog="doctorglm library ground runs/data --library runs/library --out runs/grounded budget_tokens=600",
    cls=Verb,
)
def ground(
    data: _Data,
    library: _Library,
    out: flags.Out,
    settings: flags.Settings = None,
    base: _Base = "embedded",
    as_json: flags.Json = False,
) -> int:
    """Parts of curate, grounded."""
    wanted = ground_settings(parse_overrides(settings or []))
    from doctorglm.library.ground import ground_data
    from doctorglm.models.opening import token_counter
    from doctorglm.report.progress import progress_line

    with progress_line(Text(en="ground", zh="加依据"), 1.0) as line:
        run = ground_data(
            data, library, out, wanted, token_counter(base), lambda doing, share: line.update(share, doing)
        )
    counts = run.record["counts"]
    print_json({"out": str(out), **counts}, as_json)
    tell(
        say(
            en=f"{out}: {counts['grounded']} of {counts['read']} conversations have evidence; {counts['cited']} of "
            f"{counts['statements']} sentences of their answers cite it",
            zh=f"{out}：{counts['read']} 段对话中 {counts['grounded']} 段有依据；其回答的 {counts['statements']} 句中"
            f"有 {counts['cited']} 句注明了出处",
        ),
        as_json,
    )
    return 0
