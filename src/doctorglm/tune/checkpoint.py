"""Everything that a run's next step depends on, in files that prove themselves whole.

`step-00000040.pt` holds weights, optimizers, the place in the data and the random state after step 40, the identity of
its run, and the sha256 of each of these; `best-00000025.pt` the weights with the lowest validation loss so far. A file
takes its name when all of it has reached the disk. The two newest whole checkpoints are kept, with the best weights
that they name, so that neither a damaged file nor one that is ahead of the others changes the result.
"""

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.runs import atomic_file, differences, note
from doctorglm.tune.digest import digest, tensor_bytes
from doctorglm.tune.disk import writing
from doctorglm.tune.randomness import random_state, restore_random
from doctorglm.tune.ranks import ranks
from doctorglm.tune.sharded import load_state, whole_state
from doctorglm.tune.standing import Standing, restore_trainable, trainable

GENERATIONS = 2
"""Whole checkpoints that are kept."""

_PARTS = ("identity", "standing", "weights", "optimizers", "sampler", "random")
_OF_BEST = ("identity", "step", "valid_loss", "weights")
_UNREADABLE = (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, pickle.UnpicklingError)

Sampler = Callable[[int], Mapping[str, int]]
"""A number of steps done -> the place in the data where the next step begins."""


class _DamagedError(Exception):
    """Why a file cannot be used."""


def hashes(path: Path) -> dict[str, str]:
    """Part -> sha256 of a checkpoint; raises ModelError when it is not whole."""
    try:
        found: dict[str, str] = _read(path, _PARTS)["sha256"]
    except _DamagedError as damaged:
        raise ModelError(
            en=f"{path}: damaged ({damaged}). Restore the file.", zh=f"{path}：已损坏（{damaged}）。请恢复该文件。"
        ) from None
    return found


