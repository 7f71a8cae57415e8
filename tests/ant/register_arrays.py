"""Both arrays register by register in numpy, told only which word enters in which cycle: an oracle.

Independent of the units of `sim.ant`: operands are plain integers, and nothing is wrapped, decoded or joined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Integers

Words = Mapping[int, Integers]  # by the cycle in which they enter


def weight_stationary(
    rows: int, cols: int, activations: Words, swaps: set[int], weights: Words
) -> dict[tuple[int, int], int]:
    """Return the psums below each column, by (cycle, column)."""
    last = max([*activations, *weights]) + rows + cols + 2
    used, waiting = np.zeros((rows, cols), np.int64), np.zeros((rows, cols), np.int64)
    need = np.ones((rows, cols), np.bool_)
    right = np.zeros((rows, cols), np.int64)  # registers that pass activations on
    swapping = np.zeros((rows, cols), np.bool_)
    down, valid = np.zeros((rows, cols), np.int64), np.zeros((rows, cols), np.bool_)
    psum = np.zeros((rows, cols), np.int64)
    nothing = np.zeros(rows, np.int64), np.zeros(cols, np.int64)
    below = {}
    for cycle in range(last):
        left = np.array([activations.get(cycle - row, nothing[0])[row] for row in range(rows)])
        above = np.array([weights.get(cycle - col, nothing[1])[col] for col in range(cols)])
        came = np.array([cycle - col in weights for col in range(cols)])
        begins = np.array([cycle - row in swaps for row in range(rows)])
        for col in range(cols):
            below[cycle, col] = int(psum[-1, col])
        act_in = np.hstack([left[:, None], right[:, :-1]])
        swap_in = np.hstack([begins[:, None], swapping[:, :-1]])
        weight_in, valid_in = np.vstack([above, down[:-1]]), np.vstack([came, valid[:-1]])
        psum_in = np.vstack([np.zeros(cols, np.int64), psum[:-1]])
        used = np.where(swap_in, waiting, used)
        need = need | swap_in
        keeps = valid_in & need
        waiting, need = np.where(keeps, weight_in, waiting), need & ~keeps
        psum = psum_in + act_in * used
        right, swapping, down, valid = act_in, swap_in, weight_in, valid_in & ~keeps
    return below


class Pair(NamedTuple):
    """What enters an output-stationary array in a cycle."""

    activations: Integers
    weights: Integers
    first: bool
    last: bool
    rows: int  # of its tile


class MeetingError(AssertionError):
    """Two results came to one place, or one passed another that waits."""


def output_stationary(rows: int, cols: int, pairs: Mapping[int, Pair]) -> dict[tuple[int, int], int]:
    """Return the results that leave each column, by (cycle, column). Raises `MeetingError`."""
    goes = {cycle + pair.rows for cycle, pair in pairs.items() if pair.last}
    total = np.zeros((rows, cols), np.int64)
    places: list[list[int | None]] = [[None] * cols for _ in range(rows)]
    moving = np.zeros((rows, cols), np.bool_)
    out = {}
    for cycle in range(max(pairs) + 3 * rows + cols + 2):
        for col in range(cols):
            leaves = moving[:, col] | (cycle - col in goes)
            new: list[int | None] = [None] * rows
            stays = np.zeros(rows, np.bool_)
            for row in range(rows):
                if places[row][col] is None:
                    continue
                at = row + 1 if leaves[row] else row
                if at == rows:
                    out[cycle, col] = int(places[row][col] or 0)
                    continue
                if new[at] is not None:
                    raise MeetingError(f"row {at}, column {col}, cycle {cycle}")
                new[at], stays[at] = places[row][col], leaves[row]
            for row in range(rows):
                pair = pairs.get(cycle - row - col)
                if pair is None or row >= pair.rows:
                    continue
                product = int(pair.activations[row]) * int(pair.weights[col])
                total[row, col] = product + (0 if pair.first else total[row, col])
                if pair.last:
                    if new[row] is not None:
                        raise MeetingError(f"row {row}, column {col}, cycle {cycle}")
                    new[row], stays[row] = int(total[row, col]), False
            moving[:, col] = stays
            for row in range(rows):
                places[row][col] = new[row]
    return out
