"""The event loop of a served machine: arrivals, ends of layers, ends of waits for a team.

Between two events every layer advances at a constant pace, so the next event is exact. What an event changes
is settled before time goes on: who runs, which islands they share, how busy the DRAM is.
"""

from __future__ import annotations

from tandemsim.sim.arch.types import Record
from tandemsim.sim.cpu.contention import settle_dram
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.core_time import count_time
from tandemsim.sim.serving.counters import level
from tandemsim.sim.serving.grants import give_cores, grow_units
from tandemsim.sim.serving.layers import (
    begin_layer,
    end_layer,
    flows_of,
    leave_islands,
    settle_islands,
    settle_rows,
)
from tandemsim.sim.serving.line import rejoin
from tandemsim.sim.serving.policy import Rule
from tandemsim.sim.serving.units import advance, give_back, next_end
from tandemsim.sim.serving.world import NOBODY, Machine, Meter, Phase, World


@jit(**BARE)
def serve(world: World, rule: Rule) -> None:
    """Run until every query has ended, or more are late than may be."""
    state, machine = world.state[0], world.machine
    # Arrays by themselves: what is passed as part of a NamedTuple has its references counted, atomically.
    plan, prices, demands = world.plan, world.prices, world.demands
    unit_seconds, network, latency, targets = demands
    shipped, facts, solo, traffic, survival, occupied_bytes, alone = world.truth
    uses, best, first_layer = world.uses, plan.best, plan.first_layer
    blocks, ran, slices, slice_cores = world.tally
    queries = len(network)
    while state.finished < queries and state.late < state.allowed:
        end, row = next_end(state)
        arrives = int(unit_seconds[state.arrived] * machine.gap) if state.arrived < queries else NEVER
        advance(state, min(end, arrives))
        changed = end < arrives
        unit_ended = False
        if changed:
            if state.phase[row] == Phase.LAYER:
                state.left[row] = 0.0
            count_time(state, machine.cores, slices, slice_cores, row)
            if state.phase[row] == Phase.LAYER:
                end_layer(state, machine, facts, uses, row)
            unit_ended = _end_phase(state, machine, row)
            if unit_ended and state.layer[row] == first_layer[state.network[row] + 1]:
                query = state.query[row]
                latency[query] = state.now - int(unit_seconds[query] * machine.gap)
                state.finished += 1
                state.late += int(query >= state.warm_up and latency[query] > targets[state.network[row]])
            elif unit_ended:
                rejoin(state, state.query[row], state.layer[row], state.cores[row])
        else:
            state.arrived += 1
            state.unstarted += 1
        if unit_ended or (not changed and state.free >= rule.quantum):
            before = state.grants + state.grown
            give_cores(state, machine, rule, plan, prices, demands, blocks)
            grow_units(state, machine, rule.quantum, slices, slice_cores)
            _forget_ended(state, machine)
            changed = changed or state.grants + state.grown > before
        if changed:
            for ready in range(state.rows):
                if state.phase[ready] == Phase.READY:
                    version = shipped[state.layer[ready]]
                    if state.resume[ready] < 1:
                        version = state.version[ready]  # a layer keeps its version while its team grows
                    elif rule.versions:
                        version = best[level(state), state.layer[ready], state.cores[ready]]
                    ran[version] += int(state.resume[ready] == 1)
                    begin_layer(state, machine, facts, solo, traffic, alone, uses, ready, version)
            settle_islands(state, machine, facts, traffic, survival, occupied_bytes, alone)
            settle_rows(state, machine, facts, traffic, survival)
            used = settle_dram(flows_of(state), state.rows, machine.bandwidth, state.meter[Meter.NOW])
            state.meter[Meter.NOW] = used


@jit(**BARE)
def _end_phase(state: Record, machine: Machine, row: int) -> bool:
    """End what `row` does, and say whether its unit has ended."""
    if state.phase[row] == Phase.TEAM:
        state.phase[row] = Phase.READY
        return False
    state.layer[row] += 1
    if state.layer[row] < state.end[row]:
        state.phase[row] = Phase.READY
        return False
    give_back(state, machine, row)
    state.phase[row] = Phase.NOTHING
    state.running -= 1
    state.short -= int(state.cores[row] < state.wanted[row])
    state.ended = row
    return True


@jit(**BARE)
def _forget_ended(state: Record, machine: Machine) -> None:
    """Let the row be free whose unit ended in this event, and whose query did not go on."""
    for island in range(machine.islands):
        state.held[island] = 0
    if state.ended != NOBODY:
        leave_islands(state, machine, state.ended)
        state.slope[state.ended] = 1.0
        state.relief[state.ended] = 0.0
        state.moved[state.ended] = 0.0
        state.pull[state.ended] = 0.0
        state.ended = NOBODY
    while state.rows > 0 and state.phase[state.rows - 1] == Phase.NOTHING:
        state.rows -= 1
