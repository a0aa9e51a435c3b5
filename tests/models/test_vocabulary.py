"""Vocabularies in the published layout: trained here, or completed from text pieces alone."""

from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import assume, given
from hypothesis import strategies as st

from doctorglm.errors import DataError
from doctorglm.models import ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import completed, read, train_sentencepiece, written


@pytest.fixture(scope="module")
def tokenizer(vocabulary_file: Path) -> Any:
    return ChatGLMTokenizer(str(vocabulary_file))


def test_the_published_layout_scaled_down(tokenizer: Any, official_file: Path) -> None:
    official = ChatGLMTokenizer(str(official_file))
    size = len(tokenizer)
    assert size == 430
    assert tokenizer.convert_ids_to_tokens(list(range(5))) == official.convert_ids_to_tokens(list(range(5)))
    assert tokenizer.convert_ids_to_tokens(list(range(size - 344, size))) == official.convert_ids_to_tokens(
        list(range(130_000, 130_344))
    )


def test_completing_the_published_text_pieces_gives_the_published_vocabulary(official_file: Path) -> None:
    whole = official_file.read_bytes()
    bare = _without_pieces(whole, 130_000)
    ours, theirs = (sentencepiece.SentencePieceProcessor(model_proto=m) for m in (completed(bare), whole))
    assert ours.get_piece_size() == theirs.get_piece_size() == 130_344
    last = list(range(130_000, 130_344))
    assert ours.id_to_piece(last) == theirs.id_to_piece(last)
    for kind in ("is_control", "is_byte", "is_unused", "is_unknown", "get_score"):
        assert getattr(ours, kind)(last) == getattr(theirs, kind)(last)
    text = written("[gMASK]你好👋\n  问：\t℃ 嚔")
    assert ours.encode(text) == theirs.encode(text)
    assert completed(whole) is whole


def _without_pieces(model: bytes, keep: int) -> bytes:
    """The protocol buffer with its first `keep` pieces (field 1) and all other fields."""
    out, at, seen = [], 0, 0
    while at < len(model):
        start, field, at = at, model[at] >> 3, at + 1
        length, shift = 0, 0
        while True:
            byte = model[at]
            length, shift, at = length | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                break
        at += length
        seen += field == 1
        if field != 1 or seen <= keep:
            out.append(model[start:at])
    return b"".join(out)


@given(st.text(alphabet=st.characters(exclude_characters="▁\x00", exclude_categories=["Cs"])))
def test_every_text_survives(tokenizer: Any, text: str) -> None:
    """Identity normalisation and bytes: only a single space at either end is lost, as published."""
    assume(text == text.strip(" "))
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    assert 0 not in ids


def test_full_width_marks_survive_unless_asked_otherwise(tmp_path: Path, texts: list[str]) -> None:
    text = "头疼，怎么办？"
    for normalization, expected in (("identity", text), ("nmt_nfkc", "头疼,怎么办?")):
        file = tmp_path / f"{normalization}.model"
        train_sentencepiece(texts, 420, file, normalization=normalization, threads=1)
        tokenizer = ChatGLMTokenizer(str(file))
        assert tokenizer.decode(tokenizer.encode(text)) == expected


def test_words_of_the_text_are_pieces(tokenizer: Any) -> None:
    assert len(tokenizer.tokenize("头疼怎么办？多休息")) < 9


@pytest.mark.parametrize("size", [1, 2, 3, 79, 80, 81, 82, 160, 161])
def test_blanks(size: int) -> None:
    text = f"a{' ' * size}b"
    longest_first = "<|blank_80|>" * (size // 80)
    rest = size % 80
    assert written(text) == f"a{longest_first}{f'<|blank_{rest}|>' if rest > 1 else ' ' * rest}b"
    assert read(written(text)) == text


def test_lines_and_tabs() -> None:
    assert written("a\n\tb") == "a<n><|tab|>b"
    assert read("a<n><|tab|><|blank_81|><|blank_1|>") == "a\n\t<|blank_81|><|blank_1|>"


def test_nothing_is_left_when_training_fails(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no vocabulary of 90000 pieces \(344 of them fixed\).*more text"):
        train_sentencepiece(["短"], 90_000, tmp_path / "v.model")
    assert list(tmp_path.iterdir()) == []
