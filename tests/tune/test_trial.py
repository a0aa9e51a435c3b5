"""A trial reads the layers and rows that it says, in the run's way, counts them right, and leaves no trace."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import Qwen2ForCausalLM

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.models.quantized.layers import quantize
from doctorglm.plan.devices import Device
from doctorglm.plan.shape import shape_of
from doctorglm.plan.timed import Timed
from doctorglm.plan.tokens import Tokens
from doctorglm.render import Sample
from doctorglm.tune import planned as planning
from doctorglm.tune import stage, trial
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import pack
from doctorglm.tune.corpus import steps_of
from doctorglm.tune.fused.install import decoder_layers
from doctorglm.tune.loss import token_nats
from doctorglm.tune.planned import plan_settings
from doctorglm.tune.reading import fused_layers
from doctorglm.tune.recompute import recompute
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.trial import Trained, depths, only, timed, worth_it
from doctorglm.tune.trial_base import samples_like

from .conftest import tiny_qwen

LAYERS = 6
CPU = Device(name="cpu", memory=1e12, half=False, flops=None, usd_per_hour=None, price="")
TOKENS = Tokens(lengths=[20, 24, 28, 32] * 6, supervised=[8, 10, 12, 14] * 6, conversations=24)
WAYS: dict[str, dict[str, Any]] = {
    "lora": {},
    "beside": {"fuse": False},
    "full": {"method": "full"},
    "ptuning": {"method": "ptuning", "prefix_tokens": 4, "prefix_init": "random"},
    "qlora": {"method": "qlora", "quantization": "int8"},
    "padded": {"packing": False},
}


def qwen(layers: int = LAYERS) -> Any:
    config = tiny_qwen(320)
    config.num_hidden_layers, config.layer_types = layers, ["full_attention"] * layers
    torch.manual_seed(1)
    return Qwen2ForCausalLM(config)


def chatglm(layers: int = LAYERS) -> Any:
    special = {f"{name}_token_id": 310 + i for i, name in enumerate(("bos", "eos", "mask", "gmask"))}
    torch.manual_seed(1)
    return ChatGLMForConditionalGeneration(
        ChatGLMConfig(
            vocab_size=320, hidden_size=32, num_layers=layers, num_attention_heads=2, inner_hidden_size=64,
            max_sequence_length=512, pad_token_id=3, initializer_range=0.1, **special,
        )
    )  # fmt: skip


MODELS = {"qwen": qwen, "chatglm": chatglm}


def ready(name: str, settings: TuneSettings, saving: Any = "none") -> tuple[Trained, list[Sample]]:
    """A model as it is before its first step."""
    model = MODELS[name]()
    shape, samples = shape_of(model), samples_like(TOKENS, model.config)
    if settings.method == "qlora":
        quantize(model, settings.quantization, "test")
    model = adapt(model.eval(), settings)
    fused = fused_layers(model, samples, settings, settings.packing)
    assert bool(fused) == settings.fuse
    recompute(model, saving)
    of = plan_settings(settings, fuse=bool(fused))
    return Trained(model, settings, of, shape, CPU, saving, settings.packing), samples


@pytest.mark.parametrize(
    ("layers", "read"), [(1, ([0], [0])), (2, ([1], [0, 1])), (3, ([2], [0, 1, 2])), (28, ([27], [0, 1, 27]))]
)
def test_the_last_layer_is_read_alone_and_with_the_first_two(layers: int, read: Any) -> None:
    assert depths(layers) == read


@pytest.mark.parametrize("method", ["lora", "ptuning"])
@pytest.mark.parametrize("name", MODELS)
def test_layers_that_are_left_out_might_as_well_not_be_there(name: str, method: str) -> None:
    """The oracle is a model from which they were taken; with a prefix, of which only those of the others are left."""
    of, samples = ready(name, TuneSettings(fuse=False, **WAYS[method]))
    layers, batch = decoder_layers(of.model), pack(samples[:4])
    own = [vars(layer).get("forward") for layer in layers]
    with only(layers, [0, 1, 5]), torch.no_grad():
        found = token_nats(of.model, batch)
    assert [vars(layer).get("forward") for layer in layers] == own
    with torch.no_grad():
        whole = token_nats(of.model, batch)
    assert not torch.allclose(found, whole, atol=1e-3)
    fewer = MODELS[name](3)
    kept = {0: 0, 1: 1, 5: 2}
    state = MODELS[name]().state_dict()
    for key, value in fewer.state_dict().items():
        parts = key.split(".")
        if "layers" in parts:
            place = parts.index("layers") + 1
            parts[place] = str(next(i for i, at in kept.items() if at == int(parts[place])))
        value.copy_(state[".".join(parts)])
    alone = adapt(fewer.eval(), of.settings)
    if method == "ptuning":
        flat = next(m for m in of.model.modules() if type(m).__name__ == "PrefixEncoder").embedding.weight
        width = flat.shape[1] // LAYERS
        parts_of = [flat[:, i * width : (i + 1) * width] for i in kept]
        encoder: Any = next(m for m in alone.modules() if type(m).__name__ == "PrefixEncoder")
        encoder.embedding.weight.data = torch.cat(parts_of, 1).detach()
    with torch.no_grad():
        assert torch.allclose(found, token_nats(alone, batch), atol=1e-5)


class Clock:
    """Seconds that pass in layers and the head alone: so many of each."""

    def __init__(self, model: Any, head: float, layer: float) -> None:
        self.now, self.read = 0.0, []  # type: ignore[var-annotated]
        for i, one in enumerate(decoder_layers(model)):
            own = one.forward
            one.forward = lambda x, *args, own=own, i=i, **how: self._in(i, layer, x) or own(x, *args, **how)
        model.get_output_embeddings().register_forward_pre_hook(lambda *_: self._in(None, head, None))

    def _in(self, layer: int | None, seconds: float, x: Any) -> None:
        self.now += seconds
        if layer is not None:
            self.read.append((layer, tuple(x.shape), torch.is_grad_enabled()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_six_layers_of_two_hundredths_and_a_head_of_five(name: str, way: str, monkeypatch: Any) -> None:
    of, samples = ready(name, TuneSettings(batch_tokens=100, **WAYS[way]))
    clock = Clock(of.model, head=0.05, layer=0.02)
    monkeypatch.setattr(trial, "_now", lambda _: clock.now)
    monkeypatch.setattr(trial, "MOST_S", 1e9)
    found = timed(of, samples)
    # six layers and a head, there and back, which the clock does not count; the same without gradients
    assert found.row_s == pytest.approx(0.17) and found.reading_s == pytest.approx(0.17)
    assert (found.layers, found.update_s) == (3, 0)
    trained = [one for one in clock.read if one[2]]
    read = [one for one in clock.read if not one[2]]
    # a piece, twice, then a round that does not count and three that do, of the last layer and of three
    assert [i for i, *_ in trained] == [5, 5] + 4 * [0, 1, 5, 5]
    assert [i for i, *_ in read] == 4 * [5, 0, 1, 5]
    sizes = {shape[0] * shape[1] for _, shape, _ in trained[2:]}
    assert sizes == {found.tokens} and found.tokens <= 100


def test_a_row_is_the_median_of_an_epoch() -> None:
    of, samples = ready("qwen", TuneSettings(batch_tokens=100))
    row, _ = trial._typical(of, samples)
    total = sum(len(s.input_ids) for s in row)
    once = replace(of.settings, epochs=1)
    sizes = sorted(sum(len(samples[i].input_ids) for i in batch) for (batch,) in steps_of(samples, once, True))
    assert total == sizes[len(sizes) // 2]


def test_a_model_that_is_slow_is_read_in_shorter_rows(monkeypatch: Any) -> None:
    of, samples = ready("qwen", TuneSettings(batch_tokens=400))
    clock = Clock(of.model, head=0.0, layer=2.0)
    monkeypatch.setattr(trial, "_now", lambda _: clock.now)
    monkeypatch.setattr(trial, "MOST_S", 1e9)
    long = timed(of, samples)
    monkeypatch.setattr(trial, "MOST_S", 20.0)
    clock.read.clear()
    short = timed(of, samples)
    assert long.tokens > 350 and 20 <= short.tokens <= 32
    # once is enough to see that it is slow
    assert [i for i, *_ in clock.read][:2] == [5, 0]
    # a row that takes as long with fewer tokens makes a run as much longer
    assert short.training(1e9, 0) == pytest.approx(long.training(1e9, 0) * long.row_flops / short.row_flops)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_of_a_trial(way: str) -> None:
    of, samples = ready("qwen", TuneSettings(batch_tokens=100, **WAYS[way]))
    before = {name: value.clone() for name, value in of.model.state_dict().items()}
    training, state = of.model.training, torch.random.get_rng_state()
    timed(of, samples)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert of.model.training == training and all(p.grad is None for p in of.model.parameters())
    after = of.model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_moved_weights_are_put_back_even_after_an_error() -> None:
    of, _ = ready("qwen", TuneSettings())
    before = [p.detach().clone() for p in of.model.parameters()]
    with pytest.raises(ZeroDivisionError), trial.unchanged(of.model):
        with torch.no_grad():
            for p in of.model.parameters():
                p.add_(1) if p.requires_grad else None
        raise ZeroDivisionError
    assert all(torch.equal(p, q) for p, q in zip(before, of.model.parameters(), strict=True))


def test_an_update_counts_for_all_that_is_trained(monkeypatch: Any) -> None:
    of, samples = ready("qwen", TuneSettings(batch_tokens=100))
    now = iter(range(10_000))
    monkeypatch.setattr(trial, "_now", lambda _: float(next(now)))
    monkeypatch.setattr(trial, "MOST_S", 1e9)
    # a step asks for the time three times, so that its update takes a second; three of six layers have gradients
    assert timed(of, samples).update_s == pytest.approx(2.0)


def test_a_trial_that_is_not_worth_it() -> None:
    # four rounds of 3 + 1 layers, and a run that is four times as long
    assert worth_it(8, 8) and not worth_it(7, 9) and worth_it(16, 4)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_with_a_trial_learns_the_same_weights(
    method: Any, base: Path, data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(stage, "_write_page", lambda *_: "")
    settings = TuneSettings(method=method, max_steps=3, batch_tokens=200, recompute="selective")
    records = []
    for name, worth in (("with", True), ("without", False)):
        monkeypatch.setattr(planning, "worth_it", lambda *_, worth=worth: worth)
        records.append(stage.tune(str(base), data, tmp_path / name, settings).record)
    weights = "model/model.safetensors" if method == "full" else "adapter/adapter_model.safetensors"
    first, second = (load_file(tmp_path / name / weights) for name in ("with", "without"))
    assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    tried, left_out = (record["planned"]["trial"] for record in records)
    assert tried["layers"] == 2 and tried["tokens"] <= 200 and tried["row_s"] > 0
    assert left_out == "a run hardly longer than a trial"
    assert json.dumps(records[0]["planned"])


def test_a_trial_that_fails_is_said_and_the_run_goes_on(
    qwen_base: Path, data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def ends(*_: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(stage, "_write_page", lambda *_: "")
    monkeypatch.setattr(planning, "worth_it", lambda *_: True)
    monkeypatch.setattr(planning, "timed", ends)
    record = stage.tune(str(qwen_base), data, tmp_path / "out", TuneSettings(max_steps=1)).record
    assert record["steps"] == 1 and "can't allocate memory" in record["planned"]["trial"]


def test_time_is_the_trials_and_memory_the_formulas(monkeypatch: Any) -> None:
    of, samples = ready("qwen", TuneSettings(max_steps=4, epochs=9, batch_tokens=100))
    settings = of.settings
    expected = planning.planned(of.model, samples, samples[:6], settings, packing=True, fused=LAYERS)
    found = Timed(
        row_s=3.0, row_flops=2e6, update_s=0.5, reading_s=1.0, reading_flops=1e6, tokens=100, layers=3
    )  # fmt: skip
    assert expected is not None
    told = planning.with_time(expected, found)
    assert told.chosen.memory == expected.chosen.memory and told.saving == expected.saving
    assert told.chosen.seconds != expected.chosen.seconds and told.record()["trial"]["row_s"] == 3.0
