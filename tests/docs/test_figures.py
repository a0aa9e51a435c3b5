"""The check of figures: on small trees that break one rule each, and on the project itself."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import figures
import pytest
import tables

ROOT = Path(__file__).parents[2]
COMMIT = "a88b0b8576c11e3c6f291479ec987cecb4f8e2c9"
RESULT: dict[str, Any] = {
    "command": "python benchmarks/speed.py",
    "date": "2026-11-25",
    "commit": COMMIT,
    "dirty": False,
    "device": "x86_64, 2 CPU cores, no GPU",
    "versions": {"python": "3.11.7"},
    "seconds": 218.4,
    "kills": 20,
}
SECONDS = "<!-- figure:speed:seconds:.0f -->218<!-- / -->"
KILLS = "<!-- figure:speed:kills -->20<!-- / -->"
NAMED = "Raw output: `benchmarks/results/speed.json`.\n"

Site = Callable[..., Path]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Makes a tree of a result and pages; `declared` is the list of what is no measurement."""

    def make(pages: dict[str, str], declared: str = "", **changes: Any) -> Path:
        result = {key: value for key, value in (RESULT | changes).items() if value is not None}
        files = {"benchmarks/results/speed.json": json.dumps(result), "docs/figures_declared.toml": declared, **pages}
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return make


def problems(root: Path) -> list[str]:
    return figures.check(root)[0]


def only(root: Path) -> str:
    (problem,) = problems(root)
    return problem


def test_the_project_itself() -> None:
    found, counts = figures.check(ROOT)
    assert found == []
    assert counts["from results"] > 0
    assert counts["tables"] == sum((ROOT / name).read_text("utf-8").count("<!-- figures:") for name in tables.FILES)


def test_every_kind_of_source_holds(site: Site) -> None:
    root = site(
        {
            "README.md": f"It takes {SECONDS} s, killed at {KILLS} moments. Batches of 512 tokens.\n\n"
            "A peer needs 99 s ([its paper](https://example.org/paper)).\n" + NAMED,
            "docs/decisions.md": "## 2026\n\n### A trial\nIt took 300 s and 2 GB.\n*No result file:* a trial.\n",
        },
        '["README.md"]\n"Batches of 512 tokens" = "a default"\n',
    )
    assert figures.check(root) == (
        [],
        Counter({"from results": 2, "declared": 1, "cited": 1, "without a result file": 2, "tables": 0}),
    )


@pytest.mark.parametrize("page", ["README.md", "docs/tune.md", "recipes/README.md", "benchmarks/peers/README.md"])
@pytest.mark.parametrize(("text", "shown"), [("It takes 300 s.", "300 s"), ("用时 300 秒。", "300 秒")])
def test_a_figure_without_a_source_is_named_with_its_line(site: Site, page: str, text: str, shown: str) -> None:
    problem = only(site({page: f"# Title\n\n{NAMED}\n{text}\n"}))
    assert problem.startswith(f'{page}:5: "{shown}" has no source: mark it <!-- figure:')
    assert "No result file" not in problem


def test_a_source_in_another_sentence_or_row_does_not_hold(site: Site) -> None:
    cited = "See [a paper](https://example.org/a)"
    for text in (
        f"{cited}. It takes 300 s.",
        f"It takes 300 s. {cited}.",
        f"| 300 s |\n| {cited} |",
        f"- 300 s\n- {cited}",
    ):
        assert '"300 s" has no source' in only(site({"README.md": f"{NAMED}\n{text}\n"}))
    for text in (
        f"{cited}: it takes 300 s.",
        f"| 300 s | {cited} |",
        "300 s by Welleck et al. (arXiv 1908.04319).",
    ):
        assert problems(site({"README.md": f"{NAMED}\n{text}\n"})) == []


def test_a_stale_figure(site: Site) -> None:
    root = site({"README.md": f"It takes {SECONDS} s.\n"}, seconds=219.6)
    assert only(root) == 'README.md:1: "218" is 220 in benchmarks/results/speed.json: python docs/figures.py'
    figures.write(root)
    assert problems(root) == []
    assert (root / "README.md").read_text("utf-8") == "It takes <!-- figure:speed:seconds:.0f -->220<!-- / --> s.\n"


def test_a_figure_of_a_result_or_value_that_is_missing(site: Site) -> None:
    root = site({"README.md": f"{NAMED}It takes <!-- figure:slow:seconds:.0f -->9<!-- / --> s.\n"})
    assert only(root) == 'README.md:2: "9" has no result: there is no benchmarks/results/slow.json'
    root = site({"README.md": "It takes <!-- figure:speed:minutes -->9<!-- / --> minutes.\n"})
    assert only(root).startswith("README.md:1: \"9\" has no result: no 'minutes' in minutes; there: command, date")


