"""The line of queries without cores: those that have run before, by arrival, then those that have not."""

from __future__ import annotations

from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.profile import Plan
from tandemsim.sim.serving.world import NOBODY, World


@jit(inline="always")
def rejoin(world: World, query: int, layer: int, held: int) -> None:
    """Put a query that has run before into the line, by its arrival."""
    line, state = world.line, world.state[0]
    place = state.waiting
    while place > 0 and line.query[place - 1] > query:
        line.query[place] = line.query[place - 1]
        line.layer[place] = line.layer[place - 1]
        line.held[place] = line.held[place - 1]
        place -= 1
    line.query[place] = query
    line.layer[place] = layer
    line.held[place] = held
    state.waiting += 1


@jit(inline="always")
def leave(world: World, place: int, query: int, in_order: bool) -> None:
    """Take a query out of the line: from `place`, or from those that have not run, where that is `NOBODY`."""
    line, state = world.line, world.state[0]
    if place == NOBODY:
        state.unstarted -= 1
        if in_order:
            state.begun += 1
        else:
            line.oldest[world.demands.network[query]] = query + 1
        return
    state.waiting -= 1
    for after in range(place, state.waiting):
        line.query[after] = line.query[after + 1]
        line.layer[after] = line.layer[after + 1]
        line.held[after] = line.held[after + 1]


@jit(inline="always")
def turn_by_tokens(world: World) -> int:
    """Return the place in line of the query whose turn it is, as PREMA has it; -1 - query if it has not run.

    A query's token is the time since its arrival over its model's time alone on all cores. Of those with at
    least half of the largest token it is the turn of the one that needs the shortest time yet. Of a network's
    queries that have not run only the oldest can be it.
    """
    line, state, plan = world.line, world.state[0], world.plan
    for network in range(len(line.oldest)):
        query = line.oldest[network]
        while query < state.arrived and world.demands.network[query] != network:
            query += 1
        line.oldest[network] = query
    largest = 0.0
    for place in range(state.waiting):
        largest = max(largest, _token(world, line.query[place]))
    for network in range(len(line.oldest)):
        if line.oldest[network] < state.arrived:
            largest = max(largest, _token(world, line.oldest[network]))
    turn, shortest = 0, 1e300
    for place in range(state.waiting):
        query = line.query[place]
        if 2 * _token(world, query) >= largest:
            needs = _to_go(plan, world.demands.network[query], line.layer[place])
            if needs < shortest:
                turn, shortest = place, needs
    for network in range(len(line.oldest)):
        query = line.oldest[network]
        if query < state.arrived and 2 * _token(world, query) >= largest:
            needs = _to_go(plan, network, plan.first_layer[network])
            if needs < shortest:
                turn, shortest = -1 - query, needs
    return turn


@jit(inline="always")
def arrival(world: World, query: int) -> int:
    """Return the picosecond of a query's arrival."""
    return int(world.demands.unit_seconds[query] * world.truth.gap)


@jit(inline="always")
def _token(world: World, query: int) -> float:
    network = world.demands.network[query]
    alone = _to_go(world.plan, network, world.plan.first_layer[network])
    return (world.state[0].now - arrival(world, query)) / alone


@jit(inline="always")
def _to_go(plan: Plan, network: int, layer: int) -> float:
    """Return the planned time of the layers from `layer` on, on all cores."""
    most = plan.sums.shape[2] - 1
    return plan.sums[0, plan.first_layer[network + 1] + network, most] - plan.sums[0, layer + network, most]
