"""Half-precision weights that are widened by tiles, against the same weights widened whole, by torch's own layers."""

import json
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from doctorglm import machine, models
from doctorglm.language import choose
from doctorglm.models import half
from doctorglm.models.half import HalfEmbedding, HalfLinear, half_of

DTYPES = [torch.float16, torch.bfloat16]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the free memory, in bytes."""

    def change(size: float) -> None:
        monkeypatch.setattr(machine, "main_memory", lambda: machine.Memory(size, size))

    return change


def halved(folder: Path, out: Path, dtype: torch.dtype, pickled: bool = False) -> Path:
    """The same model with its weights rounded to `dtype`, in safetensors or as a pickle."""
    shutil.copytree(folder, out)
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(out / "model.safetensors").items()}
    if pickled:
        (out / "model.safetensors").unlink()
        torch.save(tensors, out / "pytorch_model.bin")
    else:
        save_file(tensors, out / "model.safetensors", {"format": "pt"})
    return out


def both(folder: Path, free: Callable[[float], None]) -> tuple[Any, Any, Any]:
    """The model widened whole, the model that keeps its weights, and the tokenizer."""
    free(1e12)
    whole, tokenizer = models.load(folder)
    free(1)
    kept, _ = models.load(folder)
    return whole, kept, tokenizer


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tile_bytes", [1, 4 * 24 * 3, 10**6])
def test_a_layer_computes_the_widened_product_and_its_gradient(
    dtype: torch.dtype, rows: int, bias: bool, tile_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiles of one row, of three (of ten, so that the last is a part), and of all."""
    monkeypatch.setattr(half, "TILE_BYTES", tile_bytes)
    torch.manual_seed(0)
    linear = nn.Linear(24, 10, bias=bias).to(dtype)
    x, dy = torch.randn(2, rows, 24, requires_grad=True), torch.randn(2, rows, 10)
    layer = HalfLinear.of(linear)
    out = layer(x)
    (dx,) = torch.autograd.grad(out, x, dy)
    weight, added = linear.weight.detach().double(), linear.bias.detach().double() if bias else None
    assert out.dtype == dx.dtype == torch.float32
    torch.testing.assert_close(out.double(), F.linear(x.detach().double(), weight, added), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(dx.double(), dy.double() @ weight, atol=1e-6, rtol=1e-6)


def test_an_embedding_widens_what_it_gives() -> None:
    embedding = nn.Embedding(7, 4).half()
    layer = HalfEmbedding.of(embedding)
    assert layer.weight is embedding.weight
    assert torch.equal(layer(torch.tensor([[6, 0]])), embedding.weight.detach().float()[[6, 0]][None])


def test_inference_and_training_share_the_buffer() -> None:
    layer = HalfLinear.of(nn.Linear(3, 40_000).half())  # larger than any other here, so that its buffer is new
    with torch.inference_mode():
        layer(torch.ones(1, 3))
    layer(torch.ones(1, 3, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_that_keeps_its_weights_says_the_same(
    dtype: torch.dtype, folder: Path, tmp_path: Path, free: Callable[[float], None], prompts: list[list[int]]
) -> None:
    whole, kept, tokenizer = both(halved(folder, tmp_path / "half", dtype), free)
    ids = tokenizer("头疼怎么办？", return_tensors="pt").input_ids
    answers = [m.generate(input_ids=ids, max_new_tokens=20, do_sample=False) for m in (whole, kept)]
    assert torch.equal(*answers) and len(set(answers[0][0, ids.shape[1] :].tolist())) > 3
    with torch.inference_mode():
        torch.testing.assert_close(kept(ids).logits, whole(ids).logits, atol=1e-4, rtol=1e-5)


def test_only_linear_layers_and_embeddings_keep_their_type_and_ties(
    folder: Path, tmp_path: Path, free: Callable[[float], None]
) -> None:
    whole, kept, _ = both(halved(folder, tmp_path / "half", torch.float16), free)
    wide = {name for name, p in kept.named_parameters() if p.dtype == torch.float32}
    assert wide == {name for name, p in whole.named_parameters() if p.dim() == 1}
    assert kept.lm_head.weight is kept.transformer.word_embeddings.weight
    assert half_of(kept) == torch.float16 and half_of(whole) is None
    assert not any(p.requires_grad for p in kept.parameters())


@pytest.mark.parametrize("pickled", [False, True])
def test_weights_stay_in_their_file(pickled: bool, folder: Path, tmp_path: Path, free: Callable[[float], None]) -> None:
    """Mapped and not read, so that loading holds no second copy, and the system may drop what is not in use."""
    base = halved(folder, tmp_path / "half", torch.float16, pickled)
    free(1)
    kept, _ = models.load(base)
    lines = [line.split() for line in Path("/proc/self/maps").read_text("utf-8").splitlines()]
    mapped = [[int(end, 16) for end in line[0].split("-")] for line in lines if line[-1].startswith(str(base))]
    for module in kept.modules():
        if isinstance(module, HalfLinear | HalfEmbedding):
            assert any(start <= module.weight.data_ptr() < stop for start, stop in mapped)


def test_it_is_decided_by_the_memory_that_is_free(folder: Path, tmp_path: Path, free: Callable[[float], None]) -> None:
    base = halved(folder, tmp_path / "half", torch.float16)
    widened = 2 * sum(t.nbytes for t in load_file(base / "model.safetensors").values())
    for size, expected in ((1.2 * widened, None), (1.05 * widened, torch.float16)):
        free(size)
        assert half_of(models.load(base)[0]) == expected
        assert half_of(models.load(base, frozen=False)[0]) is None
        assert half_of(models.load(base, dtype=torch.float64)[0]) is None
        assert half_of(models.load(folder)[0]) is None  # stored in 32 bits


def test_32_bit_weights_among_others_are_not_rounded(
    folder: Path, tmp_path: Path, free: Callable[[float], None]
) -> None:
    """Norms and biases are read in 32 bits beside what stays in 16, as published; matrices in 32 bits widen all."""
    base = halved(folder, tmp_path / "half", torch.float16)
    tensors = load_file(base / "model.safetensors")
    names = ["transformer.final_layernorm.weight", "transformer.layers.0.attention.dense.bias"]
    for name in names:
        tensors[name] = tensors[name].float() + 1e-6
    save_file(tensors, base / "model.safetensors", {"format": "pt"})
    free(1)
    model, _ = models.load(base)
    assert half_of(model) == torch.float16
    assert all(torch.equal(model.get_parameter(name), tensors[name]) for name in names)
    name = "transformer.layers.0.attention.dense.weight"
    tensors[name] = tensors[name].float() + 1e-6
    save_file(tensors, base / "model.safetensors", {"format": "pt"})
    model, _ = models.load(base)
    assert half_of(model) is None and torch.equal(model.get_parameter(name), tensors[name])


def test_it_is_said_in_both_languages(
    folder: Path, tmp_path: Path, free: Callable[[float], None], capsys: pytest.CaptureFixture[str]
) -> None:
    base = halved(folder, tmp_path / "half", torch.bfloat16)
    free(1e12)
    models.load(base)
    assert capsys.readouterr().err == ""
    size = sum(t.nbytes for t in load_file(base / "model.safetensors").values())
    for language, stay, slow, memory in (
        ("en", "stay in bfloat16", "again and again", size - 1),
        ("en", "stay in bfloat16", None, size + 1),
        ("zh", "权重保持 bfloat16", "反复从磁盘读取", size - 1),
    ):
        choose(language)  # type: ignore[arg-type]
        free(memory)
        models.load(base)
        said = capsys.readouterr().err
        assert (
            stay in said
            and str(base) in said
            and (slow is None) == ("again and again" not in said and "反复" not in said)
        )
    choose(None)


@pytest.mark.parametrize(("dtype", "cached"), [(torch.float16, torch.float16), (torch.bfloat16, torch.float32)])
def test_keys_and_values_wait_in_16_bits_where_the_weights_are_float16(
    dtype: torch.dtype, cached: torch.dtype, folder: Path, tmp_path: Path, free: Callable[[float], None]
) -> None:
    whole, kept, tokenizer = both(halved(folder, tmp_path / "half", dtype), free)
    ids = tokenizer("头疼怎么办？", return_tensors="pt").input_ids
    with torch.inference_mode():
        first = kept(ids, use_cache=True)
        torch.testing.assert_close(first.logits, whole(ids).logits, atol=1e-4, rtol=1e-5)
        cache = getattr(first, "cache", None) or first.past_key_values
        assert (
            {layer.keys.dtype for layer in cache.layers} == {layer.values.dtype for layer in cache.layers} == {cached}
        )
        later = kept(torch.tensor([[9]]), cache=cache).logits[0, -1]
        expected = whole(torch.cat([ids, torch.tensor([[9]])], 1)).logits[0, -1]
    # float16 keeps 11 bits: logits of about 10 differ in the third digit
    torch.testing.assert_close(later, expected, atol=0.05 if cached == torch.float16 else 1e-3, rtol=0)


def test_a_layer_input_is_gone_when_the_next_layer_has_read_it(
    folder: Path, tmp_path: Path, free: Callable[[float], None]
) -> None:
    """28 of them, for a prompt of 512 tokens, would be 0.2 GB."""
    _, kept, tokenizer = both(halved(folder, tmp_path / "half", torch.float16), free)
    layers, seen = kept.transformer.layers, []
    layers[0].register_forward_pre_hook(lambda _, args: seen.append(weakref.ref(args[0])))
    layers[1].register_forward_pre_hook(lambda _, args: seen.append(seen[0]() is None))
    with torch.inference_mode():
        kept(tokenizer("头疼怎么办？", return_tensors="pt").input_ids)
    assert seen[1] is True


class _Largest(TorchDispatchMode):
    """The bytes of the largest float32 tensor that any operation inside gives."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32:
                self.bytes = max(self.bytes, tensor.nbytes)
        return out


def test_no_weight_is_ever_widened_whole_or_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half, "TILE_BYTES", 4 * 512 * 8)
    layer = HalfLinear.of(nn.Linear(512, 512).half())
    x = torch.randn(3, 512, requires_grad=True)
    saved: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor)
        return tensor

    with _Largest() as largest, torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        layer(x).sum().backward()
    assert [(t.data_ptr(), t.dtype) for t in saved] == [(layer.weight.data_ptr(), torch.float16)]
    assert largest.bytes == 4 * 512 * 8


def test_an_adapter_attaches_in_32_bits_and_answers_the_same(
    folder: Path, tmp_path: Path, free: Callable[[float], None]
) -> None:
    from doctorglm.models.adapters import base_fingerprint, save_adapter
    from doctorglm.tune.adapt import adapt
    from doctorglm.tune.settings import TuneSettings

    base = halved(folder, tmp_path / "half", torch.float16)
    free(1e12)
    model = adapt(models.load(base)[0], TuneSettings(lora_rank=2))
    torch.manual_seed(1)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_()
    save_adapter(model, tmp_path / "adapter", base_fingerprint(base))
    free(1)
    kept, tokenizer = models.load(base, tmp_path / "adapter")
    ids = tokenizer("头疼怎么办？", return_tensors="pt").input_ids
    with torch.inference_mode():
        torch.testing.assert_close(kept(ids).logits, model.eval()(ids).logits, atol=1e-3, rtol=1e-4)
    assert {p.dtype for name, p in kept.named_parameters() if "lora_" in name} == {torch.float32}
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text("utf-8"))["r"] == 2
