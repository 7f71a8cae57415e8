"""The state of the weighted-sum units of all rows, and of spilled rows: what outlives a pass.

Obeys: `sim.salo.weighted_sum`. A row begins from nothing, or with the sink of its head (`sim.salo.sink`). A
restored block begins with exactly the state with which its queries were spilled, and a query that was never
spilled like any row. So a row that is spilled and restored gives the same result as one that is never
interrupted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.salo.constants import MergeConstants
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.reciprocal import reciprocal
from tandemsim.sim.salo.weighted_sum import align, merge, output, pass_weight


class RowStates(NamedTuple):
    """State of the units, local rows first, then global rows; and of the queries that were spilled."""

    row_max: Integers  # [units]
    row_sum: Integers  # [units]
    psum: Integers  # [units, v_dim]
    spilled_max: Integers  # [n], or [0] when nothing is spilled
    spilled_sum: Integers  # [n]
    spilled_psum: Integers  # [n, v_dim]


def row_states(units: int, spills: int, v_dim: int, start: tuple[int, int]) -> RowStates:
    """Return states of rows that have seen no key; `spills` is the number of tokens, or 0 when nothing is
    spilled, and `start` the (row_max, row_sum) with which a row begins.
    """
    return RowStates(
        np.full(units, start[0], np.int64),
        np.full(units, start[1], np.int64),
        np.zeros((units, v_dim), np.int64),
        np.full(spills, start[0], np.int64),
        np.full(spills, start[1], np.int64),
        np.zeros((spills, v_dim), np.int64),
    )


@jit
def begin(states: RowStates, unit: int, query: int, restore: bool, start: tuple[int, int]) -> None:
    """Give a unit the state with which a row begins, or that with which its query was spilled."""
    states.row_max[unit] = states.spilled_max[query] if restore else start[0]
    states.row_sum[unit] = states.spilled_sum[query] if restore else start[1]
    for n in range(states.psum.shape[1]):
        states.psum[unit, n] = states.spilled_psum[query, n] if restore else 0


@jit
def join(
    states: RowStates,
    unit: int,
    part: tuple[int, int],
    psum: Integers,
    constants: MergeConstants,
    counters: Integers,
) -> None:
    """Merge a pass into a unit: `part` is its (row_max, row_sum), `psum` its sums relative to row_max."""
    state = states.row_max[unit], states.row_sum[unit]
    aligned = align(state[0], state[1], part[0], part[1], constants, counters)
    states.row_max[unit], states.row_sum[unit] = aligned.exponent, aligned.row_sum
    weight = 0 if constants.deferred else pass_weight(aligned.row_sum, aligned.row_part, constants)
    shifts = aligned.merged_shift, aligned.row_shift
    merged = states.psum
    for n in range(len(psum)):
        merged[unit, n] = merge(merged[unit, n], psum[n], shifts[0], shifts[1], weight, constants, counters)


@jit
def spill(states: RowStates, unit: int, query: int) -> None:
    """Put the unit's state aside for its query."""
    states.spilled_max[query], states.spilled_sum[query] = states.row_max[unit], states.row_sum[unit]
    for n in range(states.psum.shape[1]):
        states.spilled_psum[query, n] = states.psum[unit, n]


@jit
def finish(
    states: RowStates, unit: int, query: int, out: Integers, constants: MergeConstants, counters: Integers
) -> None:
    """Write the result of a row to `out` [n, v_dim]."""
    inverse, exponent = reciprocal(states.row_sum[unit], constants.reciprocal)
    for n in range(out.shape[1]):
        out[query, n] = output(states.psum[unit, n], inverse, exponent, constants, counters)
