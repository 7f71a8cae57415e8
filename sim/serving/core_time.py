"""Where core-seconds go: counted whenever a layer or a wait ends, and recorded within a window."""

from __future__ import annotations

from tandemsim.sim.arch.types import Integers, Record
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.world import Phase, Slice, Use, Work


@jit(**BARE)
def count_time(state: Record, cores: int, slices: Integers, slice_cores: Integers, row: int) -> None:
    """Count the core-seconds of `row` up to now, and record them as a slice if they are asked for."""
    spent = state.now - state.since[row]
    stalled = _count(state, row, spent)
    if state.since[row] < state.record_to and state.now > state.record_from:
        _record(state, cores, slices, slice_cores, row, stalled)
    state.since[row] = state.now


@jit(**BARE)
def _count(state: Record, row: int, spent: int) -> int:
    """Count `spent` picoseconds of `row`, and return those in which it stalled."""
    state.use[Use.GRANTED] += spent * state.cores[row]
    if state.phase[row] == Phase.TEAM:
        state.use[Use.TEAM] += spent * state.cores[row]
        return 0
    done = state.counted[row] - state.left[row]
    state.work[Work.COMPUTE] += done * state.single[row]
    state.work[Work.EFFICIENCY] += done * (state.cores[row] * state.solo[row] - state.single[row])
    state.counted[row] = state.left[row]
    return max(0, int(spent - done * state.solo[row] + 0.5))


@jit(**BARE)
def _record(
    state: Record, cores: int, slices: Integers, slice_cores: Integers, row: int, stalled: int
) -> None:
    first = state.slice_cores
    if state.slices == len(slices) or first + state.cores[row] > len(slice_cores):
        return
    number = state.slices
    slices[number, Slice.START] = state.since[row]
    slices[number, Slice.END] = state.now
    slices[number, Slice.QUERY] = state.query[row]
    slices[number, Slice.NETWORK] = state.network[row]
    slices[number, Slice.LAYER] = state.layer[row]
    slices[number, Slice.VERSION] = state.version[row]
    slices[number, Slice.PHASE] = state.phase[row]
    slices[number, Slice.STALL] = stalled
    slices[number, Slice.CORES] = state.cores[row]
    slices[number, Slice.FIRST_CORE] = first
    for core in range(cores):
        if state.owner[core] == row:
            slice_cores[state.slice_cores] = core
            state.slice_cores += 1
    state.slices += 1
