"""Rotary positions as one complex product, from the projection's output to heads that attention reads as they lie.

Every published variant turns pairs of a head's dimensions by angles; they differ in which dimensions make a pair. The
order of the pairs is folded into the rows of the query and key projections, which scores do not notice, so that pairs lie
side by side and are one complex number.
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
    y_TO: torch.Tensor, turn_TP: torch.Tensor, kv_heads: int, group: int, size: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """[M,T*G,D] queries and [M,T,D] keys, turned, and [M,T,D] values, of a row [queries | keys | values]."""
    tokens = len(y_TO)
    queries, keys = kv_heads * group * size, kv_heads * size
    q_TMGD = y_TO[:, :queries].unflatten(1, (kv_heads, group, size))
    k_TM1D = y_TO[:, queries : queries + keys].unflatten(1, (kv_heads, 1, size))
    v_TMD = y_TO[:, queries + keys :].unflatten(1, (kv_heads, size))
    q_MTGD = y_TO.new_empty(kv_heads, tokens, group, size)
    k_MT1D = y_TO.new_empty(kv_heads, tokens, 1, size)
    _turn(q_TMGD, turn_TP, q_MTGD.transpose(0, 1))
    _turn(k_TM1D, turn_TP, k_MT1D.transpose(0, 1))
    return q_MTGD.flatten(1, 2), k_MT1D.flatten(1, 2), v_TMD.transpose(0, 1).contiguous()


def heads_backward(
    dq_MQD: torch.Tensor, dk_MTD: torch.Tensor, dv_MTD: torch.Tensor, turn_TP: torch.Tensor
) -> torch.Tensor:
    """[T,O]: the gradient of the row that `heads_of` was given."""
    kv_heads, tokens, size = dk_MTD.shape
    group = dq_MQD.shape[1] // tokens
    queries, keys = kv_heads * group * size, kv_heads * size
    dy_TO = dq_MQD.new_empty(tokens, queries + 2 * keys)
    back_TP = turn_TP.conj().resolve_conj()
    q = dq_MQD.unflatten(1, (tokens, group)).transpose(0, 1)
    _turn(q, back_TP, dy_TO[:, :queries].unflatten(1, (kv_heads, group, size)))
    k = dk_MTD[:, :, None].transpose(0, 1)
    _turn(k, back_TP, dy_TO[:, queries : queries + keys].unflatten(1, (kv_heads, 1, size)))
    dy_TO[:, queries + keys :].unflatten(1, (kv_heads, size)).copy_(dv_MTD.transpose(0, 1))
    return dy_TO


def _turn(x_TMGD: torch.Tensor, turn_TP: torch.Tensor, out_TMGD: torch.Tensor) -> None:
    """Writes x to `out` with its first 2P dimensions turned."""
    turned = 2 * turn_TP.shape[1]
    torch.mul(_complex(x_TMGD[..., :turned]), turn_TP[:, None, None], out=_complex(out_TMGD[..., :turned]))
    if turned < x_TMGD.shape[-1]:
        out_TMGD[..., turned:] = x_TMGD[..., turned:]


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x.unflatten(-1, (-1, 2)))
