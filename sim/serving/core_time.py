"""Where core-seconds go: counted whenever a layer or a wait ends, and recorded within a window."""

from __future__ import annotations

from tandemsim.sim.arch.types import Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.world import Machine, Phase, Slice, Tally, Use, Work


@jit(inline="always")
def count_time(state: Record, machine: Machine, tally: Tally, row: int) -> None:
    """Count the core-seconds of `row` up to now, and record them as a slice if they are asked for."""
    spent = state.now - state.since[row]
    stalled = _count(state, row, spent)
    if state.since[row] < state.record_to and state.now > state.record_from:
        _record(state, machine, tally, row, stalled)
    state.since[row] = state.now


@jit
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


@jit(inline="always")
def _record(state: Record, machine: Machine, tally: Tally, row: int, stalled: int) -> None:
    first = state.slice_cores
    if state.slices == len(tally.slices) or first + state.cores[row] > len(tally.slice_cores):
        return
    entry = tally.slices[state.slices]
    entry[Slice.START] = state.since[row]
    entry[Slice.END] = state.now
    entry[Slice.QUERY] = state.query[row]
    entry[Slice.NETWORK] = state.network[row]
    entry[Slice.LAYER] = state.layer[row]
    entry[Slice.VERSION] = state.version[row]
    entry[Slice.PHASE] = state.phase[row]
    entry[Slice.STALL] = stalled
    entry[Slice.CORES] = state.cores[row]
    entry[Slice.FIRST_CORE] = first
    for core in range(machine.cores):
        if state.owner[core] == row:
            tally.slice_cores[state.slice_cores] = core
            state.slice_cores += 1
    state.slices += 1
