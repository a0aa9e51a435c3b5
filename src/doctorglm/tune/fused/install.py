"""Puts the fused layers in place of a model's own, and proves that nothing has changed.

A layer is replaced only where its modules are those of a known shape; then a batch is read with and without the
replacement, and unless every loss and the gradients agree, the model stays as it was. Reading in any other way (padded
batches, generation) goes through the model's own forward, so the replacement need not be undone.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

import torch
from torch import nn

from doctorglm.models.chatglm.attention import ChatGLMBlock
from doctorglm.models.documents import current, learned_by
from doctorglm.models.prefix.attention import encoder_of
from doctorglm.tune.fused.attention import Layout
from doctorglm.tune.fused.beside import Beside
from doctorglm.tune.fused.chatglm import ChatGLMLayer
from doctorglm.tune.fused.decoder import DecoderLayer
from doctorglm.tune.fused.dense import dense_layers, frozen_layers

_WANTED: ContextVar[torch.Tensor | None] = ContextVar("wanted", default=None)
_HEADS: "WeakSet[nn.Module]" = WeakSet()

Fused = DecoderLayer | ChatGLMLayer

_TOLERANCES = {torch.float32: (1e-4, 1e-3), torch.bfloat16: (0.1, 0.25), torch.float16: (0.02, 0.1)}
"""By the type of the weights: far above what rounding does over some tens of layers, far below what a mistake does."""


@contextmanager
def wanted(places_K: torch.Tensor) -> Iterator[None]:
    """Within it a fused last layer returns these columns of its row alone."""
    token = _WANTED.set(places_K)
    try:
        yield
    finally:
        _WANTED.reset(token)


def wanted_now() -> torch.Tensor | None:
    """The columns of `wanted` that are in force."""
    return _WANTED.get()


def fused_forward(layer: Any) -> "_Forward | None":
    """The fused forward of a layer; None for one that is read in its own way."""
    forward = vars(layer).get("forward")
    return forward if isinstance(forward, _Forward) else None


def has_fused_head(model: Any) -> bool:
    """Whether the model's logits are known to be its head's output and nothing else."""
    return model.get_output_embeddings() in _HEADS


def fuse(model: Any, nats: Callable[[Any], torch.Tensor], *, packing: bool = True) -> int:
    """Replaces what can be replaced, the head with it, and returns how many layers that are.

    On a CPU those are a decoder's layers, with adapters merged, or with a prefix, for packed rows; where there are none
    of a known shape, and on a GPU, linear layers with adapters beside them; on a CPU linear layers alone, under `full`
    and with a prefix. None is when the two readings differ. `nats(model)` reads a batch with gradients, always the
    same one.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    if on_cpu and all(p.requires_grad for p in model.parameters()):
        return replaced(model, nats, dense_layers(model), head=False)
    if on_cpu and packing:
        layers = decoder_layers(model)
        one_type = len({p.dtype for layer in layers for p in layer.parameters()}) == 1
        fused = _fused_layers(layers, model.config) if one_type and _fits(layers) else []
        if fused and (count := replaced(model, nats, fused)):
            return count
    alone = on_cpu and encoder_of(model) is not None
    return replaced(model, nats, frozen_layers(model) if alone else linear_layers(model))


def replaced(
    model: Any,
    nats: Callable[[Any], torch.Tensor],
    forwards: Sequence[tuple[Any, Callable[..., Any]]],
    *,
    head: bool = True,
) -> int:
    """Gives each module its new forward, when the model then says the same; and returns how many those are.

    With `head` the model's is replaced as well.
    """
    if not forwards:
        return 0
    before = _measured(model, nats)
    own = [(module, module.forward) for module, _ in forwards]
    for module, forward in forwards:
        module.forward = forward
    last: Any = model.get_output_embeddings()
    plain = isinstance(last, nn.Linear) and "bias" not in dict(last.named_parameters())
    if head and plain and not last.weight.requires_grad:
        _HEADS.add(last)
    if _agree(before, _measured(model, nats), next(model.parameters()).dtype):
        return len(forwards)
    for module, forward in own:
        module.forward = forward
    if head:
        _HEADS.discard(last)
    return 0


def linear_layers(model: Any) -> list[tuple[Any, Callable[..., Any]]]:
    """Every adapted linear layer that can have its adapters beside it, with the forward that does so."""
    return [(module, beside) for module in model.modules() if (beside := Beside.of(module)) is not None]


def _fused_layers(layers: list[Any], config: Any) -> list[tuple[Any, Callable[..., Any]]]:
    """Every layer of a decoder that is of a known shape, with its fused forward."""
    row = _Row()
    fused = [(layer, _fused(layer, config)) for layer in layers]
    return [
        (layer, _Forward(layer.forward, one, row, layer is layers[-1], getattr(layer, "self_attn", None)))
        for layer, one in fused
        if one is not None
    ]


def _fits(layers: list[Any]) -> bool:
    """Whether two more copies of the layers' weights, merged and folded, leave half of the free memory."""
    held: int = sum(p.numel() * p.element_size() for layer in layers for p in layer.parameters())
    return 4 * held <= available_bytes()


