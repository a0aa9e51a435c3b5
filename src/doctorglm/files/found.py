"""The files of the sources that were given, in a fixed order, each with its name in reports."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from doctorglm.errors import DataError
from doctorglm.files.told import file_name


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, its name in reports (relative to the source that was given), and whether it was named itself."""

    path: Path
    name: str
    given: bool


def find_files(sources: Sequence[Path], out: Path | None = None) -> list[SourceFile]:
    """The files of all sources in a fixed order, each once, without those in `out`, which may lie inside of a source.

    Raises DataError for a source that is missing or empty.
    """
    found: dict[Path, SourceFile] = {}
    names: dict[str, int] = {}
    inside = out.resolve() if out else None
    for source in _expanded(sources):
        given = source.is_file()
        paths = [source] if given else sorted(p for p in source.rglob("*") if p.is_file() and p.name[:1] != ".")
        resolved = {path: path.resolve() for path in paths}
        paths = [path for path in paths if inside is None or not resolved[path].is_relative_to(inside)]
        if not paths:
            raise DataError(
                en=f"{printable(source)}: no such file, or a folder without files. Check the path.",
                zh=f"{printable(source)}：文件不存在，或文件夹是空的。请检查路径。",
            )
        for path in paths:
            if resolved[path] not in found:
                name = _unused(file_name(printable(path.relative_to(source.parent))), names)
                found[resolved[path]] = SourceFile(path, name, given)
    return list(found.values())


def _expanded(sources: Sequence[Path]) -> Iterator[Path]:
    """The sources, a pattern as the files that it matches; a file of that very name comes first."""
    for source in sources:
        # not Path.glob, which wants a folder to start from
        matches = [] if source.exists() else sorted(glob.glob(str(source), recursive=True))  # noqa: PTH207
        yield from (Path(match) for match in matches) if matches else (source,)


def printable(path: PurePath) -> str:
    """The path as text that can be written: under an ASCII locale Python keeps Chinese names as lone surrogates."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _unused(name: str, names: dict[str, int]) -> str:
    """The name, with a number where an earlier file has the same one; `names` keeps the last number of each."""
    candidate = name
    while candidate in names:
        names[name] += 1
        candidate = f"{name} ({names[name]})"
    names[candidate] = 1
    return candidate
