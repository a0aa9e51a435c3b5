"""A token's attention to keys and values that wait in float16, widened in registers and nowhere else.

Widening them for torch's own attention would write, for every token, all that was ever said, in 32 bits.
Shapes: B rows, N heads, T columns, D head size.
"""

import torch

from doctorglm.models.decoding.compiled import kernels, threads_of_torch

MULTIPLE = 64
"""Of which D must be one."""


def attend_one(
    q_BN1D: torch.Tensor, k_BNTD: torch.Tensor, v_BNTD: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor | None:
    """softmax(q k' / sqrt(D) + mask) v, [B,N,1,D] float32, without a gradient; None for what this is not made for.

    Keys and values are float16, each head's in one piece, as many heads as there are queries; `mask` is
    [B or 1,1,1,T] float32.
    """
    rows, heads, count, size = q_BN1D.shape
    columns = k_BNTD.shape[2]
    if count != 1 or size % MULTIPLE or q_BN1D.dtype != torch.float32 or q_BN1D.requires_grad:
        return None
    if any(x.dtype != torch.float16 or x.device.type != "cpu" or not _in_pieces(x) for x in (k_BNTD, v_BNTD)):
        return None
    if k_BNTD.shape[:2] != (rows, heads) or torch.compiler.is_compiling() or (compiled := kernels()) is None:
        return None
    if mask is not None:
        if mask.dtype != torch.float32 or mask.shape[1:] != (1, 1, columns):
            return None
        mask = mask.contiguous()
    q_BN1D = q_BN1D.contiguous()
    out_BN1D = torch.empty_like(q_BN1D)
    failed = compiled.attend(
        threads_of_torch(),
        torch.get_num_threads(),
        *(q_BN1D.data_ptr(), k_BNTD.data_ptr(), v_BNTD.data_ptr()),
        mask.data_ptr() if mask is not None else None,
        out_BN1D.data_ptr(),
        *(rows * heads, columns, size),
        *(k_BNTD.stride(1), v_BNTD.stride(1)),
        rows * heads if mask is None or len(mask) == 1 else heads,
    )
    return None if failed else out_BN1D


def _in_pieces(x_BNTD: torch.Tensor) -> bool:
    """Whether a head's columns follow one another, and heads are equally far apart."""
    rows, heads, _, size = x_BNTD.shape
    row, head, column, one = x_BNTD.stride()
    return (one, column) == (1, size) and (rows == 1 or row == heads * head)
