"""`tune` from files to files: what it leaves, what it refuses, and what it does when it is started again."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from doctorglm import models
from doctorglm.conversation import Conversation, Message
from doctorglm.engine import Sampling
from doctorglm.errors import ConfigError, DataError, ModelError
from doctorglm.evaluate import EvaluateSettings, evaluate
from doctorglm.models.local_engine import LocalEngine
from doctorglm.render import Sample, renderer_for
from doctorglm.tune import TuneSettings, loop, stage, tune
from doctorglm.tune.loop import mean_nats

Change = Callable[..., TuneSettings]


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page costs a second and has its own tests."""
    monkeypatch.setattr(stage, "_write_page", lambda *_: "report.html")


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_an_adapter_is_left_that_models_load_opens(base: Path, data: Path, tmp_path: Path, quick: Any) -> None:
    run = tune(str(base), data, tmp_path / "out", quick)
    assert run.finished
    made = {f for f in files(tmp_path / "out") if not f.startswith(("adapter/", "checkpoints/"))}
    assert made == {"run.json", "base.json", "report.html", "metrics.jsonl", "rejected.jsonl"}
    adapter = tmp_path / "out/adapter"
    assert {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"} <= files(tmp_path / "out")
    tensors = load_file(adapter / "adapter_model.safetensors")
    assert all(tensor.any() for tensor in tensors.values())
    record = json.loads((tmp_path / "out/run.json").read_text("utf-8"))
    model, tokenizer = models.load(base, adapter)
    renderer = renderer_for(tokenizer)
    from doctorglm.conversation import read_conversations

    held_out = [s for c in read_conversations(data / "valid.jsonl") for s in renderer.training(c, 512)]
    rendered = [s for s in held_out if isinstance(s, Sample)]
    loss = mean_nats(model, rendered, 500, 0)
    assert loss == pytest.approx(record["best"]["valid_loss"], abs=1e-5)
    untuned = mean_nats(models.load(base)[0], rendered, 500, 0)
    assert loss < untuned - 0.3
    assert record["report"] == "report.html"
    trainable = sum(t.numel() for t in tensors.values())
    assert record["parameters"] == {"trainable": trainable, "all": sum(p.numel() for p in model.parameters())}


@pytest.mark.usefixtures("no_page")
def test_a_whole_model_is_left_that_models_load_opens(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    run = tune(str(qwen_base), data, tmp_path / "out", changed(quick, method="full", learning_rate=1e-3))
    model, _ = models.load(tmp_path / "out/model")
    best = run.record["best"]["step"]
    kept = torch.load(tmp_path / f"out/checkpoints/best-{best:08d}.pt", weights_only=True)["weights"]
    assert all(torch.equal(p, kept[name]) for name, p in model.named_parameters())
    assert not (tmp_path / "out/adapter").exists()


@pytest.mark.usefixtures("no_page")
def test_counts_add_up_and_rejections_have_their_reasons(
    qwen_base: Path, tmp_path: Path, quick: Any, talk: Any, write_data: Any
) -> None:
    long, empty = (
        Conversation(id=name, messages=(Message("user", "头疼"), Message("assistant", text)))
        for name, text in (("long", "多休息" * 900), ("empty", "  "))
    )
    unanswered = Conversation(id="open", messages=(Message("user", "头疼"),))
    folder = write_data([long, *talk(6), empty, unanswered], [*talk(2, seed=1), long])
    counts = tune(str(qwen_base), folder, tmp_path / "out", quick).record["counts"]
    assert counts["conversations"] == 9 and counts["samples"] == 6
    assert counts["rejected"] == {"longer than 512 tokens": 1, "empty answer": 1}
    assert counts["valid"]["samples"] == 2 and counts["valid"]["rejected"] == {"longer than 512 tokens": 1}
    rows = [json.loads(line) for line in (tmp_path / "out/rejected.jsonl").read_text("utf-8").splitlines()]
    assert [(r["id"], r["part"], r["reason"]) for r in rows] == [
        ("long", "train", "longer than 512 tokens"),
        ("empty", "train", "empty answer"),
        ("long", "valid", "longer than 512 tokens"),
    ]


@pytest.mark.usefixtures("no_page")
def test_a_finished_run_is_skipped_and_another_one_refused(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: Any, talk: Any,
    write_data: Any,
) -> None:  # fmt: skip
    """C059: asking for a third epoch says why it does not train it."""
    settings = changed(quick, max_steps=2)
    first = tune(str(qwen_base), data, tmp_path / "out", settings)
    before = {name: (tmp_path / "out" / name).read_bytes() for name in files(tmp_path / "out")}
    monkeypatch.setattr(stage.models, "load", lambda *_: pytest.fail("the model was loaded again"))
    again = tune(str(qwen_base), data, tmp_path / "out", settings)
    assert again.finished and again.record == first.record
    with pytest.raises(ConfigError, match=r"holds another run \(settings\.epochs: 2 -> 3\)\. Use another --out"):
        tune(str(qwen_base), data, tmp_path / "out", changed(settings, epochs=3))
    other = write_data(talk(5, seed=9))
    with pytest.raises(ConfigError, match=r"holds another run \(.*inputs\.train\.jsonl: "):
        tune(str(qwen_base), other, tmp_path / "out", settings)
    assert before == {name: (tmp_path / "out" / name).read_bytes() for name in files(tmp_path / "out")}


@pytest.mark.usefixtures("no_page")
def test_an_interrupted_run_goes_on_and_ends_the_same(
    chatglm_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: Any
) -> None:
    settings = changed(quick, max_steps=6)
    tune(str(chatglm_base), data, tmp_path / "whole", settings)
    real = loop._update
    done: list[int] = []

    def stopping(optimizers: Any) -> None:
        real(optimizers)
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_update", stopping)
        with pytest.raises(KeyboardInterrupt):
            tune(str(chatglm_base), data, tmp_path / "stopped", settings)
    assert json.loads((tmp_path / "stopped/run.json").read_text("utf-8"))["status"] == "running"
    assert not (tmp_path / "stopped/adapter").exists()
    with pytest.raises(ConfigError, match="holds another run"):
        tune(str(chatglm_base), data, tmp_path / "stopped", changed(settings, seed=5))
    resumed = tune(str(chatglm_base), data, tmp_path / "stopped", settings)
    assert resumed.finished and resumed.record["steps"] == 6
    name = "adapter/adapter_model.safetensors"
    assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.usefixtures("no_page")
@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([], r"train\.jsonl: nothing to train on \(no answers\)\. Check the data"),
        ([("头疼", None)], r"nothing to train on \(no answers\)"),
        ([("头疼", " ")], r"nothing to train on \(1 empty answer\)"),
        (
            [("头疼", "多休息" * 99), ("三天", "多休息" * 99)],
            r"\(2 longer than 100 tokens\)\. Check .* raise max_length",
        ),
    ],
)
def test_nothing_to_train_on_is_an_error_that_leaves_nothing(
    qwen_base: Path, tmp_path: Path, quick: TuneSettings, changed: Change, write_data: Any, train: Any, message: str
) -> None:
    talks = [
        Conversation(id=str(i), messages=(Message("user", q), *((Message("assistant", a),) if a is not None else ())))
        for i, (q, a) in enumerate(train)
    ]
    with pytest.raises(DataError, match=message):
        tune(str(qwen_base), write_data(talks), tmp_path / "out", changed(quick, max_length=100))
    assert not (tmp_path / "out").exists()