@pytest.mark.parametrize("before", ["", "- ", "1. ", "> ", "  * "])
def test_a_marker_may_not_begin_a_line(site: Site, before: str) -> None:
    root = site({"README.md": f"# Title\n\n{before}{SECONDS} s.\n"})
    assert only(root).startswith("README.md:3: a marker begins the line, which then is raw HTML")


@pytest.mark.parametrize(
    "marker",
    [
        "<!-- figure:speed:seconds:.0f-->218<!-- / -->",
        "<!-- figure:speed -->218<!-- / -->",
        "<!-- figure:speed:kills -->20",
        "<!-- figures:Speed:en -->",
    ],
)
def test_what_only_looks_like_a_marker(site: Site, marker: str) -> None:
    found = problems(site({"README.md": f"{NAMED}It takes {marker} s.\n"}))
    assert any(p.startswith("README.md:2: neither docs/markers.py nor docs/tables.py reads this marker") for p in found)


def test_a_stale_table(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    root = site({"README.md": f"{NAMED}\n<!-- figures:speed:en -->\nold\n<!-- /figures -->\n"})
    monkeypatch.setattr(tables, "RESULTS", root / "nowhere")
    assert only(root) == "README.md:3: the block speed:en is stale: python docs/figures.py"
    figures.write(root)
    assert problems(root) == []
    assert "*Not measured yet.*" in (root / "README.md").read_text("utf-8")


def test_a_block_that_nothing_writes(site: Site) -> None:
    root = site({"README.md": f"{NAMED}\n<!-- figures:speed:fr -->\n218 s\n<!-- /figures -->\n"})
    assert any("README.md:3: neither docs/markers.py nor docs/tables.py" in p for p in problems(root))


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ('"of 256 tokens" = "a default"', '"of 256 tokens" stands 0 times in it, not once'),
        ('"tokens" = "a default"', '"tokens" stands 2 times in it, not once'),
        ('"Batches of" = "a default"', '"Batches of" holds no figure'),
        ('"Batches of 512 tokens" = " "', '"Batches of 512 tokens" has no reason'),
    ],
)
def test_a_declared_line_that_is_stale(site: Site, declared: str, reason: str) -> None:
    page = f"{NAMED}\nBatches\nof 512 tokens, tokens.\n"
    found = problems(site({"README.md": page}, f'["README.md"]\n{declared}\n'))
    assert f"docs/figures_declared.toml: README.md: {reason}: mend or remove the line" in found


def test_declared_words_may_be_broken_over_lines(site: Site) -> None:
    page = f"{NAMED}\nBatches of\n512 tokens.\n"
    assert problems(site({"README.md": page}, '["README.md"]\n"Batches of 512 tokens" = "a default"\n')) == []


def test_declared_for_a_page_that_is_gone(site: Site) -> None:
    root = site({"README.md": NAMED}, '["docs/gone.md"]\n"512 tokens" = "a default"\n')
    assert only(root) == "docs/figures_declared.toml: docs/gone.md is no page: remove what is declared for it"


LOG = "# Log\n\n{named}\n## 2026\n\n### First\nIt took 300 s.\n{first}\n### Second\nIt took {second}.\n"


def test_in_the_log_an_entry_may_say_that_it_has_no_result_file(site: Site) -> None:
    line = "*No result file:* a trial.\n"
    log = {"docs/decisions.md": LOG.format(named=NAMED, first=line, second="long")}
    assert figures.check(site(log)) == ([], Counter({"without a result file": 1, "from results": 0, "tables": 0}))
    log = {"docs/decisions.md": LOG.format(named=NAMED, first=line, second="9 s")}
    problem = only(site(log))
    assert problem.startswith('docs/decisions.md:12: "9 s" has no source')
    assert problem.endswith("or give the entry a line `*No result file:* which trials`")
    log = {"docs/decisions.md": LOG.format(named=NAMED, first="", second="long")}
    assert 'docs/decisions.md:8: "300 s" has no source' in only(site(log))


def test_that_line_holds_nowhere_else(site: Site) -> None:
    root = site({"docs/tune.md": f"{NAMED}\n## Speed\nIt took 300 s.\n*No result file:* a trial.\n"})
    source, line = problems(root)
    assert source.startswith('docs/tune.md:4: "300 s" has no source')
    assert line.startswith("docs/tune.md:5: `*No result file:*` is for entries of docs/decisions.md")


def test_that_line_is_refused_where_nothing_needs_it(site: Site) -> None:
    line = "*No result file:* a trial.\n"
    log = LOG.format(named=NAMED, first=line, second=f"long\n{line}")
    assert only(site({"docs/decisions.md": log})).startswith("docs/decisions.md:13: `*No result file:*` is for entries")


