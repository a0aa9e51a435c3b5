"""Writes the tables of settings in the docs from the docstrings of the settings' classes, between their markers.

python docs/settings_tables.py          writes
python docs/settings_tables.py --check  exits 1 when a file is stale
"""

import ast
import importlib
import inspect
import re
import sys
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILES = ("docs/curate.md", "docs/evaluate.md", "docs/library.md", "docs/plan.md", "docs/translate.md", "docs/tune.md")
_BLOCK = re.compile(r"(<!-- settings:(?P<module>[\w.]+):(?P<name>\w+) -->\n).*?(<!-- /settings -->)", re.DOTALL)


def written(text: str) -> str:
    """The text with every marked table made anew."""
    return _BLOCK.sub(lambda m: m[1] + table(getattr(importlib.import_module(m["module"]), m["name"])) + m[4], text)


def table(settings: type) -> str:
    """A row for each field: name, default, and what its docstring says; KeyError for a field without one."""
    described = {name: said for cls in reversed(settings.__mro__[:-1]) for name, said in _docstrings(cls).items()}
    usual = settings()
    rows = [f"| `{f.name}` | {_value(getattr(usual, f.name))} | {described[f.name]} |" for f in fields(settings)]
    return "\n".join(["| `KEY=VALUE` | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _docstrings(settings: type) -> dict[str, str]:
    (body,) = [node.body for node in ast.parse(inspect.getsource(settings)).body if isinstance(node, ast.ClassDef)]
    return {
        field.target.id: " ".join(said.value.value.split()).replace("|", "\\|")
        for field, said in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"`{','.join(f'{key}={of:g}' for key, of in value.items())}`"
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return f"`{','.join(map(str, value))}`"
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


def main() -> int:
    """Writes the files, or tells which are stale."""
    stale = []
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        if written(text) != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(written(text), encoding="utf-8")
    sys.stderr.write("".join(f"{name}: {'stale' if '--check' in sys.argv else 'written'}\n" for name in stale))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
