"""The public corpora: README's counts are reproduced, and the committed three-way split has not changed."""

from collections import Counter
from pathlib import Path

import pytest

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import CurateSettings, curate, permute_answers
from doctorglm.curate.filters.cut_off import ends_well
from doctorglm.curate.sources import read
from doctorglm.curate.splits import Cluster, assign
from doctorglm.files.found import find_files
from doctorglm.recipe import load_recipe
from doctorglm.runs import Run
from doctorglm.settings import build

RECIPES = Path(__file__).parents[2] / "recipes"
FILTERS = "damaged,empty,roles,length,cut_off,duplicate"
"""Those of the recipes: the embedded base was trained on machine-spun text, and says so."""
SPLITS = "pretrain=0.40,train=0.405,valid=0.045,test=0.15"

SHA256 = {
    "pretrain": "4a931614f872cb5f59dd3cc8c4ffdcfacb13c4826d81a4fe944a5af408fb4815",
    "train": "5beea98e297d9a467d6261d92664b58069ca08b5c731dfb1c190001425980408",
    "valid": "575904223627f9c578286fb0dc7963ff3ea076381ed1b12dc14fda3bc618890b",
    "test": "4207bdaf8c19ad03f55284c7fad04012b32827167065dfd64cb9a9f6d9fce54f",
}
"""Of the sorted ids. The embedded base model was trained on `pretrain` and on nothing of `test`."""


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    corpora = Path(__file__).parents[2].parent / "shared/data/corpora"
    if not corpora.is_dir():
        pytest.skip("needs ../shared/data/corpora, which is not beside the project")
    out = tmp_path_factory.mktemp("curated") / "out"
    return curate(
        [corpora / "cmd", corpora / "zhongjing"],
        out,
        build(
            CurateSettings,
            {"splits": SPLITS, "filters": FILTERS, "deidentify": "none", "normalise": "none", "repeats_threshold": 0},
            "curate",
        ),
    )


def conversations(run: Run) -> dict[str, list[Conversation]]:
    return {name: list(read_conversations(run.directory / f"{name}.jsonl")) for name in SHA256}


def test_every_record_is_accounted_for(curated: Run) -> None:
    counts = curated.record["counts"]
    assert counts["read"] == 7644 + 1144 == counts["kept"] + sum(counts["rejected"].values())
    assert counts["rejected"] == {"cut_off": 666, "duplicate": 340}


def test_the_committed_split(curated: Run) -> None:
    assert curated.record["splits_sha256"] == SHA256
    by_source = Counter((c.source, name) for name, found in conversations(curated).items() for c in found)
    totals = Counter(source for source, _ in by_source.elements())
    for (source, name), count in by_source.items():
        share = float(dict(part.split("=") for part in SPLITS.split(","))[name])
        assert count / totals[source] == pytest.approx(share, abs=0.005)


def test_no_held_out_dialogue_is_near_to_another(curated: Run) -> None:
    homes: dict[str, set[str]] = {}
    for name, found in conversations(curated).items():
        for conversation in found:
            homes.setdefault(conversation.meta["cluster"], set()).add(name)
    assert all(len(home) == 1 for home in homes.values())
    assert curated.record["leak"]["largest_similarity"] < 0.4


def test_readmes_noise_counts(shared: Path) -> None:
    """data/README.md: exact duplicates 4.9 %, answers cut off 9.5 %, `ask` = 无, `title` repeated in `ask`."""
    (file,) = [f for f in find_files([shared / "data/corpora/cmd"]) if f.name.endswith(".csv")]
    (source,) = read(file)
    report, entries = source.report, list(source.entries)
    assert (report.encoding, report.licence, len(entries)) == ("gb18030", "MIT", 7644)
    found = [e.conversation for e in entries if e.conversation]
    assert len(found) == 7644
    assert 1 - len({c.id for c in found}) / 7644 == pytest.approx(0.049, abs=0.0006)
    assert sum(not ends_well(c.answers) for c in found) / 7644 == pytest.approx(0.095, abs=0.005)
    assert not any(c.questions.rstrip().endswith("\n无") for c in found)


