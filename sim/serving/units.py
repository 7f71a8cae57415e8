"""Units that run: their teams' cores, the wait for these, the next end, and where core-seconds go."""

from __future__ import annotations

from tandemsim.sim.cpu.placement import Placement, next_island
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.counters import count_dram
from tandemsim.sim.serving.world import NOBODY, Meter, Phase, Slice, Use, World


@jit(inline="always")
def next_end(world: World) -> tuple[int, int]:
    """Return the picosecond at which the next row's layer or wait ends, and the row; `NEVER` if none runs."""
    flows, state = world.flows, world.state[0]
    used = world.tally.meter[Meter.NOW]
    # A layer's time is (slope - relief * used) / (1 - used), and what is left of it the share `left`.
    least, first = 1e300, NOBODY
    for row in range(state.rows):
        needs = flows.left[row] * (flows.slope[row] - flows.relief[row] * used)
        if needs < least and world.running.phase[row] != Phase.NOTHING:
            least, first = needs, row
    if first == NOBODY:
        return NEVER, NOBODY
    return state.now + max(0, int(least / (1 - used) + 0.5)), first


@jit(inline="always")
def advance(world: World, until: int) -> None:
    """Let time pass, in which nothing begins or ends."""
    state = world.state[0]
    passed = until - state.now
    count_dram(state, world.tally.meter, until)
    world.tally.use[Use.IDLE] += passed * state.free
    share = passed * (1 - world.tally.meter[Meter.NOW])
    for row in range(state.rows):
        world.flows.left[row] -= share * world.flows.pace[row]
    state.now = until


@jit(inline="always")
def free_row(world: World) -> int:
    """Return the first row that is not in use."""
    row = 0
    while world.running.phase[row] != Phase.NOTHING or row == world.state[0].ended:
        row += 1
    return row


@jit(inline="always")
def take_cores(world: World, row: int, count: int) -> None:
    """Add `count` of the free cores to the team of `row`."""
    islands, parts, run, state = world.islands, world.parts, world.running, world.state[0]
    state.free -= count
    run.cores[row] += count
    first = row * len(islands.free)
    while count > 0:
        island = next_island(islands.free, islands.held, count, world.truth.scattered)
        taken = 1 if world.truth.scattered == Placement.SCATTERED else min(count, islands.free[island])
        part = first
        while part < first + run.parts[row] and parts.island[part] != island:
            part += 1
        if part == first + run.parts[row]:
            run.parts[row] += 1
            parts.island[part] = island
            parts.cores[part] = 0
        parts.cores[part] += taken
        own_cores(world, row, island, taken)
        islands.free[island] -= taken
        count -= taken


@jit(inline="always")
def take_same_cores(world: World, row: int) -> bool:
    """Give `row` the cores back that it has just freed, and say so; or nothing, if somebody else has some."""
    islands, parts, run = world.islands, world.parts, world.running
    first = row * len(islands.free)
    for part in range(first, first + run.parts[row]):
        if islands.free[parts.island[part]] < parts.cores[part]:
            return False
    for part in range(first, first + run.parts[row]):
        islands.free[parts.island[part]] -= parts.cores[part]
        own_cores(world, row, parts.island[part], parts.cores[part])
    world.state[0].free -= run.cores[row]
    return True


@jit(inline="always")
def give_back(world: World, row: int) -> None:
    """Free the cores of `row`; it still knows which they were."""
    islands, parts, run, state = world.islands, world.parts, world.running, world.state[0]
    state.free += run.cores[row]
    first = row * len(islands.free)
    for part in range(first, first + run.parts[row]):
        islands.free[parts.island[part]] += parts.cores[part]
        islands.held[parts.island[part]] = 1
    if state.record_to > 0:
        for core in range(world.truth.cores):
            if world.slices.owner[core] == row:
                world.slices.owner[core] = NOBODY


@jit(inline="always")
def own_cores(world: World, row: int, island: int, count: int) -> None:
    """Say which cores of an island `row` has; only a recorded run asks for it."""
    if world.state[0].record_to > 0:
        of_island = world.truth.cores // len(world.islands.free)
        core = island * of_island
        while count > 0:
            if world.slices.owner[core] == NOBODY:
                world.slices.owner[core] = row
                count -= 1
            core += 1


@jit(inline="always")
def wait_for_team(world: World, row: int, wait: int) -> None:
    """Let `row` wait until its team is formed; `Running.resume` says what of its layer is left then."""
    world.running.phase[row] = Phase.TEAM
    world.running.since[row] = world.state[0].now
    flows = world.flows
    flows.left[row] = 1.0
    flows.slope[row] = flows.relief[row] = max(1, wait)
    flows.moved[row] = flows.pull[row] = 0.0


@jit(inline="always")
def count_time(world: World, row: int) -> None:
    """Count the core-seconds of `row` up to now, and record them as a slice if they are asked for."""
    run, tally, state = world.running, world.tally, world.state[0]
    spent = state.now - run.since[row]
    tally.use[Use.GRANTED] += spent * run.cores[row]
    stalled = 0
    if run.phase[row] == Phase.TEAM:
        tally.use[Use.TEAM] += spent * run.cores[row]
    else:
        done = run.counted[row] - world.flows.left[row]
        tally.work[Use.COMPUTE] += done * run.single[row]
        tally.work[Use.EFFICIENCY] += done * (run.cores[row] * run.solo[row] - run.single[row])
        stalled = max(0, spent - int(done * run.solo[row]))
        run.counted[row] = world.flows.left[row]
    if run.since[row] < state.record_to and state.now > state.record_from:
        _record(world, row, stalled)
    run.since[row] = state.now


@jit(inline="always")
def _record(world: World, row: int, stalled: int) -> None:
    run, slices, state = world.running, world.slices, world.state[0]
    if state.slices == len(slices.table) or state.slice_cores + run.cores[row] > len(slices.cores):
        return
    entry = slices.table[state.slices]
    entry[Slice.START] = run.since[row]
    entry[Slice.END] = state.now
    entry[Slice.QUERY] = run.query[row]
    entry[Slice.NETWORK] = run.network[row]
    entry[Slice.LAYER] = run.layer[row]
    entry[Slice.VERSION] = run.version[row]
    entry[Slice.PHASE] = run.phase[row]
    entry[Slice.STALL] = stalled
    entry[Slice.CORES] = run.cores[row]
    entry[Slice.FIRST_CORE] = state.slice_cores
    for core in range(world.truth.cores):
        if slices.owner[core] == row:
            slices.cores[state.slice_cores] = core
            state.slice_cores += 1
    state.slices += 1