def test_missing_data_or_a_wrong_base_leave_nothing(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    with pytest.raises(DataError, match=r"train\.jsonl: no such file.*curate"):
        tune(str(qwen_base), tmp_path, tmp_path / "out", quick)
    with pytest.raises(ModelError, match="nowhere"):
        tune(str(tmp_path / "nowhere"), data, tmp_path / "out", quick)
    with pytest.raises(ConfigError, match="no linear layer `query`"):
        tune(str(qwen_base), data, tmp_path / "out", changed(quick, lora_targets="query"))
    assert not (tmp_path / "out").exists()


def test_weights_that_are_not_finite_stop_the_run_and_leave_no_adapter(
    qwen_base: Path, data: Path, tmp_path: Path, quick: Any
) -> None:
    model, tokenizer = models.load(qwen_base)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[3, 4] = torch.inf
    broken = tmp_path / "broken"
    model.save_pretrained(broken)
    tokenizer.save_pretrained(broken)
    with pytest.raises(ModelError, match=r"^the base gives validation loss nan before anything is trained"):
        tune(str(broken), data, tmp_path / "out", quick)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_page")
def test_an_adapter_is_refused_by_another_base(
    qwen_base: Path, chatglm_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    tune(str(qwen_base), data, tmp_path / "out", changed(quick, max_steps=1))
    with pytest.raises(ModelError, match="made for another base"):
        models.load(chatglm_base, tmp_path / "out/adapter")
    same_shape, tokenizer = models.load(qwen_base)
    with torch.no_grad():
        same_shape.lm_head.weight[0, 0] += 1
    same_shape.save_pretrained(tmp_path / "other")
    tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(ModelError, match="made for another base"):
        models.load(tmp_path / "other", tmp_path / "out/adapter")


def test_without_the_drawing_library_the_model_is_left_all_the_same(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: Any
) -> None:
    monkeypatch.delitem(sys.modules, "doctorglm.tune.page", raising=False)
    monkeypatch.delitem(sys.modules, "doctorglm.report.charts", raising=False)
    monkeypatch.delitem(sys.modules, "doctorglm.report.charts.curve", raising=False)
    monkeypatch.setitem(sys.modules, "altair", None)
    run = tune(str(qwen_base), data, tmp_path / "out", changed(quick, max_steps=1))
    assert run.record["report"] == "not drawn: altair is not installed; pip install 'doctorglm[report]'"
    assert (tmp_path / "out/adapter/adapter_model.safetensors").exists()


@pytest.mark.usefixtures("no_page")
def test_adapters_are_trained_in_32_bits_on_a_base_in_16(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "best_dtype", lambda device: torch.bfloat16)
    seen: list[Any] = []
    monkeypatch.setattr(stage, "train", lambda model, *rest: seen.append(model) or loop.train(model, *rest))
    run = tune(str(qwen_base), data, tmp_path / "out", changed(quick, max_steps=4, validate_every=1))
    dtypes = {(p.requires_grad, p.dtype) for p in seen[0].parameters()}
    assert dtypes == {(False, torch.bfloat16), (True, torch.float32)}
    saved = load_file(tmp_path / "out/adapter/adapter_model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    assert run.record["settings"]["dtype"] == "torch.bfloat16"
    losses = [json.loads(line)["valid_loss"] for line in (tmp_path / "out/metrics.jsonl").read_text().splitlines()]
    assert run.record["best"]["valid_loss"] == min(losses) < losses[0]


@pytest.mark.parametrize(
    ("method", "best", "expected"),
    [
        ("lora", torch.bfloat16, torch.bfloat16),
        ("lora", torch.float16, torch.float32),
        ("full", torch.bfloat16, torch.float32),
    ],
)
def test_what_is_trained_and_trained_through_is_never_too_coarse(
    method: Any, best: torch.dtype, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "best_dtype", lambda device: best)
    assert stage._dtype(method) == expected


@pytest.mark.device
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.usefixtures("no_page")
def test_tuned_measured_and_answering_on_a_gpu(base: Path, data: Path, tmp_path: Path, quick: TuneSettings) -> None:
    tune(str(base), data, tmp_path / "out", quick)
    model, tokenizer = models.load(base, tmp_path / "out/adapter")
    assert model.device.type == "cuda"
    run = evaluate(
        str(base), [data / "valid.jsonl"], tmp_path / "measured",
        EvaluateSettings(max_new_tokens=4, dialogues=2, gate_suites=False),
        adapter=tmp_path / "out/adapter",
    )  # fmt: skip
    assert run.finished and run.record["peak_gpu_memory_mb"] > 0
    answer = LocalEngine(model, tokenizer, "tuned").batch(
        [[Message("user", "头疼怎么办？")]], Sampling(max_new_tokens=4)
    )
    assert answer[0].finish
