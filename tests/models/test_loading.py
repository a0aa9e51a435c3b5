"""`load`: folders in every form that weights come in, and every way in which a folder can be wrong."""

import json
import pickle
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from doctorglm import language, models
from doctorglm.errors import ModelError
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, loading
from doctorglm.models.loading import base_folder
from doctorglm.models.saving import save_model
from doctorglm.models.weights import shapes_of, weight_files


def state_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def rewrite(folder: Path, state: dict[str, torch.Tensor], form: str) -> None:
    """Replaces the folder's weights by the same ones in another form."""
    (folder / "model.safetensors").unlink(missing_ok=True)
    names = sorted(state)
    shards = [names[::2], names[1::2]]
    if form == "safetensors":
        save_file(state, folder / "model.safetensors")
    elif form == "bin":
        torch.save(state, folder / "pytorch_model.bin")
    else:
        stem, suffix = ("pytorch_model", "bin") if form == "bin shards" else ("model", "safetensors")
        files = [f"{stem}-0000{i + 1}-of-00002.{suffix}" for i in range(2)]
        for file, part in zip(files, shards, strict=True):
            tensors = {name: state[name] for name in part}
            torch.save(tensors, folder / file) if suffix == "bin" else save_file(tensors, folder / file)
        where = {name: file for file, part in zip(files, shards, strict=True) for name in part}
        index = "pytorch_model.bin.index.json" if suffix == "bin" else "model.safetensors.index.json"
        (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": where}))


def answer(model: Any, tokenizer: Any) -> list[int]:
    ids = tokenizer("头疼怎么办", return_tensors="pt")["input_ids"]
    return list(model.generate(ids, max_new_tokens=5, do_sample=False)[0].tolist())


@pytest.mark.parametrize("form", ["safetensors", "safetensors shards", "bin", "bin shards"])
def test_every_form_of_weights(folder: Path, form: str) -> None:
    expected = answer(*models.load(folder))
    state = state_of(folder)
    # as published: the head is written out, and a table that nobody reads
    state["lm_head.weight"] = state["transformer.word_embeddings.weight"].clone()
    state["transformer.layers.0.attention.rotary_emb.inv_freq"] = torch.ones(4, dtype=torch.float16)
    rewrite(folder, state, form)
    model, tokenizer = models.load(folder)
    assert answer(model, tokenizer) == expected
    assert not model.training
    assert model.lm_head.weight is model.transformer.word_embeddings.weight


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtype(folder: Path, dtype: torch.dtype) -> None:
    model, _ = models.load(folder, dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {dtype}


def test_the_official_names_and_shapes(shared: Path) -> None:
    """On the meta device: 6.17e9 parameters with nothing missing or left over, and the published shapes."""
    index = json.loads((shared / "reference/chatglm-6b.index.json").read_text())
    config = ChatGLMConfig.from_dict(json.loads((shared / "reference/chatglm-6b.config.json").read_text()))
    with torch.device("meta"):
        model = ChatGLMForConditionalGeneration(config)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    official = {name for name in index["weight_map"] if not name.endswith("rotary_emb.inv_freq")}
    assert len(index["weight_map"]) == 368
    assert set(shapes) == official
    assert shapes["transformer.word_embeddings.weight"] == shapes["lm_head.weight"] == (130_528, 4096)
    layer = {n.removeprefix("transformer.layers.27."): s for n, s in shapes.items() if ".layers.27." in n}
    assert layer["attention.query_key_value.weight"] == (12_288, 4096)
    assert layer["attention.query_key_value.bias"] == (12_288,)
    assert layer["attention.dense.weight"] == (4096, 4096)
    assert layer["mlp.dense_h_to_4h.weight"] == (16_384, 4096)
    assert layer["mlp.dense_4h_to_h.weight"] == (4096, 16_384)
    assert layer["input_layernorm.weight"] == layer["post_attention_layernorm.bias"] == (4096,)
    assert sum(p.numel() for p in model.parameters()) == 6_173_286_400


def test_a_folder_in_the_official_layout_loads_whole(shared: Path, new_folder: Callable[..., Path]) -> None:
    """All 368 official names, eight shards of pickles in 16 bits, scaled down in width alone."""
    index = json.loads((shared / "reference/chatglm-6b.index.json").read_text())["weight_map"]
    folder = new_folder("official", num_layers=28)
    state = {name: value.half() for name, value in state_of(folder).items()}
    state["lm_head.weight"] = state["transformer.word_embeddings.weight"]
    inverse = torch.ones(4, dtype=torch.float16)
    full = {name: inverse if name.endswith("inv_freq") else state[name] for name in index}
    assert set(state) <= set(full)
    (folder / "model.safetensors").unlink()
    (folder / "generation_config.json").unlink()
    for shard in set(index.values()):
        torch.save({name: full[name] for name, file in index.items() if file == shard}, folder / shard)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    model, _ = models.load(folder)
    for name, value in model.state_dict().items():
        assert torch.equal(value, full[name].float()), name
    assert model.generation_config.pad_token_id == model.config.pad_token_id == 3
    assert model.generation_config.eos_token_id == model.config.eos_token_id
    direct, report = ChatGLMForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert direct.dtype == torch.float32


def test_an_untied_head_stays_untied(new_folder: Callable[..., Path]) -> None:
    folder = new_folder(tie_word_embeddings=False)
    model, _ = models.load(folder)
    assert torch.equal(model.lm_head.weight, state_of(folder)["lm_head.weight"])
    assert not torch.equal(model.lm_head.weight, model.transformer.word_embeddings.weight)
    state = state_of(folder)
    del state["lm_head.weight"]
    rewrite(folder, state, "safetensors")
    with pytest.raises(ModelError, match=r"1 missing \(lm_head.weight\), 0 left over"):
        models.load(folder)


def test_native_families(tmp_path: Path, folder: Path) -> None:
    config = Qwen2Config(
        vocab_size=430,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    native = tmp_path / "qwen"
    Qwen2ForCausalLM(config).save_pretrained(native)
    with pytest.raises(ModelError, match="no usable tokenizer"):
        models.load(native)
    _byte_tokenizer(native, 300)
    model, tokenizer = models.load(native)
    assert type(model) is Qwen2ForCausalLM
    assert tokenizer.decode(tokenizer.encode("abc")) == "abc"
    state = state_of(native)
    del state["model.norm.weight"]
    rewrite(native, state, "safetensors")
    with pytest.raises(ModelError, match=r"do not fit the model \(missing_keys: model.norm.weight"):
        models.load(native)


def _byte_tokenizer(folder: Path, size: int) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = alphabet + [f"<extra_{i}>" for i in range(size - len(alphabet))]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)


def test_a_native_vocabulary_of_another_size(tmp_path: Path) -> None:
    config = Qwen2Config(
        vocab_size=280,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    _byte_tokenizer(tmp_path, 300)
    with pytest.raises(ModelError, match=r"the tokenizer has 30\d tokens, the model embeds 280"):
        models.load(tmp_path)


# -- what can be wrong with a folder


def refused(folder: Path, match: str, **asked: Any) -> str:
    with pytest.raises(ModelError, match=match) as error:
        models.load(folder, **asked)
    text = error.value.text
    assert text.en != text.zh
    assert any("\u4e00" <= character <= "\u9fff" for character in text.zh)
    assert error.value.exit_code == 2
    return str(error.value)


def test_no_folder_and_no_config(tmp_path: Path) -> None:
    refused(tmp_path / "absent", r"absent/config.json: no such file.*embedded")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", "no such file")


@pytest.mark.parametrize(
    ("content", "match"), [("{", "damaged"), ("[]", "JSON object"), ("{}", "unknown model_type None")]
)
def test_a_config_that_is_none(folder: Path, content: str, match: str) -> None:
    (folder / "config.json").write_text(content)
    refused(folder, match)


@pytest.mark.parametrize("kind", ["deepdoctor", "vit"])
def test_an_unknown_model(folder: Path, kind: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": kind}))
    refused(folder, f"config.json: unknown model_type '{kind}'.*never run")


def test_a_config_of_two_generations(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "padded_vocab_size": 65024}))
    refused(folder, "config.json: `position_encoding_2d` says ChatGLM-6B, but `padded_vocab_size` says ChatGLM2")


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, r"no weights; model.safetensors or pytorch_model.bin")


@pytest.mark.parametrize("form", ["safetensors shards", "bin shards"])
def test_a_missing_shard(folder: Path, form: str) -> None:
    rewrite(folder, state_of(folder), form)
    shard = next(folder.glob("*-00002-of-00002.*"))
    shard.unlink()
    refused(folder, rf"1 of 2 shards named in .*index.json are missing: {shard.name}. Fetch")


@pytest.mark.parametrize("form", ["safetensors", "safetensors shards", "bin", "bin shards"])
@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights(folder: Path, form: str, keep: float) -> None:
    rewrite(folder, state_of(folder), form)
    file = weight_files(folder)[-1]
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * keep)])
    refused(folder, f"{file.name}: truncated or damaged .*Fetch the file again")