README = {
    "cmd/样例_内科5000-6000.csv": (7644, "cmd", "gb18030"),
    "genmedgpt/chatdoctor5k.json": (5452, "alpaca", "utf-8"),
    "med-chatglm/train.txt": (7622, "med-chatglm", "utf-8"),
    "huatuo-llama/llama_data.json": (8658, "alpaca", "utf-8"),
    "huatuo-llama/liver_cancer.json": (1000, "inline", "utf-8"),
    "zhongjing/CMtMedQA_test.json": (1144, "cmtmedqa", "utf-8"),
    "medicalgpt/medical_sft_1K_format.jsonl": (1000, "sharegpt", "utf-8"),
    "medicalgpt/sharegpt_zh_1K_format.jsonl": (999, "sharegpt", "utf-8"),
    "alpaca-zh/alpaca_zh_demo.json": (1000, "alpaca", "utf-8"),
    "mts-dialog/MTS-Dialog-TrainingSet.csv": (1201, "mts-dialog", "utf-8"),
    "dxy/dxy_train.txt": (423, "dxy", "utf-8"),
}
"""The table of ../shared/data/README.md."""


def test_every_corpus_is_read_without_a_lost_record(shared: Path) -> None:
    read_ones, skipped = {}, set()
    for file in find_files([shared / "data/corpora"]):
        (source,) = read(file)
        entries = list(source.entries)
        name = source.report.name.removeprefix("corpora/")
        if source.report.skipped:
            assert not entries
            skipped.add(name.split("/")[-1])
            continue
        (reader,) = {e.conversation.source for e in entries if e.conversation}
        assert all(e.conversation for e in entries)
        read_ones[name] = (len(entries), reader, source.report.encoding)
    assert read_ones == README
    assert skipped == {"LICENSE", "LICENSE.txt", "symptom_norm.csv"}


def test_the_schema_that_changes_mid_file(shared: Path) -> None:
    (file,) = [f for f in find_files([shared / "data/corpora/zhongjing"]) if f.name.endswith(".json")]
    (source,) = read(file)
    entries = list(source.entries)
    found = [e.conversation for e in entries if e.conversation]
    assert len(found) == 1144
    assert {c.source for c in found} == {"cmtmedqa"}
    # 23 records of the first schema have no history, the 144 of the second none
    assert Counter(len(c.turns) for c in found)[1] == 167
    assert max(len(c.turns) for c in found) == 10
    assert [c.department for c in found[1000:]] == [""] * 144


def test_the_placebo_of_the_tuning_part(curated: Run) -> None:
    train = [c for c in conversations(curated)["train"] if c.source == "cmd"]
    placebo = permute_answers(train, 0)
    assert Counter(c.answers for c in placebo) == Counter(c.answers for c in train)
    own = sum(a.answers == b.answers for a, b in zip(placebo, train, strict=True))
    clusters = {c.id: c.meta["cluster"] for c in train}
    departments = {c.id: c.department for c in train}
    kin = sum(clusters[c.meta["answers_of"]] == clusters[c.id] for c in placebo)
    away = sum(departments[c.meta["answers_of"]] != departments[c.id] for c in placebo)
    assert (own, kin, away) == (0, 0, 0)


@pytest.mark.parametrize("recipe", ["embedded-base", "embedded-base-dialogues", "cmd-lora"])
def test_every_recipe_cuts_at_the_same_places(curated: Run, recipe: str) -> None:
    """The base never reads what CMD is tuned or tested on, in either part."""
    everything = [c for found in conversations(curated).values() for c in found]
    settings = load_recipe(RECIPES / f"{recipe}.yaml", {}).curate
    placed: dict[str, set[str]] = {}
    sizes = Counter(str(c.meta["cluster"]) for c in everything)
    sources = {c.id: c.source for c in everything}
    clusters = [Cluster(name, size, sources[name]) for name, size in sizes.items()]
    part_of = dict(zip(sizes, assign(clusters, settings.shares, settings.seed), strict=True))
    for conversation in everything:
        placed.setdefault(part_of[str(conversation.meta["cluster"])], set()).add(conversation.id)
    committed = {name: {c.id for c in found} for name, found in conversations(curated).items()}
    assert placed["test"] == committed["test"]
    if recipe == "embedded-base-dialogues":
        assert placed["train"] | placed["valid"] == committed["pretrain"]
    else:
        assert placed == committed
