"""Where compiled code is kept, when it is made anew, and what happens on a machine that cannot compile."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from doctorglm.models.decoding import compiled

needs_compiler = pytest.mark.skipif(compiled.kernels() is None, reason="no compiler, or another processor")


@pytest.fixture
def fresh() -> Iterator[None]:
    """As in a new process."""
    compiled.kernels.cache_clear()
    yield
    compiled.kernels.cache_clear()


def product(function: compiled.Kernels, threads: int = 1) -> torch.Tensor:
    weight, x, out = torch.arange(-64, 64, dtype=torch.int8).repeat(5, 1), torch.ones(1, 128), torch.empty(1, 5)
    scale = torch.arange(5.0)
    pointers = [tensor.data_ptr() for tensor in (weight, scale)]
    assert not function.rows(
        compiled.threads_of_torch(), threads, 8, *pointers, None, x.data_ptr(), out.data_ptr(), 1, 5, 128
    )
    return out[0]


@needs_compiler
def test_it_is_compiled_once_and_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = compiled.found_compiler()
    assert compiler
    library = compiled.compiled(compiler, tmp_path)
    made = library.stat()
    assert made.st_mode & 0o777 == 0o600 and [library] == list(tmp_path.iterdir())
    assert compiled.compiled(compiler, tmp_path) == library and library.stat().st_mtime_ns == made.st_mtime_ns
    monkeypatch.setattr(compiled, "FLAGS", ("-O1", *compiled.FLAGS[1:]))
    assert compiled.compiled(compiler, tmp_path) != library


@needs_compiler
def test_any_number_of_threads_gives_the_same(fresh: None) -> None:
    function = compiled.kernels()
    assert function and product(function, 1).tolist() == product(function, 3).tolist()


def test_the_threads_are_torchs_own() -> None:
    """A second library's would wait beside them on the same cores."""
    address = compiled.threads_of_torch()
    if address is None:
        pytest.skip("this torch computes with other threads")
    own = next(Path(torch.__file__).parent.glob("lib/libgomp*"))
    assert ctypes.cast(ctypes.CDLL(str(own)).GOMP_parallel, ctypes.c_void_p).value == address


def test_a_machine_without_a_compiler_says_so_once(
    fresh: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if sys.platform != "linux" or torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("nothing is compiled here")
    monkeypatch.setattr(compiled, "found_compiler", lambda: None)
    assert compiled.kernels() is None and compiled.kernels() is None
    assert capsys.readouterr().err.count("pip install 'doctorglm[fast]'") == 1


_NO_LIBRARY = 'while [ "$1" != -o ]; do shift; done; echo this is text > "$2"'


@pytest.mark.parametrize("body", ["exit 1", "echo no such option >&2; exit 1", _NO_LIBRARY])
def test_a_compiler_that_fails_leaves_torch_to_do_it(
    body: str, fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with an error, says why, or writes something that is no library."""
    if sys.platform != "linux" or torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("nothing is compiled here")
    broken = tmp_path / "cc"
    broken.write_text(f"#!/bin/sh\n{body}\n")
    broken.chmod(0o700)
    monkeypatch.setattr(compiled, "found_compiler", lambda: [str(broken)])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compiled.kernels() is None
    assert "could not be compiled" in capsys.readouterr().err


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = compiled.kept_in()
    assert folder == tmp_path / "doctorglm" and folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    other = compiled.kept_in()
    assert other != folder and other.stat().st_mode & 0o777 == 0o700
    other.rmdir()


def test_the_compiler_is_the_machines_else_ziglangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "gcc" else None)
    assert compiled.found_compiler() == ["/usr/bin/gcc"]
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    monkeypatch.setattr(compiled, "find_spec", lambda name: object() if name == "ziglang" else None)
    assert compiled.found_compiler() == [sys.executable, "-m", "ziglang", "cc"]
    monkeypatch.setattr(compiled, "find_spec", lambda name: None)
    assert compiled.found_compiler() is None
