"""The command line in this process, and what it makes: a base, curated data, an adapter."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from doctorglm.__main__ import main

from ..house import consultations, write_base, write_table
from .kit import TINY, Said, Scene


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, curated data, and an adapter tuned for one step, made by the command line itself."""
    root = tmp_path_factory.mktemp("made")
    write_base(root / "base")
    write_table(root / "hospital.csv", consultations(24))
    assert main(["curate", str(root / "hospital.csv"), "--out", str(root / "data")]) == 0
    base, data, out = (str(root / name) for name in ("base", "data", "tuned"))
    assert main(["tune", "--base", base, "--data", data, "--out", out, *TINY]) == 0
    return root


@pytest.fixture
def scene(made: Path, tmp_path: Path) -> Scene:
    for name in ("base", "data"):
        shutil.copytree(made / name, tmp_path / name)
    shutil.copytree(made / "tuned" / "adapter", tmp_path / "adapter")
    return Scene(tmp_path / "base", tmp_path / "data", tmp_path / "adapter", tmp_path / "out")
