"""FSDP2: each process keeps a part of every weight, its gradient and its optimizer's state; layers are made whole while
they are read.

A weight is a `DTensor` then. What is written is always whole, gathered weight by weight, so that checkpoints and models
do not depend on how many processes made them. Every process must read as often as the others, since each reading
gathers; one that has nothing left reads a batch in which nothing is supervised.
Source: https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch

from doctorglm.tune.batches import Batch
from doctorglm.tune.fused.install import decoder_layers
from doctorglm.tune.ranks import Read, Several, accelerator, ranks


class Sharded(Several):
    """Processes of which each keeps a part of every weight."""

    sharded = True

    def agreed(self, value: bool) -> bool:
        """That of process 0: what is written is gathered from all."""
        return self.from_first(lambda: value)

    def begin(self, model: Any) -> None:
        """Shards the model in place, layer by layer; optimizers made of its parameters afterwards hold parts."""
        from accelerate.utils import FullyShardedDataParallelPlugin, fsdp2_prepare_model

        layers = sorted({type(layer).__name__ for layer in decoder_layers(model)})
        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=layers,
            cpu_ram_efficient_loading=False,
        )
        accelerated = accelerator(self._device, fsdp_plugin=plugin)
        # accelerate shards on GPUs alone, but asks nothing else of a CPU
        accelerated.state.fsdp_plugin = plugin
        fsdp2_prepare_model(accelerated, model)

    def passes(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """Gradients are added to this process's part after each batch, so that none waits whole."""
        yield from batches

    def read(self, read: Read, model: Any, batch: Batch) -> torch.Tensor:
        """As said: the hooks are in the model itself."""
        return read(model, batch)

    def reading(self) -> AbstractContextManager[Any]:
        """What is gathered in inference mode could not be trained with afterwards."""
        return torch.no_grad()

    def rest(self, model: Any) -> None:
        """Without a backward pass some layers would stay whole, with the weights of now."""
        for module in _shards(model):
            module.reshard()

    def compare(self, model: Any) -> None:
        """There are no copies."""

    def end(self, model: Any) -> None:
        """What was trained is whole again in process 0, on the CPU; the model cannot be read any more."""
        self.rest(model)
        whole_of: dict[int, torch.nn.Parameter] = {}
        for module in model.modules():
            for name, parameter in list(module._parameters.items()):
                if parameter is not None and parameter.requires_grad:
                    if id(parameter) not in whole_of:
                        whole_of[id(parameter)] = torch.nn.Parameter(whole(parameter.detach()))
                    module._parameters[name] = whole_of[id(parameter)]


def _shards(model: Any) -> list[Any]:
    from torch.distributed.fsdp import FSDPModule

    return [module for module in model.modules() if isinstance(module, FSDPModule)]


def is_part(tensor: Any) -> bool:
    """Whether a tensor is this process's part of a larger one."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Any) -> torch.Tensor:
    """The tensor; of one that is in parts the whole, on the CPU in process 0 and empty in the others.

    Every process must ask.
    """
    parted = is_part(tensor)
    full: torch.Tensor = tensor.full_tensor() if parted else tensor
    if not parted:
        return full
    return full.cpu() if ranks().first else full.new_empty(0)


def whole_state(state: Any) -> Any:
    """An optimizer's state with every tensor whole."""
    if isinstance(state, torch.Tensor):
        return whole(state)
    if isinstance(state, Mapping):
        return {key: whole_state(inside) for key, inside in state.items()}
    return [whole_state(inside) for inside in state] if isinstance(state, list) else state


def norm_of(norm: Any) -> torch.Tensor:
    """A norm that clipping returned, of all parts."""
    found: torch.Tensor = norm.full_tensor() if is_part(norm) else norm
    return found


def put(parameter: torch.Tensor, value: torch.Tensor) -> None:
    """Copies a whole value into a parameter, or this process's part of it."""
    parameter.copy_(_like(parameter, value))


def load_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """`optimizer.load_state_dict` of whole tensors."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    of_each = {
        place: {name: _state_like(parameters[place], value) for name, value in values.items()}
        for place, values in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": of_each})


def _state_like(parameter: torch.Tensor, value: Any) -> Any:
    return _like(parameter, value) if getattr(value, "shape", None) == parameter.shape else value


def _like(parameter: Any, value: torch.Tensor) -> torch.Tensor:
    if not is_part(parameter):
        return value
    from torch.distributed.tensor import distribute_tensor

    # every process has the whole value, so that none is sent
    return distribute_tensor(
        value.to(parameter.device), parameter.device_mesh, parameter.placements, src_data_rank=None
    )
