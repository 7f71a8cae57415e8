"""Which key a PE sees: keys enter a segment at its top and left edges and move a PE down and right."""

from __future__ import annotations

import pytest

from tandemsim.sim.salo.geometry import slot_of

SIZES = pytest.mark.parametrize("rows, segment_cols", [(1, 1), (1, 4), (5, 1), (3, 3), (4, 6), (7, 2)])


@SIZES
def test_a_key_moves_one_pe_down_and_right(rows: int, segment_cols: int) -> None:
    for row in range(rows - 1):
        for col in range(segment_cols - 1):
            assert slot_of(row + 1, col + 1, segment_cols) == slot_of(row, col, segment_cols)


@SIZES
def test_each_slot_enters_at_one_place_of_the_edges(rows: int, segment_cols: int) -> None:
    top = [slot_of(0, col, segment_cols) for col in range(segment_cols)]
    left = [slot_of(row, 0, segment_cols) for row in range(1, rows)]
    assert sorted(top + left) == list(range(rows + segment_cols - 1))


@SIZES
def test_segments_see_their_slots_alike(rows: int, segment_cols: int) -> None:
    for row in range(rows):
        for col in range(segment_cols):
            assert slot_of(row, 2 * segment_cols + col, segment_cols) == slot_of(row, col, segment_cols)


def test_the_column_of_the_lowest_offset_is_the_last() -> None:
    assert [slot_of(0, col, 4) for col in range(4)] == [3, 2, 1, 0]
