"""Translation recipes as files: read, overridden, refused before any work, saved as resolved."""

import gzip
import json
import re
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from doctorglm import language
from doctorglm.errors import ConfigError
from doctorglm.recipe import read_recipe
from doctorglm.recipe.translation.held_out import is_held_out
from doctorglm.recipe.translation.settings import TranslationRecipe, translation_recipe_of
from doctorglm.settings import parse_overrides

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "recipes" / "translate.yaml"
HEAD = "title_en: a\ntitle_zh: 甲\nsources: [x.json]\npairs: [p.jsonl]\ntest: t.jsonl\nsample: 9\ntranslate:\n"


def load(text: str, *overrides: str) -> TranslationRecipe:
    return translation_recipe_of(yaml.safe_load(text), parse_overrides(overrides), "r.yaml")


def test_the_recipe_that_ships_loads_and_is_saved_as_the_same() -> None:
    recipe = translation_recipe_of(read_recipe(SHIPPED), {}, "translate.yaml")

    assert recipe.sources == ["../shared/data/corpora/genmedgpt"] and len(recipe.pairs) == 8
    assert recipe.teacher == "" and recipe.test in recipe.pairs and recipe.test_one_in == 4
    assert not [name for name in recipe.pairs if "howto" in name or "first4000" in name]
    assert load(yaml.safe_dump(recipe.resolved(), allow_unicode=True)) == recipe


def test_the_recipe_that_ships_holds_out_the_quarter_of_tico() -> None:
    file = ROOT / translation_recipe_of(read_recipe(SHIPPED), {}, "translate.yaml").test
    if not file.exists():
        pytest.skip(f"needs {file.name}, which lies beside the project")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        documents = {json.loads(line)["source"].rpartition(":")[0] for line in lines}

    quarter = {name for name in documents if int(sha256(name.encode()).hexdigest(), 16) % 4 == 0}
    assert 0 < len(quarter) < len(documents)
    assert {name for name in documents if is_held_out(name, 4)} == quarter


def test_the_page_names_every_key() -> None:
    page = (ROOT / "docs" / "translate.md").read_text("utf-8")
    told = page.split("\n## The whole chain\n")[1].split("\n## ")[0].split("\n| key |")[1].split("\n\n")[0]
    named = {key for line in told.splitlines()[2:] for key in re.findall(r"`(\w+)`", line.split("|")[1])}

    assert named == {field.name for field in fields(TranslationRecipe)}


def test_sections_have_their_stages_defaults_and_one_part_of_english() -> None:
    recipe = load(HEAD)

    assert recipe.curate.splits == {"train": 1.0}
    assert recipe.data.splits == {"train": 0.8, "valid": 0.1, "test": 0.1}
    assert (recipe.translate.tries, recipe.distill.epochs, recipe.student.beam) == (3, 10, 4)
    assert recipe.budget is None and recipe.glossary is None and not recipe.allow_remote
    assert load(HEAD + "curate:\n").curate.splits == {"train": 1.0}


def test_overrides_go_before_the_file_and_leave_the_rest() -> None:
    text = f"{HEAD}  tries: 5\n  mends: 1\ndistill:\n  epochs: 3\n"
    recipe = load(
        text, "teacher=http://127.0.0.1:8080/v1#tiny", "translate.tries=2", "distill.learning_rate=1e-3", "sample=4",
        "budget=2.5", "data.splits=train=0.5,valid=0.5", "curate.limit=7", "pairs=[a, b]",
    )  # fmt: skip

    assert recipe.teacher == "http://127.0.0.1:8080/v1#tiny"
    assert (recipe.translate.tries, recipe.translate.mends) == (2, 1)
    assert (recipe.distill.epochs, recipe.distill.learning_rate) == (3, 0.001)
    assert (recipe.sample, recipe.budget, recipe.pairs) == (4, 2.5, ["a", "b"])
    assert recipe.curate.splits == {"train": 1.0} and recipe.curate.limit == 7
    assert recipe.data.splits == {"train": 0.5, "valid": 0.5}


@pytest.mark.parametrize(
    ("text", "overrides", "en", "zh"),
    [
        (HEAD, ["translate.tris=1"], "r.yaml, translate: unknown setting `tris`; did you mean `tries`?", "`tries`"),
        (f"{HEAD}student:\n  beams: 1\n", [], "r.yaml, student: unknown setting `beams`; did you mean `beam`?",
         "`beam`"),
        (HEAD, ["distil.epochs=1"], "no stage `distil`; did you mean `distill`? The stages are curate, translate",
         "没有阶段 `distil`"),
        (HEAD, ["tune.epochs=1"], "no stage `tune`", "没有阶段 `tune`"),
        (f"{HEAD}tune:\n", [], "r.yaml: unknown setting `tune`", "没有名为 `tune` 的设置"),
        (f"{HEAD}teachr: x\n", [], "unknown setting `teachr`; did you mean `teacher`?", "是否要写 `teacher`？"),
        (HEAD.replace("test: t.jsonl\n", ""), [], "r.yaml: `test` is missing", "缺少 `test`"),
        (HEAD.replace("sample: 9\n", ""), [], "r.yaml: `sample` is missing", "缺少 `sample`"),
        (HEAD, ["sample=0"], "sample=0: it must be at least 1", "不应小于 1"),
        (HEAD, ["budget=-1"], "budget=-1: it must be at least 0", "不应小于 0"),
        (HEAD, ["curate.splits=train=0.5,test=0.5"], "curate.splits has train, test; only train is translated",
         "只翻译 train"),
        (HEAD, ["data.splits=test=1"], "data.splits has no part `train` for tune; it has test. Add it.",
         "没有 tune 需要的 `train`"),
        (f"{HEAD}curate: 5\n", [], "r.yaml, curate: settings are KEY: VALUE pairs, not 5", "设置应为若干“键: 值”"),
        (HEAD, ["pairs=p.jsonl"], "pairs=p.jsonl: a list is needed, as [a, b]", "应为列表"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_told_in_both_languages(text: str, overrides: list[str], en: str, zh: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(text, *overrides)

    assert en in told.value.text.en
    assert zh in told.value.text.zh
    assert language.current() == "en"


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("title_en=b", True),
        ("sources=[moved/x.json]", True),
        ("budget=5", True),
        ("translate.concurrency=2", True),
        ("translate.usd_in=1", True),
        ("student.cores=2", True),
        ("sample=8", False),
        ("test_one_in=2", False),
        ("curate.seed=1", False),
        ("distill.epochs=2", False),
        ("data.seed=1", False),
    ],
)
def test_what_makes_another_run(override: str, same: bool) -> None:
    identity: dict[str, Any] = load(HEAD).identity()
    assert (load(HEAD, override).identity() == identity) is same
