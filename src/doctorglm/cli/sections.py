"""Settings of a stage and of the parts it has: `judge.control=30` is `control` of the part `judge`."""

from collections.abc import Mapping
from typing import Any


def own(values: Mapping[str, Any], *parts: str) -> dict[str, Any]:
    """The settings that belong to none of the parts."""
    return {key: value for key, value in values.items() if key.partition(".")[0] not in parts or "." not in key}


def of_part(values: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The settings of a part, `part.key`, by their key."""
    return {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{part}.")}
