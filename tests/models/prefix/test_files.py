"""Prefixes on disk: ours in PEFT gives PEFT's logits, PEFT's here too; the published files, whole or damaged."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, PrefixTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file

from doctorglm import models
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.merging import base_of
from doctorglm.models.prefix.attention import attach, encoder_of, shape_of
from doctorglm.models.prefix.encoder import PrefixEncoder
from doctorglm.models.prefix.files import attach_prefix, is_prefix, write_prefix

from .conftest import make_family, with_random_prefix

IDS = torch.tensor([[5, 9, 11, 20, 8, 31, 14]])
# PEFT 0.21 asks transformers 5.24 by names that it is about to drop
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.mark.parametrize("projection", [False, True])
def test_pefts_prefix_gives_pefts_logits(family: Any, tmp_path: Path, projection: bool) -> None:
    """Although PEFT counts its places as positions; also what its network makes, which it saves flat."""
    config = PrefixTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=6, prefix_projection=projection, encoder_hidden_size=10
    )
    torch.manual_seed(3)
    theirs = get_peft_model(make_family(family.config.model_type), config).eval()
    theirs.save_pretrained(tmp_path)
    expected = theirs(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits
    assert is_prefix(tmp_path)
    logits = attach_prefix(family, tmp_path)(IDS).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("projection", [False, True])
def test_our_prefix_gives_our_logits_in_peft(family: Any, tmp_path: Path, projection: bool) -> None:
    model = with_random_prefix(family, 6, projection=projection)
    write_prefix(model.float(), tmp_path / "adapter")
    theirs = PeftModel.from_pretrained(make_family(family.config.model_type), str(tmp_path / "adapter")).eval()
    expected = theirs(input_ids=IDS, attention_mask=torch.ones_like(IDS)).logits
    torch.testing.assert_close(model.double()(IDS).logits, expected, atol=1e-4, rtol=1e-4)
    again = attach_prefix(make_family(family.config.model_type), tmp_path / "adapter")
    assert torch.equal(encoder_of(again).embedding.weight, encoder_of(model.float())().detach())  # type: ignore[union-attr, misc]


def tuned(folder: Path, places: int = 4) -> Any:
    model, _ = models.load(folder)
    torch.manual_seed(5)
    return attach(model, PrefixEncoder(places, shape_of(model))).eval()


def logits(model: Any) -> torch.Tensor:
    config = model.config
    ids = torch.tensor([[5, 9, 11, config.gmask_token_id, config.bos_token_id, 20]])
    with torch.no_grad():
        out: torch.Tensor = model(input_ids=ids).logits
    return out


@pytest.fixture
def adapter(folder: Path, tmp_path: Path) -> Path:
    save_adapter(tuned(folder), tmp_path / "adapter", base_fingerprint(folder))
    return tmp_path / "adapter"


def test_saved_and_loaded(folder: Path, adapter: Path) -> None:
    """Bit by bit, from either format; files are the owner's alone."""
    assert sorted(f.relative_to(adapter).as_posix() for f in adapter.rglob("*") if f.is_file()) == [
        "adapter_config.json", "adapter_model.safetensors", "base.json", "prefix_encoder/base.json",
        "prefix_encoder/config.json",
        "prefix_encoder/pytorch_model.bin",
    ]  # fmt: skip
    assert {oct(f.stat().st_mode & 0o777) for f in adapter.rglob("*") if f.is_file()} == {"0o600"}
    config = json.loads((adapter / "adapter_config.json").read_text())
    expected = {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 4, "num_layers": 2, "num_attention_heads": 2}
    assert config.items() >= {**expected, "token_dim": 32, "task_type": "CAUSAL_LM"}.items()
    ours = logits(tuned(folder))
    for place in (adapter, adapter / "prefix_encoder"):
        model, _ = models.load(folder, adapter=place)
        assert torch.equal(logits(model), ours)
        assert not any(p.requires_grad for p in model.parameters())
    plain, _ = models.load(folder)
    assert (logits(plain) - ours).abs().max() > 0.1


def test_half_precision_keeps_the_prefix(folder: Path, adapter: Path) -> None:
    model, _ = models.load(folder, adapter=adapter, dtype=torch.bfloat16)
    assert model.dtype == torch.bfloat16 and encoder_of(model).embedding.weight.dtype == torch.float32  # type: ignore[union-attr]
    assert logits(model).isfinite().all()


def test_merging_is_refused(folder: Path, adapter: Path) -> None:
    for place in (adapter, adapter / "prefix_encoder"):
        with pytest.raises(ConfigError, match=r"--to merged: .* is a P-tuning prefix"):
            base_of(place, str(folder))


