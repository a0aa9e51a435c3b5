"""The page on tuning: its table of settings is that of the class, its file names are those that a run leaves."""

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic.dataclasses import dataclass

from doctorglm.tune.settings import TuneSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tables() -> Any:
    spec = importlib.util.spec_from_file_location("settings_tables", ROOT / "docs" / "settings_tables.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_not_stale(tables: Any) -> None:
    for name in tables.FILES:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert tables.written(text) == text, "run `python docs/settings_tables.py`"


def test_every_setting_has_a_row_with_its_default() -> None:
    text = (ROOT / "docs/tune.md").read_text(encoding="utf-8")
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (.*?) \|", text.split("## Settings")[1].split("\n## ")[0], flags=re.MULTILINE)
    )
    assert list(rows) == [f.name for f in fields(TuneSettings)]
    assert (rows["method"], rows["learning_rate"], rows["rslora"], rows["seed"]) == ("`lora`", "0.001", "false", "0")


@dataclass
class _Silent:
    told: int = 3
    """Wraps | over
    two lines."""
    silent: int = 4


def test_a_setting_without_a_docstring_is_found(tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="silent"):
        tables.table(_Silent)
    monkeypatch.setattr(tables, "fields", lambda of: fields(of)[:1])
    assert tables.table(_Silent).splitlines()[-1] == "| `told` | 3 | Wraps \\| over two lines. |"
