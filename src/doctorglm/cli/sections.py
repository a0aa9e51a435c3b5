"""Settings of a stage and of the parts it has: `judge.control=30` is `control` of the part `judge`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.settings import scalar


def own(values: Mapping[str, Any], *parts: str) -> dict[str, Any]:
    """The settings that belong to none of the parts."""
    return {key: value for key, value in values.items() if key.partition(".")[0] not in parts or "." not in key}


def of_part(values: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The settings of a part, `part.key`, by their key."""
    return {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{part}.")}


def split_settings(arguments: Sequence[str]) -> tuple[list[Path], dict[str, Any]]:
    """Paths, and KEY=VALUE pairs; a path that exists is a path whatever it is called."""
    pairs = [a for a in arguments if re.match(r"[a-z_.]+=", a) and not Path(a).exists()]
    files = [Path(a) for a in arguments if a not in pairs]
    return files, {key: scalar(value) for key, _, value in (pair.partition("=") for pair in pairs)}
