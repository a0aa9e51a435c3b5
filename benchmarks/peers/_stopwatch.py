"""Where a fused run's time goes: the wall time of its parts, each without what it calls of the others.

On a CPU torch returns from an operation when it is done, so a clock around a call is enough.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch

from doctorglm.tune import loop, loss
from doctorglm.tune.fused import chatglm, decoder
from doctorglm.tune.fused.projection import Projection


class Stopwatch:
    """Seconds by part, from `start` on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []
        for owner, name, part in _PARTS:
            setattr(owner, name, self._timed(getattr(owner, name), part))

    def start(self) -> None:
        """Forgets what came before."""
        self.seconds.clear()

    def shares(self, total: float) -> dict[str, float]:
        """Each part's share of `total` seconds, and the rest."""
        found = {part: seconds / total for part, seconds in self.seconds.items()}
        return found | {"everything else": 1 - sum(found.values())}

    def _timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            began = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                took = time.perf_counter() - began
                self.seconds[part] += took - self._inner.pop()
                if self._inner:
                    self._inner[-1] += took

        return timed


_PARTS: list[tuple[Any, str, str]] = [
    *((Projection, name, "products with the weights") for name in ("forward", "add_to", "input_gradient")),
    (Projection, "gradients", "products of the adapters' gradients"),
    (Projection, "refresh", "merging the adapters"),
    *((module, name, "attention") for module in (decoder, chatglm) for name in ("attend", "attend_backward")),
    *((decoder, f"{name}{way}", "norms and gates") for name in ("rms_norm", "swiglu") for way in ("", "_backward")),
    *((chatglm, f"_layer_norm{way}", "norms and gates") for way in ("", "_backward")),
    (loss, "_supervised_head", "head and loss"),
    (loop, "_update", "optimizer"),
    (torch.nn.utils, "clip_grad_norm_", "optimizer"),
]
