"""A recipe: one YAML file, a section per stage, checked against each stage's own settings."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

import yaml
from pydantic.dataclasses import dataclass

from doctorglm.curate import CurateSettings
from doctorglm.errors import ConfigError
from doctorglm.evaluate import EvaluateSettings, GateSettings
from doctorglm.settings import STRICT, build, nearest, plain, yaml_problem
from doctorglm.tune import TuneSettings
from doctorglm.tune.pretrain import PretrainSettings

_SECTIONS: Mapping[str, type] = {
    "curate": CurateSettings,
    "pretrain": PretrainSettings,
    "tune": TuneSettings,
    "evaluate": EvaluateSettings,
    "compare": GateSettings,
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Recipe:
    """What is done with which data; a stage without a section is left out, `curate` and `tune` excepted."""

    title_en: str
    """One line for the report."""
    title_zh: str
    """The same in Chinese."""
    sources: list[str]
    """Corpora: files or folders, as seen from where the command is started."""
    base: str = "embedded"
    """The model that is tuned: a folder, or `embedded`; with a `pretrain` section the new one, unless `continued`."""
    documents: list[str] = field(default_factory=list)
    """Plain text for pretraining."""
    library: list[str] | None = None
    """Documents from which the tuned model answers the shown questions once more, citing; `[]` is those that ship."""
    curate: CurateSettings = field(default_factory=CurateSettings)
    """How the corpora become conversations."""
    pretrain: PretrainSettings | None = None
    """The shape of a new base model, and its corpus."""
    tune: TuneSettings = field(default_factory=TuneSettings)
    """How the base is tuned; the placebo is tuned the same way."""
    evaluate: EvaluateSettings | None = None
    """How base, tuned and placebo are measured on the held-out part; without it nothing is compared."""
    compare: GateSettings = field(default_factory=GateSettings)
    """What the gate asks for."""

    def resolved(self) -> dict[str, Any]:
        """Every setting with its value, stages that are left out left out: as YAML, the same recipe again."""
        return {name: value for name, value in plain(self).items() if value is not None}

    def identity(self) -> dict[str, Any]:
        """What makes another run of it, as `stage.key`; where the corpora lie does not, their hashes do."""
        sections = {name: value for name, value in self.resolved().items() if name in _SECTIONS}
        return {
            "base": self.base,
            **({} if self.library is None else {"library": self.library}),
            **{f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()},
        }


def load_recipe(path: Path, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of a YAML file, with `stage.key` overrides; raises ConfigError with file, key and remedy."""
    return recipe_of(read_recipe(path), overrides, str(path))


def read_recipe(path: Path) -> dict[str, Any]:
    """What a recipe's file holds, not checked yet; raises ConfigError where it is no mapping."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(
            en=f"{path}: no such recipe. Those that come with the project stand in recipes/.",
            zh=f"{path}：没有这个配方。项目自带的配方在 recipes/ 中。",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = yaml_problem(error)
        raise ConfigError(
            en=f"{path}: not YAML ({said}). Mend it; those in recipes/ are examples.",
            zh=f"{path}：不是 YAML（{said}）。请修改；recipes/ 中有例子。",
        ) from None
    if not isinstance(values, dict):
        raise ConfigError(
            en=f"{path}: a recipe is a mapping of sections; this is {type(values).__name__}.",
            zh=f"{path}：配方应是若干小节组成的映射，这里是 {type(values).__name__}。",
        )
    return values


def with_sections(
    values: Mapping[str, Any], overrides: Mapping[str, Any], sections: Mapping[str, type], where: str
) -> dict[str, Any]:
    """The values with `stage.key` overrides, and each section as its stage's settings, an empty one as its defaults.

    Raises ConfigError for an override of a stage that is none, and for an unknown key or a wrong value of a section.
    """
    merged: dict[str, Any] = {**values}
    for section in sections.keys() & merged.keys():
        merged[section] = {} if merged[section] is None else merged[section]
    for key, value in overrides.items():
        section, dot, name = key.partition(".")
        if dot and section not in sections:
            raise _no_stage(key, section, sections)
        before = merged.get(section, {})
        merged[section] = {**before, name: value} if dot and isinstance(before, Mapping) else before if dot else value
    for section, settings in sections.items():
        if section in merged:
            merged[section] = build(settings, merged[section], f"{where}, {section}")
    return merged


def recipe_of(values: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> Recipe:
    """The recipe of a mapping; sections become their stages' settings, an empty one its defaults.

    Raises ConfigError for an unknown stage or key, a wrong value, or a part of the splits that a stage lacks.
    """
    merged = with_sections(values, overrides, _SECTIONS, where)
    recipe = build(Recipe, merged, where)
    _refuse_missing_part(recipe, where)
    if recipe.pretrain is not None and recipe.tune.method != "full":
        raise ConfigError(
            en=f"{where}: tune.method={recipe.tune.method} on random weights teaches next to nothing. "
            "With a pretrain section, set tune.method: full.",
            zh=f"{where}：在随机权重上 tune.method={recipe.tune.method} 几乎学不到东西。"
            "有 pretrain 小节时请设 tune.method: full。",
        )
    return recipe


def _no_stage(key: str, section: str, sections: Mapping[str, type]) -> ConfigError:
    near = nearest(section, sections)
    return ConfigError(
        en=f"`{key}`: no stage `{section}`" + (f"; did you mean `{near}`?" if near else ".")
        + f" The stages are {', '.join(sections)}.",
        zh=f"`{key}`：没有阶段 `{section}`" + (f"；是否要写 `{near}`？" if near else "。")
        + f"可用的阶段：{'、'.join(sections)}。",
    )  # fmt: skip


def _refuse_missing_part(recipe: Recipe, where: str) -> None:
    """Before hours of tuning, not after them."""
    needed = {"train": "tune"}
    if recipe.pretrain is not None:
        needed |= {"pretrain": "pretrain", "valid": "pretrain"}
    elif recipe.evaluate is not None:
        needed |= {"test": "evaluate"}
    for part, stage in needed.items():
        if part not in recipe.curate.parts:
            raise ConfigError(
                en=f"{where}: curate.splits has no part `{part}`, which {stage} needs; it has "
                f"{', '.join(recipe.curate.parts)}. Add it.",
                zh=f"{where}：curate.splits 中没有 {stage} 需要的 `{part}`，"
                f"现有：{'、'.join(recipe.curate.parts)}。请加上。",
            )
