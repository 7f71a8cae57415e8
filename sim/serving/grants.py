"""Who gets cores: the head of the line, until it must wait; if nobody waits, units that got too few."""

from __future__ import annotations

from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.blocks import block_by_demand, block_by_price
from tandemsim.sim.serving.counters import level
from tandemsim.sim.serving.demand import spare_cores
from tandemsim.sim.serving.layers import leave_islands
from tandemsim.sim.serving.line import arrival, leave, turn_by_tokens
from tandemsim.sim.serving.policy import Rule, Unit
from tandemsim.sim.serving.units import count_time, free_row, take_cores, take_same_cores, wait_for_team
from tandemsim.sim.serving.world import NOBODY, Phase, World

MILLION = 1_000_000


@jit(inline="always")
def give_cores(world: World, rule: Rule) -> None:
    """Start units while cores are free and somebody is in line."""
    state, line, plan = world.state[0], world.line, world.plan
    while state.free >= rule.quantum and state.waiting + state.unstarted > 0:
        place, query = NOBODY, int(state.begun)
        if rule.unit == Unit.TEMPORAL:
            if state.running > 0:
                return
            turn = turn_by_tokens(world)
            place, query = (turn, int(line.query[turn])) if turn >= 0 else (NOBODY, -1 - turn)
        elif state.waiting > 0:
            place, query = 0, int(line.query[0])
        network = world.demands.network[query]
        layer = line.layer[place] if place >= 0 else plan.first_layer[network]
        held = line.held[place] if place >= 0 else 0
        alone = state.waiting + state.unstarted == 1
        choice = 1 + level(world.tally.meter) if rule.versions else 0
        target = world.demands.targets[network]
        left = arrival(world, query) + rule.margin * target - state.now
        if rule.unit == Unit.TEMPORAL:
            end, wanted = layer + 1, world.truth.cores
        elif rule.unit == Unit.PRICED:
            end, wanted = block_by_price(
                plan, world.prices, rule, choice, layer, network, held, left, state.free, alone
            )
        else:
            limit = 2 * world.truth.cores // (state.running + state.waiting + state.unstarted)
            if alone:
                limit = max(limit, state.free)
            end, wanted = block_by_demand(plan, rule, choice, layer, network, held, target, left, limit)
        granted = wanted
        if wanted > state.free:
            if state.free < rule.shrink * wanted:
                return
            granted = state.free - state.free % rule.quantum
            state.conflicts += 1
            state.lost += (wanted - granted) * MILLION // wanted
        elif alone and rule.spare and rule.unit != Unit.PRICED:
            granted = spare_cores(plan, rule, choice, layer, end, network, wanted, state.free)
        leave(world, place, query, rule.unit != Unit.TEMPORAL)
        _begin_unit(world, query, network, layer, end, held, wanted, granted)


@jit(inline="always")
def _begin_unit(
    world: World, query: int, network: int, layer: int, end: int, held: int, wanted: int, granted: int
) -> None:
    run, state = world.running, world.state[0]
    row, same = NOBODY, False
    if state.ended != NOBODY and run.query[state.ended] == query:
        row = int(state.ended)
        state.ended = NOBODY
        same = granted == held and take_same_cores(world, row)
    else:
        row = free_row(world)
        state.rows = max(state.rows, row + 1)
    run.query[row] = query
    run.network[row] = network
    run.layer[row] = layer
    run.end[row] = end
    run.wanted[row] = wanted
    run.resume[row] = 1.0
    state.running += 1
    state.grants += 1
    state.short += granted < wanted
    world.tally.blocks[end - layer] += 1
    if same:
        run.phase[row] = Phase.READY
    else:
        run.parts[row] = 0
        run.cores[row] = 0
        take_cores(world, row, granted)
        wait_for_team(world, row, world.truth.team + world.truth.join * max(0, granted - held))


@jit(inline="always")
def grow_units(world: World, rule: Rule) -> None:
    """Give free cores to units that wanted more than they got, the oldest query first."""
    run, state = world.running, world.state[0]
    while state.short > 0 and state.free >= rule.quantum and state.waiting + state.unstarted == 0:
        oldest = NOBODY
        for row in range(state.rows):
            active = run.phase[row] == Phase.LAYER or run.phase[row] == Phase.TEAM
            if active and run.cores[row] < run.wanted[row]:
                if oldest == NOBODY or run.query[row] < run.query[oldest]:
                    oldest = row
        if oldest == NOBODY:
            return
        count_time(world, oldest)
        wait = float(world.truth.team)
        if run.phase[oldest] == Phase.LAYER:
            run.resume[oldest] = world.flows.left[oldest]
            leave_islands(world, oldest)
        else:
            wait = world.flows.left[oldest] * world.flows.slope[oldest]
        more = min(state.free - state.free % rule.quantum, run.wanted[oldest] - run.cores[oldest])
        take_cores(world, oldest, more)
        wait_for_team(world, oldest, int(wait) + world.truth.join * more)
        state.short -= run.cores[oldest] == run.wanted[oldest]
        state.grown += 1
