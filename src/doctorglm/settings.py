"""Settings of a stage: from `KEY=VALUE` and YAML to a frozen dataclass, or to an error that names the nearest key."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, asdict, fields
from typing import Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from doctorglm.errors import ConfigError, shown, without_values
from doctorglm.language import Text

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)
"""What every settings dataclass is made with: unknown keys fail, numbers are finite, a folder may be called 2026."""

T = TypeVar("T")


def build(cls: type[T], values: Any, where: str) -> T:
    """An instance of the settings dataclass `cls`; raises ConfigError with `where`, key, value and remedy."""
    known: dict[str, Field[Any]] = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    if not isinstance(values, Mapping):
        raise ConfigError(
            en=f"{where}: settings are KEY: VALUE pairs, not {shown(values)}. The keys are {', '.join(known)}.",
            zh=f"{where}：设置应为若干“键: 值”，而不是 {shown(values)}。可用的键：{'、'.join(known)}。",
        )
    for key in values:
        if key not in known:
            raise _unknown(str(key), list(known), where)
    try:
        built = TypeAdapter(cls).validate_python(dict(values))
    except ValidationError as error:
        raise _invalid(error, known, where) from None
    for key, value in values.items():
        if isinstance(value, bool) and not isinstance(getattr(built, key), bool):
            # pydantic takes `yes` for the number 1
            raise _wrong(f"{key}={_shown(value)}", _NUMBER, known[key], where)
    return built


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant: by its initials (`lr`), or by its letters; None when none is near."""
    names = list(names)
    initials = [n for n in names if "".join(part[:1] for part in n.split("_")) == word]
    near = initials or difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return near[0] if near else None


def _unknown(key: str, names: list[str], where: str) -> ConfigError:
    near = nearest(key, names)
    en = f"did you mean `{near}`?" if near else f"valid settings: {', '.join(sorted(names))}."
    zh = f"是否要写 `{near}`？" if near else f"可用的设置：{'、'.join(sorted(names))}。"
    told = shown(key).strip("'")
    return ConfigError(en=f"{where}: unknown setting `{told}`; {en}", zh=f"{where}：没有名为 `{told}` 的设置；{zh}")


def _invalid(error: ValidationError, known: Mapping[str, Field[Any]], where: str) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or where
    if first["type"] == "missing":
        return ConfigError(
            en=f"{where}: `{key}` is missing. Give it as {key}=VALUE.",
            zh=f"{where}：缺少 `{key}`。请写 {key}=值。",
        )
    wanted = _WANTED.get(first["type"], Text(en=first["msg"], zh=first["msg"]))
    limits = {name: str(limit) for name, limit in first.get("ctx", {}).items()}
    what = Text(en=wanted.en.format_map(limits), zh=wanted.zh.format_map(limits))
    field = known.get(str(first["loc"][0])) if first["loc"] else None
    return _wrong(f"{key}={_shown(first.get('input'))}", what, field, where)


_NUMBER = Text(en="a number is needed", zh="应为数字")
_INTEGER = Text(en="a whole number is needed", zh="应为整数")
_SWITCH = Text(en="true or false is needed", zh="应为 true 或 false")
_WORDS = Text(en="text is needed", zh="应为文字")
_LIST = Text(en="a list is needed, as [a, b]", zh="应为列表，如 [a, b]")
_PAIRS = Text(en="KEY: VALUE pairs are needed", zh="应为若干“键: 值”")
_WANTED: Mapping[str, Text] = {
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": Text(en="a finite number is needed", zh="应为有限的数字"),
    "int_parsing": _INTEGER,
    "int_type": _INTEGER,
    "int_from_float": _INTEGER,
    "int_parsing_size": _INTEGER,
    "bool_parsing": _SWITCH,
    "bool_type": _SWITCH,
    "string_type": _WORDS,
    "list_type": _LIST,
    "dict_type": _PAIRS,
    "dataclass_type": _PAIRS,
    "greater_than": Text(en="it must be above {gt}", zh="应大于 {gt}"),
    "greater_than_equal": Text(en="it must be at least {ge}", zh="不应小于 {ge}"),
    "too_short": Text(en="it must hold at least {min_length}", zh="至少应有 {min_length} 项"),
    "less_than": Text(en="it must be below {lt}", zh="应小于 {lt}"),
    "less_than_equal": Text(en="it must be at most {le}", zh="不应大于 {le}"),
    "literal_error": Text(en="it must be {expected}", zh="可选 {expected}"),
}
"""pydantic's kinds of error in both languages; https://docs.pydantic.dev/latest/errors/validation_errors/"""


def _wrong(given: str, what: Text, field: "Field[Any] | None", where: str) -> ConfigError:
    default = None if field is None or field.default is MISSING else field.default
    default = getattr(default, "default", default)
    if default is None or default is MISSING:
        return ConfigError(en=f"{where}: {given}: {what.en}.", zh=f"{where}：{given} 无效：{what.zh}。")
    return ConfigError(
        en=f"{where}: {given}: {what.en}. The default is {_shown(default)}.",
        zh=f"{where}：{given} 无效：{what.zh}。默认值是 {_shown(default)}。",
    )


def _shown(value: Any) -> str:
    """A value as one would type it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)


def parse_overrides(pairs: Iterable[str]) -> dict[str, Any]:
    """`["learning_rate=1e-3"]` as {"learning_rate": 0.001}; raises ConfigError for a pair without `=`."""
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
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
    except (yaml.YAMLError, ValueError):
        # not YAML, or what YAML takes for a date and is none
        return text
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def yaml_problem(error: Exception) -> str:
    """What is wrong with a YAML file and where, without the line that YAML's own message quotes."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{without_values(' '.join(problem.split()))}{place}"


def plain(settings: Any) -> dict[str, Any]:
    """The settings as a dictionary, for `run.json`."""
    return asdict(settings)
