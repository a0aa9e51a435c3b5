"""`Projection` for weights that are packed: unpacked a tile of rows at a time, merged in the cache, multiplied, let go.

Adapters and the norm's weight are merged into each tile, which costs R and 1 operations a weight where a product costs
as many as the row has tokens; a column of the output goes to its place in the order of the parts. Nothing unpacked is
kept, neither between calls nor for the way back.
Shapes: T tokens, I inputs, O outputs of one member, R rank; U rows of a tile.
"""

from collections.abc import Iterator, Sequence

import torch

from doctorglm.models.products import product
from doctorglm.tune.fused.projection import Member, Part, Projection


class PackedProjection(Projection):
    """Members that read one input, all of them packed."""

    def __init__(
        self,
        members: Sequence[Member],
        parts: Sequence[tuple[int, torch.Tensor | None]] | None = None,
        norm_I: torch.Tensor | None = None,
    ) -> None:
        super().__init__(members, parts, norm_I)
        self._places = [self._place(i) for i in range(len(members))]

    def _place(self, member: int) -> torch.Tensor | None:
        """(O,) the place of each row of a member in the order of its parts; None where that is its own."""
        orders = [part.rows for part in self._parts if part.member == member]
        if orders == [None]:
            return None
        order = torch.cat([rows for rows in orders if rows is not None])
        return None if torch.equal(order, torch.arange(len(order))) else order.argsort()

    def _frozen(self, member: Member, rows: torch.Tensor | None) -> torch.Tensor:
        return member.weight  # packed as it is

    def _merge_into(self, part: Part, b_OR: torch.Tensor, a_RI: torch.Tensor, scale: float) -> None:
        """Nothing: each tile is merged when it is unpacked."""

    def forward(self, x_TI: torch.Tensor) -> list[torch.Tensor]:
        """[T,O] of each part."""
        return [out for i in range(len(self.members)) for out in self._apart(i, self._times(i, x_TI, None))]

    def add_to(self, residual_TO: torch.Tensor, x_TI: torch.Tensor) -> torch.Tensor:
        """residual + the map of x, where there is one part, [T,O]."""
        assert len(self._parts) == 1
        return self._times(0, x_TI, residual_TO)

    def input_gradient(self, dys: Sequence[torch.Tensor], residual_TI: torch.Tensor | None = None) -> torch.Tensor:
        """[T,I], added to that of the residual; `dys` are the gradients of the parts' outputs."""
        dx_TI = residual_TI
        for i, place_O in enumerate(self._places):
            of_member = [dy for part, dy in zip(self._parts, dys, strict=True) if part.member == i]
            dy_TO = of_member[0] if len(of_member) == 1 else torch.cat(of_member, 1)
            for rows, tile_UI in self._tiles(i, dy_TO):
                dy_TU = dy_TO[:, rows].contiguous() if place_O is None else dy_TO.index_select(1, place_O[rows])
                dx_TI = product(dy_TU, tile_UI.t(), None, dx_TI)
        assert dx_TI is not None
        return dx_TI

    def _times(self, member: int, x_TI: torch.Tensor, add_TO: torch.Tensor | None) -> torch.Tensor:
        """[T,O], its columns in the order of the parts."""
        of, place_O = self.members[member], self._places[member]
        assert of.packed is not None
        out_TO = x_TI.new_empty(len(x_TI), of.packed.out_features)
        for rows, tile_UI in self._tiles(member, x_TI):
            bias = None if of.bias is None else of.bias.detach()[rows]
            added = None if add_TO is None else add_TO[:, rows].contiguous()
            y_TU = product(x_TI, tile_UI, bias, added)
            if place_O is None:
                out_TO[:, rows] = y_TU
            else:
                out_TO.index_copy_(1, place_O[rows], y_TU)
        return out_TO

    def _apart(self, member: int, y_TO: torch.Tensor) -> list[torch.Tensor]:
        """Each part of a member, dense."""
        sizes = [len(part.rows) for part in self._parts if part.member == member and part.rows is not None]
        return [y_TO] if len(sizes) < 2 else [part.contiguous() for part in y_TO.split(sizes, 1)]

    def _tiles(self, member: int, like: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Rows, and those rows of the merged weight; the next ones are written over them."""
        of = self.members[member]
        assert of.packed is not None
        for rows, tile_UI in of.packed.tiles(like):
            if of.a is not None and of.b is not None:
                tile_UI.addmm_(of.b.detach()[rows], of.a.detach(), alpha=of.scale)
            if self._norm_I is not None:
                tile_UI *= self._norm_I
            yield rows, tile_UI


def projection(
    members: Sequence[Member],
    parts: Sequence[tuple[int, torch.Tensor | None]] | None = None,
    norm_I: torch.Tensor | None = None,
) -> Projection:
    """The kind of projection that the members' weights ask for; a mixture has none, and is refused by `mixed`."""
    kind = Projection if members[0].packed is None else PackedProjection
    return kind(members, parts, norm_I)


def mixed(members: Sequence[Member]) -> bool:
    """Whether some weights are packed and others are not."""
    return len({member.packed is None for member in members}) > 1
