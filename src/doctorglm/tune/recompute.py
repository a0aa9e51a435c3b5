"""Activations that are computed a second time instead of kept: of every second layer, or of all.

A layer that is recomputed keeps its input alone; its backward pass runs its forward once more. Losses and gradients are
the same to the last bit. Layers of torch and transformers go through torch's checkpoint, within the very documents that
they were read in; a fused layer, which keeps what it needs in its own way, is one function more.
Source: arXiv 1604.06174; https://docs.pytorch.org/docs/stable/checkpoint.html
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from doctorglm.models.documents import Documents, current, packed
from doctorglm.plan.memory import Saving
from doctorglm.tune.fused.install import decoder_layers, fused_forward, wanted, wanted_now

Run = Callable[[torch.Tensor], torch.Tensor]


def recompute(model: Any, saving: Saving) -> int:
    """Has layers of `model` recomputed from now on, and returns how many; after whatever replaces their forward."""
    layers = decoder_layers(model)
    chosen = {"none": [], "selective": layers[::2], "full": layers}[saving]
    for layer in chosen:
        if (fused := fused_forward(layer)) is not None:
            trained = tuple(p for p in layer.parameters() if p.requires_grad)
            fused.through = partial(_again, trained)
        else:
            layer.forward = partial(
                checkpoint, layer.forward, use_reentrant=False, context_fn=partial(_contexts, model)
            )
    return len(chosen)


class _Again(torch.autograd.Function):
    """A function of a row that keeps the row alone; `trained` are what it reads that is trained, or made of such."""

    @staticmethod
    def forward(ctx: Any, run: Run, x: torch.Tensor, *trained: torch.Tensor) -> torch.Tensor:
        ctx.run, ctx.trained = run, trained
        ctx.save_for_backward(x)
        return run(x)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        x = x.detach().requires_grad_(ctx.needs_input_grad[1])
        with torch.enable_grad():
            y = ctx.run(x)
        of = [*([x] if x.requires_grad else []), *ctx.trained]
        gradients = list(torch.autograd.grad(y, of, dy))
        return None, gradients.pop(0) if x.requires_grad else None, *gradients


def _again(trained: tuple[torch.Tensor, ...], run: Run, x: torch.Tensor, *learned: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = _apply(run, x, *learned, *trained)
    return out


_apply: Any = _Again.apply


def _contexts(model: Any) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What surrounds a layer now, and when it is run again: by then the row's documents are no longer in force."""
    documents, places = current(), wanted_now()
    return nullcontext(), nullcontext() if documents is None else _within(model, documents, places)


@contextmanager
def _within(model: Any, documents: Documents, places: torch.Tensor | None) -> Iterator[None]:
    with packed(model, documents), nullcontext() if places is None else wanted(places):
        yield
