"""`library` from files to a table, a page and training data; what is typed or given wrong ends with 2."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ..library import tiny
from .kit import Said, Scene

PAGE = "---\nid: {0}\ntitle: {1}\nkind: disease\nlicence: CC0\nsource: 测试\n---\n## 概述\n\n{2}\n\n## 治疗\n\n{3}\n"


@pytest.fixture
def library(tmp_path: Path, command: Callable[..., Said]) -> Path:
    pages = tmp_path / "pages"
    pages.mkdir()
    for name, *said in (
        ("gout", "痛风", "血里的尿酸太多，关节突然红肿热痛。", "急性期休息，抬高患肢，由医生决定用药。"),
        ("headache", "偏头痛", "一侧头痛，怕光，恶心。", "在暗处休息，头痛厉害时看医生。"),
    ):
        (pages / f"{name}.md").write_text(PAGE.format(name, *said), "utf-8")
    said = command("library", "build", pages, "--out", tmp_path / "library", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out) == {
        "out": str(tmp_path / "library"), "documents": 2, "chunks": 4, "indexed": 2, "removed": 0, "skipped": 0,
        "licences": {"CC0": 2},
    }  # fmt: skip
    return tmp_path / "library"


def test_search_as_json(library: Path, command: Callable[..., Said]) -> None:
    said = command("library", "search", library, "痛风怎么治疗", "--json")
    found = json.loads(said.out)
    assert said.code == 0 and found["abstain"] is False
    hit = found["hits"][0]
    assert {key: hit[key] for key in ("doc_id", "title", "section", "text", "source")} == {
        "doc_id": "gout", "title": "痛风", "section": "治疗", "source": "测试",
        "text": "急性期休息，抬高患肢，由医生决定用药。",
    }  # fmt: skip
    assert isinstance(hit["score"], float)


def test_search_as_a_table(library: Path, command: Callable[..., Said]) -> None:
    said = command("library", "search", library, "痛风怎么治疗", "--top", "1")
    assert "痛风" in said.out and "抬高患肢" in said.out and "CC0" in said.out and "偏头痛" not in said.out


def test_what_it_does_not_hold_is_said(library: Path, command: Callable[..., Said]) -> None:
    said = command("library", "search", library, "量子色动力学")
    assert said.code == 0 and "does not hold enough" in said.err


def test_the_library_that_ships_needs_no_source(tmp_path: Path, command: Callable[..., Said]) -> None:
    said = command("library", "build", "--out", tmp_path / "shipped", "--json")
    assert said.code == 0 and json.loads(said.out)["documents"] == 45


def test_report(library: Path, scene: Scene, command: Callable[..., Said]) -> None:
    out = library.parent / "coverage"
    said = command("library", "report", library, "--data", scene.data, "--out", out, "--json")
    assert said.code == 0, said.err
    coverage = json.loads((out / "coverage.json").read_text("utf-8"))
    assert coverage["covered"]["kinds"] == {"disease": 2}
    assert coverage["asked"]["conversations"] == json.loads(said.out)["conversations"] > 0
    page = (out / "report.html").read_text("utf-8")
    assert "资料库覆盖情况" in page and "What the library covers" in page


def test_ground(library: Path, scene: Scene, command: Callable[..., Said]) -> None:
    out = library.parent / "grounded"
    said = command("library", "ground", scene.data, "--library", library, "--out", out, "--json", "budget_tokens=800")
    assert said.code == 0, said.err
    counts = json.loads(said.out)
    assert counts["read"] == sum(len(p.read_text("utf-8").splitlines()) for p in out.glob("*.jsonl"))
    assert (out / "train.jsonl").is_file()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["search", "nowhere", "痛风"], "no library"),
        (["build", "nowhere", "--out", "out"], "no such file"),
        (["build", "--out", "out", "chunk_tokens=1"], "chunk_tokens"),
        (["build", "--out", "out", "chunk_token=300"], "chunk_tokens"),
        (["report", "nowhere", "--out", "out"], "no library"),
        (["ground", "nowhere", "--library", "nowhere", "--out", "out"], "nowhere"),
        (["serch", "nowhere", "痛风"], "search"),
    ],
)
def test_what_is_wrong_ends_with_2(
    arguments: list[str], told: str, tmp_path: Path, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = command("library", *arguments)
    assert said.code == 2 and told in said.err
    assert not (tmp_path / "out").exists()


def test_an_empty_question(library: Path, command: Callable[..., Said]) -> None:
    said = command("library", "search", library, "  ")
    assert said.code == 2 and "QUERY is empty" in said.err


@pytest.fixture
def dense(library: Path, command: Callable[..., Said]) -> Path:
    """The same library with vectors, and the model that made them beside it."""
    model = tiny.encoder(library.parent / "model")
    said = command("library", "build", library.parent / "pages", "--out", library, f"vectors={model}", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out) | {"out": ""} == {
        "out": "", "documents": 2, "chunks": 4, "indexed": 0, "removed": 0, "skipped": 0, "encoded": 4,
        "licences": {"CC0": 2},
    }  # fmt: skip
    return library


def test_vectors_add_passages_that_share_no_word(dense: Path, command: Callable[..., Said]) -> None:
    with_them, without = (
        json.loads(command("library", "search", dense, "痛风怎么治疗", "--json", *more).out)["hits"]
        for more in ((), ("--no-vectors",))
    )
    assert len(with_them) == 4 > len(without) > 0


def test_how_many_passages_were_encoded_is_said(library: Path, command: Callable[..., Said]) -> None:
    model = tiny.encoder(library.parent / "model")
    said = command("library", "build", library.parent / "pages", "--out", library, f"vectors={model}")
    assert said.code == 0 and "; 4 passages encoded" in said.err


def test_an_encoder_that_is_gone_ends_with_2_and_a_remedy(
    dense: Path, scene: Scene, command: Callable[..., Said]
) -> None:
    (dense.parent / "model").rename(dense.parent / "moved")
    out = dense.parent / "out"
    report = ("library", "report", dense, "--out", out)
    ground = ("library", "ground", scene.data, "--library", dense, "--out", out / "g", "budget_tokens=800")
    chat = (*scene.chat, "--library", dense, "library.quote_only=true")  # which asks no model
    for words, without in (
        (("library", "search", dense, "痛风"), "--no-vectors"),
        (report, "--no-vectors"),
        (ground, "vectors=false"),
        (chat, "library.vectors=false"),
    ):
        said = command(*words)
        assert said.code == 2 and "no such folder" in said.err and without in said.err
        assert command(*words, without).code == 0


def test_a_reranker_orders_anew(library: Path, command: Callable[..., Said]) -> None:
    model = tiny.cross_encoder(library.parent / "cross")
    question = "头痛，关节红肿怎么办"
    before, after = (
        json.loads(command("library", "search", library, question, "--json", *more).out)["hits"]
        for more in ((), ("--reranker", model))
    )
    texts = ["\n".join((hit["title"], hit["heading"], hit["text"])) for hit in before]
    scored = dict(zip(texts, tiny.scores(model, question, texts), strict=True))
    order = ["\n".join((hit["title"], hit["heading"], hit["text"])) for hit in after]
    assert order == sorted(texts, key=lambda text: -scored[text]) and order != texts and len(order) == 3


def test_what_is_no_reranker_ends_with_2(library: Path, scene: Scene, command: Callable[..., Said]) -> None:
    model = tiny.encoder(library.parent / "model")
    for words in (
        ("library", "search", library, "痛风", "--reranker", model),
        ("library", "ground", scene.data, "--library", library, "--out", library.parent / "g", f"reranker={model}"),
        (*scene.chat, "--library", library, f"library.reranker={model}"),
    ):
        said = command(*words)
        assert said.code == 2 and "not a cross-encoder" in said.err
