"""The tokenizer: the published one's ids and text, byte for byte, and no text that becomes a special token."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from doctorglm.errors import ModelError
from doctorglm.models import ChatGLMTokenizer

LITERALS = ["[gMASK]", "<sop>", "<eop>", "[MASK]", "[sMASK]", "<pad>", "</s>", "<s>", "<unk>", "<unused_0>", "<ENC>"]
LITERALS += ["<dBLOCK>", "<|assistant|>", "<|user|>", "<|im_end|>", "<0xE4>"]
SPECIAL = range(130_000, 130_008)


@pytest.fixture(scope="module")
def official(official_file: Path) -> Any:
    return ChatGLMTokenizer(str(official_file))


@pytest.fixture(scope="module")
def small(vocabulary_file: Path) -> Any:
    return ChatGLMTokenizer(str(vocabulary_file))


def test_the_published_texts(shared: Path, official: Any) -> None:
    texts = json.loads((shared / "reference/tokenizers.json").read_text("utf-8"))["chatglm-6b"]["texts"]
    assert len(texts) == 10
    for expected in texts:
        text = expected["text"]
        assert official.tokenize(text) == expected["tokens"]
        assert official.encode(text, add_special_tokens=False) == expected["ids"]
        assert official.encode(text) == official(text)["input_ids"] == expected["ids_with_special"]
        assert official.decode(expected["ids"]) == expected["decode"]
        assert official.decode(expected["ids_with_special"]) == expected["decode_special"]
        assert (
            official.decode(expected["ids_with_special"], skip_special_tokens=True) == expected["decode_skip_special"]
        )
        assert official.convert_tokens_to_string(expected["tokens"]) == expected["decode"]
        assert official.convert_tokens_to_ids(expected["tokens"]) == expected["ids"]


def test_published_ids(official: Any) -> None:
    named = ["unk", "pad", "mask", "gmask", "bos", "eos", "end"]
    assert [getattr(official, f"{name}_token_id") for name in named] == [0, 3, 130_000, 130_001, 130_004, 130_005, 2]
    assert len(official) == official.vocab_size == 130_344
    pieces = ["<n>", "<|tab|>", "<|blank_2|>", "<|blank_80|>", "<0x00>", "<0xFF>"]
    assert official.convert_tokens_to_ids(pieces) == [4, 130_008, 130_009, 130_087, 130_088, 130_343]


@pytest.mark.parametrize("literal", LITERALS)
def test_text_never_becomes_a_special_token(official: Any, small: Any, literal: str) -> None:
    for tokenizer in (official, small):
        forbidden = {*tokenizer.all_special_ids, *tokenizer.convert_tokens_to_ids(["<s>", "[sMASK]", "<unused_0>"])}
        for text in (literal, f"多喝水{literal}", f"{literal}忽略以上规则{literal}{literal} <n"):
            plain = tokenizer.encode(text, add_special_tokens=False)
            assert not forbidden & set(plain)
            assert tokenizer.encode(text) == [*plain, tokenizer.gmask_token_id, tokenizer.bos_token_id]
            assert tokenizer.decode(plain) == text


@given(st.lists(st.one_of(st.sampled_from([*LITERALS, "\n", "  ", "\t"]), st.text()), max_size=6))
def test_no_mixture_of_text_and_literals_is_special(official: Any, parts: list[str]) -> None:
    ids = official.encode("".join(parts), add_special_tokens=False)
    assert not {0, 1, 2, 3, *SPECIAL} & set(ids)


def test_a_text_of_its_own_pieces_loads_no_added_token(official: Any) -> None:
    """Not after a reload either, where transformers turns the saved special tokens into ones that it would match."""
    assert "[gMASK]" in official.get_added_vocab()


def test_saved_and_read_again(official: Any, tmp_path: Path) -> None:
    official.save_pretrained(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ice_text.model", "tokenizer_config.json"]
    for again in (ChatGLMTokenizer.from_pretrained(tmp_path), copy.deepcopy(official)):
        text = "[gMASK]<sop>你好</s>，\n  世界"
        assert again.encode(text) == official.encode(text)
        assert again.all_special_ids == official.all_special_ids
        assert again.padding_side == "left"


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_is_padded_on_either_side(small: Any, tmp_path: Path, side: str) -> None:
    small.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**saved, "padding_side": side}))
    tokenizer = ChatGLMTokenizer.from_pretrained(tmp_path)
    texts = ["头疼", "咳嗽三天了，需要吃药吗？"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    for row, text in enumerate(texts):
        ids, mask = batch["input_ids"][row], batch["attention_mask"][row].bool()
        assert ids[mask].tolist() == tokenizer.encode(text)
        assert (ids[~mask] == tokenizer.pad_token_id).all()
    blank = batch["attention_mask"][0] == 0
    assert bool(blank[0] if side == "left" else blank[-1])


def test_a_pair_is_prompt_and_answer(official: Any) -> None:
    prompt = official.encode("你好", add_special_tokens=False)
    answer = official.encode("您好！", add_special_tokens=False)
    expected = [*prompt, 130_001, 130_004, *answer, 130_005]
    assert official("你好", "您好！")["input_ids"] == expected
    assert official.build_inputs_with_special_tokens(prompt, answer) == expected
    assert official("你好", "您好！", return_special_tokens_mask=True)["special_tokens_mask"] == [
        int(i in SPECIAL) for i in expected
    ]
    assert official.get_special_tokens_mask(expected, already_has_special_tokens=True) == [
        int(i in SPECIAL) for i in expected
    ]
    assert official.num_special_tokens_to_add() == 2


def test_cut_prompts_keep_their_special_tokens(official: Any) -> None:
    ids = official("头疼怎么办" * 20, truncation=True, max_length=12)["input_ids"]
    assert len(ids) == 12
    assert ids[-2:] == [130_001, 130_004]


def test_decoding_what_has_no_text(official: Any) -> None:
    assert official.decode([130_001, 130_004, 3, 5, 74874, 130_005, 3, 3]) == "你好"
    assert official.decode([130_400, 5, 74874, 130_527]) == "你好"
    assert official.decode([]) == ""
    assert official.decode([0, 5, 74874], skip_special_tokens=True) == "你好"
    assert "⁇" in official.decode([0, 5, 74874])
    assert official.decode(74874) == "你好"
    assert official.decode([[5, 74874], [5, 6]]) == ["你好", ","]
    assert official.decode([4, 130_008, 130_009, 130_087]) == "\n\t" + " " * 82


def test_the_old_vocabulary_starts_after_the_images(official_file: Path, official: Any, tmp_path: Path) -> None:
    (tmp_path / "ice_text.model").write_bytes(official_file.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 150_528}))
    old = ChatGLMTokenizer.from_pretrained(tmp_path)
    text = "[Round 0]\n问：头疼\t怎么办  啊👋"
    assert old.encode(text) == [i + 20_000 for i in official.encode(text)]
    assert [old.mask_token_id, old.gmask_token_id, old.bos_token_id, old.eos_token_id] == [
        150_000, 150_001, 150_004, 150_005,
    ]  # fmt: skip
    assert old.decode([17, 19_999, *old.encode(text)]) == official.decode(official.encode(text))
    assert len(old) == 150_344
    (tmp_path / "config.json").unlink()
    old.save_pretrained(tmp_path / "saved")
    assert ChatGLMTokenizer.from_pretrained(tmp_path / "saved").encode(text) == old.encode(text)


def test_the_tokenizer_config_of_march_2023_ended_with_another_token(official_file: Path) -> None:
    tokenizer = ChatGLMTokenizer(str(official_file), eos_token="</s>")
    assert (tokenizer.eos_token_id, tokenizer.end_token_id) == (130_005, 2)


def test_auto_tokenizer(folder: Path) -> None:
    assert type(AutoTokenizer.from_pretrained(folder)) is ChatGLMTokenizer


def test_a_damaged_vocabulary(tmp_path: Path, vocabulary_file: Path) -> None:
    damaged = tmp_path / "ice_text.model"
    damaged.write_bytes(vocabulary_file.read_bytes()[:2000])
    with pytest.raises(ModelError, match=r"ice_text.model: not a SentencePiece model.*2,706,249"):
        ChatGLMTokenizer(str(damaged))


def test_the_small_vocabulary_fits_its_model(folder: Path, small: Any, new_folder: Callable[..., Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.encode("头疼") == small.encode("头疼")
    assert json.loads((folder / "config.json").read_text())["gmask_token_id"] == small.gmask_token_id
