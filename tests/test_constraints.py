"""The tested set names every package that an installation brings."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
_CUDA = re.compile(r"nvidia-|cuda-|triton$")


def _brought(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """The packages that `name[extras]` brings on this machine, itself included, from what is installed."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    found = {name}
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            found |= _brought(canonicalize_name(requirement.name), frozenset(requirement.extras), seen)
    return found


def test_every_package_that_the_developers_environment_brings_is_pinned() -> None:
    lines = [line.split("#")[0].strip() for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines()]
    pinned = {canonicalize_name(line.split("==")[0]): line for line in lines if line}
    # exact, and without a local label (+cpu), so that every index can serve it
    assert [line for line in pinned.values() if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][^\s+]*", line)] == []
    brought = {name for name in _brought("doctorglm", frozenset({"dev"}), set()) if not _CUDA.match(name)}
    assert brought - {"doctorglm"} - pinned.keys() == set()
    assert len(brought) > 50, "the walk found next to nothing: the test itself is broken"
