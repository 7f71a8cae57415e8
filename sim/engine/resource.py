"""Resources with finite slots, and a first-come waiting line before each. One table holds all of a machine.

A ``which`` is a row of the table (the machine's own IntEnum or index), a ``who`` is any int64. Who acquires
a slot that is free has it at once; otherwise it stands in line, and the release that makes it its turn hands
the slot over and returns it: the loop then does for the woken what it would have done for the granted. So a
slot is free only when nobody waits, and who came first is served first. All calls pass the current cycle,
which never falls.

`in_use` and `in_line` are tables of levels (`stats.Level`): slot-cycles in use, busy cycles, cycles waited,
peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandemsim.sim.arch.checks import require
from tandemsim.sim.engine.event import NOBODY
from tandemsim.sim.engine.jit import int64, jit
from tandemsim.sim.engine.stats import Level, change, new_levels, settle_all

Array = NDArray[np.int64]

WHO, SINCE = range(2)  # what a place in line holds


class LineFullError(RuntimeError):
    """More wait for a resource than the machine gave its line room for: a fault of the machine."""


class NotHeldError(RuntimeError):
    """A slot was released of a resource that nobody holds: a fault of the machine."""


class Resources(NamedTuple):
    """`slots` int64[n]; `in_use` and `in_line` int64[n, 5]; the lines, rings that begin at `heads`."""

    slots: Array
    in_use: Array
    in_line: Array
    lines: Array  # int64[n, places, 2]: who, since
    heads: Array  # int64[n]


def new_resources(slots: Sequence[int], places: int) -> Resources:
    """Return free resources, the i-th with ``slots[i]`` slots and a line for up to `places` who wait."""
    require(len(slots) > 0 and min(slots) > 0, "a resource must have a positive number of slots", list(slots))
    require(places > 0, "a waiting line must have a positive number of places", places)
    count = len(slots)
    return Resources(
        slots=np.array(slots, np.int64),
        in_use=new_levels(count),
        in_line=new_levels(count),
        lines=np.zeros((count, places, 2), np.int64),
        heads=np.zeros(count, np.int64),
    )


@jit(inline="always")
def acquire(resources: Resources, which: int, who: int, cycle: int) -> bool:
    """Take a slot and return True; or stand in line and return False. Raises `LineFullError`."""
    granted = free_slots(resources, which) > 0
    if granted:
        change(resources.in_use, which, 1, cycle)
    else:
        if resources.in_line[which, Level.NOW] == resources.lines.shape[1]:
            raise LineFullError("a waiting line is full; the machine must give new_resources more places")
        _enter(resources.lines, resources.heads, resources.in_line, int64(which), int64(who), cycle)
    return granted


@jit(inline="always")
def release(resources: Resources, which: int, cycle: int) -> int:
    """Give a slot back; return who has it now, the first in line, or `NOBODY`. Raises `NotHeldError`."""
    if resources.in_use[which, Level.NOW] == 0:
        raise NotHeldError("a slot was released of a resource that nobody holds")
    woken = NOBODY
    if resources.in_line[which, Level.NOW] > 0:
        woken = _leave(resources.lines, resources.heads, resources.in_line, int64(which), cycle)
    else:
        change(resources.in_use, which, -1, cycle)
    return woken


@jit(inline="always")
def free_slots(resources: Resources, which: int) -> int:
    """Return how many slots can be had at once."""
    return int(resources.slots[which] - resources.in_use[which, Level.NOW])


@jit(inline="always")
def settle_resources(resources: Resources, cycle: int) -> None:
    """Bring the levels up to `cycle`: once, when the run ends."""
    settle_all(resources.in_use, cycle)
    settle_all(resources.in_line, cycle)


@jit
def _enter(lines: Array, heads: Array, in_line: Array, which: int, who: int, cycle: int) -> None:
    """Stand at the end of a line."""
    places = lines.shape[1]
    tail = heads[which] + in_line[which, Level.NOW]
    tail -= places if tail >= places else 0
    lines[which, tail, WHO] = who
    lines[which, tail, SINCE] = cycle
    change(in_line, which, 1, cycle)


@jit
def _leave(lines: Array, heads: Array, in_line: Array, which: int, cycle: int) -> int:
    """Take the first out of a line and return it."""
    head = heads[which]
    heads[which] = head + 1 if head + 1 < lines.shape[1] else 0
    change(in_line, which, -1, cycle)
    return int(lines[which, head, WHO])