def test_the_log_names_the_commit_of_a_figure(site: Site) -> None:
    root = site({"docs/decisions.md": f"### Entry\nIt takes {SECONDS} s.\n"})
    assert only(root) == 'docs/decisions.md:2: "218" is history: mark it speed@a88b0b8'
    pinned = {"docs/decisions.md": f"### Entry\nIt takes {SECONDS.replace('speed:', 'speed@a88b0b8:')} s.\n"}
    assert problems(site(pinned)) == []
    again = site(pinned, commit="b" * 40, seconds=5.0)
    figures.write(again)
    assert '"218" has no result: speed was measured again, at bbbbbbb: keep the one of a88b0b8' in only(again)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"command": ""}, "lacks `command`"),
        ({"command": None}, "lacks `command`"),
        ({"date": None}, "lacks `date`"),
        ({"date": "25.11.2026"}, "its date '25.11.2026' is not YYYY-MM-DD"),
        ({"commit": None}, "lacks `commit`"),
        ({"commit": "a88b0b8"}, "its commit 'a88b0b8' is not 40 hexadecimal digits"),
        ({"dirty": None}, "lacks `dirty`"),
        ({"dirty": "no"}, "lacks `dirty`"),
        ({"device": None}, "lacks `device`"),
        ({"versions": {}}, "lacks `versions`"),
        ({"seconds": None, "kills": None}, "holds no output"),
    ],
)
def test_a_result_says_how_it_came_about(site: Site, changes: dict[str, Any], reason: str) -> None:
    problem = only(site({"README.md": NAMED}, **changes))
    assert problem.startswith(f"benchmarks/results/speed.json: {reason}: run its benchmark again")


def test_a_result_that_no_page_tells(site: Site) -> None:
    assert only(site({"README.md": "Nothing.\n"})).startswith(
        "benchmarks/results/speed.json: no page shows or names it"
    )
    assert problems(site({"README.md": f"It takes {SECONDS} s.\n"})) == []


def test_a_result_that_is_named_and_not_there(site: Site) -> None:
    root = site({"README.md": f"{NAMED}\nSee `benchmarks/results/slow.json`.\n"})
    assert only(root) == "README.md:3: there is no benchmarks/results/slow.json: measure it, or do not name it"


@pytest.mark.parametrize("said", ["with uncommitted changes", "另有未提交的改动"])
def test_a_result_of_uncommitted_changes_is_said_to_be_one(site: Site, said: str) -> None:
    silent = site({"README.md": f"It takes {SECONDS} s.\n\nMeasured {said}.\n"}, dirty=True)
    assert only(silent).startswith('README.md:1: "218" of benchmarks/results/speed.json was measured with uncommitted')
    assert problems(site({"README.md": f"It takes {SECONDS} s,\nmeasured {said}.\n"}, dirty=True)) == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ["demo", "cmd_lora", "embedded_base", "tune_cpu"])
def test_every_table_says_it_of_its_result(
    name: str, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text("utf-8"))
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    said = {}
    for dirty in (True, False):
        (tmp_path / f"{name}.json").write_text(json.dumps(recorded | {"dirty": dirty}), "utf-8")
        block = tables.written(f"<!-- figures:{name}:{language} -->\n<!-- /figures -->")
        page = figures.Page("README.md", block)
        said[dirty] = list(figures._silent_about_changes(page, {name: {"dirty": True}}))
    assert said[True] == []
    assert len(said[False]) == 1


def test_both_languages_show_the_same(site: Site) -> None:
    english = f"It takes {SECONDS} s, killed at {KILLS} moments.\n"
    minutes = "<!-- figure:speed:seconds / 60:.1f -->3.6<!-- / -->"
    root = site({"README.md": english, "README.zh-CN.md": f"用时 {minutes} 分钟。\n"})
    assert only(root) == (
        "README.zh-CN.md: does not show speed:kills, which README.md shows: show it in both languages"
    )
    assert problems(site({"README.md": english, "README.zh-CN.md": f"用时 {minutes} 分钟，{KILLS} 次。\n"})) == []


def test_main_says_what_is_wrong_and_counts(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = site({"README.md": f"It takes {SECONDS} s, or 300 s.\n"}, seconds=5.0)
    monkeypatch.setattr(figures, "ROOT", root)
    monkeypatch.setattr(sys, "argv", ["figures.py", "--check"])
    assert figures.main() == 1
    assert '"218" is 5 in' in capsys.readouterr().err
    assert "218" in (root / "README.md").read_text("utf-8")

    monkeypatch.setattr(sys, "argv", ["figures.py"])
    assert figures.main() == 1
    said = capsys.readouterr()
    assert said.err.startswith('README.md:1: "300 s" has no source')
    assert "figures: 1 from results, 0 cited, 0 declared, 0 without a result file; 0 tables" in said.out
    assert "218" not in (root / "README.md").read_text("utf-8")

    site({"README.md": f"It takes {SECONDS} s.\n"})
    assert figures.main() == 0


def test_make_check_runs_it_and_it_loads_no_torch() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").split("\ncheck:", 1)[1].split("\n\n", 1)[0]
    assert "\t$(BIN)/python docs/figures.py --check" in recipe
    code = "import sys; sys.path.insert(0, 'docs'); import figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
