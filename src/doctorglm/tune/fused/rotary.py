"""Rotary positions as one complex product, from the projection's output to heads that attention reads as they lie.

Every published variant turns pairs of a head's dimensions by angles; they differ in which dimensions make a pair. The
order of the pairs is folded into the rows of the query and key projections, which scores do not notice, so that pairs
lie side by side and are one complex number.
Shapes: T tokens, M heads of keys and values, G heads of queries for each, D head size, P pairs that turn (2P <= D).
Source: RoFormer, arXiv 2104.09864.
"""

import torch


def rows_of_pairs(heads: int, size: int, pairs: torch.Tensor) -> torch.Tensor:
    """(heads*size,) the rows of a projection in the order: first and second dimension of each pair, then the others.

    `pairs` is (P, 2), the dimensions of a head that turn together.
    """
    turned = pairs.flatten()
    others = torch.tensor([d for d in range(size) if d not in set(turned.tolist())], dtype=torch.long)
    return (torch.arange(heads)[:, None] * size + torch.cat((turned, others))).flatten()


def heads_of(
    q_TO: torch.Tensor, k_TO: torch.Tensor, v_TO: torch.Tensor, turn_TP: torch.Tensor, kv_heads: int, size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """[M,T*G,D] queries and [M,T,D] keys, turned, and [M,T,D] values, of the three projections' outputs."""
    q_TMGD, k_TM1D = q_TO.unflatten(1, (kv_heads, -1, size)), k_TO.unflatten(1, (kv_heads, 1, size))
    q_MTGD, k_MT1D = (x.new_empty(kv_heads, len(x), *x.shape[2:]) for x in (q_TMGD, k_TM1D))
    _turn(q_TMGD, turn_TP, q_MTGD.transpose(0, 1))
    _turn(k_TM1D, turn_TP, k_MT1D.transpose(0, 1))
    v_MTD = v_TO.unflatten(1, (kv_heads, size)).transpose(0, 1).contiguous()
    return q_MTGD.flatten(1, 2), k_MT1D.flatten(1, 2), v_MTD


def heads_backward(
    dq: list[torch.Tensor], dk: list[torch.Tensor], dv: list[torch.Tensor], turn_TP: torch.Tensor
) -> list[torch.Tensor]:
    """The gradients of what `heads_of` was given; dq, dk and dv are those of one document after another."""
    kv_heads, length, size = dk[0].shape
    group, tokens = dq[0].shape[1] // length, len(turn_TP)
    dq_TMGD, dk_TM1D = (dq[0].new_empty(tokens, kv_heads, g, size) for g in (group, 1))
    dv_TMD = dv[0].new_empty(tokens, kv_heads, size)
    back_TP, start = turn_TP.conj().resolve_conj(), 0
    for q, k, v in zip(dq, dk, dv, strict=True):
        piece = slice(start, start := start + k.shape[1])
        _turn(q.unflatten(1, (-1, group)).transpose(0, 1), back_TP[piece], dq_TMGD[piece])
        _turn(k[:, :, None].transpose(0, 1), back_TP[piece], dk_TM1D[piece])
        dv_TMD[piece] = v.transpose(0, 1)
    return [x.flatten(1) for x in (dq_TMGD, dk_TM1D, dv_TMD)]


def _turn(x_TMGD: torch.Tensor, turn_TP: torch.Tensor, out_TMGD: torch.Tensor) -> None:
    """Writes x to `out` with its first 2P dimensions turned."""
    turned = 2 * turn_TP.shape[1]
    torch.mul(_complex(x_TMGD[..., :turned]), turn_TP[:, None, None], out=_complex(out_TMGD[..., :turned]))
    if turned < x_TMGD.shape[-1]:
        out_TMGD[..., turned:] = x_TMGD[..., turned:]


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x.unflatten(-1, (-1, 2)))
