"""Every failure of others that concerns training, adapters and retrieval is named by the test of its right behaviour.

By the number of the list of cases. Training: `tune/test_cases.py` and what it names. Adapters: C065 and C070 there too,
C067 and C069 in `models/test_merging.py` and `models/quantized/test_merged.py`, C072 in `tune/test_ptuning.py`, C073,
C074 and C077 in `models/llamacpp`, C076 in `models/quantized`. Retrieval: `library`.
"""

import re
from pathlib import Path

TESTS = Path(__file__).parent
STAGES = ("training", "adapters", "retrieval", "translation")


def test_each_has_a_test_that_names_it(shared: Path) -> None:
    listed = re.findall(r"^\| (C\d{3}) \| \w+ \| (\w+) \|", (shared / "cases.md").read_text("utf-8"), re.MULTILINE)
    wanted = {number for number, stage in listed if stage in STAGES}
    assert len(wanted) >= 20 and sorted(wanted - named()) == []


def named() -> set[str]:
    """In the name of a test, or in what a file that is no list of cases says of its tests."""
    found = set()
    for file in TESTS.rglob("test_*.py"):
        text = file.read_text("utf-8")
        found |= {number.upper() for number in re.findall(r"def test_(c\d{3})_", text)}
        if file.name != "test_cases.py":
            found |= set(re.findall(r"\bC\d{3}\b", text))
    return found
