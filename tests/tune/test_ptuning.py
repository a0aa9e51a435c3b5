"""`method=ptuning`: from files to an adapter that answers as the trainer did; cases C054, C055 and C072."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import models
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.half import keep_half
from doctorglm.models.local_engine import LocalEngine
from doctorglm.models.prefix.attention import encoder_of
from doctorglm.render import Sample, renderer_for
from doctorglm.settings import build
from doctorglm.tune import TuneSettings, loop, stage, tune
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate, pack
from doctorglm.tune.corpus import Corpus
from doctorglm.tune.loop import train
from doctorglm.tune.loss import token_nats
from doctorglm.tune.optimizers import optimizers_for
from doctorglm.tune.reading import fused_layers, reads_packed

Load = Callable[..., tuple[Any, list[Sample]]]
PROBES = ["头疼怎么办？", "咳嗽三天", "发烧38.5度，多喝水吗？"]


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page costs a second and has its own tests."""
    monkeypatch.setattr(stage, "_write_page", lambda *_: "report.html")


class Silent:
    """A progress line that shows nothing."""

    def update(self, done: float, note: str = "") -> None:
        """Nothing."""


@pytest.fixture
def settings() -> TuneSettings:
    return TuneSettings(
        method="ptuning", prefix_tokens=5, epochs=2, batch_tokens=200, validate_every=3, checkpoint_every_s=1e-9,
        learning_rate=0.05,
    )  # fmt: skip


def small(folder: Path, settings: TuneSettings) -> tuple[Any, Any]:
    model, tokenizer = models.load(folder)
    return adapt(model, settings, tokenizer), tokenizer


def answers(loaded: tuple[Any, Any]) -> tuple[list[torch.Tensor], list[str]]:
    """The scores of three probes' next tokens, and what the engine answers."""
    model, tokenizer = loaded
    prompts = [renderer_for(tokenizer).prompt([Message("user", probe)], 100).input_ids for probe in PROBES]
    with torch.inference_mode():
        scores = [model(input_ids=torch.tensor([ids])).logits[0, -1] for ids in prompts]
    sampling, engine = Sampling(max_new_tokens=12, temperature=0.0), LocalEngine(model, tokenizer, "probed")
    return scores, [engine.batch([[Message("user", probe)]], sampling)[0].text for probe in PROBES]


@pytest.mark.parametrize("projection", [False, True])
def test_c072_what_was_trained_is_what_answers_and_not_the_base(
    base: Path, data: Path, tmp_path: Path, settings: TuneSettings, changed: Any, monkeypatch: Any, projection: bool
) -> None:
    """Saved and loaded, from either format, the answers to three probes are the trainer's own."""
    trained: list[Any] = []
    real = stage.save_adapter
    monkeypatch.setattr(stage, "save_adapter", lambda model, *a: (trained.append(model), real(model, *a))[1])
    chosen = changed(settings, prefix_projection=projection, prefix_hidden=6, max_steps=8)
    record = tune(str(base), data, tmp_path / "out", chosen).record
    assert (record["packed"], record["fused_layers"]) == (True, 2)
    rows = [json.loads(row) for row in (tmp_path / "out/metrics.jsonl").read_text("utf-8").splitlines()]
    assert rows[-1]["valid_loss"] < rows[2]["valid_loss"]
    own = encoder_of(trained[0])
    assert own is not None
    assert record["parameters"]["trainable"] == sum(p.numel() for p in own.parameters())
    tokenizer = models.load(base)[1]
    scores, texts = answers((trained[0].eval(), tokenizer))
    for score, of_base in zip(scores, answers(models.load(base))[0], strict=True):
        assert (score - of_base).abs().max() > 0.02
    for place in (tmp_path / "out/adapter", tmp_path / "out/adapter/prefix_encoder"):
        again, said = answers(models.load(base, place))
        assert said == texts
        for score, own_score in zip(again, scores, strict=True):
            torch.testing.assert_close(score, own_score, atol=1e-5, rtol=1e-5)


