"""Joining slices keeps what they sum to and where they lie, and leaves as few as asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.report.timeline_levels import JOINED, Slices, concatenated, join_each, join_runs, size_for

ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(0, 9), st.integers(0, 99)), max_size=40
)


def made(rows: list[tuple[int, int, int, int]]) -> Slices:
    """Slices from (label, start, length, bytes), in the order of their starts."""
    label, start, length, size = np.array(sorted(rows, key=lambda row: row[1]), np.int64).reshape(-1, 4).T
    return Slices(
        label=label, start=start, end=start + length, arguments={"bytes": size, "tile": np.arange(len(size))}
    )


@given(ROWS, st.integers(1, 9))
def test_joined_slices_keep_every_byte_and_every_cycle_in_which_one_was_at_work(rows, size: int) -> None:
    before, after = made(rows), join_each(made(rows), size)
    assert after.arguments["bytes"].sum() == before.arguments["bytes"].sum()
    assert after.arguments.get(JOINED, np.ones(len(after))).sum() == len(before)
    assert (np.diff(after.start) >= 0).all()
    for label, start, length, _ in rows:
        covering = (after.label == label) & (after.start <= start) & (after.end >= start + length)
        assert covering.any()


@given(ROWS, st.integers(1, 9))
def test_each_so_many_slices_of_a_name_become_one_that_begins_and_ends_with_them(rows, size: int) -> None:
    before, after = made(rows), join_each(made(rows), size)
    for label in range(3):
        mine, found = before.chosen(before.label == label), after.chosen(after.label == label)
        groups = [slice(first, first + size) for first in range(0, len(mine), size)]
        assert found.start.tolist() == [mine.start[group].min() for group in groups]
        assert found.end.tolist() == [mine.end[group].max() for group in groups]
        assert found.arguments["tile"].tolist() == [mine.arguments["tile"][group][0] for group in groups]


@given(st.lists(st.tuples(ROWS, st.integers(1, 5)), min_size=1, max_size=3), st.integers(1, 60))
def test_no_more_are_left_than_asked_for_and_no_more_is_joined_than_needed(layers, most: int) -> None:
    every = [(made(rows), times) for rows, times in layers]

    def left(size: int) -> int:
        return sum(len(join_each(slices, size)) * times for slices, times in every)

    size = size_for(every, most)
    names = sum(len(set(slices.label.tolist())) * times for slices, times in every)
    assert left(size) <= max(most, names)
    assert size == 1 or left(size // 2) > most


@given(ROWS.filter(bool), st.data())
def test_runs_are_joined_where_they_are_said_to_begin(rows, data) -> None:
    slices = made(rows)
    new = np.array(
        [True, *data.draw(st.lists(st.booleans(), min_size=len(rows) - 1, max_size=len(rows) - 1))]
    )
    joined = join_runs(slices, new)
    assert len(joined) == new.sum() and joined.arguments[JOINED].sum() == len(rows)
    assert joined.arguments["bytes"].tolist() == [
        part.sum() for part in np.split(slices.arguments["bytes"], np.flatnonzero(new)[1:])
    ]


def test_nothing_joins_to_nothing() -> None:
    none = made([])
    assert len(join_each(none, 4)) == len(join_runs(none, np.array([], bool))) == len(concatenated([])) == 0


def test_slices_move_to_where_their_layer_starts() -> None:
    moved = made([(0, 5, 2, 1)]).at(100)
    assert (moved.start.tolist(), moved.end.tolist()) == ([105], [107])


@pytest.mark.parametrize("rows", [[(0, 0, 1, 0), (1, 5, 1, 0)]])
def test_parts_are_concatenated_in_their_order(rows) -> None:
    both = concatenated([made(rows), made(rows[:1])])
    assert both.label.tolist() == [0, 1, 0] and both.arguments["tile"].tolist() == [0, 1, 0]
