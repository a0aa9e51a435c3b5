"""The reranker: the order of the model's own scores, of the best hits alone, and folders that hold none."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from doctorglm.errors import ConfigError, ModelError
from doctorglm.library import Library, reranker, sentence_models
from doctorglm.library.reranker import Reranker

from . import tiny

QUESTION = "头痛，怕光，口渴，血里尿酸高，抽搐"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.cross_encoder(tmp_path / "cross")


def expected(model: Path, question: str, chunk_ids: list[str]) -> list[str]:
    said = dict(zip(chunk_ids, tiny.scores(model, question, [tiny.TEXTS[i] for i in chunk_ids]), strict=True))
    return sorted(chunk_ids, key=lambda i: -said[i])


def test_the_best_hits_stand_in_the_order_of_the_models_scores(folder: Path, model: Path) -> None:
    before = tiny.ids(Library(folder).search(QUESTION, 50).hits)
    found = Library(folder, reranker=model).search(QUESTION, 50).hits
    after = expected(model, QUESTION, before)
    assert len(before) > 5 and before != after == tiny.ids(found)
    logits = tiny.scores(model, QUESTION, [tiny.TEXTS[i] for i in after])
    assert [hit.score for hit in found] == pytest.approx([1 / (1 + np.exp(-x)) for x in logits], abs=1e-4)


def test_it_reads_twenty_however_few_are_asked_for(folder: Path, model: Path) -> None:
    before = tiny.ids(Library(folder).search(QUESTION, 50).hits)
    assert reranker.MOST == 20 >= len(before)
    assert tiny.ids(Library(folder, reranker=model).search(QUESTION, 2).hits) == expected(model, QUESTION, before)[:2]


def test_what_stands_further_behind_stays(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reranker, "most", 3)
    hits = Library(folder).search(QUESTION, 50).hits
    found = Library(folder, reranker=model).search(QUESTION, 50).hits
    assert tiny.ids(found) == expected(model, QUESTION, tiny.ids(hits[:3])) + tiny.ids(hits[3:])
    assert found[3:] == hits[3:]


def test_what_is_denied_is_not_read(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(folder, reranker=model)
    asked: list[str] = []
    monkeypatch.setattr(Reranker, "ordered", lambda self, question, hits: (asked.append(question), hits)[1])
    library.search("没有痛风，就是口渴、多尿")
    assert "痛风" not in asked[0] and "口渴、多尿" in asked[0]


def test_confidence_is_that_of_what_stands_first(folder: Path, model: Path) -> None:
    question = "头痛，怕光，血里尿酸高"
    plain, ordered = (Library(folder, reranker=of).search(question, 50) for of in (None, model))
    assert plain.hits[0].doc_id != ordered.hits[0].doc_id
    assert plain.features.phrases != ordered.features.phrases


def test_nothing_found_and_half_characters(folder: Path, model: Path) -> None:
    library = Library(folder, reranker=model)
    assert library.search("").hits == () and library.search("痛风\ud83d").hits


def test_searches_side_by_side_agree(folder: Path, model: Path) -> None:
    library = Library(folder, reranker=model)
    questions = [QUESTION, "痛风怎么治", "头痛怕光"] * 8
    alone = [tiny.ids(library.search(q).hits) for q in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda q: tiny.ids(library.search(q).hits), questions)) == alone


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (None, "no such folder"),
        (Path.mkdir, "not a cross-encoder"),
        (tiny.encoder, "not a cross-encoder"),
        (lambda folder: tiny.cross_encoder(folder, labels=3), "gives 3 scores"),
    ],
)
def test_a_folder_that_is_no_reranker(
    folder: Path, tmp_path: Path, make: Callable[[Path], object] | None, told: str
) -> None:
    if make:
        make(tmp_path / "wrong")
    with pytest.raises(ConfigError, match=told):
        Library(folder, reranker=tmp_path / "wrong")


def test_a_damaged_one_and_a_missing_package(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be loaded"):
        Library(folder, reranker=model)
    monkeypatch.setattr(sentence_models, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'doctorglm\[sentence-transformers\]'"):
        Library(folder, reranker=model)


def test_as_sentence_transformers_writes_it_now(folder: Path, model: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    CrossEncoder(str(model), device="cpu").save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    saved, own = (tiny.ids(Library(folder, reranker=of).search(QUESTION).hits) for of in (tmp_path / "saved", model))
    assert saved == own


def test_scores_that_are_no_numbers_are_refused(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(folder, reranker=model)
    monkeypatch.setattr(Reranker, "_scored", lambda self, pairs: np.full(len(pairs), np.nan))
    with pytest.raises(ModelError, match="no numbers"):
        library.search(QUESTION)
