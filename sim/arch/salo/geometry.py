"""The geometry of the array: which key a PE sees. Every other file that needs it asks here.

Keys enter a segment of columns at its top and left edges and move a PE down and right per cycle, so all PEs
of one diagonal see the same key. A slot is one diagonal, counted from the top right corner of the segment::

    slot         column 0  1  2        3 rows, segments of 3 columns: 5 slots
       row 0            2  1  0
       row 1            3  2  1
       row 2            4  3  2        the bottom row is what the global rows see

The circuit calls it as it is, kernels by way of `sim.salo.geometry`.
"""

from __future__ import annotations


def slot_of(row: int, col: int, segment_cols: int) -> int:
    """Return the slot, of the segment of column `col`, that the PE in `row` of that column sees."""
    return row + segment_cols - 1 - col % segment_cols
