"""Resources with finite slots, and a first-come waiting line before each. One table holds all of a machine.

Read `sim.engine.event` first: it shows the loop that calls these functions. A ``which`` is a row of the table
(an IntEnum or index of the machine), a ``who`` is any int64 that names a client, a tile say. `acquire` grants
a free slot at once; otherwise the client joins the end of the line. `release` passes the slot to the first in
line and returns that client's ``who``: the loop then continues this client as if its own `acquire` had just
succeeded. So a slot is free only while nobody waits, and clients are served in the order in which they came.
All calls pass the current cycle, which never falls.

`in_use` and `in_line` are tables of levels (`stats.Level`): slot-cycles in use, busy cycles, cycles waited,
peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.event import NOBODY
from tandemsim.sim.engine.jit import int64, jit
from tandemsim.sim.engine.stats import Level, change, new_levels, settle_all

WHO, SINCE = range(2)  # what a place in line holds


class LineFullError(RuntimeError):
    """More wait for a resource than the machine gave its line room for: a fault of the machine."""


class NotHeldError(RuntimeError):
    """A slot was released of a resource that nobody holds: a fault of the machine."""


class Resources(NamedTuple):
    """`slots` int64[n]; `in_use` and `in_line` int64[n, 5]; the lines, rings that begin at `heads`."""

    slots: Integers
    in_use: Integers
    in_line: Integers
    lines: Integers  # int64[n, places, 2]: who, since
    heads: Integers  # int64[n]


def new_resources(slots: Sequence[int], places: int) -> Resources:
    """Return free resources, the i-th with ``slots[i]`` slots and a line for up to `places` clients.

    Raises `ConfigError` for numbers that are not positive.
    """
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
    """Take a slot and return True, or join the line and return False. Raises `LineFullError`."""
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
    """Give a slot back; return the client that has it now, the first in line, or `NOBODY`.

    Raises `NotHeldError`.
    """
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
def _enter(lines: Integers, heads: Integers, in_line: Integers, which: int, who: int, cycle: int) -> None:
    """Put a client at the end of a line."""
    places = lines.shape[1]
    tail = heads[which] + in_line[which, Level.NOW]
    tail -= places if tail >= places else 0
    lines[which, tail, WHO] = who
    lines[which, tail, SINCE] = cycle
    change(in_line, which, 1, cycle)


@jit
def _leave(lines: Integers, heads: Integers, in_line: Integers, which: int, cycle: int) -> int:
    """Take the first out of a line and return it."""
    head = heads[which]
    heads[which] = head + 1 if head + 1 < lines.shape[1] else 0
    change(in_line, which, -1, cycle)
    return int(lines[which, head, WHO])
