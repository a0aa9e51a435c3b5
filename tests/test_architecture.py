"""The description of the house names the rooms that the import contract holds, in its order."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_described_rooms_are_those_of_the_import_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [room.strip() for line in lines for room in re.split(r"[|:]", line)]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    house = page.split("\n## The house\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", house, flags=re.MULTILINE) == rooms
