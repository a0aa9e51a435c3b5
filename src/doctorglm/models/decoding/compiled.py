"""`kernels.c`, compiled for this machine's processor when it is first needed, and kept.

torch's own products of a few rows with such weights round x to bfloat16, or do not keep up with memory
(`benchmarks/decode.py` measures them). The compiler is the machine's, or that of the package ziglang; without one torch
does the work, only slower.
"""

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from doctorglm.runs import note

SOURCE = Path(__file__).with_name("kernels.c")

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared")

_COMPILERS = ("cc", "gcc", "clang")
_COMPILE_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Kernels:
    """The functions of kernels.c, which describes their arguments; each returns 0 where all went well."""

    rows: Callable[..., int]
    attend: Callable[..., int]


@cache
def kernels() -> Kernels | None:
    """The compiled functions; None, and a note on stderr that says why, where this machine cannot have it."""
    if (
        sys.platform != "linux"
        or platform.machine() != "x86_64"
        or torch.backends.cpu.get_cpu_capability() == "DEFAULT"
    ):
        return None
    compiler = found_compiler()
    try:
        if compiler is None:
            raise OSError("no cc, gcc, clang or ziglang")
        return _loaded(compiled(compiler, kept_in()))
    except (OSError, subprocess.SubprocessError, AttributeError) as error:
        note(
            en=f"the fast products of a token could not be compiled ({error}); torch does them, several times "
            "slower for each token. Install a C compiler, or pip install 'doctorglm[fast]'.",
            zh=f"无法编译逐 token 的快速乘法（{error}），改由 torch 计算，每个 token 会慢数倍。"
            "请安装 C 编译器，或运行 pip install 'doctorglm[fast]'。",
        )
        return None


def found_compiler() -> list[str] | None:
    """The command of a C compiler: the machine's, else ziglang's."""
    own = next((path for name in _COMPILERS if (path := shutil.which(name))), None)
    if own:
        return [own]
    return [sys.executable, "-m", "ziglang", "cc"] if find_spec("ziglang") else None


def kept_in() -> Path:
    """The folder of compiled files, which nobody else can write to; a new one where there is no such folder."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "doctorglm"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat()
        if owner.st_uid == os.getuid() and not owner.st_mode & 0o022 and os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="doctorglm-"))


def compiled(compiler: list[str], folder: Path) -> Path:
    """The library, compiled unless it is in `folder`; its name tells source, flags, compiler and processor."""
    made_of = "\n".join([SOURCE.read_text("utf-8"), *FLAGS, *compiler, _processor()])
    library = folder / f"kernels-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.so"
    if library.is_file():
        return library
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / library.name
        command = [*compiler, *FLAGS, str(SOURCE), "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_COMPILE_TIMEOUT_S)
        if done.returncode:
            raise OSError(f"{compiler[-1]}: {(done.stderr.strip().splitlines() or ['it failed'])[0]}")
        made.chmod(0o600)
        made.replace(library)
    return library


def _processor() -> str:
    """What -march=native stands for: the processor's instructions."""
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _loaded(library: Path) -> Kernels:
    functions: Any = ctypes.CDLL(str(library))
    pointer, whole, threads = ctypes.c_void_p, ctypes.c_long, (ctypes.c_void_p, ctypes.c_uint)
    functions.rows.argtypes = [*threads, ctypes.c_int, *[pointer] * 5, *[whole] * 3]
    functions.attend.argtypes = [*threads, *[pointer] * 5, *[whole] * 6]
    return Kernels(functions.rows, functions.attend)


@cache
def threads_of_torch() -> int | None:
    """The address of the function by which torch's own threads are given work; None where torch has none of this kind.

    Threads of another library would wait beside torch's, on the same cores.
    """
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text("utf-8").splitlines() if ".so" in line}
    found = sorted(
        (name for name in mapped if re.match(r"lib(gomp|iomp5|omp)\b", Path(name).name)),
        key=lambda name: "torch" not in name,
    )
    try:
        return ctypes.cast(ctypes.CDLL(found[0]).GOMP_parallel, ctypes.c_void_p).value
    except (IndexError, OSError, AttributeError):
        return None
