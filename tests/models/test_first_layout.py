"""ChatGLM-6B on its way back to the published layout, and from its first vocabulary to the later one."""

import json
from pathlib import Path

import pytest
import torch

from doctorglm import models
from doctorglm.errors import ConfigError
from doctorglm.models import ChatGLMTokenizer
from doctorglm.models.convert import convert

from .conftest import make_tiny
from .test_convert import same, tensors_of

IMAGES = 20_000


@pytest.fixture
def first(tmp_path: Path, vocabulary_file: Path) -> Path:
    """A base of the vocabulary of March 2023, image tokens before the text."""
    folder = tmp_path / "first"
    tokens = ChatGLMTokenizer(str(vocabulary_file), num_image_tokens=IMAGES)
    ids = {f"{n}_token_id": getattr(tokens, f"{n}_token_id") for n in ("bos", "eos", "mask", "gmask", "pad")}
    make_tiny(vocab_size=150_528, **ids).model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def test_the_published_layout_and_back(folder: Path, tmp_path: Path) -> None:
    done = convert(folder, tmp_path / "official", "chatglm")
    ours, made = tensors_of(folder), tensors_of(tmp_path / "official")
    same({name: made[name] for name in ours}, ours)
    # what only published checkpoints have: the tied head, and the table that the published code computes in 16 bits
    assert made["lm_head.weight"].equal(ours["transformer.word_embeddings.weight"])
    table = torch.tensor([10_000.0 ** (-i / 8) for i in range(0, 8, 2)]).half()
    added = [f"transformer.layers.{i}.attention.rotary_emb.inv_freq" for i in range(2)]
    assert made.keys() - ours.keys() == {"lm_head.weight", *added} and done["tensors"] == len(made)
    assert all(made[name].equal(table) for name in added)

    convert(tmp_path / "official", tmp_path / "again", "chatglm")
    same(tensors_of(tmp_path / "again"), made)
    convert(tmp_path / "official", tmp_path / "hf", "hf")
    model, tokenizer = models.load(tmp_path / "hf")
    plain, _ = models.load(folder)
    ids = tokenizer("头疼怎么办", return_tensors="pt")["input_ids"]
    assert model(ids).logits.equal(plain(ids).logits)


def test_the_published_configuration(folder: Path, tmp_path: Path, shared: Path) -> None:
    """The published keys, and nothing that the published code does not know."""
    convert(folder, tmp_path / "official", "chatglm")
    made = json.loads((tmp_path / "official/config.json").read_text())
    published = json.loads((shared / "reference/chatglm-6b.config.json").read_text())
    left_out = {"_name_or_path", "auto_map", "transformers_version"}
    assert published.keys() - made.keys() == left_out and made.keys() - published.keys() == {"tie_word_embeddings"}
    assert made["architectures"] == published["architectures"] and made["torch_dtype"] == "float32"


@pytest.mark.parametrize("to", ["hf", "chatglm"])
def test_without_image_tokens(first: Path, tmp_path: Path, to: str) -> None:
    convert(first, tmp_path / "slim", to, slim=True)
    ours, theirs = tensors_of(first), tensors_of(tmp_path / "slim")
    embedding = "transformer.word_embeddings.weight"
    assert theirs[embedding].equal(ours[embedding][IMAGES:]) and len(theirs[embedding]) == 130_528
    same({n: t for n, t in theirs.items() if n in ours and n != embedding},
         {n: t for n, t in ours.items() if n != embedding})  # fmt: skip
    old, old_tokens = models.load(first)
    new, new_tokens = models.load(tmp_path / "slim")
    ids, shifted = old_tokens("头疼怎么办？", return_tensors="pt")["input_ids"], new_tokens("头疼怎么办？")["input_ids"]
    assert (ids - IMAGES).tolist() == [shifted] and new_tokens.decode(shifted) == old_tokens.decode(ids[0])
    for name in ("bos", "eos", "mask", "gmask", "pad"):
        assert getattr(old.config, f"{name}_token_id") - IMAGES == getattr(new.config, f"{name}_token_id")
    with torch.inference_mode():
        expected = old(ids).logits[..., IMAGES:]
        torch.testing.assert_close(new(torch.tensor([shifted])).logits, expected, rtol=0, atol=1e-5)


def test_there_is_nothing_to_make_slim(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only the 150528 tokens of ChatGLM-6B's first vocabulary have image tokens"):
        convert(folder, tmp_path / "slim", "hf", slim=True)
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "model_type": "llama"}))
    with pytest.raises(ConfigError, match="not a ChatGLM-6B"):
        convert(folder, tmp_path / "slim", "hf", slim=True)
    assert not (tmp_path / "slim").exists()
