"""Settings that cannot work, on a base whose weights cannot be read: whoever looked at them would say so instead."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import doctorglm.evaluate.suites as suites
from doctorglm.conversation import read_conversations, write_conversations
from doctorglm.tune import impossible, stage
from doctorglm.tune.general import general_text

from ..house import change_config, write_base
from .kit import Said, Scene, files

SUITE = suites.HERE / "general.jsonl"


def rank_0(scene: Scene) -> list[object]:
    return [*scene.tune, "lora_rank=0"]


def a_prefix_as_long_as_the_samples(scene: Scene) -> list[object]:
    return [*scene.tune, "--method", "ptuning", "prefix_tokens=128"]


def a_prefix_as_long_as_the_context(scene: Scene) -> list[object]:
    return [*scene.tune, "--method", "ptuning", "max_length=512", "prefix_tokens=256"]


def every_weight_of_an_int4_base(scene: Scene) -> list[object]:
    change_config(scene.base, quantization_bit=4)
    return [*scene.tune, "--method", "full"]


def qlora_in_other_bits_than_the_base(scene: Scene) -> list[object]:
    change_config(scene.base, quantization_bit=4)
    return [*scene.tune, "--method", "qlora", "quantization=int8"]


def targets_of_another_family(scene: Scene) -> list[object]:
    return [*scene.tune, "lora_targets=query_key_value,q_proj"]


def targets_of_another_family_when_the_base_is_to_answer(scene: Scene) -> list[object]:
    return [*targets_of_another_family(scene), "replay=self:5"]


def the_gates_suite_as_replay(scene: Scene) -> list[object]:
    return [*scene.tune, "replay=0.2", f"replay_data={SUITE}"]


def the_gates_suite_for_the_base_to_answer(scene: Scene) -> list[object]:
    return [*scene.tune, "replay=self:5", f"replay_data={SUITE}"]


def the_text_of_validation_as_replay(scene: Scene) -> list[object]:
    return [*scene.tune, "replay=0.2", f"replay_data={general_text('shipped', 'valid')}"]


def the_gates_suite_among_the_training_data(scene: Scene) -> list[object]:
    file = scene.data / "train.jsonl"
    write_conversations(file, [*read_conversations(file), *list(read_conversations(SUITE))[7:9]])
    return scene.tune


def weights_chosen_by_the_gates_suite(scene: Scene) -> list[object]:
    return [*scene.tune, f"general={SUITE}"]


def an_adapter_of_another_base(scene: Scene) -> list[object]:
    shutil.rmtree(scene.base)
    write_base(scene.base, seed=5)
    return [*scene.chat, "--adapter", scene.adapter]


def an_adapter_of_another_base_to_be_measured(scene: Scene) -> list[object]:
    return [*scene.evaluate, *an_adapter_of_another_base(scene)[-2:]]


Break = Callable[[Scene], list[object]]
WRONG: list[tuple[Break, str, str]] = [
    (rank_0, "lora_rank=0: ", "lora_rank=0 无效"),
    (a_prefix_as_long_as_the_samples, "prefix_tokens=128 is not below max_length (128)", "不小于 max_length（128）"),
    (a_prefix_as_long_as_the_context, "prefix_tokens=256 is not below the context of", "的上下文（256）"),
    (every_weight_of_an_int4_base, "weights in int4 are frozen", "int4 权重是冻结的"),
    (qlora_in_other_bits_than_the_base, "its weights are in int4 already", "权重已是 int4"),
    (targets_of_another_family, "the model has no linear layer `q_proj`", "没有名为 `q_proj` 的线性层"),
    (targets_of_another_family_when_the_base_is_to_answer, "no linear layer `q_proj`", "没有名为 `q_proj` 的线性层"),
    (the_gates_suite_as_replay, "general.jsonl: 200 of its conversations are held out", "其中 200 段对话是留出来评判"),
    (the_gates_suite_for_the_base_to_answer, "general.jsonl: 200 of its conversations", "其中 200 段对话"),
    (the_text_of_validation_as_replay, "general_valid.jsonl: 48 of its conversations", "其中 48 段对话"),
    (the_gates_suite_among_the_training_data, "train.jsonl: 2 of its conversations are held out", "首个为 g-0008"),
    (weights_chosen_by_the_gates_suite, "general.jsonl: 200 of its conversations", "其中 200 段对话"),
    (an_adapter_of_another_base, "this adapter was made for another base", "为另一个基座训练的"),
    (an_adapter_of_another_base_to_be_measured, "this adapter was made for another base", "为另一个基座训练的"),
]


@pytest.mark.parametrize(("broken", "en", "zh"), WRONG, ids=[w[0].__name__ for w in WRONG])
def test_it_is_refused_before_weights_load_and_leaves_nothing(
    scene: Scene, command: Callable[..., Said], broken: Break, en: str, zh: str
) -> None:
    arguments = broken(scene)
    weights = scene.base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    before = files(scene.out.parent)
    for lang, expected in (("en", en), ("zh", zh)):
        said = command("--lang", lang, *arguments)
        assert said.code == 2 and expected in said.err, said.err
    assert files(scene.out.parent) == before and not scene.out.exists()


def test_weights_that_cannot_be_read_are_what_is_said_when_nothing_else_is_wrong(
    scene: Scene, command: Callable[..., Said]
) -> None:
    weights = scene.base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    for arguments in (scene.tune, scene.chat, [*scene.tune, "replay=self:5"]):
        assert "model.safetensors: truncated or damaged" in command(*arguments).err


def test_no_room_for_checkpoints_is_said_before_weights_load(
    scene: Scene, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,096 weights of rank 8 in 32 bits and AdamW's two numbers, three times with the best ones, and the adapter."""
    usage = shutil.disk_usage(scene.base)
    monkeypatch.setattr(impossible.shutil, "disk_usage", lambda _: usage._replace(free=20_000))
    weights = scene.base / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    for lang, expected in (
        ("en", "take up to 0.2 MB, and 20.0 kB are free"),
        ("zh", "最多占用 0.2 MB，而磁盘只剩 20.0 kB"),
    ):
        said = command("--lang", lang, *scene.tune)
        assert said.code == 2 and expected in said.err, said.err
    assert not scene.out.exists()
    weights.write_bytes(whole)
    monkeypatch.undo()
    assert command(*scene.tune).code == 0
    # finished, and nothing is needed any more
    monkeypatch.setattr(impossible.shutil, "disk_usage", lambda _: usage._replace(free=0))
    assert command(*scene.tune).code == 0


