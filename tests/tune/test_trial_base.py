"""A base without its weights: made ready as `tune` makes a real one ready, on samples as long as those of the data."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.language import Text
from doctorglm.models.half import half_of
from doctorglm.models.quantized.layers import quantization_of
from doctorglm.plan.devices import Device
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Base, base_of, known
from doctorglm.plan.timed import Timed
from doctorglm.plan.tokens import Tokens
from doctorglm.render import IGNORED
from doctorglm.tune import trial_base
from doctorglm.tune.fused.install import decoder_layers, fused_forward
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.trial import Trained
from doctorglm.tune.trial_base import random_base, samples_like, trial_of

CPU = Device(name="cpu", memory=1e12, half=False, flops=None, usd_per_hour=None, price="")
TOKENS = Tokens(lengths=[20, 24, 28, 32] * 6, supervised=[8, 10, 12, 14] * 6, conversations=24)
QWEN: dict[str, Any] = {
    "model_type": "qwen2", "vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 6, "num_attention_heads": 2,
    "num_key_value_heads": 1, "intermediate_size": 48, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip
CHATGLM = {
    **known()["chatglm-6b"]["config"], "vocab_size": 320, "hidden_size": 32, "num_layers": 6, "num_attention_heads": 2,
    "inner_hidden_size": 64, "bos_token_id": 310, "eos_token_id": 311, "mask_token_id": 312, "gmask_token_id": 313,
}  # fmt: skip


@pytest.fixture(params=[QWEN, CHATGLM], ids=["qwen", "chatglm"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Base:
    (tmp_path / "config.json").write_text(json.dumps(request.param), "utf-8")
    return base_of(str(tmp_path))


def seen(base: Base, of: PlanSettings, monkeypatch: Any, saving: Any = "none", **own: Any) -> tuple[Trained, Any]:
    """What the trial was given, and what it said."""
    kept: list[Trained] = []
    timed = trial_base.timed

    def keeps(ready: Trained, samples: Any) -> Timed:
        kept.append(ready)
        return timed(ready, samples)

    monkeypatch.setattr(trial_base, "timed", keeps)
    said = trial_of(TuneSettings(**own))(base, of, TOKENS, CPU, saving)
    assert isinstance(said, Timed), said
    return kept[0], said


@pytest.mark.parametrize(
    ("settings", "fused"),
    [
        ({}, True),
        ({"lora_rank": 4, "lora_targets": "NAMED"}, True),
        ({"fuse": False}, False),
        ({"method": "full"}, False),
        ({"method": "ptuning", "prefix_tokens": 4}, True),
        ({"method": "qlora", "quantization": "int8"}, True),
        ({"method": "qlora", "quantization": "nf4"}, True),
        ({"packing": False}, False),
    ],
)
def test_a_model_is_made_ready_as_tune_makes_it(
    settings: dict[str, Any], fused: bool, base: Base, monkeypatch: Any
) -> None:
    if "lora_targets" in settings:
        settings = {**settings, "lora_targets": base.shape.linear[0].name}
    of = PlanSettings(batch_tokens=100, **settings)
    ready, said = seen(base, of, monkeypatch)
    layers = decoder_layers(ready.model)
    assert (len(layers), said.layers, ready.shape.layers) == (3, 3, 6)
    assert [fused_forward(layer) is not None for layer in layers] == 3 * [fused]
    assert quantization_of(ready.model) == (of.quantization if of.method == "qlora" else None)
    trained = {name for name, p in ready.model.named_parameters() if p.requires_grad}
    if of.method == "full":
        assert trained == {name for name, _ in ready.model.named_parameters()}
    else:
        mark = "prefix_encoder" if of.method == "ptuning" else "lora_"
        assert trained and all(mark in name for name in trained)
    if "lora_rank" in settings:
        assert {p.shape[0] for name, p in ready.model.named_parameters() if "lora_A" in name} == {4}
        assert all(base.shape.linear[0].name in name for name in trained)
    assert (ready.packing, ready.settings.packing) == (of.packing, of.packing)
    assert said.tokens <= 100 and ready.settings.batch_tokens == 100


def test_recomputation_and_what_only_tune_has_are_tried_too(base: Base, monkeypatch: Any) -> None:
    ready, _ = seen(base, PlanSettings(batch_tokens=100), monkeypatch, "selective", optimizer="lion", rslora=True)
    layers = [fused_forward(layer) for layer in decoder_layers(ready.model)]
    assert [bool(one and one.through) for one in layers] == [True, False, True]
    assert ready.settings.rslora and ready.saving == "selective"


def test_weights_are_as_wide_as_the_bases_and_not_degenerate(base: Base) -> None:
    model = random_base(base, PlanSettings(), CPU, torch.device("cpu"), 3)
    first = decoder_layers(model)[0]
    found = [(m.out_features, m.in_features) for m in first.modules() if isinstance(m, torch.nn.Linear)]
    assert found == [(one.outputs, one.inputs) for one in base.shape.linear]
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight or not base.shape.tied
    for name, p in model.named_parameters():
        spread = 0.0 if p.dim() < 2 else 0.02
        assert p.dtype == torch.float32 and float(p.detach().std()) == pytest.approx(spread, rel=0.1), name


def test_half_precision_stays_where_memory_is_short(base: Base) -> None:
    short = Device(**{**vars(CPU), "memory": 4.0 * base.shape.parameters})
    assert half_of(random_base(base, PlanSettings(), short, torch.device("cpu"), 2)) == torch.float16
    assert half_of(random_base(base, PlanSettings(), CPU, torch.device("cpu"), 2)) is None


def test_samples_are_as_long_as_the_datas_with_as_many_labels(base: Base) -> None:
    config = random_base(base, PlanSettings(), CPU, torch.device("cpu"), 1).config
    made = samples_like(TOKENS, config)
    assert [len(s.input_ids) for s in made] == TOKENS.lengths
    assert [s.supervised for s in made] == TOKENS.supervised
    for sample in made:
        prompt = sample.labels.count(IGNORED)
        assert sample.labels[prompt:] == sample.input_ids[prompt:]
        if base.shape.prefix_lm:
            assert sample.input_ids[prompt - 2 : prompt] == [313, 310]
            assert not {310, 311, 312, 313} & {*sample.input_ids[: prompt - 2], *sample.input_ids[prompt:]}


def test_a_trial_that_cannot_be_made_says_why(base: Base, monkeypatch: Any) -> None:
    short = Device(**{**vars(CPU), "memory": 1e6})
    said = trial_of(TuneSettings())(base, PlanSettings(), TOKENS, short, "none")
    assert isinstance(said, Text) and "needs 0." in said.en and "0.0 GB are free" in said.en and "试跑" in said.zh
    card = Device(**{**vars(CPU), "name": "H100-80G", "flops": 1e15})
    said = trial_of(TuneSettings())(base, PlanSettings(), TOKENS, card, "none")
    assert isinstance(said, Text) and (torch.cuda.is_available() or "H100-80G is not at hand" in said.en)

    def refuse(*_: Any) -> None:
        raise KeyError("experts")

    monkeypatch.setattr(trial_base, "few_layers", refuse)
    said = trial_of(TuneSettings())(base, PlanSettings(), TOKENS, CPU, "none")
    assert isinstance(said, Text) and "experts" in said.en and "experts" in said.zh
