"""Checkpoints come back exactly; those that are damaged or of another run are named, and an earlier one is used."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import language
from doctorglm.errors import ModelError
from doctorglm.tune.checkpoint import Checkpoints, hashes
from doctorglm.tune.digest import digest, tensor_bytes
from doctorglm.tune.optimizers import Lion
from doctorglm.tune.randomness import random_state, seed_step
from doctorglm.tune.standing import Standing

IDENTITY: dict[str, Any] = {"settings.seed": 1, "inputs.base": "ab" * 32}
Trained = tuple[torch.nn.Module, list[torch.optim.Optimizer]]


def model_of(*shapes: tuple[int, ...]) -> torch.nn.Module:
    module = torch.nn.Module()
    for i, shape in enumerate(shapes):
        module.register_parameter(f"w{i}", torch.nn.Parameter(torch.randn(*shape)))
    return module


def trained(*shapes: tuple[int, ...]) -> Trained:
    """A model and two optimizers after one step."""
    model = model_of(*(shapes or ((2, 3), (4,))))
    first, *rest = model.parameters()
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW([first], lr=0.1), Lion(rest, lr=0.2)]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for optimizer in optimizers:
        optimizer.step()
    return model, optimizers


def sampler(step: int) -> Mapping[str, int]:
    return {"step": step, "epoch": 0, "samples": 3 * step}


def saved(folder: Path, *steps: int, of: Trained | None = None, best: Mapping[int, int] | None = None) -> Trained:
    """Checkpoints after `steps`; `best` gives those that wrote best weights their validation loss."""
    model, optimizers = of or trained()
    kept = Checkpoints(folder, IDENTITY)
    standing = Standing()
    for step in steps:
        if best and step in best:
            standing.best_step, standing.best_valid = step, float(best[step])
            kept.save_best(model, step, float(best[step]))
        standing.step = step
        kept.save(model, optimizers, standing, sampler(step))
    return model, optimizers


def resumed(folder: Path, of: Trained | None = None, identity: Mapping[str, Any] = IDENTITY) -> Standing | None:
    return Checkpoints(folder, identity).resume(*(of or trained()), sampler)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def damage(path: Path, how: str) -> None:
    """Makes a file unreadable, or readable with other contents."""
    whole, state = path.read_bytes(), torch.load(path, weights_only=True)
    if how in ("empty", "cut", "garbage"):
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "garbage": b"not a checkpoint\n"}[how])
    elif how == "bit":
        place = whole.index(state["weights"]["w0"].numpy().tobytes())
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    else:
        state["weights"]["w0"][0, 0] += 1
        torch.save({"list": [1], "keys": {"weights": state["weights"]}, "changed": state}[how], path)


def test_everything_comes_back(tmp_path: Path) -> None:
    model, optimizers = trained()
    standing = Standing(step=7, seconds=1.5, tokens=90, best_step=5, best_valid=2.25, history=[(5, 2.25), (7, 2.5)])
    kept = Checkpoints(tmp_path, IDENTITY)
    kept.save_best(model, 5, 2.25)
    seed_step(3, 7)
    kept.save(model, optimizers, standing, sampler(7))
    expected = random_state()
    drawn = torch.rand(3), random.random()
    other, others = trained()
    assert resumed(tmp_path, (other, others)) == standing
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    for one, two in zip(optimizers, others, strict=True):
        (a,), (b,) = one.state.values(), two.state.values()
        assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
        assert one.param_groups[0]["lr"] == two.param_groups[0]["lr"]
    assert digest(random_state()) == digest(expected)
    assert torch.equal(drawn[0], torch.rand(3)) and drawn[1] == random.random()


def test_nothing_is_resumed_where_nothing_was_saved(tmp_path: Path) -> None:
    assert resumed(tmp_path) is None
    assert resumed(tmp_path / "none") is None


def test_frozen_weights_are_not_saved(tmp_path: Path) -> None:
    model, optimizers = trained()
    model.w0.requires_grad_(False)  # type: ignore[operator]
    saved(tmp_path, 1, of=(model, optimizers), best={1: 2})
    for name in ("best-00000001.pt", "step-00000001.pt"):
        assert list(torch.load(tmp_path / name, weights_only=True)["weights"]) == ["w1"]
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_the_two_newest_are_kept(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, 4)
    assert names(tmp_path) == ["step-00000003.pt", "step-00000004.pt"]
    assert resumed(tmp_path) == Standing(step=4)


def test_the_best_weights_that_a_kept_checkpoint_names_are_kept(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3, best={1: 9, 3: 8})
    assert names(tmp_path) == ["best-00000001.pt", "best-00000003.pt", "step-00000002.pt", "step-00000003.pt"]
    saved(tmp_path, 4, best={})
    Checkpoints(tmp_path, IDENTITY).save_best(trained()[0], 5, 7.0)
    assert names(tmp_path)[:2] == ["best-00000003.pt", "best-00000005.pt"]


@pytest.mark.parametrize("how", ["empty", "cut", "garbage", "bit", "list", "keys", "changed"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(tmp_path: Path, how: str, capsys: Any) -> None:
    model, _ = saved(tmp_path, 1, 2)
    damage(tmp_path / "step-00000002.pt", how)
    other = trained()
    assert resumed(tmp_path, other) == Standing(step=1)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other[0].parameters(), strict=True))
    said = capsys.readouterr().err
    assert f"{tmp_path}/step-00000002.pt: damaged (" in said and "step-00000001.pt is used instead" in said
    assert ("the sha256 of weights is not the one that was written" in said) == (how in ("bit", "changed"))
    language.choose("zh")
    resumed(tmp_path)
    assert "step-00000002.pt：已损坏（" in (said := capsys.readouterr().err) and "改用 step-00000001.pt" in said


def test_when_none_is_whole_the_error_names_all_of_them(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    damage(tmp_path / "step-00000001.pt", "bit")
    damage(tmp_path / "step-00000002.pt", "cut")
    with pytest.raises(ModelError) as caught:
        resumed(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: no checkpoint is whole (step-00000002.pt: cannot be read")
    assert "step-00000001.pt: the sha256 of weights is not" in str(caught.value)
    assert str(caught.value).endswith(f"Restore one, or remove the folder {tmp_path} to start again.")
    language.choose("zh")
    assert "没有完好的检查点" in str(caught.value) and "重新开始" in str(caught.value)


def test_rotation_never_removes_the_last_whole_one(tmp_path: Path, capsys: Any) -> None:
    """The newest two by name are damaged: what lies before them stays until there are two whole ones again."""
    saved(tmp_path, 1)
    for step in (8, 9):
        saved(tmp_path / "other", step)
        (tmp_path / "other" / f"step-0000000{step}.pt").rename(tmp_path / f"step-0000000{step}.pt")
        damage(tmp_path / f"step-0000000{step}.pt", "changed")
    (tmp_path / "other").rmdir()
    kept = Checkpoints(tmp_path, IDENTITY)
    kept._rotate()
    assert len(names(tmp_path)) == 3
    assert kept.resume(*trained(), sampler) == Standing(step=1)
    saved(tmp_path, 2)
    assert names(tmp_path) == ["step-00000001.pt", "step-00000002.pt"]


@pytest.mark.parametrize("how", ["missing", "cut", "changed", "other"])
def test_a_checkpoint_whose_best_weights_are_lost_is_damaged(tmp_path: Path, how: str, capsys: Any) -> None:
    saved(tmp_path, 1, 2, best={1: 9, 2: 8})
    best = tmp_path / "best-00000002.pt"
    if how == "missing":
        best.unlink()
    elif how == "other":
        best.write_bytes((tmp_path / "best-00000001.pt").read_bytes())
    else:
        damage(best, how)
    standing = resumed(tmp_path)
    assert standing is not None and (standing.step, standing.best_step) == (1, 1)
    assert "step-00000002.pt: damaged (best-00000002.pt: " in capsys.readouterr().err


def test_best_weights_ahead_of_the_checkpoint_are_not_loaded(tmp_path: Path) -> None:
    """Killed after the validation of step 3 and before its checkpoint."""
    model, optimizers = saved(tmp_path, 1, best={1: 9})
    best = model.w0.detach().clone()  # type: ignore[operator]
    with torch.no_grad():
        model.w0.add_(1)  # type: ignore[operator]
    Checkpoints(tmp_path, IDENTITY).save_best(model, 3, 1.0)
    kept = Checkpoints(tmp_path, IDENTITY)
    standing = kept.resume(model, optimizers, sampler)
    assert standing is not None and (standing.best_step, standing.best_valid) == (1, 9.0)
    kept.load_best(model, standing)
    assert torch.equal(model.w0, best)  # type: ignore[arg-type]
    kept.save(model, optimizers, Standing(step=2, best_step=1, best_valid=9.0), sampler(2))
    assert "best-00000003.pt" not in names(tmp_path)


def test_best_weights_that_are_lost_at_the_end_are_named(tmp_path: Path) -> None:
    model, _ = saved(tmp_path, 1, best={1: 9})
    damage(tmp_path / "best-00000001.pt", "bit")
    with pytest.raises(ModelError, match=r"no checkpoint is whole \(best-00000001.pt: the sha256"):
        Checkpoints(tmp_path, IDENTITY).load_best(model, Standing(step=1, best_step=1, best_valid=9.0))


@pytest.mark.parametrize(
    ("identity", "difference"),
    [
        ({**IDENTITY, "settings.seed": 2}, "settings.seed: 1 -> 2"),
        ({**IDENTITY, "inputs.base": "cd" * 32}, "inputs.base: abababab... -> cdcdcdcd..."),
        ({"settings.seed": 1}, "inputs.base: abababab... -> None"),
        ({**IDENTITY, "order of the data": "x"}, "order of the data: None -> 'x'"),
    ],
)
def test_another_runs_checkpoint_is_refused_with_the_difference(
    tmp_path: Path, identity: Mapping[str, Any], difference: str
) -> None:
    saved(tmp_path, 1)
    model, optimizers = trained()
    before = digest(list(model.parameters()))
    with pytest.raises(ModelError) as caught:
        resumed(tmp_path, (model, optimizers), identity)
    assert f"step-00000001.pt: of another run ({difference}). Put the checkpoints of this run back" in str(caught.value)
    language.choose("zh")
    assert "属于另一次运行" in str(caught.value) and "重新开始" in str(caught.value)
    assert digest(list(model.parameters())) == before and names(tmp_path) == ["step-00000001.pt"]


@pytest.mark.parametrize("shapes", [((2, 3),), ((2, 3), (4,), (1,)), ((2, 3), (5,))])
def test_another_models_checkpoint_is_refused_and_changes_nothing(tmp_path: Path, shapes: Any) -> None:
    saved(tmp_path, 1)
    other = model_of(*shapes)
    before = digest(list(other.parameters()))
    with pytest.raises(ModelError, match=r"the checkpoint is of another model: \['w[12]'\]"):
        resumed(tmp_path, (other, []))
    assert digest(list(other.parameters())) == before


def test_weights_that_the_model_keeps_in_another_type_are_refused(tmp_path: Path) -> None:
    """Rounded to 16 bits the next step would be another one."""
    saved(tmp_path, 1)
    model = model_of((2, 3), (4,)).bfloat16()
    first, *rest = model.parameters()
    with pytest.raises(ModelError, match=r"of another run \(the model keeps its weights in another type"):
        resumed(tmp_path, (model, [torch.optim.AdamW([first]), Lion(rest)]))


def test_another_optimizer_and_another_place_in_the_data_are_refused(tmp_path: Path) -> None:
    model, optimizers = saved(tmp_path, 2)
    with pytest.raises(ModelError, match=r"of another run \(optimizers: 2 -> 1\)"):
        resumed(tmp_path, (model, optimizers[:1]))
    with pytest.raises(ModelError, match=r"of another run \(samples: 6 -> 8\)"):
        Checkpoints(tmp_path, IDENTITY).resume(model, optimizers, lambda step: {**sampler(step), "samples": 4 * step})


def test_other_circumstances_are_said(tmp_path: Path, capsys: Any) -> None:
    """Sums on another number of threads may end in other bits."""
    saved(tmp_path, 1)
    assert torch.get_num_threads() == 1
    resumed(tmp_path)
    assert capsys.readouterr().err == ""
    torch.set_num_threads(2)
    assert resumed(tmp_path) is not None
    assert "step-00000001.pt: made elsewhere (threads: 1 -> 2). The run goes on, but" in capsys.readouterr().err
    torch.set_num_threads(1)
    fused, optimizers = trained()
    fused.forward = lambda *_: None
    assert resumed(tmp_path, (fused, optimizers)) is not None
    assert "made elsewhere (fused_layers: 0 -> 1)" in capsys.readouterr().err


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "mark",))

    torch.save({"weights": Evil()}, tmp_path / "step-00000001.pt")
    with pytest.raises(ModelError, match=r"no checkpoint is whole \(step-00000001.pt: cannot be read"):
        resumed(tmp_path)
    assert not (tmp_path / "mark").exists()


def test_what_a_killed_process_was_writing_is_removed(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    (tmp_path / ".step-00000002.pt.4711.tmp").write_bytes(b"half")
    (tmp_path / ".best-00000002.pt.4711.tmp").write_bytes(b"half")
    resumed(tmp_path)
    assert names(tmp_path) == ["step-00000001.pt"]


def test_the_hashes_of_a_checkpoint_are_those_of_what_was_saved(tmp_path: Path) -> None:
    model, optimizers = saved(tmp_path, 3)
    found = hashes(tmp_path / "step-00000003.pt")
    assert set(found) == {"identity", "standing", "weights", "optimizers", "sampler", "random"}
    assert found["weights"] == digest({name: p.detach() for name, p in model.named_parameters()})
    assert found["optimizers"] == digest([o.state_dict() for o in optimizers])
    assert found["sampler"] == digest(sampler(3))
    damage(tmp_path / "step-00000003.pt", "bit")
    with pytest.raises(ModelError, match=r"step-00000003\.pt: damaged"):
        hashes(tmp_path / "step-00000003.pt")


def test_values_that_differ_have_other_digests() -> None:
    one = torch.tensor([1.0, 0.0])
    values: list[Any] = [
        one, torch.tensor([1.0, -0.0]), one.double(), one.half(), one.bfloat16(), one[:, None], one[:1], one[:0],
        [one], {"a": one}, {"b": one}, {"a": one, "b": one}, [one, one], [[one], one], [[one, one]],
        1, 1.0, "1", True, None, [], {}, [1, [2]], [[1], 2],
    ]  # fmt: skip
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a": 1, "b": [one]}) == digest({"b": (one.clone(),), "a": 1})
    assert digest(torch.arange(6).reshape(2, 3).T) == digest(torch.arange(6).reshape(2, 3).T.contiguous())


def test_sizes_by_hand() -> None:
    assert tensor_bytes({"a": torch.zeros(3), "b": [torch.zeros(2, 2).half(), 7], "c": "text"}) == 12 + 8


@pytest.fixture(autouse=True)
def global_generators() -> Any:
    state = random.getstate()
    yield
    random.setstate(state)
