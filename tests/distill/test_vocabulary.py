"""A student's own vocabulary: both languages come back as they were, signs are one token, the padding is last."""

from pathlib import Path

import pytest

from doctorglm.distill.vocabulary import make_vocabulary
from doctorglm.errors import DataError
from doctorglm.translate.student.folder import marian_tokenizer
from doctorglm.translate.student.tags import TAGS

from .conftest import written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_vocabulary((said for one in written(300) for said in (one.english, one.chinese)), 600, tmp_path / "student")
    return tmp_path / "student"


@pytest.mark.parametrize("text", ["我需要12个药片。", "I need 12 tablets.", "全角，、；：标点“不”变！", "稀字龘也在"])
def test_text_comes_back_as_it_was(folder: Path, text: str) -> None:
    tokenizer = marian_tokenizer(folder)
    ids = tokenizer(text_target=text).input_ids

    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.unk_token_id not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_signs_are_tokens_of_their_own(folder: Path) -> None:
    tokenizer = marian_tokenizer(folder)

    assert [t for t in tokenizer.tokenize("a <term> b <as> 丙 </term> d") if t in TAGS] == list(TAGS)


def test_the_padding_is_the_last_token_as_marian_has_it(folder: Path) -> None:
    tokenizer = marian_tokenizer(folder)

    assert tokenizer.pad_token_id == len(tokenizer.get_vocab()) - 1
    assert tokenizer.eos_token_id == 0


def test_too_little_text_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as told:
        make_vocabulary([], 600, tmp_path / "student")

    assert "vocabulary=" in told.value.text.en
    assert "vocabulary=" in told.value.text.zh


def test_the_same_texts_make_the_same_files_wherever_they_are_written(tmp_path: Path) -> None:
    for name in ("a", "elsewhere/b"):
        make_vocabulary([said for one in written(50) for said in (one.english, one.chinese)], 600, tmp_path / name)

    assert (tmp_path / "a" / "source.spm").read_bytes() == (tmp_path / "elsewhere" / "b" / "source.spm").read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "source.spm", "target.spm", "tokenizer_config.json", "vocab.json",
    ]  # fmt: skip
