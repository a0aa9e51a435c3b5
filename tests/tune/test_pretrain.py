"""The corpus of a new base model: who may give to it, in which pieces; and first weights that load."""

import json
import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from doctorglm import models
from doctorglm.conversation import Conversation, Message, read_conversations, write_conversations
from doctorglm.curate.documents import Document
from doctorglm.errors import ConfigError, DataError
from doctorglm.render import Sample, renderer_for
from doctorglm.tune.pretrain import PARTS, PretrainSettings, _cut, prepare_base

LAW = "public domain (PRC Copyright Law art. 5)"
TEXT = "头疼三天了，怎么办？多休息，少熬夜。咳嗽要喝水；发烧38.5度！先退烧。" * 12


@pytest.fixture
def sources(tmp_path: Path, talk: Callable[..., list[Conversation]]) -> tuple[Path, Path]:
    """A curated folder whose test part cannot be read, and a file of documents."""
    curated = tmp_path / "curated"
    own, others = talk(20), talk(6, seed=3)
    write_conversations(curated / "pretrain.jsonl", own)
    write_conversations(curated / "pretrain-valid.jsonl", talk(3, seed=9))
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
        vocabulary_size=410, hidden_size=32, num_layers=2, num_attention_heads=2, document_chars=60, share_of_law=0.2,
        copies=100, copies_first=110,
    )  # fmt: skip


def test_what_is_left_can_be_tuned(sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path) -> None:
    curated, documents = sources
    run = prepare_base(curated, [documents], tmp_path / "base", small)
    train, valid = (list(read_conversations(tmp_path / "base" / f"{p}.jsonl")) for p in ("train", "valid"))
    counts = run.record["counts"]
    assert counts["conversations"] == 26, "20 of its own part and 6 of other corpora, none of CMD's tuning part"
    assert len(train) == sum(counts[kind] for kind in ("conversations", "document", "exercise", "copy"))
    assert valid == list(read_conversations(curated / "pretrain-valid.jsonl")) and counts["valid"] == 3
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


def test_statutes_are_cut_down_to_their_share(small: PretrainSettings) -> None:
    texts = [Document(TEXT, "book", "MIT"), *[Document(TEXT, "statute", LAW)] * 5]
    kept = _cut(texts, [], small)
    law = sum(len(d.text) for d in kept if d.licence == LAW)
    everything = sum(len(d.text) for d in kept)
    assert 0.2 - 60 / everything <= law / everything <= 0.2


def test_what_is_to_be_copied_is_of_characters_that_the_corpus_has(
    sources: tuple[Path, Path], small: PretrainSettings, tmp_path: Path
) -> None:
    curated, documents = sources
    prepare_base(curated, [documents], tmp_path / "base", small)
    train = list(read_conversations(tmp_path / "base/train.jsonl"))
    among = [c for c in train if c.id.startswith("copy-")]
    first = [c for p in ("train", "valid") for c in read_conversations(tmp_path / f"base/copying/{p}.jsonl")]
    known = {character for c in train if c not in among for m in c.messages for character in m.content}
    assert (len(among), len(first), len({c.id for c in [*among, *first]})) == (100, 110, 210)
    assert all(c.turns[0][0] == c.turns[0][1] and set(c.answers) <= known for c in [*among, *first])
    assert [c.id for c in read_conversations(tmp_path / "base/copying/valid.jsonl")] == [
        f"copy-{i}" for i in range(100)
    ]


def test_a_corpus_without_chinese_says_what_to_set(small: PretrainSettings, tmp_path: Path) -> None:
    draw = random.Random(0)
    said = [" ".join("".join(draw.choices(string.ascii_letters, k=5)) for _ in range(30)) for _ in range(20)]
    turns = [Message(role, text) for role, text in zip(["user", "assistant"] * 10, said, strict=True)]
    for part in PARTS:
        write_conversations(tmp_path / f"{part}.jsonl", [Conversation(id=part, messages=tuple(turns), source="en")])
    with pytest.raises(DataError, match=r"pretrain\.copies=0 and pretrain\.copies_first=0"):
        prepare_base(tmp_path, [], tmp_path / "base", small)


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
