"""The event log: what happened when, as columns of numpy, for timelines and tests. Off unless asked for.

A log has room for a fixed number of records, and keeps the first ones; what came later is counted by
`dropped`, so a picture that is cut short can say so. The room is reserved and not filled: the system gives
memory as records are written. A log that is off has no room, and costs a loop one comparison per record.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.jit import jit


class EventLog(NamedTuple):
    """`records` int64[capacity, 4]: cycle, kind, who, value; `offered` int64[1]: records offered so far."""

    records: Integers
    offered: Integers


class Columns(NamedTuple):
    """The records in the order of recording, int64[n] each; views into the log."""

    cycle: Integers
    kind: Integers
    who: Integers
    value: Integers


def new_log(capacity: int = 0) -> EventLog:
    """Return a log that keeps the first `capacity` records (32 bytes each); 0 is off.

    Raises `ConfigError` for a negative capacity.
    """
    require(capacity >= 0, "the capacity of an event log must be a non-negative integer", capacity)
    return EventLog(np.empty((capacity, 4), np.int64), np.zeros(1, np.int64))


def columns(log: EventLog) -> Columns:
    """Return what was recorded."""
    return Columns(*log.records[: log.offered[0]].T)


def dropped(log: EventLog) -> int:
    """Return how many records found no room; of a log that is off, all."""
    return max(0, int(log.offered[0]) - len(log.records))


@jit(inline="always")
def record(log: EventLog, cycle: int, kind: int, who: int, value: int = 0) -> None:
    """Keep a record while there is room; `value` is the machine's own."""
    row = log.offered[0]
    log.offered[0] = row + 1
    if row < log.records.shape[0]:
        log.records[row, 0] = cycle
        log.records[row, 1] = kind
        log.records[row, 2] = who
        log.records[row, 3] = value
