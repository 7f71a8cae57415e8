"""The weighted-sum units of all rows, and the rows that are spilled: state that outlives a pass.

Obeys: `sim.salo.weighted_sum`. A block that is restored begins with the state that its queries were spilled
with, exactly; a query that never was begins from nothing. So a row that is spilled and restored gives what it
would have given without a stop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.reciprocal import reciprocal
from tandemsim.sim.salo.weighted_sum import align, merge, output, pass_weight

Raw = npt.NDArray[np.int64]


class RowStates(NamedTuple):
    """State of the units, local rows first, then global rows; and of the queries that were spilled."""

    row_max: Raw  # [units]
    row_sum: Raw  # [units]
    psum: Raw  # [units, head_dim]
    spilled_max: Raw  # [n], or [0] when nothing is spilled
    spilled_sum: Raw  # [n]
    spilled_psum: Raw  # [n, head_dim]


def row_states(units: int, spills: int, head_dim: int, lowest: int) -> RowStates:
    """Return cleared states; `spills` is the number of tokens, or 0 when nothing is spilled."""
    return RowStates(
        np.full(units, lowest, np.int64),
        np.zeros(units, np.int64),
        np.zeros((units, head_dim), np.int64),
        np.full(spills, lowest, np.int64),
        np.zeros(spills, np.int64),
        np.zeros((spills, head_dim), np.int64),
    )


@jit
def begin(states, unit, query, restore, constants):
    """Clear a unit, or load the state with which its query was spilled."""
    states.row_max[unit] = states.spilled_max[query] if restore else constants.exponent_minimum
    states.row_sum[unit] = states.spilled_sum[query] if restore else 0
    for n in range(states.psum.shape[1]):
        states.psum[unit, n] = states.spilled_psum[query, n] if restore else 0


@jit
def join(states, unit, part, psum, constants, counters):
    """Merge a pass: `part` is (row_max, row_sum), `psum` the partial sums relative to it."""
    state = states.row_max[unit], states.row_sum[unit]
    joined = align(state[0], state[1], part[0], part[1], constants, counters)
    states.row_max[unit], states.row_sum[unit] = joined[0], joined[1]
    weight = 0 if constants.deferred else pass_weight(joined[1], joined[4], constants)
    merged = states.psum
    for n in range(len(psum)):
        merged[unit, n] = merge(merged[unit, n], psum[n], joined[2], joined[3], weight, constants, counters)


@jit
def spill(states, unit, query):
    """Put the unit's state aside for its query."""
    states.spilled_max[query], states.spilled_sum[query] = states.row_max[unit], states.row_sum[unit]
    for n in range(states.psum.shape[1]):
        states.spilled_psum[query, n] = states.psum[unit, n]


@jit
def finish(states, unit, query, out, constants, counters):
    """Write the result of a row to `out` [n, head_dim]."""
    inverse, exponent = reciprocal(states.row_sum[unit], constants.reciprocal)
    for n in range(out.shape[1]):
        out[query, n] = output(states.psum[unit, n], inverse, exponent, constants, counters)
