"""A trained student, once a run."""

import os
import shutil
from pathlib import Path

import pytest

from .tiny import write_student


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that knows a few words well; not to be changed."""
    return write_student(tmp_path_factory.mktemp("student") / "tiny")


@pytest.fixture(scope="session")
def of_languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with signs of languages, hardly trained."""
    return write_student(tmp_path_factory.mktemp("student") / "languages", steps=30, languages=True, right=0)


@pytest.fixture
def student(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, to be broken, without what was made of it."""
    return Path(shutil.copytree(trained, tmp_path / "student", ignore=shutil.ignore_patterns("ct2-*")))


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at most, whatever the machine has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
