"""A stage's directory: one process's at a time, written whole or not at all, described by `run.json`, skipped when it
is finished."""

import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import resource
import sys
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from doctorglm.errors import ConfigError, DataError
from doctorglm.language import Text, readable

_PACKAGES = ("doctorglm", "torch", "transformers", "peft", "sentencepiece", "numpy")


@contextmanager
def atomic_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a temporary file (0600) that takes the name `path` when the block ends well, and vanishes when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_over(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    # half a character (json.loads makes them) would stop UTF-8; written as \udXXX, JSON brings it back
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "errors": "backslashreplace"}
    try:
        with os.fdopen(descriptor, mode, **text) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise


def _remove_left_over(path: Path) -> None:
    """Removes temporary files of `path` whose process was killed; a checkpoint's may be large."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"(\d+)\.tmp")
    for candidate in path.parent.iterdir():
        found = pattern.fullmatch(candidate.name)
        if found and not _is_alive(int(found[1])):
            candidate.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def sync_directory(directory: Path) -> None:
    """Makes renames in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Writes indented UTF-8 JSON, complete or not at all."""
    with atomic_file(path) as out:
        out.write(to_json(value, indent=2) + "\n")


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON in which the name of a file is readable under any locale, so that run.json does not depend on it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return re.sub("[\udc80-\udcff]+", lambda run: json.dumps(readable(run[0]), ensure_ascii=False)[1:-1], text)


def read_json(path: Path) -> Any:
    """Reads a JSON file; raises DataError with the file and the place."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(en=f"{path}: no such file. Make it again.", zh=f"{path}：文件不存在。请重新生成。") from None
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, a number too long, brackets too deep
        raise DataError(
            en=f"{path}: not JSON ({error}). Restore the file or make it again.",
            zh=f"{path}：不是 JSON（{error}）。请恢复或重新生成该文件。",
        ) from None


def sha256_file(path: Path) -> str:
    """The hex sha256 of a file; raises DataError when it is missing or a folder."""
    try:
        with path.open("rb") as data:
            return hashlib.file_digest(data, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise DataError(en=f"{path}: no such file. Check the path.", zh=f"{path}：没有这个文件。请检查路径。") from None


def sha256_tree(directory: Path) -> str:
    """One hex sha256 for a folder: of its files' names and hashes, in order; raises DataError when it is missing."""
    if not directory.is_dir():
        raise DataError(
            en=f"{directory}: no such folder. Check the path.", zh=f"{directory}：没有这个文件夹。请检查路径。"
        )
    digest = hashlib.sha256()
    # names as bytes, which no locale changes
    files = {os.fsencode(p.relative_to(directory).as_posix()): p for p in directory.rglob("*") if p.is_file()}
    for name, file in sorted(files.items()):
        digest.update(name + f"\0{sha256_file(file)}\n".encode())
    return digest.hexdigest()


def note(*, en: str, zh: str) -> None:
    """Says something on stderr that is no error."""
    sys.stderr.write(readable(str(Text(en=en, zh=zh))) + "\n")


def peak_memory_mb() -> float:
    """The process's highest resident memory so far, in MB (10^6 bytes)."""
    scale = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6, 1)


