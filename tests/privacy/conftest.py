"""Sources in which identifiers are planted, and one folder for all that the program may write."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from .patients import Writer, write_damaged, write_lines, write_sources
from .scene import EN, ZH, Echo, Scene


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources, and `written`, in which home, caches and temporary files are."""
    root = tmp_path_factory.mktemp("privacy")
    write_sources(root / "sources", Writer("zh", ZH), Writer("en", EN))
    write_damaged(root / "damaged", Writer("zh", ZH, 1))
    write_lines(root / "raw" / "train.jsonl", _raw(Writer("zh", ZH, 2), 12))
    write_lines(root / "raw" / "test.jsonl", _raw(Writer("en", EN, 3), 3) + _raw(Writer("zh", ZH[40:], 3), 6))
    return root


@pytest.fixture
def scene(world: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    # for each test alone: between two of them this process may run others
    for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "RAY_TMPDIR"):
        folder = world / "written" / name.lower()
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    # one process does the work here, and two in the test that kills them
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    return Scene(world / "sources", world / "written")


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model answers with what it was asked."""
    for place in ("models.local_engine", "models.opening", "evaluate.subject", "recipe.pipeline"):
        monkeypatch.setattr(f"doctorglm.{place}.LocalEngine", Echo)


def _raw(writer: Writer, count: int) -> list[dict[str, Any]]:
    return [writer.messages() for _ in range(count)]
