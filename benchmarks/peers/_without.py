"""The fused layers with one of their parts taken out, so that benchmarks/tune_cpu.py can show what each is worth.

Every switch puts the plain way in its place; the losses stay those of the whole.
"""

from collections.abc import Sequence
from typing import Any

import torch

from doctorglm.models import products
from doctorglm.models.products import product
from doctorglm.tune import loop, loss
from doctorglm.tune.fused import attention, chatglm, decoder, install
from doctorglm.tune.fused.projection import Projection


def take_out(names: Sequence[str]) -> None:
    """Before the model is fused."""
    for name in names:
        SWITCHES[name]()


def compile_pointwise() -> None:
    """The decoder's norms and gates by torch.compile; ChatGLM-6B's are one operation each already."""
    for name in ("rms_norm", "rms_norm_backward", "swiglu", "swiglu_backward"):
        setattr(decoder, name, torch.compile(getattr(decoder, name), dynamic=True))


def _onednn() -> None:
    products._has_onednn = lambda: False


def _attention_by_products() -> None:
    attention.LONGEST_BY_PRODUCTS = 0


def _head_in_slices() -> None:
    loss.has_fused_head = lambda model: False


def _last_layer_where_needed() -> None:
    install.wanted = loss.wanted = lambda places: _Nothing()


def _merged_adapters() -> None:
    for module in (decoder, chatglm):
        module.Projection = _Beside


def _no_gradient_below() -> None:
    own = loop.token_nats

    def with_one(model: Any, batch: Any) -> torch.Tensor:
        embeddings = model.get_input_embeddings()
        handle = embeddings.register_forward_hook(lambda _module, _args, out: out.requires_grad_(True))
        try:
            return own(model, batch)
        finally:
            handle.remove()

    loop.token_nats = with_one


SWITCHES = {
    "oneDNN's products": _onednn,
    "attention by products": _attention_by_products,
    "head in slices": _head_in_slices,
    "last layer where needed": _last_layer_where_needed,
    "adapters merged once a step": _merged_adapters,
    "no gradient below the first adapter": _no_gradient_below,
}


class _Nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


class _Beside(Projection):
    """Adapters computed beside the frozen weights, as PEFT does, in the same one function."""

    def _merge(self) -> None:
        for part in self._parts:
            part.weight = torch.empty_like(part.frozen)
        super()._merge()
        for part in self._parts:
            part.weight = part.frozen

    def _a(self, member: int) -> torch.Tensor:
        """(R, I) of one member."""
        assert self._a_RI is not None
        ranks = [a.shape[0] for i in self._adapted if (a := self.members[i].a) is not None]
        return self._a_RI.split(ranks)[self._adapted.index(member)]

    def forward(self, x_TI: torch.Tensor) -> list[torch.Tensor]:
        """[T,O] of each part."""
        outs = super().forward(x_TI)
        return [self._with_adapter(out, x_TI, part) for out, part in zip(outs, self._parts, strict=True)]

    def add_to(self, residual_TO: torch.Tensor, x_TI: torch.Tensor) -> torch.Tensor:
        """residual + the map of x."""
        return self._with_adapter(super().add_to(residual_TO, x_TI), x_TI, self._parts[0])

    def _with_adapter(self, out: torch.Tensor, x_TI: torch.Tensor, part: Any) -> torch.Tensor:
        if part.scaled_b is None:
            return out
        return product(product(x_TI, self._a(part.member)), part.scaled_b.t(), None, out)

    def input_gradient(self, dys: Sequence[torch.Tensor], residual_TI: torch.Tensor | None = None) -> torch.Tensor:
        """[T,I], added to that of the residual."""
        out = super().input_gradient(dys, residual_TI)
        for part, dy in zip(self._parts, dys, strict=True):
            if part.scaled_b is not None:
                out = product(product(dy, part.scaled_b), self._a(part.member).t(), None, out)
        return out
