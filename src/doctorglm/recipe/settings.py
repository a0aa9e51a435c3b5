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
from doctorglm.settings import STRICT, build
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
    """The model that is tuned: a folder, or `embedded`; with a `pretrain` section, the new one is."""
    documents: list[str] = field(default_factory=list)
    """Plain text for pretraining."""
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


def load_recipe(path: Path, overrides: Mapping[str, Any]) -> Recipe:
    """The recipe of a YAML file, with `stage.key` overrides; raises ConfigError with file, key and remedy."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            en=f"{path}: no such recipe. Those that come with the project stand in recipes/.",
            zh=f"{path}：没有这个配方。项目自带的配方在 recipes/ 中。",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(en=f"{path}: not YAML ({said}).", zh=f"{path}：不是 YAML（{said}）。") from None
    if not isinstance(values, dict):
        raise ConfigError(
            en=f"{path}: a recipe is a mapping of sections; this is {type(values).__name__}.",
            zh=f"{path}：配方应是若干小节组成的映射，这里是 {type(values).__name__}。",
        )
    return recipe_of(values, overrides, str(path))


def recipe_of(values: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> Recipe:
    """The recipe of a mapping; sections become their stages' settings."""
    merged: dict[str, Any] = {**values}
    for key, value in overrides.items():
        section, dot, name = key.partition(".")
        if not dot:
            merged[section] = value
        elif section in _SECTIONS:
            merged[section] = {**(merged.get(section) or {}), name: value}
        else:
            raise ConfigError(
                en=f"`{key}`: no stage `{section}`; the stages are {', '.join(_SECTIONS)}.",
                zh=f"`{key}`：没有阶段 `{section}`；可用阶段：{'、'.join(_SECTIONS)}。",
            )
    for section, settings in _SECTIONS.items():
        if section in merged:
            merged[section] = build(settings, merged[section] or {}, f"{where}, {section}")
    return build(Recipe, merged, where)
