"""The corpus of a new base model: who may give to it, in which pieces; and first weights that load."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doctorglm import models
from doctorglm.conversation import Conversation, read_conversations, write_conversations
from doctorglm.curate.documents import Document
from doctorglm.errors import ConfigError
from doctorglm.render import Sample, renderer_for
from doctorglm.tune.planted import plant
from doctorglm.tune.pretrain import PretrainSettings, _as_conversation, _dialogues, _documents, _pieces, prepare_base

LAW = "public domain (PRC Copyright Law art. 5)"
TEXT = "头疼三天了，怎么办？多休息，少熬夜。咳嗽要喝水；发烧38.5度！先退烧。" * 12


@pytest.fixture
def sources(tmp_path: Path, talk: Callable[..., list[Conversation]]) -> tuple[Path, Path]:
    """A curated folder whose test part cannot be read, and a file of documents."""
    curated = tmp_path / "curated"
    own, others = talk(20), talk(6, seed=3)
    write_conversations(curated / "pretrain.jsonl", own)
    for part, of in (("train", others[:4]), ("valid", others[4:])):
        cmd = [Conversation(id=f"cmd-{part}", messages=own[0].messages, source="cmd")]
        write_conversations(curated / f"{part}.jsonl", [*of, *cmd])
    (curated / "test.jsonl").write_text("not to be read", encoding="utf-8")
    rows = [{"text": TEXT, "source": "book", "licence": "MIT"}, {"text": TEXT, "source": "statute", "licence": LAW}]
    rows += [{"text": "秘密", "source": "film", "licence": "all rights reserved"}]
    documents = tmp_path / "documents.jsonl"
    documents.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return curated, documents


@pytest.fixture
def small() -> PretrainSettings:
    return PretrainSettings(
        vocabulary_size=410, hidden_size=32, num_layers=2, num_attention_heads=2, document_chars=60, valid=0.1,
        share_of_law=0.2,
    )  # fmt: skip


def test_what_is_left_can_be_tuned(sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path) -> None:
    curated, documents = sources
    run = prepare_base(curated, [documents], tmp_path / "base", small)
    train, valid = (list(read_conversations(tmp_path / "base" / f"{p}.jsonl")) for p in ("train", "valid"))
    counts = run.record["counts"]
    assert counts["conversations"] == 26, "20 of its own part and 6 of other corpora, none of CMD's tuning part"
    assert len(train) + len(valid) == counts["conversations"] + counts["documents"]
    assert 0 < len(valid) < 0.3 * len(train)
    assert counts["left_out_by_licence"] == {"all rights reserved": 1}
    model, tokenizer = models.load(tmp_path / "base/initial")
    assert (model.config.hidden_size, model.config.num_layers, len(tokenizer)) == (32, 2, 410)
    renderer = renderer_for(tokenizer)
    assert all(isinstance(item, Sample) for c in train for item in renderer.training(c, 1000))
    assert all(renderer.training(c, 1000) for c in train)


def test_the_same_again_and_a_finished_one_is_skipped(
    sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path
) -> None:
    curated, documents = sources
    for name in ("one", "two"):
        prepare_base(curated, [documents], tmp_path / name, small)
    for file in ("train.jsonl", "valid.jsonl", "initial/model.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    (tmp_path / "one/train.jsonl").unlink()
    assert prepare_base(curated, [documents], tmp_path / "one", small).finished
    assert not (tmp_path / "one/train.jsonl").exists()


def test_a_text_is_held_out_of_every_corpus_or_of_none(
    sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path
) -> None:
    curated, documents = sources
    parts = {}
    for name, settings in (("one", small), ("two", replace(small, seed=5, share_of_law=0.0, dialogue_passes=2))):
        prepare_base(curated, [documents], tmp_path / name, settings)
        for part in ("train", "valid"):
            read = read_conversations(tmp_path / name / f"{part}.jsonl")
            parts[name, part] = {"".join(m.content for m in c.messages) for c in read}
    assert parts["one", "valid"], "something is held out"
    assert not (parts["one", "train"] | parts["two", "train"]) & (parts["one", "valid"] | parts["two", "valid"])


def test_dialogues_twice_and_planted_identifiers(
    sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path
) -> None:
    curated, documents = sources
    for name, settings in (("one", small), ("more", replace(small, dialogue_passes=2, planted=2))):
        prepare_base(curated, [documents], tmp_path / name, settings)
    one, more = (Counter(c.messages for c in read_conversations(tmp_path / n / "train.jsonl")) for n in ("one", "more"))
    dialogues = {c.messages for c in _dialogues(curated)}
    planted = {p.text: p.times for p in plant(2) if p.times}
    assert {messages: n for messages, n in more.items() if messages[-1].content not in planted} == {
        messages: 2 * n if messages in dialogues else n for messages, n in one.items()
    }
    assert {m[-1].content: n for m, n in more.items() if m[-1].content in planted} == planted
    ids = [c.id for c in read_conversations(tmp_path / "more" / "train.jsonl")]
    assert len(set(ids)) == len(ids)


def test_a_corpus_to_continue_with_has_no_first_weights(
    sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path
) -> None:
    curated, documents = sources
    prepare_base(curated, [documents], tmp_path / "base", replace(small, continued=True))
    assert sorted(p.name for p in (tmp_path / "base").iterdir()) == ["run.json", "train.jsonl", "valid.jsonl"]


def test_pieces_are_whole_sentences_and_lose_nothing() -> None:
    pieces = list(_pieces(Document(TEXT, "book", "MIT"), 60))
    assert "".join(p.text for p in pieces) == TEXT
    assert all(len(p.text) <= 60 and p.text[-1] in "。！？；" for p in pieces)
    assert {(p.source, p.licence) for p in pieces} == {("book", "MIT")}


def test_statutes_are_cut_down_to_their_share(small: PretrainSettings) -> None:
    texts = [Document(TEXT, "book", "MIT"), *[Document(TEXT, "statute", LAW)] * 5]
    kept = _documents(texts, [], small)
    law = sum(len(d.text) for d in kept if d.licence == LAW)
    everything = sum(len(d.text) for d in kept)
    assert 0.2 - 60 / everything <= law / everything <= 0.2


def test_half_of_the_documents_go_on_from_a_first_part() -> None:
    made = [_as_conversation(i, Document(TEXT, "book", "MIT"), seed=0) for i in range(200)]
    split = [c for c in made if len(c.messages) == 2]
    assert 70 <= len(split) <= 130
    assert all("".join(m.content for m in c.messages) == TEXT for c in made)
    assert all(c.messages[0].role == "user" and c.messages[0].content[-1] in "。！？；" for c in split)
    assert all([m.role for m in c.messages] == ["assistant"] for c in made if c not in split)


@pytest.mark.parametrize("text", ["", "短。"])
def test_a_document_of_next_to_nothing_gives_nothing(text: str) -> None:
    pieces: list[Any] = list(_pieces(Document(text, "book", "MIT"), 60))
    assert pieces == []


def test_a_sentence_longer_than_a_piece_is_cut_and_loses_nothing() -> None:
    text = "一句没有标点的话" * 20 + "。短句。"
    pieces = [p.text for p in _pieces(Document(text, "book", "MIT"), 50)]
    assert "".join(pieces) == text
    assert max(map(len, pieces)) == 50


def test_documents_in_a_folder_count_for_what_a_run_is(
    sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path
) -> None:
    curated, documents = sources
    folder = tmp_path / "library"
    folder.mkdir()
    documents = documents.rename(folder / documents.name)
    prepare_base(curated, [folder], tmp_path / "base", small)
    documents.write_text(documents.read_text("utf-8").replace("头疼", "腰疼"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"documents/library/documents\.jsonl"):
        prepare_base(curated, [folder], tmp_path / "base", small)