def test_an_index_that_is_damaged(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"metadata": {}}')
    refused(folder, r"model.safetensors.index.json: truncated or damaged")


class _Marks:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("plain_pickle", [True, False])
def test_a_pickle_that_runs_code_is_refused(folder: Path, tmp_path: Path, plain_pickle: bool) -> None:
    state = {**state_of(folder), "x": _Marks(tmp_path / "mark")}
    (folder / "model.safetensors").unlink()
    file = folder / "pytorch_model.bin"
    if plain_pickle:
        file.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, file)
    refused(folder, r"pytorch_model.bin: refused; this pickle holds more than tensors")
    assert not (tmp_path / "mark").exists()
    pickle.loads(pickle.dumps(state))  # noqa: S301
    assert (tmp_path / "mark").exists(), "the trap must work"


def test_a_pickle_without_tensors(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save([1, 2], folder / "pytorch_model.bin")
    refused(folder, "a dictionary of tensors was expected")


def test_a_tensor_missing_or_left_over(folder: Path) -> None:
    state = state_of(folder)
    name = "transformer.layers.1.attention.dense.bias"
    rewrite(folder, {n: t for n, t in state.items() if n != name}, "safetensors")
    refused(folder, rf"1 missing \({name}\), 0 left over \(-\)")
    rewrite(folder, {**state, "transformer.layers.9.mlp.bias": torch.ones(2)}, "safetensors")
    refused(folder, r"0 missing \(-\), 1 left over \(transformer.layers.9.mlp.bias\)")


def test_a_shape_of_another_model(folder: Path) -> None:
    state = state_of(folder)
    state["transformer.layers.0.attention.dense.bias"] = torch.ones(3)
    rewrite(folder, state, "safetensors")
    refused(folder, r"dense.bias has shape \[3\], but config.json says \[32\]")


def test_prefix_weights(folder: Path) -> None:
    name = "transformer.prefix_encoder.embedding.weight"
    rewrite(folder, {**state_of(folder), name: torch.ones(2)}, "safetensors")
    refused(folder, f"{name} belongs to a P-tuning prefix, but config.json has no pre_seq_len")


def test_no_vocabulary(folder: Path) -> None:
    (folder / "ice_text.model").unlink()
    refused(folder, "ice_text.model: no such file. Put the vocabulary")


def test_a_vocabulary_of_another_model(folder: Path, texts: list[str]) -> None:
    models.chatglm.vocabulary.train_sentencepiece(texts, 420, folder / "ice_text.model", threads=1)
    said = refused(folder, "not this model's vocabulary: 420 pieces for vocab_size=430")
    assert "gmask_token_id 87 != 77" in said
    assert "pad_token_id" not in said


def test_the_official_vocabulary_with_a_small_model(folder: Path, official_file: Path) -> None:
    shutil.copy(official_file, folder / "ice_text.model")
    refused(folder, r"130344 > 430")


def test_weights_of_another_vocabulary(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 500}))
    refused(folder, r"word_embeddings.weight has shape \[430, 32\], but config.json says \[500, 32\].*vocabulary")