def _machine() -> dict[str, Any]:
    """`machine`, and `peak_gpu_memory_mb` where a GPU held anything; a stage without torch is not made to load it."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return {"machine": machine}
    peak = round(torch.cuda.max_memory_allocated() / 1e6, 1)
    return {"machine": f"{machine}, {torch.cuda.get_device_name()}", "peak_gpu_memory_mb": peak}


class _Lock:
    """The kernel's lock on a directory, which leaves no file and ends with the process, however that ends.

    Raises BlockingIOError while another process has it. Where directories cannot be locked (NFS), `.lock` in it is.
    """

    def __init__(self, directory: Path) -> None:
        for path, flags in ((directory, os.O_RDONLY), (directory / ".lock", os.O_RDWR | os.O_CREAT)):
            descriptor = os.open(path, flags, 0o600)
            weakref.finalize(self, os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EACCES):
                    raise
        note(
            en=f"{directory}: this disk has no locks. Do not start a second run in the folder.",
            zh=f"{directory}：该磁盘不支持文件锁。请勿在此文件夹中同时启动第二个运行。",
        )


_held: weakref.WeakValueDictionary[tuple[int, int, int], _Lock] = weakref.WeakValueDictionary()
"""(process, device, inode) -> the lock, for as long as a `Run` of this process has it: a stage may open its directory
twice. A forked child has locks of its own."""


def _lock_of(directory: Path) -> _Lock:
    """The lock of a directory, made where it is missing; raises ConfigError when another process works there."""
    directory.mkdir(parents=True, exist_ok=True)
    place = directory.stat()
    key = (os.getpid(), place.st_dev, place.st_ino)
    try:
        lock = _held.get(key) or _Lock(directory)
    except BlockingIOError:
        raise _in_use(directory) from None
    _held[key] = lock
    return lock


def _in_use(directory: Path) -> ConfigError:
    try:
        pid = json.loads((directory / "run.json").read_text("utf-8"))["process"]
    except (OSError, ValueError, KeyError, TypeError):
        pid = "?"
    return ConfigError(
        en=f"{directory}: another doctorglm (process {pid}) is working in this folder. Wait until it has ended, "
        "or use another --out.",
        zh=f"{directory}：另一个 doctorglm（进程 {pid}）正在使用该文件夹。请等它结束，或换一个 --out。",
    )


class Run:
    """One stage's directory.

    `settings` and `inputs` (name -> sha256) identify the run: a directory that was finished with the same ones is
    skipped, one that holds others is refused with ConfigError, so that nothing is overwritten. One that holds nothing
    but `run.json` of an attempt that never began is free; with `renewed`, one of the same stage is brought up to date.
    Until `finish` the directory belongs to one process: a second one is refused with ConfigError. Raises
    DataError for a damaged `run.json`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        stage: str,
        settings: Mapping[str, Any],
        inputs: Mapping[str, str],
        seed: int = 0,
        renewed: bool = False,
    ) -> None:
        self.directory = directory
        self._renewed = renewed
        self._path = directory / "run.json"
        self._identity = json.loads(to_json({"stage": stage, "settings": settings, "inputs": inputs, "seed": seed}))
        self._started = time.monotonic()
        self._lock: _Lock | None = None
        self.record: dict[str, Any] = self._found()
        if not self.finished:
            self._lock = _lock_of(directory)
            # again: another process may have ended since
            self.record = self._found()
        self._earlier_s = float(self.record.get("seconds", 0))
        if self.finished:
            self._lock = None
        else:
            running = {"status": "running", "seconds": self._earlier_s, "process": os.getpid()}
            self.record = {**self._identity, **running}
            write_json(self._path, self.record)

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies the run, each part under its own name, such as `settings.seed` and `inputs.train.jsonl`."""
        return _flat(self._identity)

    @property
    def finished(self) -> bool:
        """True when the stage was completed earlier, or by `finish`."""
        return self.record.get("status") == "finished"

    def finish(self, **results: Any) -> None:
        """Writes `run.json` for good: counts, metrics or cost as given, with versions, time and memory."""
        self.record = {
            **self._identity,
            "status": "finished",
            "seconds": round(self._earlier_s + time.monotonic() - self._started, 2),
            "peak_memory_mb": peak_memory_mb(),
            "versions": _versions(),
            **_machine(),
            **results,
        }
        write_json(self._path, self.record)
        self._lock = None

    def amend(self, **results: Any) -> None:
        """Changes results of a finished run, such as what a reader has signed since."""
        self.record = {**self.record, **results}
        write_json(self._path, self.record)

    def _found(self) -> dict[str, Any]:
        """The record of an earlier start; {} when there is none, or when that start did nothing.

        Raises ConfigError when it is of another run.
        """
        if self.directory.exists() and not self.directory.is_dir():
            raise ConfigError(
                en=f"{self.directory} is a file, a folder is needed. Use another --out.",
                zh=f"{self.directory} 是文件，这里需要文件夹。请换一个 --out。",
            )
        if not self._path.exists():
            return {}
        record = read_json(self._path)
        if not _is_record(record):
            raise DataError(
                en=f"{self._path}: damaged: not the record of a run. Remove the folder, or use another --out.",
                zh=f"{self._path}：已损坏，不是运行记录。请删除该文件夹，或换一个 --out。",
            )
        left = [p for p in self.directory.iterdir() if p != self._path and not p.name.startswith(".")]
        if not left and record["status"] != "finished":
            return {}
        if self._renewed and record.get("stage") == self._identity["stage"]:
            return {} if differences(_flat(record), self.identity) else dict(record)
        self._refuse_another_run(record)
        return dict(record)

    def _refuse_another_run(self, record: Mapping[str, Any]) -> None:
        changed = differences(_flat(record), self.identity)
        if changed:
            raise ConfigError(
                en=f"{self.directory} holds another run ({'; '.join(changed[:3])}). Use another --out or remove it.",
                zh=f"{self.directory} 里是另一次运行（{'；'.join(changed[:3])}）。请换一个 --out，或先删除它。",
            )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`name: before -> now` of every value that differs between two identities, the stage first and the seed last."""
    return [
        f"{name}: {_short(before.get(name))} -> {_short(now.get(name))}"
        for name in sorted({*before, *now}, key=lambda name: (name != "stage", name == "seed"))
        if before.get(name) != now.get(name)
    ]


def _is_record(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("status") in ("running", "finished")
        and isinstance(value.get("settings"), dict)
        and isinstance(value.get("inputs"), dict)
        and isinstance(value.get("seconds"), int | float)
    )


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a run, each part under its own name."""
    parts = {f"{part}.{name}": value for part in ("settings", "inputs") for name, value in sorted(record[part].items())}
    return {"stage": record.get("stage"), "seed": record.get("seed"), **parts}


def _short(value: Any) -> str:
    """A value for a message: of a sha256 the beginning."""
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
        return f"{value[:8]}..."
    return repr(value)


def _versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed
