"""What is spilled to a file is read as it was written, in memory or not, and leaves no file with a name."""

from pathlib import Path

import numpy as np
import pytest

from doctorglm.curate import spill
from doctorglm.curate.pairs import Index, Plan, sign
from doctorglm.curate.spill import Spill
from doctorglm.curate.texts import shingles


@pytest.mark.parametrize("limit", [1 << 30, 100])
def test_what_was_written_is_there_however_much_it_is(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "_IN_MEMORY_BYTES", limit)
    kept = Spill(tmp_path)
    parts = [np.arange(first, first + 50, dtype=np.uint32) for first in (0, 1000)]
    assert [kept.write(part) for part in parts] == [0, 200]
    assert np.frombuffer(kept.read(200, 8), np.uint32).tolist() == [1000, 1001]
    for _ in range(2):
        assert kept.mapped().view(np.uint32).tolist() == [*range(50), *range(1000, 1050)]
        kept.forget()
    assert list(tmp_path.iterdir()) == []


def test_pairs_are_the_same_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"头痛发热咳嗽{'甲乙丙丁'[n % 4]}血压血糖胃炎{n // 8}" for n in range(40)]
    plan = Plan(3, 84)
    blocks = [sign(texts[at : at + 10], plan) for at in range(0, 40, 10)]
    found = []
    for limit in (1 << 30, 100):
        monkeypatch.setattr(spill, "_IN_MEMORY_BYTES", limit)
        found.append(list(Index(plan, blocks, tmp_path).similar(0.4, lambda i: shingles(texts[i]))))
    assert len(found[0]) > 40
    assert found[0] == found[1]
