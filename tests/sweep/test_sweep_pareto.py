"""The front of a sweep against its definition, by comparing every pair."""

from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.sweep.pareto import front

FEW = st.integers(0, 6)  # so that many points are equal in something


def beats(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@given(st.lists(st.tuples(FEW, FEW)) | st.lists(st.tuples(FEW, FEW, FEW)))
def test_front_is_what_no_other_point_beats(points: list[tuple[int, ...]]) -> None:
    expected = {place for place, point in enumerate(points) if not any(beats(p, point) for p in points)}
    found = front(points)
    assert set(found) == expected and len(found) == len(expected)


@given(st.lists(st.tuples(FEW, FEW, FEW)))
def test_front_comes_in_the_order_of_its_values(points: list[tuple[int, ...]]) -> None:
    values = [points[place] for place in front(points)]
    assert values == sorted(values)
