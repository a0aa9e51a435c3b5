"""A translation recipe: one YAML file, a section per stage, checked against each stage's own settings."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.curate import CurateSettings
from doctorglm.distill.settings import DistillSettings
from doctorglm.errors import ConfigError
from doctorglm.files.found import find_files
from doctorglm.recipe.settings import with_sections
from doctorglm.settings import STRICT, build, plain
from doctorglm.translate.stage import TranslateSettings
from doctorglm.translate.student.bulk import StudentSettings

SECTION = "translate"
"""The section that makes a recipe one of translation."""
_SECTIONS: Mapping[str, type] = {
    "curate": CurateSettings,
    SECTION: TranslateSettings,
    "distill": DistillSettings,
    "student": StudentSettings,
    "data": CurateSettings,
}
_WHOLE = {"train": 1.0}
"""What is translated is not divided before it is."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TranslationRecipe:
    """Which English corpora become Chinese ones, by whom, and what a student learns from."""

    title_en: str
    """One line for the report."""
    title_zh: str
    """The same in Chinese."""
    sources: list[str]
    """English corpora: files or folders, as seen from where the command is started."""
    pairs: list[str]
    """Parallel data that the student learns from beside what the teacher made: files with `en` and `zh`."""
    test: str
    """Pairs that decide whether the student is good enough; no sentence of them is trained on, also where `pairs` names
    the same file."""
    test_one_in: Annotated[int, Field(ge=1)] = 1
    """Of the documents of `test`, those whose name has a sha256 that this number divides; 1: all of them."""
    glossary: str | None = None
    """Terms: TSV, CSV, TBX or babelon; null is the project's own list."""
    teacher: str = ""
    """`http(s)://HOST[:PORT]/v1#NAME`: who translates the sample. No recipe knows where your server is."""
    allow_remote: bool = False
    """Whether the teacher may be elsewhere; what identifies somebody is masked before."""
    sample: Annotated[int, Field(ge=1)]
    """Conversations that the teacher translates, at most, chosen for what they cover."""
    budget: Annotated[float, Field(ge=0)] | None = None
    """USD for the teacher, at most; needs `translate.usd_in` and `translate.usd_out`. null: no limit."""
    cache: str | None = None
    """A file for the teacher's answers that other runs may share, so that none is paid twice; null: one in the run."""
    curate: CurateSettings = field(default_factory=lambda: CurateSettings(splits=_WHOLE))
    """How the corpora become conversations, which are all `train`."""
    translate: TranslateSettings = field(default_factory=TranslateSettings)
    """How the teacher is asked, and what is checked."""
    distill: DistillSettings = field(default_factory=DistillSettings)
    """How the student is made, and when it is good enough."""
    student: StudentSettings = field(default_factory=StudentSettings)
    """How the student translates."""
    data: CurateSettings = field(default_factory=CurateSettings)
    """How the translations become parts for tuning."""

    def resolved(self) -> dict[str, Any]:
        """Every setting with its value, those that are null left out: as YAML, the same recipe again."""
        return {name: value for name, value in plain(self).items() if value is not None}

    def identity(self) -> dict[str, Any]:
        """What makes another run of it, as `stage.key`, without what may be raised or mended between two starts.

        The teacher's and the student's own settings are held to by their stages, which know which of them matter.
        """
        sections = {name: plain(getattr(self, name)) for name in ("curate", "distill", "data")}
        return {
            "sample": self.sample,
            "test_one_in": self.test_one_in,
            **{f"{section}.{key}": value for section, values in sections.items() for key, value in values.items()},
        }


def translation_recipe_of(values: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> TranslationRecipe:
    """The recipe of a mapping, with `stage.key` overrides.

    Raises ConfigError for an unknown stage or key, a wrong value, or parts that nothing would translate or tune on.
    """
    merged = with_sections(_undivided(values), overrides, _SECTIONS, where)
    recipe = build(TranslationRecipe, merged, where)
    if recipe.curate.parts != [*_WHOLE]:
        raise ConfigError(
            en=f"{where}: curate.splits has {', '.join(recipe.curate.parts)}; only train is translated. Leave it out, "
            "and divide what is translated by data.splits.",
            zh=f"{where}：curate.splits 含 {'、'.join(recipe.curate.parts)}，但只翻译 train。请去掉它，"
            "改用 data.splits 划分译文。",
        )
    if "train" not in recipe.data.parts:
        raise ConfigError(
            en=f"{where}: data.splits has no part `train` for tune; it has {', '.join(recipe.data.parts)}. Add it.",
            zh=f"{where}：data.splits 中没有 tune 需要的 `train`，现有：{'、'.join(recipe.data.parts)}。请加上。",
        )
    return recipe


def _undivided(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a `curate` section that divides nothing, unless it says how."""
    given = values.get("curate")
    if given is not None and not isinstance(given, Mapping):
        return {**values}
    return {**values, "curate": {"splits": _WHOLE, **(given or {})}}


def require_teacher(recipe: TranslationRecipe) -> None:
    """Raises ConfigError where nobody is named who translates."""
    if not recipe.teacher:
        raise ConfigError(
            en="the recipe names no teacher. Add teacher=http(s)://HOST[:PORT]/v1#NAME, any OpenAI-compatible server.",
            zh="配方没有指定教师模型。请加上 teacher=http(s)://主机[:端口]/v1#模型名，任何兼容 OpenAI 的服务器均可。",
        )


def require_files(recipe: TranslationRecipe) -> None:
    """Raises DataError or ConfigError for pairs, a test, a glossary or a checkpoint that is not there.

    They are read once the teacher is paid, which is too late to say so.
    """
    find_files([Path(one) for one in (*recipe.pairs, recipe.test, *([recipe.glossary] if recipe.glossary else []))])
    start = recipe.distill.pretrained
    if start and not Path(start).is_dir():
        raise ConfigError(
            en=f"distill.pretrained={start}: no such folder. Give that of a Marian checkpoint, such as opus-mt-en-zh.",
            zh=f"distill.pretrained={start}：没有这个文件夹。请给出 Marian 检查点（如 opus-mt-en-zh）所在的文件夹。",
        )