def test_the_usual_rate_is_a_prefixs_own() -> None:
    assert TuneSettings(method="ptuning").learning_rate == 5e-3
    assert build(TuneSettings, {"method": "ptuning"}, "tune").learning_rate == 5e-3
    assert build(TuneSettings, {"method": "ptuning", "learning_rate": 0.1}, "tune").learning_rate == 0.1
    assert TuneSettings().learning_rate == TuneSettings(method="full").learning_rate == 1e-3
    unused = TuneSettings(method="ptuning").without_effect()
    assert {"lora_rank", "prefix_hidden"} <= set(unused) and "prefix_tokens" not in unused
    assert {"prefix_tokens", "prefix_init"} <= set(TuneSettings().without_effect())


@pytest.mark.parametrize(
    ("tokens", "longest", "said"),
    [
        (64, 64, r"prefix_tokens=64 is not below max_length \(64\)"),
        (1024, 4096, r"not below the context of .* \(1024\)"),
    ],
)
def test_a_prefix_that_is_too_long_is_refused_before_weights_are_looked_for(
    qwen_base: Path, data: Path, tmp_path: Path, tokens: int, longest: int, said: str
) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    shutil.copy(qwen_base / "config.json", folder)
    chosen = TuneSettings(method="ptuning", prefix_tokens=tokens, max_length=longest)
    with pytest.raises(ConfigError, match=said):
        tune(str(folder), data, tmp_path / "out", chosen)
    assert not (tmp_path / "out").exists()


def nats_and_gradients(model: Any, batches: list[Any]) -> list[torch.Tensor]:
    model.zero_grad()
    nats = torch.cat([token_nats(model, batch) for batch in batches])
    nats.sum().backward()
    return [nats.detach(), *(p.grad.clone() for p in model.parameters() if p.requires_grad)]


@pytest.mark.parametrize("projection", [False, True])
def test_packed_padded_and_alone_are_the_same(
    base: Path, samples: Load, settings: TuneSettings, changed: Any, projection: bool
) -> None:
    _, rendered = samples(base, 5)
    model, _ = small(base, changed(settings, prefix_projection=projection, prefix_hidden=6))
    model = model.double()
    assert reads_packed(model, rendered, settings)
    alone = nats_and_gradients(model, [collate([s], 0) for s in rendered])
    for batch in (pack(rendered), collate(rendered, 0)):
        for ours, theirs in zip(nats_and_gradients(model, [batch]), alone, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9)


def test_fused_layers_have_the_prefix(base: Path, samples: Load, settings: TuneSettings, changed: Any) -> None:
    """Asked for, and left out with `fuse=false`: the losses are those of the unfused, and other than the base's."""
    _, rendered = samples(base, 4)
    model, _ = small(base, settings)
    alone = token_nats(models.load(base)[0], pack(rendered)).detach()
    before = token_nats(model, pack(rendered)).detach()
    assert fused_layers(model, rendered, changed(settings, fuse=False), packing=True) == 0
    assert fused_layers(model, rendered, settings, packing=True) == 2
    after = token_nats(model, pack(rendered)).detach()
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
    assert (after - alone).abs().max() > 0.01


def test_the_base_stays_as_it_is(base: Path, samples: Load, settings: TuneSettings, tmp_path: Path) -> None:
    _, rendered = samples(base, 6)
    model, _ = small(base, settings)
    frozen = {name: p.clone() for name, p in model.named_parameters() if not p.requires_grad}
    learned = copy.deepcopy(encoder_of(model))
    train(model, Corpus(rendered, [], 0, packing=True), settings, tmp_path, Silent())
    assert frozen and all(torch.equal(p, frozen[name]) for name, p in model.named_parameters() if name in frozen)
    assert not torch.equal(encoder_of(model).embedding.weight, learned.embedding.weight)  # type: ignore[union-attr]


