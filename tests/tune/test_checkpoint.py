"""Checkpoints come back exactly; those that are damaged or of another model are named and change nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.errors import ModelError
from doctorglm.tune import checkpoint
from doctorglm.tune.checkpoint import Standing
from doctorglm.tune.optimizers import Lion


def model_of(*shapes: tuple[int, ...]) -> torch.nn.Module:
    module = torch.nn.Module()
    for i, shape in enumerate(shapes):
        module.register_parameter(f"w{i}", torch.nn.Parameter(torch.randn(*shape)))
    return module


def trained(*shapes: tuple[int, ...]) -> tuple[torch.nn.Module, list[torch.optim.Optimizer]]:
    """A model and two optimizers after one step."""
    model = model_of(*shapes)
    first, *rest = model.parameters()
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW([first], lr=0.1), Lion(rest, lr=0.2)]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for optimizer in optimizers:
        optimizer.step()
    return model, optimizers


def test_everything_comes_back(tmp_path: Path) -> None:
    model, optimizers = trained((2, 3), (4,))
    standing = Standing(step=7, seconds=1.5, tokens=90, best_step=5, best_valid=2.25, history=[(5, 2.25), (7, 2.5)])
    checkpoint.save(tmp_path / "last.pt", model, optimizers, standing)
    other, others = trained((2, 3), (4,))
    assert checkpoint.load(tmp_path / "last.pt", other, others) == standing
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    for one, two in zip(optimizers, others, strict=True):
        (a,), (b,) = one.state.values(), two.state.values()
        assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
        assert one.param_groups[0]["lr"] == two.param_groups[0]["lr"]


def test_frozen_weights_are_not_saved(tmp_path: Path) -> None:
    model = model_of((2, 3), (4,))
    model.w0.requires_grad_(False)  # type: ignore[operator]
    checkpoint.save_best(tmp_path / "best.pt", model)
    assert list(torch.load(tmp_path / "best.pt", weights_only=True)) == ["w1"]
    assert (tmp_path / "best.pt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["empty", "cut", "garbage", "list", "keys", "optimizers", "missing"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: str) -> None:
    model, optimizers = trained((2, 3), (4,))
    path = tmp_path / "checkpoints/last.pt"
    checkpoint.save(path, model, optimizers, Standing())
    whole = path.read_bytes()
    state: Any = torch.load(path, weights_only=True)
    if damage in ("empty", "cut", "garbage"):
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "garbage": b"not a checkpoint\n"}[damage])
    elif damage == "missing":
        path.unlink()
    else:
        state["optimizers"] = state["optimizers"][:1]
        torch.save({"list": [1], "keys": {"weights": state["weights"]}, "optimizers": state}[damage], path)
    with pytest.raises(ModelError, match=rf"{path}: damaged checkpoint .*Remove the folder {path.parent} to start"):
        checkpoint.load(path, *trained((2, 3), (4,)))
    if damage != "keys":
        with pytest.raises(ModelError):
            checkpoint.load_best(path, model)


@pytest.mark.parametrize("shapes", [((2, 3),), ((2, 3), (4,), (1,)), ((2, 3), (5,))])
def test_another_models_checkpoint_is_refused_and_changes_nothing(tmp_path: Path, shapes: Any) -> None:
    model, optimizers = trained((2, 3), (4,))
    checkpoint.save(tmp_path / "last.pt", model, optimizers, Standing())
    other = model_of(*shapes)
    before = [p.detach().clone() for p in other.parameters()]
    with pytest.raises(ModelError, match=r"the checkpoint is of another model: \['w[12]'\]"):
        checkpoint.load(tmp_path / "last.pt", other, [])
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "mark",))

    torch.save({"weights": Evil()}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match="damaged checkpoint"):
        checkpoint.load(tmp_path / "last.pt", model_of((1,)), [])
    assert not (tmp_path / "mark").exists()
