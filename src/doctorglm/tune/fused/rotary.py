"""Rotary positions as one complex product.

Every published variant turns pairs of a head's dimensions by angles; they differ in which dimensions make a pair. The
order of the pairs is folded into the rows of the query and key projections, which scores do not notice, so that pairs
lie side by side and are one complex number.
Shapes: D head size, P pairs that turn (2P <= D).
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


def turn(x: torch.Tensor, by: torch.Tensor, out: torch.Tensor, scale: float = 1.0) -> None:
    """Writes x [...,D] to `out` with its first 2P dimensions turned; `by` is complex [...,P] and broadcasts.

    The others are scaled; a scale of those that turn is within `by`.
    """
    turned = 2 * by.shape[-1]
    torch.mul(_complex(x[..., :turned]), by, out=_complex(out[..., :turned]))
    if turned < x.shape[-1]:
        torch.mul(x[..., turned:], scale, out=out[..., turned:])


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x.unflatten(-1, (-1, 2)))
