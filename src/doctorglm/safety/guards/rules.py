"""Rules as data: one YAML file for each guard, readable by a clinician, each rule with its id and source.

What a phrase may hold: `phrase.py`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeAlias, get_args

import yaml

from doctorglm.errors import ConfigError
from doctorglm.language import Text
from doctorglm.safety.guards.finding import Effect, Rule
from doctorglm.safety.guards.phrase import Phrase, phrase

Node: TypeAlias = yaml.Node


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseRule:
    """A rule that is phrases: `say` must stand in the text, and none of `unless` in its sentence."""

    rule: Rule
    say: tuple[Phrase, ...]
    """Empty where the guard's own code looks for the words."""
    unless: re.Pattern[str] | None
    unless_before: re.Pattern[str] | None
    """Not directly before it, within the clause."""


def rules_file(name: str) -> Traversable:
    """The file of a guard's rules in the package."""
    return resources.files(__package__).joinpath("rules", f"{name}.yaml")


@cache
def phrase_rules(name: str) -> tuple[PhraseRule, ...]:
    """The rules of `rules/NAME.yaml`; raises ConfigError that names file and line."""
    file = rules_file(name)
    return tuple(read_phrase_rules(file.read_text(encoding="utf-8"), str(file.name)))


def read_phrase_rules(text: str, where: str) -> list[PhraseRule]:
    """The rules of a file's text; raises ConfigError that names `where` and the line."""
    top = mapping(composed(text, where), where, needed=("guard", "source", "effect", "note", "why", "rules"),
                  allowed=("unless", "unless_before"))  # fmt: skip
    rules: list[PhraseRule] = []
    for node in items(top["rules"], where):
        own = mapping(node, where, needed=("id",),
                      allowed=("say", "source", "effect", "note", "why", "unless", "unless_before"))  # fmt: skip
        made = _phrase_rule(top, own, where)
        if any(made.rule.id == other.rule.id for other in rules):
            raise wrong(own["id"], where, en=f"the id {made.rule.id!r} stands twice", zh=f"编号 {made.rule.id!r} 重复")
        rules.append(made)
    return rules


def _phrase_rule(top: Mapping[str, Node], own: Mapping[str, Node], where: str) -> PhraseRule:
    both = {**top, **own}
    unless = [*_optional(top, "unless", where), *_optional(own, "unless", where)]
    before = [*_optional(top, "unless_before", where), *_optional(own, "unless_before", where)]
    return PhraseRule(
        rule=Rule(
            guard=word(top["guard"], where),
            id=word(own["id"], where),
            source=word(both["source"], where),
            effect=_effect(both["effect"], where),
            note=both_languages(both["note"], where),
            why=both_languages(both["why"], where),
        ),
        say=tuple(_phrase(n, where) for n in items(own["say"], where)) if "say" in own else (),
        unless=_either(unless, where) if unless else None,
        unless_before=_either(before, where, at_end=True) if before else None,
    )


