"""What stands between a decoder layer's matrix products, compiled: norms, rotation, activations and residuals.

Products and attention are kernels of their own and stay out of it (`torch.compiler.disable`); what is left is bound by
memory, and one compiled kernel reads and writes once where eager torch takes a pass for each operation. The launches
themselves matter little: some fifty a layer each way, of about 5 us, lie within the products of a wide layer over some
thousand tokens, which take milliseconds; so there are no CUDA graphs, which would need every row to have one length.
Source: https://docs.pytorch.org/docs/stable/generated/torch.compile.html
"""

from collections.abc import Callable
from typing import Any

import torch

from doctorglm.runs import note
from doctorglm.tune.fused.install import decoder_layers, replaced

_BACKEND = "inductor"


def compile_layers(model: Any, nats: Callable[[Any], torch.Tensor]) -> int:
    """Compiles the decoder layers that are not fused already, and returns how many those are; else says why not.

    None is where one cannot be compiled, or where losses and gradients of `nats(model)`, as in `fuse`, then differ.
    """
    layers = [layer for layer in decoder_layers(model) if "forward" not in vars(layer)]
    if not layers:
        return 0
    compiled = [(layer, torch.compile(layer.forward, dynamic=True, backend=_BACKEND)) for layer in layers]
    try:
        count = replaced(model, nats, compiled, head=False)
        reason = "losses or gradients differ"
    except Exception as error:  # torch raises many kinds, and none of them should end a run that can go on without
        for layer in layers:
            vars(layer).pop("forward", None)
        model.zero_grad(set_to_none=True)
        count, reason = 0, " ".join(str(error).split())[:200] or type(error).__name__
    if not count:
        note(
            en=f"compile: layers stay as they are ({reason}). compile=false saves the time that this took.",
            zh=f"compile：各层保持原样（{reason}）。设 compile=false 可省去编译所花的时间。",
        )
    return count
