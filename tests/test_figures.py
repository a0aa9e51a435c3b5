"""Every figure of the READMEs is the one that a benchmark printed."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # its scripts import each other by name


def _tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", _tables().FILES)
def test_readme_is_current(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "<!-- figures:" in text
    assert _tables().written(text) == text, "run `python docs/tables.py`"


def test_a_changed_figure_is_noticed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.index("-->\n", text.index("<!-- figures:demo:en")) + 4
    assert _tables().written(text[:start] + "9" + text[start:]) == text
