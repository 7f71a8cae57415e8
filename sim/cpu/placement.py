"""Which islands of L3 the cores of a team lie on: as few as possible, or all of them."""

from __future__ import annotations

import enum

from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.jit import BARE, jit


class Placement(enum.IntEnum):
    """How an operating system places the threads of a team."""

    ALIGNED = 0  # bound to cores, on as few islands as the free cores allow
    SCATTERED = 1  # bound to nothing: they spread over all islands


@jit(**BARE)
def next_island(free: Integers, held: Integers, islands: int, needed: int, scattered: int) -> int:
    """Return the island that gives cores next to a team that needs `needed` more of them.

    free, held: by island; held is 1 where the team was before, with its data.
    Aligned: the island that is left with the fewest free cores once it has given all that the team needs;
    if no island has so many, the one with the most. Scattered: the one with the most, for one core. Ties go
    to an island that the team held before, then to the first.
    """
    best, score = 0, -1
    for island in range(islands):
        count = free[island]
        if count == 0:
            continue
        value = count if scattered or count < needed else 4 * needed - count
        value = 2 * value + held[island]
        if value > score:
            best, score = island, value
    return best


def islands_of_team(cores: int, islands: int, of_island: int, placement: Placement) -> int:
    """Return how many islands a team of `cores` spans on an idle machine."""
    return min(islands, cores if placement == Placement.SCATTERED else -(-cores // of_island))
