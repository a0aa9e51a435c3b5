"""Recipes as files: read, overridden, refused before any work, saved as resolved."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from doctorglm import demo, language
from doctorglm.errors import ConfigError
from doctorglm.recipe import Recipe, load_recipe
from doctorglm.settings import parse_overrides

RECIPES = sorted(p for p in (Path(__file__).parents[2] / "recipes").glob("*.yaml") if p.stem != "translate")
"""One of translation has tests of its own."""
HEAD = "title_en: a\ntitle_zh: 甲\nsources: [x.csv]\n"


def load(tmp_path: Path, text: str, *overrides: str) -> Recipe:
    (tmp_path / "r.yaml").write_text(text, "utf-8")
    return load_recipe(tmp_path / "r.yaml", parse_overrides(overrides))


def refused(tmp_path: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, *overrides)
    return str(caught.value)


@pytest.mark.parametrize("path", [*RECIPES, demo.RECIPE], ids=lambda p: p.stem)
def test_every_recipe_that_ships_loads_and_is_saved_as_the_same(tmp_path: Path, path: Path) -> None:
    recipe = load_recipe(path, {})
    assert load(tmp_path, yaml.safe_dump(recipe.resolved(), allow_unicode=True)) == recipe


def test_floats_as_people_write_them(tmp_path: Path) -> None:
    for text in ("1e-3", '"1e-3"', "1.0e-3", "0.001"):
        assert load(tmp_path, f"{HEAD}tune:\n  learning_rate: {text}\n").tune.learning_rate == 0.001
    assert load(tmp_path, HEAD, "tune.learning_rate=1e-3").tune.learning_rate == 0.001


def test_overrides_go_before_the_file_and_leave_the_rest(tmp_path: Path) -> None:
    text = f"{HEAD}tune:\n  epochs: 5\n  lora_rank: 4\n"
    recipe = load(
        tmp_path, text, "tune.epochs=2", "base=models/x", "curate.splits=train=0.5,test=0.5", "sources=[a, b]"
    )
    assert (recipe.tune.epochs, recipe.tune.lora_rank) == (2, 4)
    assert recipe.base == "models/x" and recipe.sources == ["a", "b"]
    assert recipe.curate.splits == {"train": 0.5, "test": 0.5}
    assert recipe.evaluate is None and recipe.pretrain is None


def test_an_empty_section_is_its_defaults_and_an_absent_one_is_left_out(tmp_path: Path) -> None:
    recipe = load(tmp_path, f"{HEAD}evaluate:\n")
    assert recipe.evaluate is not None and recipe.evaluate.max_new_tokens == 192
    assert "evaluate" in recipe.resolved() and "pretrain" not in recipe.resolved()
    assert load(tmp_path, HEAD, "evaluate.seed=3").evaluate is not None


@pytest.mark.parametrize(
    ("text", "overrides", "en", "zh"),
    [
        (HEAD, ["tune.lr=1e-3"], "r.yaml, tune: unknown setting `lr`; did you mean `learning_rate`?", "`lr`"),
        (f"{HEAD}tune:\n  lr: 1\n", [], "r.yaml, tune: unknown setting `lr`", "没有名为 `lr` 的设置"),
        (HEAD, ["tne.epochs=1"], "no stage `tne`; did you mean `tune`? The stages are curate", "没有阶段 `tne`"),
        (HEAD, ["zzz.epochs=1"], "no stage `zzz`. The stages are", "没有阶段 `zzz`。可用的阶段"),
        (HEAD, ["bas=x"], "r.yaml: unknown setting `bas`; did you mean `base`?", "是否要写 `base`？"),
        (f"{HEAD}tunes:\n  epochs: 1\n", [], "unknown setting `tunes`; did you mean `tune`?", "是否要写 `tune`？"),
        (f"{HEAD}tune: 5\n", [], "r.yaml, tune: settings are KEY: VALUE pairs, not 5", "设置应为若干“键: 值”"),
        (f"{HEAD}tune: fast\n", ["tune.epochs=1"], "pairs, not 'fast'", "而不是 'fast'"),
        (HEAD, ["tune=3"], "r.yaml, tune: settings are KEY: VALUE pairs, not 3", "而不是 3"),
        (HEAD, ["sources=a.csv"], "sources=a.csv: a list is needed, as [a, b]", "应为列表"),
        (f"{HEAD}tune:\n  epochs: many\n", [], "epochs=many: a whole number is needed. The default is 3.", "应为整数"),
        ("title_en: a\ntitle_zh: b\n", [], "r.yaml: `sources` is missing", "缺少 `sources`"),
        (f"{HEAD}1: 2\n", [], "unknown setting `1`", "`1`"),
        (f"{HEAD}curate:\n  splits: train=0.8,valid=0.2\nevaluate:\n", [],
         "curate.splits has no part `test`, which evaluate needs; it has train, valid.", "没有 evaluate 需要的 `test`"),
        (HEAD, ["curate.splits=test=1"], "no part `train`, which tune needs", "没有 tune 需要的 `train`"),
        (HEAD, ["pretrain.num_layers=1"], "no part `pretrain`, which pretrain needs", "需要的 `pretrain`"),
        ("- a\n", [], "r.yaml: a recipe is a mapping of sections; this is list", "这里是 list"),
        ("", [], "this is NoneType", "这里是 NoneType"),
        ("a: [1\n", [], "r.yaml: not YAML", "不是 YAML"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_told_in_both_languages(
    tmp_path: Path, text: str, overrides: list[str], en: str, zh: str
) -> None:
    assert en in refused(tmp_path, text, *overrides)
    language.choose("zh")
    assert zh in refused(tmp_path, text, *overrides)


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"title_en: \xff\n")
    with pytest.raises(ConfigError, match="not YAML"):
        load_recipe(tmp_path / "latin.yaml", {})
    for missing in (tmp_path / "none.yaml", tmp_path / "latin.yaml" / "none.yaml"):
        with pytest.raises(ConfigError, match=r"no such recipe.*recipes/"):
            load_recipe(missing, {})


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("title_en=b", True),
        ("sources=[moved/x.csv]", True),
        ("base=other", False),
        ("tune.epochs=9", False),
        ("evaluate.seed=9", False),
        ("compare.min_items=9", False),
        ("curate.seed=9", False),
    ],
)
def test_what_makes_another_run(tmp_path: Path, override: str, same: bool) -> None:
    identity: dict[str, Any] = load(tmp_path, HEAD).identity()
    assert (load(tmp_path, HEAD, override).identity() == identity) is same
