"""`DeadlockError`: raised when a run can make no progress; it says who waits for what, since when.

A kernel cannot raise it: numba's exceptions carry constants only. So the kernel returns an `LoopEnd`, and
plain Python looks at what it left behind and raises. ::

    cycle, outcome = run(queue, resources, ...)          # return cycle, outcome_of(done == tiles)
    check_progress(outcome, cycle, waits(resources, who=lambda who: f"tile {who}", what=Port))

A run is at its end when no event is pending. If its work is not done then, it never will be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tandemsim.sim.engine.jit import jit
from tandemsim.sim.engine.resource import Resources
from tandemsim.sim.engine.stats import Level

SHOWN_WAITS = 20  # assumed: what fits on a screen; `DeadlockError.waits` has all


class LoopEnd(IntEnum):
    """How a loop ended, as its kernel returns it."""

    FINISHED = 0
    DEADLOCKED = 1


class Wait(NamedTuple):
    """A client that waits, what it waits for, both in words, and the cycle since when."""

    who: str
    what: str
    since: int

    def __str__(self) -> str:
        return f"{self.who} waits for {self.what} since cycle {self.since}"


class DeadlockError(RuntimeError):
    """No event is pending and work is left. `cycle` is that of the last event, `waits` all who wait."""

    def __init__(self, cycle: int, waits: Sequence[Wait]) -> None:
        self.cycle = cycle
        self.waits = tuple(waits)
        super().__init__(f"no progress after cycle {cycle}: {_listed(self.waits)}")


@jit(inline="always")
def outcome_of(finished: bool) -> int:
    """Return the `LoopEnd` of a loop that ran out of events, given whether its work is done."""
    return LoopEnd.FINISHED if finished else LoopEnd.DEADLOCKED


def check_progress(outcome: int, cycle: int, waits: Iterable[Wait]) -> None:
    """Raise `DeadlockError` unless the run finished.

    `waits` are those of `waits`, and whatever else the machine knows to be waiting; the longest comes first.
    """
    if outcome == LoopEnd.DEADLOCKED:
        raise DeadlockError(cycle, sorted(waits, key=lambda wait: wait.since))


def waits(resources: Resources, who: Callable[[int], str], what: Sequence[str] | type[IntEnum]) -> list[Wait]:
    """Return all clients in the lines of `resources`.

    `who` names a client by its number; `what` names the resources, one name per resource.
    """
    clients = []
    counts = resources.in_line[:, Level.NOW]
    for name, ring, head, count in zip(_names(what), resources.lines, resources.heads, counts, strict=True):
        line = np.roll(ring, -head, axis=0)[:count].tolist()
        clients += [Wait(who(number), name, since) for number, since in line]
    return clients


def _names(what: Sequence[str] | type[IntEnum]) -> list[str]:
    if isinstance(what, type):
        return [name.name.lower().replace("_", " ") for name in what]
    return list(what)


def _listed(waits: Sequence[Wait]) -> str:
    if not waits:
        return "work is left, but nobody waits: an event was never pushed"
    more = [f"and {len(waits) - SHOWN_WAITS} more"] if len(waits) > SHOWN_WAITS else []
    return "; ".join([*map(str, waits[:SHOWN_WAITS]), *more])