def test_another_base(adapter: Path, new_folder: Callable[..., Path]) -> None:
    other = new_folder()
    state = load_file(other / "model.safetensors")
    state["transformer.final_layernorm.bias"] += 1
    save_file(state, other / "model.safetensors", metadata={"format": "pt"})
    for place in (adapter, adapter / "prefix_encoder"):
        with pytest.raises(ModelError, match=r"made for another base \(sha256"):
            models.load(other, adapter=place)
        (place / "base.json").unlink()
    with pytest.raises(ModelError, match=r"\[4, 128\].*needs \[places, 64\].*made for another base"):
        models.load(new_folder("third", num_layers=1), adapter=adapter / "prefix_encoder")
    with pytest.raises(ModelError, match=r"needs \[places, 64\] \(1 layers x 2 x 2 heads x 16\)"):
        models.load(new_folder("fourth", num_layers=1), adapter=adapter)


def test_damaged_files(folder: Path, adapter: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(adapter, tmp_path / "whole")
    file = adapter / "adapter_model.safetensors"
    save_file({"prompt_embeddings": load_file(file)["prompt_embeddings"] * 1.01}, file)
    with pytest.raises(ModelError, match="hold different prefixes"):
        models.load(folder, adapter=adapter)
    save_file({"other": torch.ones(2, 2)}, file)
    with pytest.raises(ModelError, match="prompt_embeddings is missing"):
        models.load(folder, adapter=adapter)
    file.write_bytes((whole / file.name).read_bytes()[:-9])
    with pytest.raises(ModelError, match=r"adapter_model.safetensors: truncated"):
        models.load(folder, adapter=adapter)
    file.unlink()
    with pytest.raises(ModelError, match=r"adapter_model.safetensors: no such file"):
        models.load(folder, adapter=adapter)
    shutil.copy(whole / file.name, file)
    (adapter / "prefix_encoder/pytorch_model.bin").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=r"pytorch_model.bin: "):
        models.load(folder, adapter=adapter)


def published(folder: Path, tensors: dict[str, torch.Tensor], config: dict[str, Any] | None = None) -> Path:
    folder.mkdir()
    torch.save(tensors, folder / "pytorch_model.bin")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("projection", [False, True])
def test_a_published_checkpoint_of_the_prefix_alone(
    new_folder: Callable[..., Path], tmp_path: Path, projection: bool
) -> None:
    """As `ptuning/main.py` leaves it, in half precision; and the same weights within a whole model."""
    both = new_folder("both", pre_seq_len=4, prefix_projection=projection)
    state = load_file(both / "model.safetensors")
    whole, _ = models.load(both)
    assert not whole.transformer.prefix_encoder.embedding.weight.requires_grad
    base = tmp_path / "base"
    shutil.copytree(both, base)
    config = json.loads((both / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "pre_seq_len": None}))
    own = {name: value.half() for name, value in state.items() if ".prefix_encoder." in name}
    save_file({n: v for n, v in state.items() if n not in own}, base / "model.safetensors", metadata={"format": "pt"})
    adapter = published(tmp_path / "checkpoint-3000", own, config)
    model, _ = models.load(base, adapter=adapter)
    with torch.no_grad():
        for name, parameter in whole.named_parameters():
            if name in own:
                parameter.copy_(own[name])
    torch.testing.assert_close(logits(model), logits(whole), atol=1e-4, rtol=1e-4)
    with pytest.raises(ModelError, match="has a prefix among its weights already"):
        models.load(both, adapter=adapter)
    (adapter / "config.json").unlink()
    torch.testing.assert_close(logits(models.load(base, adapter=adapter)[0]), logits(model))


def test_published_files_that_are_incomplete(folder: Path, tmp_path: Path) -> None:
    name = "transformer.prefix_encoder."
    embedding = torch.ones(4, 6)
    adapter = published(tmp_path / "a", {f"{name}embedding.weight": embedding, f"{name}trans.0.weight": embedding})
    with pytest.raises(
        ModelError, match=r"not a prefix_encoder: trans\.0\.bias, trans\.2\.bias, trans\.2\.weight missing"
    ):
        models.load(folder, adapter=adapter)
    layers = {"trans.0.weight": torch.ones(5, 7), "trans.0.bias": torch.ones(5)}
    layers |= {"trans.2.weight": torch.ones(128, 5), "trans.2.bias": torch.ones(128)}
    tensors = {f"{name}{n}": t for n, t in {**layers, "embedding.weight": embedding}.items()}
    with pytest.raises(ModelError, match="shapes of its network do not fit"):
        models.load(folder, adapter=published(tmp_path / "b", tensors))
    mixed = {f"{name}embedding.weight": torch.ones(4, 128), "lm_head.weight": torch.ones(2, 2)}
    with pytest.raises(ModelError, match="is not an adapter in PEFT's format"):
        models.load(folder, adapter=published(tmp_path / "c", mixed))


def test_a_prefix_that_is_not_finite(folder: Path, tmp_path: Path) -> None:
    model = tuned(folder)
    with torch.no_grad():
        encoder_of(model).embedding.weight[0, 0] = torch.nan  # type: ignore[union-attr]
    with pytest.raises(ModelError, match="the prefix is not finite"):
        save_adapter(model, tmp_path / "adapter", "x")
    assert list(tmp_path.glob("*adapter*")) == []


def test_other_folders_are_no_prefixes(folder: Path, tmp_path: Path) -> None:
    assert not is_prefix(folder) and not is_prefix(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert not is_prefix(tmp_path / "empty")
