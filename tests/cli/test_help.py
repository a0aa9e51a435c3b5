"""The help in both languages, the contract of verbs and flags, and every command that a page shows."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from doctorglm.cli import verbs

from .kit import NAMES, environment

OF_LIBRARY = ("library build", "library search", "library report", "library ground")
EVERY = (*NAMES, *OF_LIBRARY)

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "README.zh-CN.md", "recipes/README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")))
_HAN = re.compile("[\u4e00-\u9fff]")

_HELP = """
import json, sys
from doctorglm.__main__ import main
pages = {}
class Page:
    text = ""
    def write(self, text): self.text += text
    def flush(self): pass
for verb in [None, *sys.argv[2:]]:
    sys.stdout = page = Page()
    code = main(["--lang", sys.argv[1], *(verb.split() if verb else []), "--help"])
    pages[verb or ""] = [code, page.text]
sys.stdout = sys.__stdout__
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "transformers", "peft", "scipy", "altair"})
json.dump({"pages": pages, "heavy": heavy}, sys.stdout)
"""


@pytest.fixture(scope="module", params=["en", "zh"])
def pages(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-c", _HELP, request.param, *EVERY], env=environment(), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    yield request.param, json.loads(done.stdout)


def test_every_verb_has_help_with_an_example(pages: tuple[str, dict[str, Any]]) -> None:
    lang, found = pages
    for verb, (code, text) in found["pages"].items():
        assert code == 0
        head, title = ("Usage: ", "Example:\n  ") if lang == "en" else ("用法：", "示例：\n  ")
        assert text.startswith(f"{head}doctorglm {verb}".rstrip())
        assert text.rpartition(title)[2].startswith(f"doctorglm {verb}".rstrip())
        assert "--lang" in text and "--help" in text
        # every line of prose is in the language
        prose = [line.split("  ")[-1] for line in text.splitlines() if re.match(r"  \S+ .*  ", line)]
        assert prose and all(bool(_HAN.search(line)) == (lang == "zh") for line in prose), prose
        assert bool(_HAN.search(text)) == (lang == "zh")
    assert all(name in found["pages"][""][1] for name in NAMES)


def test_help_loads_nothing_heavy(pages: tuple[str, dict[str, Any]]) -> None:
    assert pages[1]["heavy"] == []


FLAGS = {
    "demo": ({"--out"}, []),
    "run": ({"--out"}, ["RECIPE.yaml", "[STAGE.KEY=VALUE ...]"]),
    "fetch": ({"--out", "--accept-licence"}, ["NAME"]),
    "curate": (
        {"--out", "--limit", "--decontaminate", "--skip-bad", "--engine", "--review"},
        ["SOURCE... [KEY=VALUE ...]"],
    ),
    "distill": ({"--out", "--test", "--glossary"}, ["PAIRS... [KEY=VALUE ...]"]),
    "library build": ({"--out"}, ["[SOURCE ...] [KEY=VALUE ...]"]),
    "library search": ({"--top", "--threshold", "--no-vectors", "--reranker"}, ["DIR", "QUERY"]),
    "library report": ({"--data", "--no-vectors", "--out"}, ["DIR"]),
    "library ground": ({"--library", "--base", "--out"}, ["DATA", "[KEY=VALUE ...]"]),
    "translate": (
        {
            "--out",
            "--teacher",
            "--model",
            "--budget",
            "--sample",
            "--dry-run",
            "--cache",
            "--allow-remote",
            "--audit",
            "--student",
            "--engine",
            "--glossary",
        },
        ["SOURCE... [KEY=VALUE ...]"],
    ),
    "plan": ({"--base", "--data", "--device", "--method"}, ["[KEY=VALUE ...]"]),
    "tune": ({"--base", "--data", "--out", "--method", "--search"}, ["[KEY=VALUE ...]"]),
    "evaluate": (
        {
            "--model",
            "--adapter",
            "--quantization",
            "--suite",
            "--trained-on",
            "--sweep",
            "--judge",
            "--cache",
            "--allow-remote",
            "--out",
        },
        ["[KEY=VALUE ...]"],
    ),
    "compare": (
        {"--out", "--placebo", "--judge", "--allow-remote", "--format"},
        ["BASE_EVAL", "TUNED_EVAL... [KEY=VALUE ...]"],
    ),
    "chat": ({"--model", "--adapter", "--quantization", "--library", "--ask", "--allow-remote"}, ["[KEY=VALUE ...]"]),
    "convert": (
        {"--to", "--type", "--slim", "--quantization-embeddings", "--base", "--onto", "--allow-ungated"},
        ["SRC", "DST"],
    ),
    "inspect": ({"--out"}, ["deid|triage|terms", "FILE.jsonl"]),
    "doctor": (set(), []),
}


def group() -> Any:
    return typer.main.get_command(verbs.app)


def command_of(words: list[str]) -> Any:
    """The command that a line begins with, and how many of its words name it."""
    command, named = group().commands[words[0]], 1
    if inner := getattr(command, "commands", {}):
        command, named = inner[words[1]], 2
    return command, named


def test_verbs_and_flags_are_the_contract() -> None:
    assert tuple(group().commands) == NAMES
    assert tuple(f"library {name}" for name in group().commands["library"].commands) == OF_LIBRARY
    for name, (flags, arguments) in FLAGS.items():
        command, _ = command_of(name.split())
        options = {o for p in command.params if p.param_type_name == "option" for o in p.opts}
        assert options == flags | {"--json"}, name
        assert [p.metavar for p in command.params if p.param_type_name == "argument"] == arguments


def example_lines() -> list[tuple[str, str]]:
    """(page, line) of every command in a code block, without its comment."""
    found = []
    for name in PAGES:
        for block in re.findall(r"```[a-z]*\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL):
            found += [(name, line) for line in block.splitlines() if re.match(r"\s*(\.venv/bin/)?doctorglm ", line)]
    return found


def settings_of(verb: str) -> Any:
    from doctorglm.curate import CurateSettings
    from doctorglm.distill.settings import DistillSettings
    from doctorglm.engine import Sampling
    from doctorglm.evaluate import EvaluateSettings, GateSettings
    from doctorglm.library.grounding import GroundSettings
    from doctorglm.library.settings import LibrarySettings
    from doctorglm.translate.stage import TranslateSettings
    from doctorglm.tune import TuneSettings

    kinds: dict[str, Any] = {"curate": CurateSettings, "tune": TuneSettings, "evaluate": EvaluateSettings}
    kinds |= {"library build": LibrarySettings, "library ground": GroundSettings, "translate": TranslateSettings}
    kinds |= {"distill": DistillSettings}
    return (kinds | {"compare": GateSettings, "chat": Sampling})[verb]


def parse(line: str) -> None:
    """Raises unless the verb, its flags and its settings exist."""
    from doctorglm.cli.planning import plan_settings
    from doctorglm.recipe import read_recipe, recipe_of
    from doctorglm.recipe.translation.settings import translation_recipe_of
    from doctorglm.settings import build, parse_overrides

    words = shlex.split(line, comments=True)[1:]
    verb, named = command_of(words)
    name = " ".join(words[:named])
    with verb.make_context(name, words[named:]) as context:
        given = context.params
    if words[0] == "run":
        values = read_recipe(ROOT / given["recipe"])
        made = translation_recipe_of if "translate" in values else recipe_of
        made(values, parse_overrides(given["settings"] or []), line)
    elif words[0] == "plan":
        plan_settings(parse_overrides(given["settings"] or []))
    elif mixed := given.get("settings") or given.get("sources") or given.get("tuned_evals"):
        pairs = [w for w in mixed if re.match("[a-z_]+=", w)]
        build(settings_of(name), parse_overrides(pairs), line)


@pytest.mark.parametrize(("name", "line"), example_lines())
def test_the_commands_of_the_pages_parse(name: str, line: str) -> None:
    parse(line)


def test_the_pages_were_found_and_a_wrong_line_would_be() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert len({line.split()[1] for page, line in example_lines() if page == name}) >= 4
    for line in ("doctorglm tune --base a --data b --out c lr=1", "doctorglm chat --model a --foo", "doctorglm tun"):
        with pytest.raises(Exception, match=r"lr|foo|tun"):
            parse(line)


@pytest.mark.parametrize("name", PAGES)
def test_the_verbs_that_the_pages_speak_of_exist(name: str) -> None:
    spoken_of = re.findall(r"`(?:\.venv/bin/)?doctorglm ([a-z]+)", (ROOT / name).read_text("utf-8"))
    assert set(spoken_of) <= set(NAMES)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "library"])
def test_the_examples_of_the_help_parse(name: str) -> None:
    parse(command_of(name.split())[0].epilog)
