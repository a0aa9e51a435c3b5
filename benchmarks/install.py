"""How much disk the packages of an installation take: the product's, and with the developers' tools.

python benchmarks/install.py    in an environment that `make install` made

Counted are the files that each package recorded when it was installed (PEP 627), compiled ones included, and nothing
that a download leaves in a cache. The project itself is not counted: it is the folder.
"""

import json
import platform
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from _record import circumstances

PROJECT = "doctorglm"


def brought(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """The names of the packages that `name[extras]` needs here, itself included; they must be installed."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    names = {name}
    for line in distribution(name).requires or []:
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            names |= brought(canonicalize_name(needed.name), frozenset(needed.extras), seen)
    return names


def size(package: Distribution) -> int:
    """Bytes of its files that are there."""
    paths = [Path(str(file.locate())) for file in package.files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def measured(extra: str) -> dict[str, Any]:
    """Number and bytes of the packages of one extra, and the largest of them."""
    names = brought(PROJECT, frozenset({extra}), set()) - {PROJECT}
    sizes = sorted(((size(distribution(name)), name) for name in names), reverse=True)
    return {
        "packages": len(sizes),
        "bytes": sum(of for of, _ in sizes),
        "largest": {name: of for of, name in sizes[:5]},
    }


if __name__ == "__main__":
    result = {extra: measured(extra) for extra in ("all", "dev")}
    versions = {"python": platform.python_version()}
    versions |= {name: distribution(name).version for name in (PROJECT, *result["dev"]["largest"])}
    whole = circumstances("python benchmarks/install.py", versions) | {"installed": result}
    sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
