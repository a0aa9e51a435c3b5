"""Products of frozen weights with few rows of x, by compiled code where this machine can have it.

Values are those of the widened or unpacked weight, to float32's rounding.
Shapes: T rows of x, I inputs, O outputs.
"""

import torch

from doctorglm.models.decoding.compiled import kernels, threads_of_torch
from doctorglm.models.quantized.formats import Quantization

MOST_ROWS = 16
"""More rows than this are quicker by tiles."""

MULTIPLE = 128
"""Of which I must be one; every published model's are."""

_KINDS: dict[torch.dtype | str, int] = {torch.float16: 0, torch.bfloat16: 1, "int4": 4, "int8": 8}


def few_rows(
    x_TI: torch.Tensor,
    weight: torch.Tensor,
    bias_O: torch.Tensor | None,
    scale_O: torch.Tensor | None = None,
    kind: Quantization | None = None,
) -> torch.Tensor | None:
    """x W' + bias, [T,O] float32, without a gradient; None for what this is not made for.

    `weight` is [O,I] in half precision, or packed as `kind` with a float32 scale an output.
    """
    count, inputs = x_TI.shape
    number = _KINDS.get(kind or weight.dtype)
    if number is None or not 0 < count <= MOST_ROWS or inputs % MULTIPLE or x_TI.dtype != torch.float32:
        return None
    held = [tensor for tensor in (weight, bias_O, scale_O) if tensor is not None]
    if any(tensor.device.type != "cpu" or not tensor.is_contiguous() for tensor in (x_TI, *held)):
        return None
    if any(tensor.dtype != torch.float32 for tensor in (bias_O, scale_O) if tensor is not None):
        return None
    if torch.compiler.is_compiling() or (compiled := kernels()) is None:
        return None
    out_TO = x_TI.new_empty(count, len(weight))
    failed = compiled.rows(
        threads_of_torch(),
        torch.get_num_threads(),
        number,
        weight.data_ptr(),
        scale_O.data_ptr() if scale_O is not None else None,
        bias_O.data_ptr() if bias_O is not None else None,
        x_TI.data_ptr(),
        out_TO.data_ptr(),
        *(count, len(weight), inputs),
    )
    return None if failed else out_TO


def wants_gradient(x: torch.Tensor, bias: torch.Tensor | None) -> bool:
    """Whether the product has to be remembered for a way back."""
    return torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad))
