"""Building: only what changed, whole or not at all, under readers that go on."""

import json
import shutil
from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.library import Library, stage, store
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.stage import build_library
from doctorglm.processes import spread


def _built(pages: Path, folder: Path) -> dict[str, int]:
    counts: dict[str, int] = build_library([pages], folder, LibrarySettings()).record["counts"]
    return counts


def test_what_a_build_records(pages: Path, folder: Path) -> None:
    record = json.loads((folder / "library.json").read_text("utf-8"))
    assert record["counts"] == {"documents": 8, "chunks": 15}
    assert record["licences"] == {"CC0": 8} and record["kinds"] == {"disease": 8}
    run = json.loads((folder / "run.json").read_text("utf-8"))
    assert run["stage"] == "library" and run["counts"]["indexed"] == 8 and len(run["inputs"]) == 8


def test_nothing_changed_nothing_built(pages: Path, folder: Path) -> None:
    before = (folder / "library.json").stat().st_mtime_ns
    _built(pages, folder)
    assert (folder / "library.json").stat().st_mtime_ns == before


def test_only_what_changed_is_read_and_indexed(pages: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    own = stage.documents
    monkeypatch.setattr(stage, "documents", lambda file, mapping: (read.append(file.path.name), own(file, mapping))[1])
    page = pages / "gout.md"
    page.write_text(page.read_text("utf-8").replace("抬高患肢", "冷敷患处"), "utf-8")
    (pages / "headache.md").unlink()
    counts = _built(pages, folder)
    assert read == ["gout.md"]
    assert (counts["documents"], counts["chunks"], counts["indexed"], counts["removed"]) == (7, 13, 1, 2)
    library = Library(folder)
    assert "冷敷患处" in library.search("痛风怎么治疗").hits[0].text
    texts = [hit.text for question in ("痛风", "偏头痛怕光") for hit in library.search(question, 50).hits]
    assert not any("抬高患肢" in text or "頭痛" in text for text in texts)


def test_a_file_of_another_name_is_not_read_again(pages: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pages / "gout.md").rename(pages / "zz.md")
    monkeypatch.setattr(stage, "documents", lambda *_: pytest.fail("nothing is to be read"))
    counts = _built(pages, folder)
    assert (counts["documents"], counts["indexed"], counts["removed"]) == (8, 0, 0)
    assert Library(folder).search("痛风").hits[0].doc_id == "gout"


def test_an_updated_library_searches_as_one_built_anew(pages: Path, folder: Path, tmp_path: Path) -> None:
    page = pages / "gout.md"
    page.write_text(page.read_text("utf-8").replace("尿酸太多", "尿酸过高"), "utf-8")
    _built(pages, folder)
    _built(pages, tmp_path / "anew")
    for question in ("痛风", "尿酸过高", "发烧咳嗽", "HBV"):
        updated, anew = (Library(f).search(question).hits for f in (folder, tmp_path / "anew"))
        assert {h.text for h in updated} == {h.text for h in anew}
        assert updated[0].text == anew[0].text


def test_a_reader_keeps_what_it_opened(pages: Path, folder: Path) -> None:
    library = Library(folder)
    before = library.search("痛风").hits
    for number in range(3):
        (pages / "gout.md").write_text(f"---\nid: gout\ntitle: 痛风{number}\n---\n## 概述\n\n新的{number}。\n", "utf-8")
        _built(pages, folder)
        assert library.search("痛风").hits == before
    assert Library(folder).search("痛风2").hits[0].text == "新的2。"
    assert len(list(folder.glob("index-*"))) == 2


def test_another_format_is_built_anew_and_not_misread(
    pages: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "FORMAT", store.FORMAT + 1)
    with pytest.raises(DataError, match="a library of format 2"):
        Library(folder)
    assert _built(pages, folder)["indexed"] == 8
    assert Library(folder).search("乙肝").hits[0].doc_id == "hepatitis-b"


@pytest.mark.parametrize("lost", ["names.json", "documents.jsonl", "tantivy/meta.json", "library.json"])
def test_half_a_library_is_told_and_built_anew(pages: Path, folder: Path, lost: str) -> None:
    index = next(folder.glob("index-*"))
    (folder / lost if lost == "library.json" else index / lost).unlink()
    if lost != "documents.jsonl":  # which searching does not need
        with pytest.raises(DataError, match="half a library"):
            Library(folder)
    assert _built(pages, folder)["documents"] == 8
    assert Library(folder).search("乙肝").hits[0].doc_id == "hepatitis-b"


def test_a_build_that_was_killed_leaves_the_library_as_it_was(pages: Path, folder: Path) -> None:
    (folder / "index-9" / "tantivy").mkdir(parents=True)
    assert Library(folder).search("乙肝").hits[0].doc_id == "hepatitis-b"
    (pages / "new.md").write_text("---\nid: new\ntitle: 湿疹\n---\n## 概述\n\n皮肤发痒。\n", "utf-8")
    _built(pages, folder)
    assert not (folder / "index-9").exists()
    assert Library(folder).search("湿疹").hits[0].doc_id == "new"


@pytest.mark.parametrize("changed", [{"chunk_tokens": 100}, {}])
def test_a_build_that_fails_half_way_leaves_the_library_as_it_was(
    pages: Path, folder: Path, changed: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (pages / "new.md").write_text("---\nid: new\ntitle: 湿疹\n---\n## 概述\n\n皮肤发痒。\n", "utf-8")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(stage.Writer, "add", stopped)
        build_library([pages], folder, LibrarySettings(**changed))
    assert Library(folder).search("乙肝").hits[0].doc_id == "hepatitis-b"
    assert build_library([pages], folder, LibrarySettings(**changed)).record["counts"]["documents"] == 9
    assert Library(folder).search("湿疹").hits[0].doc_id == "new"


def test_what_was_skipped_is_told_by_every_build(pages: Path, folder: Path) -> None:
    (pages / "drugs.csv").write_text("疾病,别名,症状\n水痘,,皮疹\n,,发烧\n", "utf-8")
    first = _built(pages, folder)["skipped"]
    told = (folder / "rejected.jsonl").read_text("utf-8")
    (pages / "new.md").write_text("---\nid: new\ntitle: 湿疹\n---\n## 概述\n\n皮肤发痒。\n", "utf-8")
    assert _built(pages, folder)["skipped"] == first > 0
    assert (folder / "rejected.jsonl").read_text("utf-8") == told and "drugs.csv" in told


def test_two_entries_with_one_id(pages: Path, folder: Path) -> None:
    shutil.copy(pages / "gout.md", pages / "zz.md")
    with pytest.raises(DataError, match=r"has the id gout, as `痛风` in .*gout\.md"):
        _built(pages, folder)
    assert Library(folder).search("痛风").hits[0].doc_id == "gout"


def test_no_library_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no library"):
        Library(tmp_path)


def test_files_without_a_document(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "empty.md").write_text("\n", "utf-8")
    with pytest.raises(DataError, match="hold no document"):
        build_library([tmp_path / "in"], tmp_path / "out", LibrarySettings())


def test_chunk_size_is_a_setting(pages: Path, tmp_path: Path) -> None:
    long = "痛风急性发作时应当休息。" * 60
    (pages / "gout.md").write_text(f"---\nid: gout\ntitle: 痛风\n---\n## 治疗\n\n{long}\n", "utf-8")
    small = build_library([pages], tmp_path / "small", LibrarySettings(chunk_tokens=100)).record["counts"]["chunks"]
    large = build_library([pages], tmp_path / "large", LibrarySettings(chunk_tokens=400)).record["counts"]["chunks"]
    assert small > large


def test_the_library_that_ships(tmp_path: Path) -> None:
    counts = build_library([], tmp_path / "library", LibrarySettings()).record["counts"]
    assert counts["documents"] == 45
    library = Library(tmp_path / "library")
    assert library.search("羊癫疯能治好吗").hits[0].doc_id == "epilepsy"
    for question, doc_id, heading in (
        ("痛风怎么治疗", "gout", "治疗"),
        ("布洛芬有什么副作用", "ibuprofen", "不良反应"),
    ):
        found = library.search(question)
        assert (found.hits[0].doc_id, found.hits[0].heading, found.abstain) == (doc_id, heading, False)


def test_another_process_that_helps_changes_nothing(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for number in range(150):
        text = f"# 第{number}号病\n\n## 症状\n\n第{number}号病的病人会在第{number}天咳嗽。\n"
        (pages / f"{number:03}.md").write_text(text, "utf-8")
    alone = build_library([pages], tmp_path / "alone", LibrarySettings())
    with spread(1) as over:
        helped = build_library([pages], tmp_path / "helped", LibrarySettings(), over=over)
        one, other = Library(tmp_path / "alone"), Library(tmp_path / "helped")
        (pages / "007.md").write_text("# 第7号病\n\n## 症状\n\n现在会打喷嚏。\n", "utf-8")
        again = build_library([pages], tmp_path / "helped", LibrarySettings(), over=over)
    assert alone.record["counts"] == helped.record["counts"]
    assert (alone.record["counts"]["documents"], again.record["counts"]["indexed"]) == (150, 1)
    for number in (0, 31, 32, 149):
        asked = f"第{number}号病有什么症状"
        assert one.search(asked).hits == other.search(asked).hits
    assert "打喷嚏" in Library(tmp_path / "helped").search("第7号病有什么症状").hits[0].text
