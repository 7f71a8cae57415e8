"""Units that run: the next end, the cores of their teams, and the wait for these."""

from __future__ import annotations

from tandemsim.sim.arch.types import Record
from tandemsim.sim.cpu.contention import team_size
from tandemsim.sim.cpu.placement import next_island
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.counters import count_dram
from tandemsim.sim.serving.world import MOST_ISLANDS, NOBODY, Machine, Meter, Phase, Use


@jit(**BARE)
def next_end(state: Record) -> tuple[int, int]:
    """Return the picosecond at which the next row's layer or wait ends, and the row; `NEVER` if none runs."""
    used = state.meter[Meter.NOW]
    # A layer's time is (slope - relief * used) / (1 - used), and what is left of it the share `left`.
    least, first = 1e300, NOBODY
    for row in range(state.rows):
        needs = state.left[row] * (state.slope[row] - state.relief[row] * used)
        if needs < least and state.phase[row] != Phase.NOTHING:
            least, first = needs, row
    if first == NOBODY:
        return NEVER, NOBODY
    return int(state.now + max(0, int(least / (1 - used) + 0.5))), first


@jit(**BARE)
def advance(state: Record, until: int) -> None:
    """Let time pass, in which nothing begins or ends."""
    passed = until - state.now
    count_dram(state, until)
    state.use[Use.IDLE] += passed * state.free
    share = passed * (1 - state.meter[Meter.NOW])
    for row in range(state.rows):
        state.left[row] -= share * state.pace[row]
    state.now = until


@jit(**BARE)
def free_row(state: Record) -> int:
    """Return the first row that is not in use."""
    row = 0
    while state.phase[row] != Phase.NOTHING or row == state.ended:
        row += 1
    return row


@jit(**BARE)
def take_cores(state: Record, machine: Machine, row: int, count: int) -> None:
    """Add `count` of the free cores to the team of `row`."""
    state.free -= count
    state.cores[row] += count
    first = row * MOST_ISLANDS
    while count > 0:
        island = next_island(state.island_free, state.held, machine.islands, count, machine.scattered)
        taken = 1 if machine.scattered else min(count, int(state.island_free[island]))
        part = first
        while part < first + state.parts[row] and state.part_island[part] != island:
            part += 1
        if part == first + state.parts[row]:
            state.parts[row] += 1
            state.part_island[part] = island
            state.part_cores[part] = 0
            state.kept[part] = 0.0
        state.part_cores[part] += taken
        state.part_size[part] = team_size(state.part_cores[part])
        state.island_free[island] -= taken
        _own(state, machine, row, island, taken)
        count -= taken


@jit(**BARE)
def take_same_cores(state: Record, machine: Machine, row: int) -> bool:
    """Give `row` the cores back that it has just freed, and say so; or nothing, if somebody else has some."""
    first = row * MOST_ISLANDS
    for part in range(first, first + state.parts[row]):
        if state.island_free[state.part_island[part]] < state.part_cores[part]:
            return False
    for part in range(first, first + state.parts[row]):
        island = state.part_island[part]
        state.island_free[island] -= state.part_cores[part]
        _own(state, machine, row, island, state.part_cores[part])
    state.free -= state.cores[row]
    return True


@jit(**BARE)
def give_back(state: Record, machine: Machine, row: int) -> None:
    """Free the cores of `row`; it still knows which they were."""
    state.free += state.cores[row]
    first = row * MOST_ISLANDS
    for part in range(first, first + state.parts[row]):
        island = state.part_island[part]
        state.island_free[island] += state.part_cores[part]
        state.held[island] = 1
    if state.record_to > 0:
        for core in range(machine.cores):
            if state.owner[core] == row:
                state.owner[core] = NOBODY


@jit(**BARE)
def _own(state: Record, machine: Machine, row: int, island: int, count: int) -> None:
    """Say which cores of an island `row` has; only a recorded run asks for it."""
    if state.record_to > 0:
        core = island * machine.island_cores
        while count > 0:
            if state.owner[core] == NOBODY:
                state.owner[core] = row
                count -= 1
            core += 1


@jit(**BARE)
def wait_for_team(state: Record, row: int, wait: int) -> None:
    """Let `row` wait until its team is formed; `resume` says what of its layer is left then."""
    state.phase[row] = Phase.TEAM
    state.since[row] = state.now
    state.left[row] = 1.0
    state.slope[row] = max(1, wait)
    state.relief[row] = state.slope[row]
    state.moved[row] = 0.0
    state.pull[row] = 0.0
