"""Cycles that spans cover together."""

from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.machines.cpu.spans import covered

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda span: (span[0], sum(span))))


@given(SPANS)
def test_covered_cycles_are_those_in_any_span(spans: list[tuple[int, int]]) -> None:
    assert covered(spans) == len({cycle for start, end in spans for cycle in range(start, end)})


def test_cycles_of_two_spans_count_once() -> None:
    assert covered([(1, 3), (2, 5), (7, 7)]) == 4  # 1, 2, 3, 4


def test_spans_of_years_take_no_memory() -> None:
    assert covered([(0, 10**18), (10**17, 2 * 10**18)]) == 2 * 10**18
