"""The processes that train one model together: what each does of a step, and how their numbers become one.

One process is the case of a team of one, for which every function here returns what it was given. Several are started
by torchrun (`tune.parallel`), each with a whole copy of the weights (DDP, arXiv 2006.15704), or each with a part of
every weight (`sharding=full`: FSDP2, `tune.sharded`). Process 0 alone writes.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from doctorglm.errors import DataError
from doctorglm.tune.batches import Batch

T = TypeVar("T")
Read = Callable[[Any, Batch], torch.Tensor]


class Ranks:
    """A team of one."""

    number = 0
    """Of this process, from 0."""
    count = 1
    sharded = False
    """Whether each process keeps a part of every weight."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.number == 0

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns in process 0, in every process; the others do not call it."""
        return make()

    def gathered(self, value: T) -> list[T]:
        """Every process's value, in the order of their numbers."""
        return [value]

    def total(self, numbers: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in place."""
        return numbers

    def agreed(self, value: bool) -> bool:
        """The same answer in all processes, where they must go on together; else each one's own."""
        return value

    def begin(self, model: Any) -> None:
        """Before the optimizers are made: has the processes' gradients become one."""

    def passes(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """The batches of a step, each read and its gradients made before the next is asked for."""
        yield from batches

    def read(self, read: Read, model: Any, batch: Batch) -> torch.Tensor:
        """`read(model, batch)`, in whatever has the processes' gradients become their mean."""
        return read(model, batch)

    def reading(self) -> AbstractContextManager[Any]:
        """What a reading without gradients happens in."""
        return torch.inference_mode()

    def rest(self, model: Any) -> None:
        """After readings without gradients."""

    def compare(self, model: Any) -> None:
        """After the last step: raises DataError when processes no longer have the same weights."""

    def end(self, model: Any) -> None:
        """At the very end: the weights are whole again."""


_ALONE = Ranks()
_now: Ranks = _ALONE


def ranks() -> Ranks:
    """The team of this process, which is the same for all of it, as torch's process group is."""
    return _now


def work_in(team: Ranks | None) -> None:
    """Sets the team; None: the process is alone again."""
    global _now
    _now = team or _ALONE


class Several(Ranks):
    """Processes that torch has connected; each has a copy of the weights."""

    def __init__(self, number: int, count: int, *, device: torch.device) -> None:
        self.number, self.count, self._device = number, count, device
        self._copies: Any = None

    def from_first(self, make: Callable[[], T]) -> T:
        """As in one process; tensors are sent one by one and arrive on the CPU, in whatever they are nested."""
        tensors: list[torch.Tensor] = []
        told: list[Any] = [_without_tensors(make(), tensors) if self.first else None]
        dist.broadcast_object_list(told, src=0)
        value: T = _with_tensors(told[0], [t.detach().cpu().contiguous() for t in tensors])
        return value

    def gathered(self, value: T) -> list[T]:
        """As said."""
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def total(self, numbers: torch.Tensor) -> torch.Tensor:
        """As said."""
        dist.all_reduce(numbers)
        return numbers

    def begin(self, model: Any) -> None:
        """Wraps the model for DDP, which sends gradients while others are still computed."""
        module: Any = _Reading(model)
        frozen = [name for name, p in module.named_parameters() if not p.requires_grad]
        # read from the same files by every process; sending them would take the network, and copy mapped weights
        module._ddp_params_and_buffers_to_ignore = [*frozen, *(name for name, _ in module.named_buffers())]
        self._copies = accelerator(self._device).prepare_model(module)

    def passes(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """Gradients are sent once, with the last batch; one that has none sends zeros."""
        if not batches:
            self._copies(_nothing_of, None).backward()
        for left, batch in zip(range(len(batches) - 1, -1, -1), batches, strict=True):
            with self._copies.no_sync() if left else nullcontext():
                yield batch

    def read(self, read: Read, model: Any, batch: Batch) -> torch.Tensor:
        """As said."""
        nats: torch.Tensor = self._copies(read, batch)
        return nats

    def compare(self, model: Any) -> None:
        """A sum that differs between machines could take copies apart, of which process 0's is kept."""
        from doctorglm.tune.digest import digest
        from doctorglm.tune.standing import trainable

        if len(set(self.gathered(digest(trainable(model))))) > 1:
            raise came_apart()

    def end(self, model: Any) -> None:
        """DDP's hooks go with it."""
        self._copies = None


class _Reading(torch.nn.Module):
    """A model read by a function: DDP's hooks surround the whole of it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, read: Callable[[Any, Any], torch.Tensor], batch: Batch | None) -> torch.Tensor:
        """Nats of the batch."""
        return read(self.model, batch)


def _nothing_of(model: Any, _: None) -> torch.Tensor:
    """0, of which every trained weight has a gradient of zeros."""
    none = [p.flatten()[:0].sum() for p in model.parameters() if p.requires_grad]
    return torch.stack(none).sum()


def accelerator(device: torch.device, **plugins: Any) -> Any:
    """accelerate's own view of the processes that are connected already."""
    from accelerate import Accelerator

    return Accelerator(cpu=device.type == "cpu", **plugins)


def came_apart() -> DataError:
    """What is said of processes that no longer have the same weights."""
    return DataError(
        en="the processes' copies of the trained weights differ. Start all of them on machines of one kind, with the "
        "same packages; the checkpoints are of process 0 and can be gone on with.",
        zh="各进程训练出的权重不一致。请在同类机器上、用相同的软件包启动全部进程；检查点来自 0 号进程，可以继续使用。",
    )


class _Sent:
    """Where a tensor stood."""

    def __init__(self, place: int, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        self.place, self.shape, self.dtype = place, shape, dtype


def _without_tensors(value: Any, found: list[torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        found.append(value)
        return _Sent(len(found) - 1, tuple(value.shape), value.dtype)
    if isinstance(value, Mapping):
        return {key: _without_tensors(inside, found) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_without_tensors(inside, found) for inside in value])
    return value


def _with_tensors(value: Any, tensors: Sequence[torch.Tensor]) -> Any:
    """The value with its tensors, each sent by process 0, which has them all."""
    if isinstance(value, _Sent):
        tensor = tensors[value.place] if tensors else torch.empty(value.shape, dtype=value.dtype)
        if tensor.numel():
            dist.broadcast(tensor.view(-1).view(torch.uint8), src=0)
        return tensor
    if isinstance(value, Mapping):
        return {key: _with_tensors(inside, tensors) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_with_tensors(inside, tensors) for inside in value])
    return value


def started_by_torchrun() -> int:
    """How many processes torchrun has started for this run; 1 where it has not."""
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return int(os.environ["WORLD_SIZE"]) if all(name in os.environ for name in names) else 1
