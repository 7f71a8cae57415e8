"""Who gets cores: the head of the line, until it must wait; if nobody waits, units that got too few."""

from __future__ import annotations

from tandemsim.sim.arch.types import Integers, Record
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.blocks import block_by_demand, block_by_price
from tandemsim.sim.serving.core_time import count_time
from tandemsim.sim.serving.counters import level
from tandemsim.sim.serving.demand import spare_cores
from tandemsim.sim.serving.layers import leave_islands
from tandemsim.sim.serving.line import leave_line, turn_by_tokens
from tandemsim.sim.serving.policy import Rule, Unit
from tandemsim.sim.serving.priced import Prices
from tandemsim.sim.serving.profile import SHIPPED, Plan
from tandemsim.sim.serving.units import free_row, take_cores, take_same_cores, wait_for_team
from tandemsim.sim.serving.world import NOBODY, Demands, Machine, Phase

MILLION = 1_000_000


@jit(**BARE)
def give_cores(
    state: Record,
    machine: Machine,
    rule: Rule,
    plan: Plan,
    prices: Prices,
    demands: Demands,
    blocks: Integers,
) -> None:
    """Start units while cores are free and somebody is in line; `blocks` counts them by their layers."""
    team = plan.team if rule.knows_teams else 0.0
    join = plan.join if rule.knows_teams else 0.0
    while state.free >= rule.quantum and state.waiting + state.unstarted > 0:
        place, query = NOBODY, int(state.begun)
        if rule.unit == Unit.TEMPORAL:
            if state.running > 0:
                return
            place = turn_by_tokens(
                state, plan.first_layer, plan.sums, demands.unit_seconds, demands.network, machine.gap
            )
            if place < 0:
                place, query = NOBODY, -1 - place
        elif state.waiting > 0:
            place = 0
        if place >= 0:
            query = int(state.line_query[place])
        network = demands.network[query]
        layer = state.line_layer[place] if place >= 0 else plan.first_layer[network]
        held = state.line_held[place] if place >= 0 else 0
        last = plan.first_layer[network + 1]
        in_line = state.waiting + state.unstarted
        choice = SHIPPED + 1 + level(state) if rule.versions else SHIPPED
        target = demands.targets[network]
        left = int(demands.unit_seconds[query] * machine.gap) + rule.margin * target - state.now
        if rule.unit == Unit.TEMPORAL:
            end, wanted = layer + 1, machine.cores
        elif rule.unit == Unit.PRICED:
            free = state.free if in_line == 1 and rule.spare else 0
            end, wanted = block_by_price(
                prices.price, prices.cores, prices.to_go, rule, choice, layer, last, held, left, free
            )
        else:
            limit = 2 * machine.cores // (state.running + in_line)
            if in_line == 1:
                limit = max(limit, state.free)
            end, wanted = block_by_demand(
                plan.sums,
                plan.shares,
                rule,
                choice,
                layer,
                last,
                network,
                held,
                target,
                left,
                limit,
                team,
                join,
            )
        granted = wanted
        if wanted > state.free:
            if state.free < rule.shrink * wanted:
                return
            granted = state.free - state.free % rule.quantum
            state.conflicts += 1
            state.lost += (wanted - granted) * MILLION // wanted
        elif in_line == 1 and rule.spare and rule.unit != Unit.PRICED:
            before, after = layer + network, end + network
            granted = spare_cores(plan.sums, rule, choice, before, after, wanted, state.free)
        leave_line(state, place)
        if place == NOBODY and rule.unit == Unit.TEMPORAL:
            state.oldest[network] = query + 1
        elif place == NOBODY:
            state.begun = query + 1
        blocks[end - layer] += 1
        _begin_unit(state, machine, query, network, layer, end, held, wanted, granted)


@jit(**BARE)
def _begin_unit(
    state: Record,
    machine: Machine,
    query: int,
    network: int,
    layer: int,
    end: int,
    held: int,
    wanted: int,
    granted: int,
) -> None:
    same = False
    if state.ended != NOBODY and state.query[state.ended] == query:
        row = int(state.ended)
        state.ended = NOBODY
        same = granted == held and take_same_cores(state, machine, row)
    else:
        row = free_row(state)
        state.rows = max(state.rows, row + 1)
    state.query[row] = query
    state.network[row] = network
    state.layer[row] = layer
    state.end[row] = end
    state.wanted[row] = wanted
    state.resume[row] = 1.0
    state.running += 1
    state.grants += 1
    state.short += int(granted < wanted)
    if same:
        state.phase[row] = Phase.READY
    else:
        if state.attached[row] == 1:
            leave_islands(state, machine, row)
        state.parts[row] = 0
        state.cores[row] = 0
        take_cores(state, machine, row, granted)
        wait_for_team(state, row, machine.team + machine.join * max(0, granted - held))


@jit(**BARE)
def grow_units(
    state: Record, machine: Machine, quantum: int, slices: Integers, slice_cores: Integers
) -> None:
    """Give free cores to units that wanted more than they got, the oldest query first."""
    while state.short > 0 and state.free >= quantum and state.waiting + state.unstarted == 0:
        row = _oldest_short(state)
        if row == NOBODY:
            return
        count_time(state, machine.cores, slices, slice_cores, row)
        wait = float(machine.team)
        if state.phase[row] == Phase.LAYER:
            state.resume[row] = state.left[row]
            leave_islands(state, machine, row)
        else:
            wait = state.left[row] * state.slope[row]
        more = min(int(state.free - state.free % quantum), int(state.wanted[row] - state.cores[row]))
        take_cores(state, machine, row, more)
        wait_for_team(state, row, int(wait) + machine.join * more)
        state.short -= int(state.cores[row] == state.wanted[row])
        state.grown += 1


@jit(**BARE)
def _oldest_short(state: Record) -> int:
    """Return the row of the oldest query that runs on fewer cores than it wanted."""
    oldest = NOBODY
    for row in range(state.rows):
        runs = state.phase[row] == Phase.LAYER or state.phase[row] == Phase.TEAM
        is_short = runs and state.cores[row] < state.wanted[row]
        if is_short and (oldest == NOBODY or state.query[row] < state.query[oldest]):
            oldest = row
    return oldest