def test_messages_are_in_the_language_of_the_process(folder: Path) -> None:
    language.choose("zh")
    (folder / "ice_text.model").unlink()
    refused(folder, "文件不存在。请把与权重配套的词表放到这里")


def test_shapes_are_read_without_the_tensors(folder: Path) -> None:
    state = state_of(folder)
    for form in ("bin", "safetensors"):
        rewrite(folder, state, form)
        assert shapes_of(weight_files(folder)) == {name: tuple(value.shape) for name, value in state.items()}


def test_the_embedded_base_is_in_the_package() -> None:
    assert base_folder("embedded") == Path(models.__file__).parent / "embedded"
    assert base_folder("somewhere/else") == Path("somewhere/else")


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_is_used_where_there_is_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, has_bf16: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert loading.best_device() == torch.device("cuda", 0)
    assert loading.best_dtype(loading.best_device()) == expected
    monkeypatch.setattr(loading, "best_device", lambda: torch.device("meta"))
    model, _ = models.load(folder)
    assert (model.device.type, model.dtype) == ("meta", expected)


def test_what_is_asked_for_comes_before_what_is_best(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model, _ = models.load(folder, dtype=torch.float64, device=torch.device("cpu"))
    assert (model.device.type, model.dtype) == ("cpu", torch.float64)


def test_a_saved_model_is_readable_by_its_owner_only(folder: Path, tmp_path: Path) -> None:
    save_model(*models.load(folder), tmp_path / "saved")
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "saved").iterdir()} == {0o600}