def composed(text: str, where: str) -> Node:
    """The YAML's nodes, which know their lines; raises ConfigError with the line where it is none."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            en=f"{where}:{line}: not YAML ({error.problem}). Mend the rules; nothing is answered without them.",
            zh=f"{where}:{line}：不是 YAML（{error.problem}）。请修正规则；没有规则就不作答。",
        ) from None
    if node is None:
        raise ConfigError(en=f"{where}:1: the file is empty.", zh=f"{where}:1：文件是空的。")
    return node


def mapping(node: Node, where: str, *, needed: Sequence[str], allowed: Sequence[str] = ()) -> dict[str, Node]:
    """The fields of a mapping; raises ConfigError for one that is missing, unknown or there twice."""
    if not isinstance(node, yaml.MappingNode):
        raise wrong(node, where, en="fields were expected", zh="这里应为若干字段")
    found: dict[str, Node] = {}
    for key, value in node.value:
        name = word(key, where)
        if name not in (*needed, *allowed):
            raise wrong(key, where, en=f"unknown field {name!r}", zh=f"未知字段 {name!r}")
        if name in found:
            raise wrong(key, where, en=f"the field {name!r} stands twice", zh=f"字段 {name!r} 重复")
        found[name] = value
    for name in needed:
        if name not in found:
            raise wrong(node, where, en=f"the field {name!r} is missing", zh=f"缺少字段 {name!r}")
    return found


def items(node: Node, where: str) -> list[Node]:
    """The entries of a list; raises ConfigError for anything else, and for an empty one."""
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise wrong(node, where, en="a list with entries was expected", zh="这里应为非空列表")
    return list(node.value)


def word(node: Node, where: str) -> str:
    """The text of a scalar; raises ConfigError for anything else, and for an empty one."""
    if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
        raise wrong(node, where, en="a text was expected", zh="这里应为文字")
    return str(node.value)


def both_languages(node: Node, where: str) -> Text:
    """A wording in Chinese and English."""
    said = mapping(node, where, needed=("zh", "en"))
    return Text(zh=word(said["zh"], where), en=word(said["en"], where))


def rows(node: Node, where: str) -> Iterator[tuple[int, str]]:
    """The lines of a block of text that say something, each with its number in the file."""
    for number, line in enumerate(word(node, where).splitlines(), node.start_mark.line + 2):
        if line.strip():
            yield number, line


def wrong(node: Node, where: str, *, en: str, zh: str) -> ConfigError:
    """An error that names the line of the node."""
    return wrong_at(node.start_mark.line + 1, where, en=en, zh=zh)


def wrong_at(line: int, where: str, *, en: str, zh: str) -> ConfigError:
    """An error that names the line."""
    return ConfigError(
        en=f"{where}:{line}: {en}. Mend the rules; nothing is answered without them.",
        zh=f"{where}:{line}：{zh}。请修正规则；没有规则就不作答。",
    )


def _phrase(node: Node, where: str) -> Phrase:
    try:
        return phrase(word(node, where))
    except ValueError as error:
        raise wrong(node, where, en=f"not a phrase: {error}", zh=f"短语写法有误：{error}") from None


def _either(nodes: Sequence[Node], where: str, *, at_end: bool = False) -> re.Pattern[str]:
    whole = "|".join(_phrase(node, where).pattern.pattern for node in nodes)
    return re.compile(rf"(?:{whole})[^，,。！？!?；;\n]{{0,6}}$" if at_end else whole)


def _effect(node: Node, where: str) -> Effect:
    effect: Any = word(node, where)
    if effect not in get_args(Effect):
        raise wrong(node, where, en=f"unknown effect {effect!r}", zh=f"未知处理方式 {effect!r}")
    return effect  # type: ignore[no-any-return]


def _optional(fields: Mapping[str, Node], name: str, where: str) -> list[Node]:
    return items(fields[name], where) if name in fields else []


@cache
def own_rules(name: str) -> Mapping[str, Rule]:
    """The rules of a guard that looks for more than phrases, by id; raises ConfigError that names file and line."""
    return read_own_rules(rules_file(name).read_text(encoding="utf-8"), f"{name}.yaml")


def read_own_rules(text: str, where: str) -> Mapping[str, Rule]:
    """The rules of a file's text, by id; raises ConfigError that names `where` and the line."""
    top = mapping(composed(text, where), where, needed=("guard", "source", "rules"))
    made: dict[str, Rule] = {}
    for node in items(top["rules"], where):
        own = mapping(node, where, needed=("id", "effect", "note", "why"), allowed=("source",))
        name = word(own["id"], where)
        if name in made:
            raise wrong(own["id"], where, en=f"the id {name!r} stands twice", zh=f"编号 {name!r} 重复")
        made[name] = Rule(
            guard=word(top["guard"], where),
            id=name,
            source=word({**top, **own}["source"], where),
            effect=_effect(own["effect"], where),
            note=both_languages(own["note"], where),
            why=both_languages(own["why"], where),
        )
    return made
