"""Compiled layers give the model's own losses and gradients; what cannot be compiled stays and is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.render import Sample
from doctorglm.tune import compiled
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import pack
from doctorglm.tune.compiled import compile_layers
from doctorglm.tune.fused import fuse, has_fused_head
from doctorglm.tune.fused.install import decoder_layers, linear_layers, replaced
from doctorglm.tune.loss import token_nats
from doctorglm.tune.settings import TuneSettings

pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
"""Torch's own tracing asks for it, in whichever row it traces again."""


@pytest.fixture(autouse=True)
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of torch.compile but the code generator, which would need a compiler."""
    monkeypatch.setattr(compiled, "_BACKEND", "aot_eager")
    torch._dynamo.reset()


def measured(model: Any, rows: list[Sample]) -> list[torch.Tensor]:
    nats = token_nats(model, pack(rows))
    nats.sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    return [nats.detach(), *gradients]


def test_rows_of_any_length_are_read_alike(base: Path, samples: Callable[..., Any]) -> None:
    """With adapters beside their weights, as on a GPU, and rows that the proof has not seen."""
    model, rendered = samples(base, 9)
    model = adapt(model, TuneSettings(lora_rank=3)).double()
    rows = [rendered[:4], rendered[4:6], rendered]
    before = [measured(model, of) for of in rows]

    def nats(of: Any) -> torch.Tensor:
        return token_nats(of, pack(rendered[:2]))

    beside = replaced(model, nats, linear_layers(model))
    assert compile_layers(model, nats) == 2 and has_fused_head(model) and beside
    for of, expected in zip(rows, before, strict=True):
        for ours, theirs in zip(measured(model, of), expected, strict=True):
            assert torch.allclose(ours, theirs, rtol=1e-8, atol=1e-9)


def test_fused_layers_are_not_compiled(qwen_base: Path, samples: Callable[..., Any], capsys: Any) -> None:
    """Nor is it tried, which would say that it failed."""
    model, rendered = samples(qwen_base, 4)
    model = adapt(model, TuneSettings(lora_rank=3)).double()

    def nats(of: Any) -> torch.Tensor:
        return token_nats(of, pack(rendered[:2]))

    assert fuse(model, nats) == 2
    assert compile_layers(model, nats) == 0 and has_fused_head(model)
    assert capsys.readouterr().err == ""


def _raising(*_: Any) -> Any:
    raise RuntimeError("no compiler was found\nand more lines")


@pytest.mark.parametrize("wrong", ["fails", "differs"])
def test_what_cannot_be_compiled_stays(
    qwen_base: Path, samples: Callable[..., Any], monkeypatch: Any, capsys: Any, wrong: str
) -> None:
    model, rendered = samples(qwen_base, 4)
    model = adapt(model, TuneSettings(lora_rank=3)).double()
    before = measured(model, rendered)
    weights = [p.detach().clone() for p in model.parameters()]
    if wrong == "fails":
        monkeypatch.setattr(compiled, "_BACKEND", _raising)
    else:
        monkeypatch.setattr(torch, "compile", lambda own, **_: lambda *a, **k: own(*a, **k) * 1.01)
    assert compile_layers(model, lambda of: token_nats(of, pack(rendered[:2]))) == 0
    said = capsys.readouterr().err
    assert ("no compiler was found" if wrong == "fails" else "losses or gradients differ") in said
    assert all("forward" not in vars(layer) for layer in decoder_layers(model)) or wrong == "differs"
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), weights, strict=True)), "moved for the proof"
    for ours, theirs in zip(measured(model, rendered), before, strict=True):
        assert torch.equal(ours, theirs)
