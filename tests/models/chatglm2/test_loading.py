"""Official folders of ChatGLM2 and ChatGLM3 through `load` and the Auto classes, and what can be wrong with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, GlmForCausalLM

from doctorglm import models
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.errors import ModelError
from doctorglm.models import ChatGLM2Tokenizer
from doctorglm.models.local_engine import LocalEngine
from doctorglm.render import renderer_for

from .conftest import random_weights, write_official


def change(folder: Path, **values: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize("form", ["bin", "bin shards", "safetensors", "safetensors shards"])
def test_every_form_of_weights(official: Callable[..., Any], form: str) -> None:
    made = official(form=form)
    model, tokenizer = models.load(made.folder)
    assert type(model) is GlmForCausalLM and type(tokenizer) is ChatGLM2Tokenizer and not model.training
    ids = tokenizer("头疼怎么办", return_tensors="pt")["input_ids"]
    torch.testing.assert_close(model(ids).logits[0].double(), made.oracle.logits(ids[0].tolist()), atol=5e-4, rtol=0)


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM])
@pytest.mark.parametrize("trust", [None, False, True])
def test_the_auto_classes_run_nothing(official: Callable[..., Any], auto: Any, trust: bool | None) -> None:
    folder = official().folder
    for name in ("configuration_chatglm", "modeling_chatglm"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'mark')!r}, 'w')\nclass ChatGLMConfig: pass\n")
    asked = {} if trust is None else {"trust_remote_code": trust}
    model, report = auto.from_pretrained(folder, output_loading_info=True, **asked)
    assert type(model) is GlmForCausalLM and model.name_or_path == str(folder)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert (model.generation_config.eos_token_id, model.generation_config.pad_token_id) == (2, 0)
    assert not (folder / "mark").exists()


@pytest.mark.parametrize("named", ["THUDM/chatglm2-6b", "THUDM/chatglm3-6b"])
def test_the_engine_answers_as_the_oracle_does(official: Callable[..., Any], named: str) -> None:
    """Through the format of its own: greedy ids, streamed, and in a batch that pads on the left."""
    made = official(_name_or_path=named)
    model, tokenizer = models.load(made.folder)
    renderer = renderer_for(tokenizer)
    asked = [[Message("user", "头疼怎么办")], [Message("system", "先喝水"), Message("user", "咳嗽三天")]]
    expected = []
    for messages in asked:
        ids = made.oracle.greedy(renderer.prompt(messages, 200).input_ids, 3)
        ends = [i for i, token in enumerate(ids) if token in renderer.end_token_ids]
        # the engine leaves out bytes that are no character
        expected.append(renderer.decode(ids[: ends[0]] if ends else ids).replace("\ufffd", "").strip())
    engine = LocalEngine(model, tokenizer, name="made", context=200)
    sampling = Sampling(max_new_tokens=3)
    assert [told.text for told in engine.batch(asked, sampling)] == expected
    for messages, text in zip(asked, expected, strict=True):
        assert list(engine.stream(messages, sampling))[-1].text == text


def test_a_generation_config_is_read(official: Callable[..., Any]) -> None:
    folder = official().folder
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 7], "pad_token_id": 0}))
    assert AutoModelForCausalLM.from_pretrained(folder).generation_config.eos_token_id == [2, 7]


def test_types_are_kept_or_chosen(official: Callable[..., Any], tmp_path: Path) -> None:
    made = official()
    half = {name: value.half() for name, value in made.weights.items()}
    folder = write_official(tmp_path / "half", half, {**made.config, "torch_dtype": "float16"})
    assert AutoModelForCausalLM.from_pretrained(folder).dtype == torch.float16
    for dtype in (torch.float32, torch.bfloat16):
        assert {p.dtype for p in AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).parameters()} == {dtype}


def test_a_loaded_model_is_its_own(official: Callable[..., Any]) -> None:
    """No two parameters share memory, and none is the file: training changes neither the neighbour nor the folder."""
    folder = official(form="safetensors").folder
    before = (folder / "model.safetensors").read_bytes()
    model = AutoModelForCausalLM.from_pretrained(folder)
    places = [p.untyped_storage().data_ptr() for p in model.parameters()]
    assert len(set(places)) == len(places)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    assert (folder / "model.safetensors").read_bytes() == before


def test_saved_by_transformers_it_is_a_glm(official: Callable[..., Any], tmp_path: Path) -> None:
    made = official()
    model, tokenizer = models.load(made.folder)
    model.save_pretrained(tmp_path / "glm")
    tokenizer.save_pretrained(tmp_path / "glm")
    assert "auto_map" not in "".join(file.read_text() for file in (tmp_path / "glm").glob("*.json"))
    again, same = models.load(tmp_path / "glm")
    assert type(same) is ChatGLM2Tokenizer and same.encode("头疼") == tokenizer.encode("头疼")
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_a_tied_head(official: Callable[..., Any], tmp_path: Path) -> None:
    made = official(tie_word_embeddings=True)
    del made.weights["transformer.output_layer.weight"]
    folder = write_official(made.folder, made.weights, made.config)
    model, _ = models.load(folder)
    assert model.lm_head.weight is model.model.embed_tokens.weight


def refused(folder: Path, match: str) -> None:
    with pytest.raises(ModelError, match=match) as error:
        models.load(folder)
    assert error.value.text.en != error.value.text.zh


def test_a_setting_that_glm_does_not_have(official: Callable[..., Any]) -> None:
    folder = official().folder
    change(folder, rmsnorm=False)
    refused(folder, r"official/config.json: rmsnorm=False has no counterpart")
    with pytest.raises(ModelError, match="rmsnorm=False has no counterpart"):
        AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("transformer.prefix_encoder.embedding.weight", "a P-tuning prefix, but config.json has no pre_seq_len"),
        (
            "transformer.encoder.layers.0.mlp.dense_4h_to_h.weight_scale",
            "quantised weights, but config.json has no quantization_bit",
        ),
    ],
)
def test_prefix_and_quantised_weights(official: Callable[..., Any], name: str, key: str) -> None:
    made = official()
    write_official(made.folder, {**made.weights, name: torch.ones(2)}, made.config)
    refused(made.folder, f"{name} belongs to {key}")


def test_weights_that_do_not_fit(official: Callable[..., Any]) -> None:
    made = official()
    dense = "transformer.encoder.layers.1.self_attention.dense.weight"
    write_official(made.folder, {n: t for n, t in made.weights.items() if n != dense}, made.config)
    refused(made.folder, rf"1 missing \({dense}\), 0 left over \(-\)")
    write_official(made.folder, {**made.weights, "transformer.more": torch.ones(2)}, made.config)
    refused(made.folder, r"0 missing \(-\), 1 left over \(transformer.more\)")
    write_official(made.folder, random_weights({**made.config, "padded_vocab_size": 490}), made.config)
    refused(made.folder, r"word_embeddings.weight has shape \[490, 16\], but config.json says \[480, 16\]")


@pytest.mark.parametrize("keep", [0.1, 0.9])
@pytest.mark.parametrize("form", ["bin shards", "safetensors"])
def test_truncated_weights(official: Callable[..., Any], form: str, keep: float) -> None:
    folder = official(form=form).folder
    file = sorted(folder.glob(f"*.{form.split()[0]}"))[-1]
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * keep)])
    refused(folder, f"{file.name}: truncated or damaged")


def test_vocabularies_that_do_not_fit(official: Callable[..., Any]) -> None:
    folder = official().folder
    change(folder, eos_token_id=7)
    refused(folder, r"tokenizer.model: not this model's vocabulary.*eos_token_id \[7\] != 2")
    made = official("small", padded_vocab_size=300)
    refused(made.folder, r"tokenizer.model: not this model's vocabulary.*405 > 300")
    (made.folder / "tokenizer.model").unlink()
    refused(made.folder, "tokenizer.model: no such file")


def test_a_name_that_is_no_folder() -> None:
    with pytest.raises(ModelError, match=r"THUDM/chatglm2-6b: no such folder.*download"):
        models.ChatGLM2ForCausalLM.from_pretrained("THUDM/chatglm2-6b")