class Checkpoints:
    """The checkpoints of one run in its folder; `identity` names what the run depends on, with its value."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self.newest = 0
        """The step of the newest checkpoint that is known to be whole; 0 without one."""
        self._identity = dict(identity)
        self._proved: dict[tuple[str, int, int], int] = {}

    def resume(
        self, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer], sampler: Sampler
    ) -> Standing | None:
        """Restores the newest whole checkpoint and returns its standing; None when there is no checkpoint.

        A damaged one is named on stderr and passed over. Raises ModelError when all are, and for one that is of another
        run or model. Process 0 reads, and tells the others.
        """
        found = ranks().from_first(self._newest_whole)
        if found is None:
            return None
        path, state = found
        self.newest = _step_of(path)
        return _restored(path, state, model, optimizers, sampler)

    def _newest_whole(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest checkpoint that is whole, with what it holds; see `resume`."""
        for left_over in self.folder.glob(".*.tmp"):
            left_over.unlink(missing_ok=True)
        damaged: dict[Path, str] = {}
        for path in self._files():
            try:
                state = self._proved_state(path, mapped=False)
            except _DamagedError as reason:
                damaged[path] = str(reason)
                continue
            _say_what_was_damaged(damaged, path)
            return path, state
        if damaged:
            raise self._none_whole(*(f"{path.name}: {reason}" for path, reason in damaged.items()))
        return None

    def save(
        self,
        model: torch.nn.Module,
        optimizers: list[torch.optim.Optimizer],
        standing: Standing,
        sampler: Mapping[str, int],
    ) -> None:
        """Writes everything that the next step depends on, and removes what is older than the two newest.

        The random state is the one in force. Every process gives its part of what is shared out, process 0 writes.
        Raises DoctorGLMError when the disk refuses the file.
        """
        path = self.folder / f"step-{standing.step:08d}.pt"
        parts = {
            "identity": self._identity,
            "standing": vars(standing),
            "weights": trainable(model),
            "optimizers": [whole_state(optimizer.state_dict()) for optimizer in optimizers],
            "sampler": dict(sampler),
            "random": random_state(),
        }
        if ranks().first:
            self._write(path, {**parts, "made_with": _made_with(model)}, _PARTS)
        self.newest = standing.step
        if ranks().first:
            self._rotate()

    def save_best(self, model: torch.nn.Module, step: int, valid_loss: float) -> None:
        """Writes the trainable weights alone; those of an earlier step stay while a checkpoint names them."""
        best = {"identity": self._identity, "step": step, "valid_loss": valid_loss, "weights": trainable(model)}
        if ranks().first:
            self._write(self._best(step), best, _OF_BEST)
            self._remove_bests_but({step})

    def load_best(self, model: torch.nn.Module, standing: Standing) -> None:
        """Restores the weights of the best step of `standing`; raises ModelError when they are not whole."""
        try:
            restore_trainable(model, ranks().from_first(lambda: self._best_of(standing)["weights"]))
        except _DamagedError as reason:
            raise self._none_whole(str(reason)) from None

    def _files(self) -> list[Path]:
        """The checkpoints, newest first."""
        return sorted(self.folder.glob("step-*.pt"), reverse=True)

    def _best(self, step: int) -> Path:
        return self.folder / f"best-{step:08d}.pt"

    def _write(self, path: Path, state: dict[str, Any], parts: tuple[str, ...]) -> None:
        state["sha256"] = {part: digest(state[part]) for part in parts}
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path, tensor_bytes(state), self.newest), atomic_file(path, "wb") as out:
            torch.save(state, out)

    def _proved_state(self, path: Path, mapped: bool = True) -> dict[str, Any]:
        """What a checkpoint holds, when it and the best weights that it names are whole and of this run."""
        state = _read(path, _PARTS, mapped)
        changed = differences(state["identity"], self._identity)
        if changed:
            raise _of_another_run(path, changed)
        if state["standing"]["best_step"]:
            self._best_of(Standing(**state["standing"]))
        return state

    def _best_of(self, standing: Standing) -> dict[str, Any]:
        path = self._best(standing.best_step)
        try:
            best = _read(path, _OF_BEST)
        except _DamagedError as reason:
            raise _DamagedError(f"{path.name}: {reason}") from None
        named = (self._identity, standing.best_step, standing.best_valid)
        if (best["identity"], best["step"], best["valid_loss"]) != named:
            raise _DamagedError(f"{path.name}: its weights are not those that the checkpoint names")
        return best

    def _best_step_of(self, path: Path) -> int | None:
        """The best step that a whole checkpoint names (0: none); None for a damaged one. A file is read once."""
        place = path.stat()
        key = (path.name, place.st_mtime_ns, place.st_size)
        try:
            if key not in self._proved:
                self._proved[key] = int(self._proved_state(path)["standing"]["best_step"])
        except (_DamagedError, ModelError):
            return None
        return self._proved[key]

    def _rotate(self) -> None:
        """Removes what the newest whole checkpoints make needless; while there are fewer of them, nothing."""
        whole = [path for path in self._files() if self._best_step_of(path) is not None][:GENERATIONS]
        if len(whole) == GENERATIONS:
            for path in set(self._files()) - set(whole):
                path.unlink(missing_ok=True)
        self._remove_bests_but(set())

    def _remove_bests_but(self, kept: set[int]) -> None:
        kept = kept | {self._best_step_of(path) or 0 for path in self._files()}
        for path in self.folder.glob("best-*.pt"):
            if _step_of(path) not in kept:
                path.unlink(missing_ok=True)

    def _none_whole(self, *reasons: str) -> ModelError:
        return ModelError(
            en=f"{self.folder}: no checkpoint is whole ({'; '.join(reasons)}). "
            f"Restore one, or remove the folder {self.folder} to start again.",
            zh=f"{self.folder}：没有完好的检查点（{'；'.join(reasons)}）。"
            f"请恢复其中一个，或删除文件夹 {self.folder} 重新开始。",
        )