def available_bytes() -> float:
    """Memory that can be had without swapping; infinite where the system does not say."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else math.inf


class _Row:
    """What all layers know of the row that is being read; made by the first of them."""

    def __init__(self) -> None:
        self._of: Any = None
        self._layout: Layout | None = None

    def layout(self, make: Callable[[], Layout]) -> Layout:
        """The layout of the current documents."""
        if self._layout is None or self._of is not current():
            self._of, self._layout = current(), make()
        return self._layout


class _Forward:
    """A layer's forward: fused for a packed row, its own for everything else."""

    def __init__(
        self, own: Callable[..., Any], fused: Fused, row: _Row, last: bool, attention: nn.Module | None = None
    ) -> None:
        """`attention` is where a layer finds its prefix that is not handed it."""
        self._own, self._fused, self._row, self._last, self._attention = own, fused, row, last, attention
        self.through: Callable[..., torch.Tensor] | None = None
        """What runs it in place of a plain call, given it, its input, and what else it reads that is trained: see
        `tune.recompute`."""

    def __call__(self, hidden_1TH: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """As the layer's own, but that the last layer returns the wanted columns."""
        if current() is None:
            return self._own(hidden_1TH, *args, **kwargs)
        learned = kwargs.pop("learned", None)
        if self._attention is not None:
            learned = learned_by(self._attention, hidden_1TH)
        chatglm = isinstance(self._fused, ChatGLMLayer)
        layout = self._row.layout(lambda: _chatglm_layout(*args, **kwargs) if chatglm else _decoder_layout(**kwargs))
        wanted_K = _WANTED.get() if self._last else None
        run = partial(self._fused, layout=layout, wanted_K=wanted_K, learned=learned)
        x_TH, trained = hidden_1TH[0], [x for x in learned or () if x.requires_grad]
        out_1KH = (self.through(run, x_TH, *trained) if self.through else run(x_TH))[None]
        return (out_1KH, None) if chatglm else out_1KH


def _decoder_layout(position_embeddings: tuple[torch.Tensor, torch.Tensor], **_: Any) -> Layout:
    documents = current()
    assert documents is not None
    cos, sin = (x[0, :, : x.shape[-1] // 2] for x in position_embeddings)
    return Layout(documents, [0] * len(documents.bounds), torch.complex(cos.contiguous(), sin.contiguous()))


def _chatglm_layout(cos: torch.Tensor, sin: torch.Tensor, *_: Any, packed: Any, **__: Any) -> Layout:
    documents, prompts = packed
    cos_TP, sin_TP = (x[0].flatten(1) for x in (cos, sin))
    return Layout(documents, prompts, torch.complex(cos_TP, sin_TP))


def decoder_layers(model: Any) -> list[Any]:
    """The first list named `layers` in the model; that it is the decoder's is proved with the rest."""
    for module in model.modules():
        layers = getattr(module, "layers", None)
        if isinstance(layers, nn.ModuleList):
            return list(layers)
    return []


def _fused(layer: Any, config: Any) -> Fused | None:
    """The layer as one function, or None where it is of no known shape."""
    if isinstance(layer, ChatGLMBlock):
        size = layer.attention.head_dim
        parts = 2 if config.position_encoding_2d else 1
        half = size // parts // 2
        pairs = torch.tensor([[p * 2 * half + i, p * 2 * half + half + i] for p in range(parts) for i in range(half)])
        return ChatGLMLayer.of(layer, pairs)
    head_dim = getattr(getattr(layer, "self_attn", None), "head_dim", None)
    if head_dim is None:
        return None
    size = int(head_dim)
    parameters = getattr(config, "rope_parameters", None) or {}
    turned = int(size * parameters.get("partial_rotary_factor", getattr(config, "partial_rotary_factor", None) or 1.0))
    # GLM turns neighbours, the others the two halves of what they turn; a wrong guess would not agree
    if config.model_type in ("glm", "glm4"):
        pairs = torch.arange(turned).view(-1, 2)
    else:
        pairs = torch.arange(turned).view(2, -1).t()
    return DecoderLayer.of(layer, pairs)


def _measured(model: Any, nats: Callable[[Any], torch.Tensor]) -> list[torch.Tensor]:
    """Nats, and the gradients of what is trained; a B of zeros, which would hide A's, is moved for a moment.

    Dropout, of a prefix, is that of one seed.
    """
    moved = [p for name, p in model.named_parameters() if p.requires_grad and not p.any()]
    kept = [p.detach().clone() for p in moved]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in moved:
            p.copy_(torch.randn(p.shape, generator=generator, dtype=p.dtype) * 0.01)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            losses = nats(model)
        losses.sum().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
    finally:
        model.zero_grad(set_to_none=True)
        with torch.no_grad():
            for p, value in zip(moved, kept, strict=True):
                p.copy_(value)
    return [losses.detach(), *gradients]


def _agree(before: list[torch.Tensor], after: list[torch.Tensor], dtype: torch.dtype) -> bool:
    """Whether losses agree in nats and every gradient to a share of its own length: see `_TOLERANCES`.

    Of a gradient that is nothing beside the others, such as that of a key's bias, rounding is all that there is.
    """
    of_losses, of_gradients = _TOLERANCES.get(dtype, _TOLERANCES[torch.float32])
    if len(before) != len(after) or (before[0] - after[0]).abs().max() > of_losses:
        return False
    nothing = 1e-6 * max(float(b.norm()) for b in before[1:])
    return all((a - b).norm() <= of_gradients * b.norm() + nothing for b, a in zip(before[1:], after[1:], strict=True))
