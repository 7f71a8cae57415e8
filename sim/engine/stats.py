"""Counters of a run: how often, and how much for how long. Their names are an IntEnum of the machine.

Plain counters are an int64 array: ``counters[Counter.TILES_LOADED] += 1`` in the loop. What has a level
(slots in use, jobs in line, bytes resident) is a row of an int64 table whose columns are `Level`: each
change adds level x cycles, so that mean, busy cycles and peak cost a few words, however long the run.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.jit import jit


class Level(IntEnum):
    """Columns of a table of levels. The sums are exact up to the cycle of the last change."""

    NOW = 0
    CHANGED = 1  # cycle of the last change
    LEVEL_CYCLES = 2  # the sum of level x cycles; over the cycles of the run, the mean level
    BUSY_CYCLES = 3  # cycles with a level above zero
    PEAK = 4  # the highest level that was reached


def new_counters(names: type[IntEnum]) -> Integers:
    """Return one zero for each member of `names`, int64 [members].

    Raises `ConfigError` unless the members count 0, 1, 2, ...
    """
    values = [int(name) for name in names]
    require(values == list(range(len(values))), f"{names.__name__} must count 0, 1, 2, ...", values)
    return np.zeros(len(values), np.int64)


def named(names: type[IntEnum], counters: Integers) -> dict[str, int]:
    """Return counters, or a row of levels, by lower-case name, as Python ints in the order of `names`."""
    return {name.name.lower(): int(counters[name]) for name in names}


def new_levels(count: int) -> Integers:
    """Return int64[count, 5]: levels of zero, since cycle 0."""
    return np.zeros((count, len(Level)), np.int64)


@jit(inline="always")
def change(levels: Integers, which: int, amount: int, cycle: int) -> None:
    """Add `amount` to a level at `cycle`, which must not be before its last change."""
    settle(levels, which, cycle)
    level = levels[which, Level.NOW] + amount
    levels[which, Level.NOW] = level
    levels[which, Level.PEAK] = max(levels[which, Level.PEAK], level)


@jit(inline="always")
def settle(levels: Integers, which: int, cycle: int) -> None:
    """Bring the sums of one level up to `cycle`."""
    level = levels[which, Level.NOW]
    cycles = cycle - levels[which, Level.CHANGED]
    levels[which, Level.LEVEL_CYCLES] += level * cycles
    levels[which, Level.BUSY_CYCLES] += cycles if level > 0 else 0
    levels[which, Level.CHANGED] = cycle


@jit
def settle_all(levels: Integers, cycle: int) -> None:
    """Bring the sums of all levels up to `cycle`: once, when the run ends."""
    for which in range(len(levels)):
        settle(levels, which, cycle)
