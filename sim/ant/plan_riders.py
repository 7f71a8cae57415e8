"""Loads what riding ops read beside the array's results: residuals, biases, parameters of norms."""

from __future__ import annotations

from collections.abc import Hashable

from tandemsim.sim.ant.layers import Attention, Product
from tandemsim.sim.ant.loop import Queue
from tandemsim.sim.ant.planner import Planner


def once_bytes(planner: Planner, tensor: int, elements: int, capacity: int) -> int:
    """Return the bytes of what is read once for a layer of so many results; 0 of what goes with the tiles.

    `capacity`: bytes of the residual scratchpad.
    """
    size = -(-planner.lowering.elements(tensor) * planner.read_bits(tensor) // 8)
    small = size * 8 <= capacity
    return size if small and planner.lowering.elements(tensor) < elements else 0


def load_riders(
    planner: Planner, place: int, layer: Product | Attention, task: int, row: int, rows: int, col: int,
    cols: int, all_rows: int, all_cols: int,
) -> None:  # fmt: skip
    """Load what a tile of results needs, of `rows` rows from `row` on and `cols` columns from `col` on."""
    for tensor in layer.operands:
        elements, bits = planner.lowering.elements(tensor), planner.read_bits(tensor)
        base, size, part = planner.at(tensor, bits), max(1, cols * bits // 8), 1.0
        planner.plans[place].count("residual", rows * cols * bits // 8, 0)
        once = once_bytes(planner, tensor, all_rows * all_cols, planner.riding.capacity)
        key: Hashable
        if once:
            key, run = (place, "B", tensor), (base, 1, once, once)
        elif elements == all_cols:  # of each column one, such as a long bias
            key, run = (place, "R", tensor, col), (base + col * bits // 8, 1, size, size)
        else:
            start = base + (row * all_cols + col) * bits // 8 % max(1, elements * bits // 8)
            whole = (start, 1, size * rows, size)
            run = whole if cols == all_cols else (start, rows, size, max(size, all_cols * bits // 8))
            key, part = (place, "R", tensor, row, col), (row + rows) / all_rows
        planner.load(Queue.ACTIVATION, key, tensor, task, run, part, planner.riding)
