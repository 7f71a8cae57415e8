"""The line of queries without cores: those that have run before, by arrival, then those that have not."""

from __future__ import annotations

from tandemsim.sim.arch.types import Doubles, Integers, Record
from tandemsim.sim.engine.jit import BARE, jit
from tandemsim.sim.serving.profile import SHIPPED
from tandemsim.sim.serving.world import NOBODY


@jit(**BARE)
def rejoin(state: Record, query: int, layer: int, held: int) -> None:
    """Put a query that has run before into the line, by its arrival."""
    place = state.waiting
    while place > 0 and state.line_query[place - 1] > query:
        _move(state, place - 1, place)
        place -= 1
    state.line_query[place] = query
    state.line_layer[place] = layer
    state.line_held[place] = held
    state.waiting += 1


@jit(**BARE)
def leave_line(state: Record, place: int) -> None:
    """Take the query at `place` out of the line, or for `NOBODY` one that has not run."""
    if place == NOBODY:
        state.unstarted -= 1
        return
    state.waiting -= 1
    for after in range(place, state.waiting):
        _move(state, after + 1, after)


@jit(**BARE)
def _move(state: Record, source: int, place: int) -> None:
    state.line_query[place] = state.line_query[source]
    state.line_layer[place] = state.line_layer[source]
    state.line_held[place] = state.line_held[source]


@jit(**BARE)
def turn_by_tokens(
    state: Record, first_layer: Integers, sums: Doubles, unit_seconds: Doubles, networks: Integers, gap: float
) -> int:
    """Return the place in line of the query whose turn it is, as PREMA has it; -1 - query if it has not run.

    A query's token is the time since its arrival over its model's time alone on all cores. Of those with at
    least half of the largest token it is the turn of the one that needs the shortest time yet. Of a network's
    queries that have not run only the oldest can be it: candidates are the line, then one of each network.
    """
    count, most = len(first_layer) - 1, sums.shape[2] - 1
    for network in range(count):
        while state.oldest[network] < state.arrived and networks[state.oldest[network]] != network:
            state.oldest[network] += 1
    turn, shortest, largest = 0, 1e300, 0.0
    for chosen in range(2):  # first the largest token, then the turn
        for place in range(state.waiting + count):
            in_line = place < state.waiting
            query = state.line_query[place] if in_line else state.oldest[place - state.waiting]
            if query >= state.arrived:
                continue
            network = networks[query]
            end = sums[SHIPPED, first_layer[network + 1] + network, most]
            token = (state.now - int(unit_seconds[query] * gap)) / end
            if chosen == 0:
                largest = max(largest, token)
            elif 2 * token >= largest:
                needs = end - sums[SHIPPED, state.line_layer[place] + network, most] if in_line else end
                if needs < shortest:
                    turn, shortest = place if in_line else -1 - query, needs
    return turn