def _restored(
    path: Path,
    state: dict[str, Any],
    model: torch.nn.Module,
    optimizers: list[torch.optim.Optimizer],
    sampler: Sampler,
) -> Standing:
    """Puts a checkpoint's state in force, and compares what is in force then with what was saved."""
    standing = Standing(**state["standing"])
    saved = {"weights": state["weights"], "optimizers": [s["state"] for s in state["optimizers"]]}
    expected = digest(saved)
    restore_trainable(model, state["weights"])
    if len(optimizers) != len(state["optimizers"]):
        raise _of_another_run(path, [f"optimizers: {len(state['optimizers'])} -> {len(optimizers)}"])
    for optimizer, values in zip(optimizers, state["optimizers"], strict=True):
        load_state(optimizer, values)
    if ranks().first:  # the others draw other numbers, which the step alone fixes too
        restore_random(state["random"])
    now = {"weights": trainable(model), "optimizers": [whole_state(o.state_dict()["state"]) for o in optimizers]}
    if ranks().from_first(lambda: digest(now)) != expected:
        raise _of_another_run(path, ["the model keeps its weights in another type"])
    if changed := differences(state["sampler"], sampler(standing.step)):
        raise _of_another_run(path, changed)
    _say_what_may_differ(path, differences({"processes": 1, **state["made_with"]}, _made_with(model)))
    return standing


def _read(path: Path, parts: tuple[str, ...], mapped: bool = True) -> dict[str, Any]:
    """What a file holds; raises _DamagedError unless each of its parts has the sha256 that it was written with.

    `mapped` leaves tensors on the disk, where they take no memory; what goes on to be changed must not be there.
    """
    if not path.is_file():
        raise _DamagedError("no such file")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        wrong = [part for part in parts if state["sha256"][part] != digest(state[part])]
    except _UNREADABLE as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise _DamagedError(f"cannot be read: {reason}") from None
    if wrong:
        raise _DamagedError(f"the sha256 of {', '.join(wrong)} is not the one that was written")
    return state


def _step_of(path: Path) -> int:
    found = re.search(r"-(\d+)\.pt$", path.name)
    return int(found[1]) if found else 0


def _made_with(model: torch.nn.Module) -> dict[str, Any]:
    """What the last bits of a sum depend on besides the run itself."""
    device = next(model.parameters()).device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    # a forward of its own is what `fused` gives a layer, where its proof succeeds on the machine
    fused = sum("forward" in vars(module) for module in model.modules())
    versions = {"torch": str(torch.__version__), "device": name, "threads": torch.get_num_threads()}
    return {**versions, "fused_layers": fused, "processes": ranks().count}


def _say_what_was_damaged(damaged: Mapping[Path, str], used: Path) -> None:
    for path, reason in damaged.items():
        note(
            en=f"{path}: damaged ({reason}). {used.name} is used instead; the steps after it are done again.",
            zh=f"{path}：已损坏（{reason}）。改用 {used.name}，其后的步骤将重新进行。",
        )


def _say_what_may_differ(path: Path, changed: list[str]) -> None:
    if changed:
        note(
            en=f"{path}: made elsewhere ({'; '.join(changed)}). The run goes on, but its last bits may differ from "
            "those of a run that was not stopped.",
            zh=f"{path}：写入时的环境不同（{'；'.join(changed)}）。训练会继续，但结果的末位可能与未中断的运行不同。",
        )


def _of_another_run(path: Path, changed: list[str]) -> ModelError:
    return ModelError(
        en=f"{path}: of another run ({'; '.join(changed[:3])}). Put the checkpoints of this run back, "
        f"or remove the folder {path.parent} to start again.",
        zh=f"{path}：属于另一次运行（{'；'.join(changed[:3])}）。"
        f"请放回本次运行的检查点，或删除文件夹 {path.parent} 重新开始。",
    )
