"""How a history is cut, whatever the format."""

from hypothesis import given
from hypothesis import strategies as st

from doctorglm.render.renderer import fit_front


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(0, 200))
def test_the_cut_is_the_first_that_fits_and_a_long_history_is_not_rendered_turn_by_turn(
    lengths: list[int], room: int
) -> None:
    rendered = []

    def ids_from(first: int) -> list[int]:
        rendered.append(first)
        return [first] * sum(lengths[first:])

    fitting = [first for first in range(len(lengths)) if sum(lengths[first:]) <= room]
    found = fit_front(len(lengths), ids_from, room)
    assert found == ((fitting[0], [fitting[0]] * sum(lengths[fitting[0] :])) if fitting else None)
    assert len(rendered) <= 2 + len(lengths).bit_length()