def test_memory_that_ends_says_what_to_change_and_by_how_much(
    scene: Scene, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")

    monkeypatch.setattr(stage, "train", ends)
    shutil.rmtree(scene.base)
    write_base(scene.base, hidden_size=256, num_layers=4)
    arguments = [*scene.tune, "batch_tokens=800", "recompute=none"]
    for lang, expected in (("en", "out of memory (CUDA"), ("zh", "内存不足（CUDA")):
        said = command("--lang", lang, *arguments)
        assert said.code == 2 and expected in said.err, said.err
        # by how much, in GB; a model of this size has little to give
        assert re.search(r"recompute=full \(-0\.\d\d GB\).*batch_tokens=400 \(-0\.0[1-9] GB\)", said.err), said.err
        assert "Traceback" not in said.err
    assert not (Path(scene.out) / "adapter").exists()


def test_memory_that_ends_before_the_first_step_is_told_too(
    scene: Scene, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")

    monkeypatch.setattr(stage, "fused_layers", ends)
    for lang, expected in (("en", "Lower batch_tokens or max_length"), ("zh", "请调小 batch_tokens 或 max_length")):
        said = command("--lang", lang, *scene.tune)
        assert said.code == 2 and expected in said.err and "doctorglm plan" in said.err, said.err


def test_weights_that_a_gpu_cannot_hold_are_told_with_what_would_be_smaller(
    scene: Scene, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")

    shutil.rmtree(scene.base)
    write_base(scene.base, hidden_size=1024, inner_hidden_size=8192)
    monkeypatch.setattr(torch.nn.Module, "to", ends)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (30_000_000, 10**9))
    # 4 x 1024 x 1024 and 2 x 1024 x 8192 weights of a layer in 32 bits, and the embedding: 0.1 GB
    for lang, expected in (("en", "0.1 GB of weights, and 0.0 GB are free"), ("zh", "权重共 0.1 GB")):
        said = command("--lang", lang, *scene.chat)
        assert said.code == 2 and expected in said.err and "--quantization int8" in said.err, said.err
        assert "0.04 GB" in said.err or "0.0 GB" in said.err
