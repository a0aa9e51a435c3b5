"""A stage's directory: written whole or not at all, described by `run.json`, skipped when it is finished."""

import hashlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from doctorglm.errors import ConfigError, DataError

_PACKAGES = ("doctorglm", "torch", "transformers", "peft", "sentencepiece", "numpy")


@contextmanager
def atomic_file(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a temporary file (0600) that takes the name `path` when the block ends well, and vanishes when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, mode, encoding=None if "b" in mode else "utf-8") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
        out.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file; raises DataError with the file and the place."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(en=f"{path}: no such file.", zh=f"{path}：文件不存在。") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            en=f"{path}: not JSON ({error}). Restore the file or make it again.",
            zh=f"{path}：不是 JSON（{error}）。请恢复或重新生成该文件。",
        ) from None


def sha256_file(path: Path) -> str:
    """The hex sha256 of a file."""
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def sha256_tree(directory: Path) -> str:
    """One hex sha256 for a folder: of its files' names and hashes, in order."""
    digest = hashlib.sha256()
    for file in sorted(p for p in directory.rglob("*") if p.is_file()):
        digest.update(f"{file.relative_to(directory).as_posix()}\0{sha256_file(file)}\n".encode())
    return digest.hexdigest()


def peak_memory_mb() -> float:
    """The process's highest resident memory so far, in MB (10^6 bytes)."""
    scale = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6, 1)


class Run:
    """One stage's directory.

    `settings` and `inputs` (name -> sha256) identify the run: a directory that was finished with the same ones is
    skipped, one that holds others is refused, so that nothing is overwritten.
    """

    def __init__(
        self, directory: Path, *, stage: str, settings: Mapping[str, Any], inputs: Mapping[str, str], seed: int = 0
    ) -> None:
        self.directory = directory
        self._path = directory / "run.json"
        self._identity = json.loads(
            json.dumps({"stage": stage, "settings": settings, "inputs": inputs, "seed": seed}, default=str)
        )
        self._started = time.monotonic()
        self.record: dict[str, Any] = read_json(self._path) if self._path.exists() else {}
        self._refuse_another_run()
        directory.mkdir(parents=True, exist_ok=True)
        if not self.finished:
            self._earlier_s = float(self.record.get("seconds", 0))
            self.record = {**self._identity, "status": "running", "seconds": self._earlier_s}
            write_json(self._path, self.record)

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
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
            **results,
        }
        write_json(self._path, self.record)

    def _refuse_another_run(self) -> None:
        changed = [
            f"{part}.{name}: {old.get(name)!r} -> {new.get(name)!r}"
            for part in ("settings", "inputs")
            for old, new in [(self.record.get(part, {}), self._identity[part])]
            for name in sorted({*old, *new})
            if self.record and old.get(name) != new.get(name)
        ]
        if self.record and self.record.get("stage") != self._identity["stage"]:
            changed.insert(0, f"stage: {self.record.get('stage')} -> {self._identity['stage']}")
        if changed:
            raise ConfigError(
                en=f"{self.directory} holds another run ({'; '.join(changed[:3])}). Use another --out or remove it.",
                zh=f"{self.directory} 里是另一次运行（{'；'.join(changed[:3])}）。请换一个 --out，或先删除它。",
            )


def _versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed
