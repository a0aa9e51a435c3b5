"""What stands between the matrix products: norms and gates, forward and backward, in as few passes as eager torch has.

Shapes: T tokens, H width, I inner width.
Source: RMSNorm, arXiv 1910.07467; SwiGLU, arXiv 2002.05202.
"""

import torch
import torch.nn.functional as F


def rms_norm(x_TH: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """x over its root mean square, without the norm's weight; and [T,1], one over that."""
    norm_T1 = torch.linalg.vector_norm(x_TH, dim=-1, keepdim=True)
    rstd_T1 = norm_T1.square_().div_(x_TH.shape[-1]).add_(eps).rsqrt_()
    return x_TH * rstd_T1, rstd_T1


def rms_norm_backward(
    dy_TH: torch.Tensor, y_TH: torch.Tensor, rstd_T1: torch.Tensor, residual_TH: torch.Tensor
) -> torch.Tensor:
    """The gradient of x, added to that of the residual."""
    shared_T1 = (dy_TH * y_TH).mean(-1, keepdim=True).neg_()
    return torch.addcmul(residual_TH, torch.addcmul(dy_TH, y_TH, shared_T1), rstd_T1)


def head_norm(
    x_TO: torch.Tensor, weight_D: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """RMSNorm of every head by itself, [T,O]; and what its way back needs."""
    y_PD, rstd_P1 = rms_norm(x_TO.reshape(-1, len(weight_D)), eps)
    return (y_PD * weight_D).view(x_TO.shape), y_PD, rstd_P1


def head_norm_backward(
    dy_TO: torch.Tensor, weight_D: torch.Tensor, y_PD: torch.Tensor, rstd_P1: torch.Tensor
) -> torch.Tensor:
    """[T,O]; P heads of all tokens."""
    dy_PD = dy_TO.reshape(y_PD.shape) * weight_D
    shared_P1 = (dy_PD * y_PD).mean(-1, keepdim=True).neg_()
    return torch.addcmul(dy_PD, y_PD, shared_P1).mul_(rstd_P1).view(dy_TO.shape)


def swiglu(gate_TI: torch.Tensor, up_TI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """silu(gate) * up, [T,I], and silu(gate)."""
    silu = F.silu(gate_TI)
    return silu * up_TI, silu


def swiglu_backward(
    da_TI: torch.Tensor, gate_TI: torch.Tensor, up_TI: torch.Tensor, silu_TI: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What `swiglu` gave, made again, and the gradients of gate and up; all that is given but `gate_TI` is used up."""
    dup = da_TI * silu_TI
    silu_TI.mul_(up_TI)
    dgate: torch.Tensor = torch.ops.aten.silu_backward(da_TI.mul_(up_TI), gate_TI)
    return silu_TI, dgate, dup
