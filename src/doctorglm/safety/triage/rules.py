"""The rules of triage: read from `rules/*.yaml`, checked whole, or refused with file and line.

A file of a family holds `groups` (words that patterns name), `findings` (what a patient may tell: a list of patterns
each), `background` (findings that also count when they are old, such as a drug taken for years) and `rules`. A rule
holds when each of `all` is told, at least `least` of `any`, and none of `unless`; `a|b` is one or the other; `says` are
patterns of its own; `over: true` holds also for what has passed; `unless_reassured: true` only where nothing speaks
against an emergency: nothing `reassuring` is told, and none of the `signs` is denied.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from doctorglm.errors import ConfigError
from doctorglm.language import Text
from doctorglm.safety.triage import vitals
from doctorglm.safety.triage.context import Cues
from doctorglm.safety.triage.patterns import Part, Pattern, PatternWords, parsed

FOLDER = Path(__file__).parent / "rules"
Level = Literal["emergency", "urgent", "soon", "routine"]
LEVELS: tuple[Level, ...] = get_args(Level)
UNREVIEWED = "demonstration, not reviewed by a clinician"
KINDS = [
    "chest_pain",
    "dissection",
    "stroke",
    "haemorrhage",
    "anaphylaxis",
    "poisoning",
    "bite",
    "suicide",
    "infant_fever",
    "pregnancy",
    "meningitis",
    "sepsis",
    "diabetic",
    "torsion",
    "airway",
    "breathing",
    "head_injury",
    "burn",
    "heat_stroke",
    "seizure",
    "electric_shock",
    "drowning",
    "eye",
    "cord",
    "abdomen",
    "trauma",
    "cardiac_arrest",
    "other",
]
_KEYS = {"id", "kind", "level", "all", "any", "least", "unless", "says", "over", "unless_reassured", "source"}


class Located(str):
    """A word of a file that knows its line."""

    line: int = 0


class _Loader(yaml.SafeLoader):
    def construct_scalar(self, node: Any) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and node.tag == "tag:yaml.org,2002:str":
            value = Located(value)
            value.line = node.start_mark.line + 1
        return value


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When these findings are told, this level; `all` and `any` hold alternatives."""

    id: str
    kind: str
    level: Level
    all: tuple[tuple[str, ...], ...] = ()
    any: tuple[tuple[str, ...], ...] = ()
    least: int = 1
    unless: tuple[str, ...] = ()
    over: bool = False
    """Holds also when it is told as over, such as a stroke that passed or tablets that were swallowed."""
    unless_reassured: bool = False
    """Holds only where nothing at all speaks against an emergency."""
    source: str = UNREVIEWED

    def may_fire(self, told: set[str]) -> bool:
        """Whether the findings that are told, if they hold, are enough for it."""
        return not any(told.isdisjoint(names) for names in self.all) and (
            not self.any or sum(not told.isdisjoint(names) for names in self.any) >= self.least
        )

    @property
    def family(self) -> str:
        """The file that it stands in."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class RuleBook:
    """All rules with what they read: findings, their patterns, cues of context, advice for each kind."""

    rules: tuple[Rule, ...]
    findings: Mapping[str, tuple[Pattern, ...]]
    background: frozenset[str]
    reassuring: frozenset[str]
    signs: frozenset[str]
    cues: Cues
    advice: Mapping[str, Text]
    advice_sources: tuple[str, ...]

    @cached_property
    def words(self) -> PatternWords:
        """All words of all patterns."""
        return PatternWords(
            word for patterns in self.findings.values() for p in patterns for part in p.parts for word in part
        )

    @cached_property
    def by_first_word(self) -> Mapping[str, tuple[tuple[str, Pattern], ...]]:
        """For each word that begins a pattern: the findings and patterns that it begins."""
        found: dict[str, list[tuple[str, Pattern]]] = {}
        for name, patterns in self.findings.items():
            for pattern in patterns:
                for word in pattern.parts[0]:
                    found.setdefault(word, []).append((name, pattern))
        return {word: tuple(pairs) for word, pairs in found.items()}


@cache
def rule_book() -> RuleBook:
    """The rules that the package ships, read once."""
    return read_rules(FOLDER)


def read_rules(folder: Path) -> RuleBook:
    """The rules of a folder; raises ConfigError with file and line for whatever is wrong in them."""
    cues = _cues(folder / "context.yaml")
    advice, advice_sources = _advice(folder / "advice.yaml")
    files = sorted(p for p in folder.glob("*.yaml") if p.name not in ("context.yaml", "advice.yaml"))
    documents = {
        path: _document(path, {"groups", "findings", "background", "reassuring", "signs", "rules"}) for path in files
    }
    groups = _groups(documents)
    findings: dict[str, tuple[Pattern, ...]] = {}
    for path, document in documents.items():
        for name, patterns in _mapping(document, "findings", path).items():
            if name in findings or name in vitals.FINDINGS:
                raise _wrong(path, name, f"the finding `{name}` stands twice", f"症状 `{name}` 重复")
            findings[name] = _patterns(patterns, groups, path, name)
    rules: dict[str, Rule] = {}
    for path, document in documents.items():
        for entry in _sequence(document, "rules", path):
            rule = _rule(entry, groups, findings, path)
            if rule.id in rules:
                raise _wrong(path, entry["id"], f"the rule `{rule.id}` stands twice", f"规则 `{rule.id}` 重复")
            rules[rule.id] = rule
    known = findings.keys() | vitals.FINDINGS
    background, reassuring, signs = (
        frozenset(
            _known(name, known, path) for path, document in documents.items() for name in _sequence(document, key, path)
        )
        for key in ("background", "reassuring", "signs")
    )
    for path, document in documents.items():
        for entry in _sequence(document, "rules", path):
            for name in _named(entry):
                _known(name, known, path)
    if not rules:
        raise ConfigError(
            en=f"{folder}: no rules. Give a folder with at least one.", zh=f"{folder}：没有规则。请至少给出一条。"
        )
    return RuleBook(
        rules=tuple(rules.values()),
        findings=findings,
        background=background,
        reassuring=reassuring,
        signs=signs,
        cues=cues,
        advice=advice,
        advice_sources=advice_sources,
    )


def _document(path: Path, keys: set[str]) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            en=f"{path}: cannot be read ({error}). Triage does not start without its rules.",
            zh=f"{path}：无法读取（{error}）。没有规则，分诊不会启动。",
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _wrong(
            path, (mark.line + 1) if mark else 1, f"not YAML ({getattr(error, 'problem', error)})", "不是 YAML"
        ) from None
    if not isinstance(document, dict):
        raise _wrong(path, 1, "a mapping was expected", "应为键值结构")
    for key in document:
        if key not in keys:
            raise _wrong(
                path, key, f"unknown key `{key}`; there are {sorted(keys)}", f"未知的键 `{key}`；可用 {sorted(keys)}"
            )
    return document


def _mapping(document: dict[str, Any], key: str, path: Path) -> dict[Any, Any]:
    value = document.get(key) or {}
    if not isinstance(value, dict):
        raise _wrong(path, _line_of(document, key), f"`{key}` must be a mapping", f"`{key}` 应为键值结构")
    return value


def _sequence(document: dict[str, Any], key: str, path: Path) -> list[Any]:
    value = document.get(key) or []
    if not isinstance(value, list):
        raise _wrong(path, _line_of(document, key), f"`{key}` must be a list", f"`{key}` 应为列表")
    return value


def _line_of(document: dict[str, Any], key: str) -> int:
    return next((k.line for k in document if k == key and isinstance(k, Located)), 1)


def _groups(documents: Mapping[Path, dict[str, Any]]) -> dict[str, Part]:
    groups: dict[str, Part] = {}
    for path, document in documents.items():
        for name, words in _mapping(document, "groups", path).items():
            if name in groups or not isinstance(words, list) or not all(isinstance(w, str) and w for w in words):
                raise _wrong(
                    path,
                    name,
                    f"the group `{name}` stands twice or is no list of words",
                    f"词组 `{name}` 重复或不是词的列表",
                )
            groups[name] = tuple(str(w) for w in words)
    return groups


def _patterns(patterns: Any, groups: Mapping[str, Part], path: Path, where: str) -> tuple[Pattern, ...]:
    if not isinstance(patterns, list) or not patterns:
        raise _wrong(path, where, f"`{where}` must be a list of patterns", f"`{where}` 应为模式的列表")
    found = []
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise _wrong(path, where, f"`{pattern}` is no text; put it in quotes", f"`{pattern}` 不是文字；请加引号")
        try:
            found.append(parsed(pattern, groups))
        except ValueError as error:
            raise _wrong(path, pattern, str(error), f"模式有误：{error}") from None
    return tuple(found)


def _rule(entry: Any, groups: Mapping[str, Part], findings: dict[str, tuple[Pattern, ...]], path: Path) -> Rule:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), Located):
        raise _wrong(path, _first_line(entry), "a rule without `id`", "规则缺少 `id`")
    identifier = entry["id"]
    for key in entry:
        if key not in _KEYS:
            raise _wrong(
                path, key, f"unknown key `{key}`; there are {sorted(_KEYS)}", f"未知的键 `{key}`；可用 {sorted(_KEYS)}"
            )
    for key, allowed in (("kind", KINDS), ("level", LEVELS)):
        if entry.get(key) not in allowed:
            en = f"`{key}` of `{identifier}` must be one of {list(allowed)}"
            zh = f"`{identifier}` 的 `{key}` 应为 {list(allowed)} 之一"
            raise _wrong(path, entry.get(key) or identifier, en, zh)
    if not identifier.startswith(f"{path.stem}."):
        raise _wrong(path, identifier, f"the id must begin with `{path.stem}.`", f"id 应以 `{path.stem}.` 开头")
    if not isinstance(entry.get("source"), str):
        raise _wrong(path, identifier, f"`{identifier}` has no `source`", f"`{identifier}` 没有 `source`")
    every = [_either(name) for name in _sequence(entry, "all", path)]
    if "says" in entry:
        findings[identifier] = _patterns(entry["says"], groups, path, identifier)
        every.append((str(identifier),))
    some = tuple(_either(name) for name in _sequence(entry, "any", path))
    least = entry.get("least", 1)
    if (
        not isinstance(least, int)
        or isinstance(least, bool)
        or not 1 <= least <= max(1, len(some))
        or not (every or some)
    ):
        raise _wrong(path, identifier, (
            f"`{identifier}` needs `all`, `any` or `says`, and `least` no larger than `any`"
        ), f"`{identifier}` 需要 `all`、`any` 或 `says`，且 `least` 不大于 `any` 的个数")  # fmt: skip
    return Rule(
        id=str(identifier), kind=str(entry["kind"]), level=entry["level"], all=tuple(every), any=some, least=least,
        unless=tuple(str(n) for n in _sequence(entry, "unless", path)), over=bool(entry.get("over", False)),
        unless_reassured=bool(entry.get("unless_reassured", False)),
        source=str(entry["source"]),
    )  # fmt: skip


def _either(name: Any) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(name).split("|"))


def _named(entry: dict[str, Any]) -> Iterator[Located]:
    for key in ("all", "any", "unless"):
        for name in entry.get(key) or []:
            for part in _either(name):
                word = Located(part)
                word.line = getattr(name, "line", _first_line(entry))
                yield word


def _known(name: Any, known: Any, path: Path) -> str:
    if name not in known:
        raise _wrong(path, name, f"there is no finding `{name}`", f"没有症状 `{name}`")
    return str(name)


def _first_line(entry: Any) -> int:
    if isinstance(entry, Located):
        return entry.line
    return next((k.line for k in entry if isinstance(k, Located)), 1) if isinstance(entry, (dict, list)) else 1


def _cues(path: Path) -> Cues:
    names = set(Cues.__dataclass_fields__)
    document = _document(path, names)
    for name in sorted(names):
        if not document.get(name) or not all(isinstance(w, str) and w for w in _sequence(document, name, path)):
            raise _wrong(path, _line_of(document, name), f"`{name}` must be a list of words", f"`{name}` 应为词的列表")
    return Cues(**{name: tuple(str(w) for w in document[name]) for name in names})


def _advice(path: Path) -> tuple[dict[str, Text], tuple[str, ...]]:
    document = _document(path, {*KINDS, "sources"})
    for kind in KINDS:
        entry = document.get(kind)
        if not isinstance(entry, dict) or not all(isinstance(entry.get(k), str) and entry[k] for k in ("zh", "en")):
            raise _wrong(
                path,
                _line_of(document, kind),
                f"the advice for `{kind}` needs `zh` and `en`",
                f"`{kind}` 的建议需要 `zh` 和 `en`",
            )
    texts = {kind: Text(en=str(document[kind]["en"]), zh=str(document[kind]["zh"])) for kind in KINDS}
    return texts, tuple(str(source) for source in _sequence(document, "sources", path))


def _wrong(path: Path, where: Any, en: str, zh: str) -> ConfigError:
    line = where if isinstance(where, int) else getattr(where, "line", 1)
    return ConfigError(
        en=f"{path}:{line}: {en}. Mend the rules; triage does not start without them.",
        zh=f"{path}:{line}：{zh}。请修正规则；没有规则，分诊不会启动。",
    )
