"""`fetch`: public corpora and base models by name, their licence shown and agreed to, every file checked, resumed.

What is known stands in hub.yaml. Repositories of Hugging Face's hub come through its own library, which respects
HF_ENDPOINT (a mirror), HF_HUB_OFFLINE and its cache; their sizes and hashes are checked here again, since the library
checks sizes alone. Archives come by their addresses, mirrors in order, and go on where they broke off.
"""

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from doctorglm.errors import ConfigError, DataError
from doctorglm.runs import Run

Progress = Callable[[str, int, int], None]
"""Called with (file, bytes so far, bytes in all or 0)."""

_WEIGHTS = [
    "*.bin",
    "*.safetensors",
    "*.json",
    "*.model",
    "*.txt",
    "*.jinja",
    "LICENSE*",
    "MODEL_LICENSE*",
    "README.md",
]
_TIMEOUT_S = 60
_ATTEMPTS = 5
_CHUNK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Known:
    """An entry of hub.yaml."""

    name: str
    kind: str
    title: str
    licence: str
    note: str = ""
    home: str = ""
    hub: str = ""
    archive: Sequence[str] = field(default_factory=tuple)
    sha256: str = ""

    @property
    def address(self) -> str:
        """Where a person reads about it."""
        return self.home or f"https://huggingface.co/{self.hub}"


@cache
def registry() -> dict[str, Known]:
    """Everything that is known, by name."""
    text = resources.files("doctorglm").joinpath("hub.yaml").read_text(encoding="utf-8")
    return {name: Known(name=name, **entry) for name, entry in yaml.safe_load(text).items()}


def known(name: str) -> Known:
    """The entry of this name; raises ConfigError with all names."""
    if name not in registry():
        raise ConfigError(
            en=f"fetch {name}: not known. There are {', '.join(registry())}. Give any other as a folder.",
            zh=f"fetch {name}：没有登记。现有 {'、'.join(registry())}。其他仓库请下载后按文件夹读取。",
        )
    return registry()[name]


def fetch(entry: Known, out: Path, progress: Progress) -> Run:
    """Fetches what is missing in `out`; returns the finished run, whose record lists every file with its sha256.

    Raises DataError when the hub does not answer, breaks off again and again, or sends other bytes than it announced.
    """
    run = Run(out, stage="fetch", settings={"name": entry.name, "licence": entry.licence}, inputs={}, seed=0)
    if run.finished:
        return run
    files = _from_hub(entry, out) if entry.hub else [_archive(entry, out, progress)]
    run.finish(counts={"files": len(files), "bytes": sum(f["bytes"] for f in files)}, files=files, entry=asdict(entry))
    return run


# the hub


def _from_hub(entry: Known, out: Path) -> list[dict[str, Any]]:
    from huggingface_hub import HfApi, RepoFile, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    dataset = entry.hub.startswith("datasets/")
    kind, repository = ("dataset" if dataset else "model"), entry.hub.removeprefix("datasets/")
    patterns = None if dataset else _WEIGHTS
    try:
        snapshot_download(repository, repo_type=kind, local_dir=out, allow_patterns=patterns)
        if constants.is_offline_mode():
            if not _files(out):  # the library takes the empty folder for a copy
                raise OfflineModeIsEnabled("offline, and nothing was fetched earlier")
            return [_described(path, out) for path in _files(out)]
        tree = HfApi().list_repo_tree(repository, repo_type=kind, recursive=True)
        announced = {file.path: file for file in tree if isinstance(file, RepoFile)}
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise _unreachable(entry, constants.ENDPOINT, error) from None
    found = []
    for path in _files(out):
        told = announced.get(path.relative_to(out).as_posix())
        described = _described(path, out)
        if told is not None:
            _check(described, told, path, entry)
        found.append(described)
    return found


def _files(out: Path) -> list[Path]:
    """The fetched files, without the library's own notes and ours."""
    hidden = (".cache", "run.json", ".lock")
    return sorted(p for p in out.rglob("*") if p.is_file() and p.relative_to(out).parts[0] not in hidden)


def _described(path: Path, out: Path) -> dict[str, Any]:
    return {"name": path.relative_to(out).as_posix(), "bytes": path.stat().st_size, "sha256": _sha256(path)}


def _check(described: dict[str, Any], told: Any, path: Path, entry: Known) -> None:
    """Raises DataError, and removes the file, when its size or hash is not the announced one."""
    sha256 = getattr(told.lfs, "sha256", None) if told.lfs else None
    wrong = (
        (told.size is not None and told.size != described["bytes"])
        or (sha256 and sha256 != described["sha256"])
        or (not sha256 and told.blob_id and told.blob_id != _git_blob(path))
    )
    if wrong:
        path.unlink()
        raise _other_bytes(entry, described["name"])


def _git_blob(path: Path) -> str:
    """The name that git gives to the file's content. Source: Pro Git, chapter 10.2."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


# archives


def _archive(entry: Known, out: Path, progress: Progress) -> dict[str, Any]:
    """The archive as NAME.zip, from the first mirror that sends all of it."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{entry.name}.zip"
    part = target.with_suffix(".part")
    errors: list[BaseException] = []
    for address in _mirrors(entry):
        for _ in range(_ATTEMPTS):
            try:
                _download(address, part, progress)
            except (OSError, urllib.error.URLError) as error:
                errors.append(error)
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                    break  # this mirror has not got it
                continue
            if entry.sha256 and _sha256(part) != entry.sha256:
                part.unlink()
                raise _other_bytes(entry, target.name)
            part.replace(target)
            return _described(target, out)
    raise _unreachable(entry, ", ".join(_mirrors(entry)), errors[-1])


def _mirrors(entry: Known) -> Sequence[str]:
    """The addresses; DOCTORGLM_MIRROR puts another host in front of each of them first."""
    mirror = os.environ.get("DOCTORGLM_MIRROR", "").rstrip("/")
    return [*(f"{mirror}/{address}" for address in entry.archive), *entry.archive] if mirror else entry.archive


def _download(address: str, part: Path, progress: Progress) -> None:
    """Goes on with `part`; raises OSError when fewer bytes came than were announced."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        begins_anew = have and answer.status != 206
        length = answer.headers.get("Content-Length")
        wanted = (0 if begins_anew else have) + int(length) if length else 0
        with part.open("wb" if begins_anew or not have else "ab") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                progress(part.name, file.tell(), wanted)
    got = part.stat().st_size
    if wanted and got != wanted:
        if got > wanted:
            part.unlink()
        raise OSError(f"{got:,} of {wanted:,} bytes came")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _other_bytes(entry: Known, name: str) -> DataError:
    return DataError(
        en=f"fetch {entry.name}: {name} is not what its source announced (size or hash); it was removed. Start again, "
        "perhaps with another mirror.",
        zh=f"fetch {entry.name}：{name} 与来源公布的大小或哈希不符，已删除。请重新运行，或换一个镜像。",
    )


def _unreachable(entry: Known, where: str, error: BaseException) -> DataError:
    return DataError(
        en=f"fetch {entry.name}: {where} does not give it ({type(error).__name__}: {str(error)[:200]}). Start again to "
        "go on; HF_ENDPOINT names a mirror of the hub, DOCTORGLM_MIRROR one of other addresses.",
        zh=f"fetch {entry.name}：{where} 无法提供（{type(error).__name__}：{str(error)[:200]}）。再次运行会从断点继续；"
        "可用 HF_ENDPOINT 指定 hub 镜像，用 DOCTORGLM_MIRROR 指定其他地址的镜像。",
    )
