"""Settings of a stage: from `KEY=VALUE` and YAML to a frozen dataclass, or to an error that names the nearest key."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from doctorglm.errors import ConfigError

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""What every settings dataclass is made with: unknown keys fail, numbers are finite."""

T = TypeVar("T")


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """An instance of the settings dataclass `cls`; raises ConfigError with `where`, key, value and remedy."""
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise _unknown(key, names, where)
    try:
        return TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or where
        if first["type"] == "missing":
            raise ConfigError(
                en=f"{where}: `{key}` is missing. Give it as {key}=VALUE.",
                zh=f"{where}：缺少 `{key}`。请写 {key}=值。",
            ) from None
        raise ConfigError(
            en=f"{where}: {key}={first.get('input')!r}: {first['msg']}.",
            zh=f"{where}：{key}={first.get('input')!r} 无效（{first['msg']}）。",
        ) from None


def _unknown(key: str, names: list[str], where: str) -> ConfigError:
    initials = [n for n in names if "".join(word[0] for word in n.split("_")) == key]
    near = initials or difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    en = f"did you mean `{near[0]}`?" if near else f"valid settings: {', '.join(sorted(names))}."
    zh = f"是否要写 `{near[0]}`？" if near else f"可用的设置：{'、'.join(sorted(names))}。"
    return ConfigError(en=f"{where}: unknown setting `{key}`; {en}", zh=f"{where}：没有名为 `{key}` 的设置；{zh}")


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """`["learning_rate=1e-3"]` as {"learning_rate": 0.001}; raises ConfigError for a pair without `=`."""
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ConfigError(
                en=f"`{pair}` is not KEY=VALUE. Write for example learning_rate=1e-3.",
                zh=f"`{pair}` 不是 KEY=VALUE 的形式。例如 learning_rate=1e-3。",
            )
        values[key.strip()] = scalar(value)
    return values


def scalar(text: str) -> Any:
    """A value as YAML reads it, and `1e-3` as the number that people mean by it."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def plain(settings: Any) -> dict[str, Any]:
    """The settings as a dictionary, for `run.json`."""
    return asdict(settings)
