"""`library` from files to a table, a page and training data; what is typed or given wrong ends with 2."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