def test_killed_between_steps_it_ends_the_same(
    base: Path, data: Path, tmp_path: Path, settings: TuneSettings, changed: Any, monkeypatch: Any
) -> None:
    """With dropout, whose random numbers go on too."""
    chosen = changed(settings, max_steps=6, prefix_dropout=0.3)
    whole = tune(str(base), data, tmp_path / "whole", chosen)
    real, calls = loop._backward, []

    def killed(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("killed")
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_backward", killed)
        with pytest.raises(RuntimeError, match="killed"):
            tune(str(base), data, tmp_path / "out", chosen)
    again = tune(str(base), data, tmp_path / "out", chosen)
    assert again.record["best"] == whole.record["best"]
    first, second = (
        (tmp_path / name / "adapter/prefix_encoder/pytorch_model.bin").read_bytes() for name in ("whole", "out")
    )
    assert first == second


@pytest.mark.parametrize(("factor", "said"), [(0.0, "loss 0.0"), (float("nan"), "loss nan")])
def test_c054_a_loss_that_jumps_to_zero_or_is_not_finite_keeps_the_last_good_checkpoint(
    base: Path, data: Path, settings: TuneSettings, tmp_path: Path, monkeypatch: Any, factor: float, said: str
) -> None:
    """No adapter is left that would answer `<unk>`."""
    real, calls = loop.token_nats, []

    def sudden(*args: Any) -> torch.Tensor:
        if not torch.is_grad_enabled():  # what is validated, of the base too
            return real(*args)
        calls.append(1)
        return real(*args) * (factor if len(calls) > 2 else 1.0)

    monkeypatch.setattr(loop, "token_nats", sudden)
    with pytest.raises(ModelError, match=rf"^step 3: {said}.*The last checkpoint is kept.*Lower learning_rate"):
        tune(str(base), data, tmp_path / "out", settings)
    state = torch.load(max((tmp_path / "out/checkpoints").glob("step-*.pt")), weights_only=True)
    assert state["standing"]["step"] == 2
    assert all(value.isfinite().all() for value in state["weights"].values())
    assert not (tmp_path / "out/adapter").exists()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_c055_a_projected_prefix_on_a_base_in_half_precision_trains_at_the_published_rate(
    base: Path, samples: Load, settings: TuneSettings, changed: Any, tmp_path: Path, half: torch.dtype
) -> None:
    """The base is held in 16 bits, the prefix and its sums are in 32: every loss is finite."""
    _, rendered = samples(base, 8)
    model, tokenizer = models.load(base)
    model = model.to(half)
    keep_half(model)
    chosen = changed(settings, prefix_projection=True, prefix_hidden=6, learning_rate=2e-2)
    model = adapt(model, chosen, tokenizer)
    train(model, Corpus(rendered, [], 0, packing=True), chosen, tmp_path, Silent())
    losses = [json.loads(row)["loss"] for row in (tmp_path / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert len(losses) > 3 and all(0 < loss < 20 for loss in losses)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}


def test_c055_nothing_is_trained_through_float16_on_a_gpu(monkeypatch: Any) -> None:
    monkeypatch.setattr(stage, "best_dtype", lambda *_: torch.float16)
    assert stage._dtype("ptuning") == torch.float32
    monkeypatch.setattr(stage, "best_dtype", lambda *_: torch.bfloat16)
    assert stage._dtype("ptuning") == torch.bfloat16


def test_text_is_read_with_the_models_own_tokenizer(base: Path, settings: TuneSettings, changed: Any) -> None:
    """A prefix of text and one of chance differ; two of text are the same."""
    first, second, chance = (
        encoder_of(small(base, chosen)[0]).embedding.weight  # type: ignore[union-attr]
        for chosen in (settings, settings, changed(settings, prefix_init="random"))
    )
    assert torch.equal(first, second) and not torch.equal(first, chance)
    assert renderer_for(models.load(base)[1])


def test_a_learned_prefix_is_a_table_and_no_matrix_to_muon(base: Path, settings: TuneSettings) -> None:
    """Its places are independent vectors: an update with even singular values means nothing for them."""
    by_muon = replace(settings, optimizer="muon")
    (adamw,) = optimizers_for(small(base, by_muon)[0], by_muon)
    assert isinstance(adamw, torch.optim.AdamW)
    projected = replace(by_muon, prefix_projection=True, prefix_hidden=7)
    model, _ = small(base, projected)
    muon, adamw = optimizers_for(model, projected)
    encoder = encoder_of(model)
    assert encoder is not None and encoder.trans is not None
    assert {id(p) for g in muon.param_groups for p in g["params"]} == {id(encoder.trans[i].weight) for i in (0, 2)}
    assert id(encoder.embedding.weight) in {id(p) for g in adamw.param_groups for p in g["params"]}
