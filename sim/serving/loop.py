"""The event loop of a served machine: arrivals, ends of layers, ends of waits for a team.

Between two events every layer advances at a constant pace, so the next event is exact. What an event changes
is settled before time goes on: who runs, which islands they share, how busy the DRAM is.
"""

from __future__ import annotations

from tandemsim.sim.cpu.contention import settle_dram
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.grants import give_cores, grow_units
from tandemsim.sim.serving.layers import begin_layer, end_layer, leave_islands, settle_islands, settle_rows
from tandemsim.sim.serving.line import arrival, rejoin
from tandemsim.sim.serving.policy import Rule
from tandemsim.sim.serving.units import advance, count_time, give_back, next_end
from tandemsim.sim.serving.world import NOBODY, Meter, Phase, World


@jit
def serve(world: World, rule: Rule) -> None:
    """Run until every query has ended, or more are late than may be."""
    state = world.state[0]
    queries = len(world.demands.network)
    while state.finished < queries and state.late < state.allowed:
        end, row = next_end(world)
        arrives = arrival(world, state.arrived) if state.arrived < queries else NEVER
        advance(world, min(end, arrives))
        if arrives <= end:
            state.arrived += 1
            state.unstarted += 1
            decide = state.free >= rule.quantum
            changed = False
        else:
            decide = _end_phase(world, row)
            changed = True
        if decide:
            before = state.grants + state.grown
            give_cores(world, rule)
            grow_units(world, rule)
            changed = changed or state.grants + state.grown > before
            _forget_ended(world)
        if changed:
            for ready in range(state.rows):
                if world.running.phase[ready] == Phase.READY:
                    begin_layer(world, rule, ready)
            settle_islands(world)
            settle_rows(world)
            used = world.tally.meter[Meter.NOW]
            used = settle_dram(world.flows, state.rows, world.truth.bandwidth, used)
            world.tally.meter[Meter.NOW] = used


@jit(inline="always")
def _end_phase(world: World, row: int) -> bool:
    """End what `row` does, and say whether its unit has ended."""
    run, state = world.running, world.state[0]
    if run.phase[row] == Phase.LAYER:
        world.flows.left[row] = 0.0
    count_time(world, row)
    if run.phase[row] == Phase.TEAM:
        run.phase[row] = Phase.READY
        return False
    end_layer(world, row)
    run.layer[row] += 1
    if run.layer[row] < run.end[row]:
        run.phase[row] = Phase.READY
        return False
    leave_islands(world, row)
    give_back(world, row)
    run.phase[row] = Phase.NOTHING
    state.running -= 1
    state.short -= run.cores[row] < run.wanted[row]
    state.ended = row
    if run.layer[row] == world.plan.first_layer[run.network[row] + 1]:
        _finish(world, run.query[row], run.network[row])
    else:
        rejoin(world, run.query[row], run.layer[row], run.cores[row])
    return True


@jit(inline="always")
def _finish(world: World, query: int, network: int) -> None:
    state, demands = world.state[0], world.demands
    demands.latency[query] = state.now - arrival(world, query)
    state.finished += 1
    if query >= state.warm_up and demands.latency[query] > demands.targets[network]:
        state.late += 1


@jit(inline="always")
def _forget_ended(world: World) -> None:
    """Let the row be free whose unit ended in this event, and whose query did not go on."""
    state, flows = world.state[0], world.flows
    world.islands.held[:] = 0
    if state.ended != NOBODY:
        flows.slope[state.ended] = 1.0
        flows.relief[state.ended] = 0.0
        flows.moved[state.ended] = 0.0
        flows.pull[state.ended] = 0.0
        state.ended = NOBODY
    while state.rows > 0 and world.running.phase[state.rows - 1] == Phase.NOTHING:
        state.rows -= 1
