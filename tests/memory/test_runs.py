"""Runs of equally spaced rows, against the rows that they stand for."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tandemsim.sim.memory.runs import runs

ROWS = st.lists(st.integers(0, 60), unique=True, max_size=30).map(sorted)


@given(ROWS)
def test_runs_are_the_rows_in_order(rows: list[int]) -> None:
    moved = [
        first + step * place
        for first, count, step in runs(np.array(rows, np.int64))
        for place in range(count)
    ]
    assert moved == rows


@given(ROWS)
def test_no_run_could_take_the_first_row_of_the_next(rows: list[int]) -> None:
    pieces = runs(np.array(rows, np.int64))
    for (first, count, step), (following, _, _) in zip(pieces, pieces[1:], strict=False):
        assert following != first + count * step


def test_equal_steps_are_one_run() -> None:
    assert runs(np.arange(5, 65, 3)) == [(5, 20, 3)]
