"""Shapes from configs: the published counts, our own base, and what cannot be planned."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm import models
from doctorglm.errors import ConfigError, ModelError
from doctorglm.plan.shape import base_of, known, shape_of

from .conftest import QWEN


@pytest.mark.parametrize("name", known())
def test_a_known_base_has_the_published_number_of_parameters(name: str) -> None:
    assert base_of(name).shape.parameters == known()[name]["parameters"]


def test_chatglm_6b_by_hand() -> None:
    shape = base_of("chatglm-6b").shape
    assert shape.matrices == 28 * (3 * 4096 * 4096 + 4096 * 4096 + 2 * 4096 * 16384)
    assert (shape.of_head, shape.tied, shape.context) == (130528 * 4096, True, 2048)
    assert (shape.queries, shape.keys, shape.prefix_lm, shape.fusable) == (4096, 4096, True, True)


def test_grouped_queries_and_gates_by_hand() -> None:
    shape = base_of("qwen2.5-7b").shape
    assert shape.matrices == 28 * (2 * 3584 * 3584 + 2 * 512 * 3584 + 3 * 3584 * 18944)
    assert (shape.queries, shape.keys, shape.tied, shape.prefix_lm) == (3584, 512, False, False)
    assert [one.name for one in shape.linear][:4] == ["q_proj", "k_proj", "v_proj", "o_proj"]
    # GLM has both halves of its gate in one map
    assert "gate_up_proj" in [one.name for one in base_of("chatglm2-6b").shape.linear]


def test_the_shape_of_a_config_is_that_of_the_loaded_and_adapted_model() -> None:
    from doctorglm.tune.adapt import adapt
    from doctorglm.tune.settings import TuneSettings

    model, _ = models.load("embedded")
    assert shape_of(model) == base_of("embedded").shape == shape_of(adapt(model, TuneSettings()))


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_a_model_with_a_packed_embedding_has_as_many_weights(kind: Any) -> None:
    model, _ = models.load("embedded", quantization=kind, quantization_embeddings=True)
    assert shape_of(model) == base_of("embedded").shape


def test_no_weights_are_needed(base: Path) -> None:
    assert [file.name for file in base.iterdir()] == ["config.json"]
    assert base_of(str(base)).shape.layers == 4


@pytest.mark.parametrize("name", ["chatglm-6b", "chatglm2-6b"])
def test_what_was_quantised_or_has_a_prefix_is_planned_as_its_base(name: str, tmp_path: Path) -> None:
    values = {**known()[name]["config"], "num_layers": 2, "quantization_bit": 4, "pre_seq_len": 128}
    (tmp_path / "config.json").write_text(json.dumps(values), "utf-8")
    found = base_of(str(tmp_path))
    assert (found.shape.layers, found.bits, found.shape.matrices) == (2, 4, base_of(name).shape.matrices // 14)


def test_an_unknown_base_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"chatglm-6B2: no such folder.*mean `chatglm2-6b`|mean `chatglm-6b`"):
        base_of("chatglm-6B2")


@pytest.mark.parametrize("change", [{"hidden_size": 0}, {"num_attention_heads": "eight"}, {"model_type": "oracle"}])
def test_a_config_of_which_no_model_can_be_made_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**QWEN, **change}), "utf-8")
    with pytest.raises(ModelError, match=r"config\.json"):
        base_of(str(tmp_path))


def test_experts_are_refused_rather_than_planned_wrongly(tmp_path: Path) -> None:
    mixtral = {
        "model_type": "mixtral", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4, "vocab_size": 100,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(mixtral), "utf-8")
    with pytest.raises(ModelError, match="experts"):
        base_of(str(tmp_path))
