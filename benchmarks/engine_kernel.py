"""The machines of bench_engine.py on our engine: timers that never meet, actors that contend for servers."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandemsim.sim.engine.event import NOBODY
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.engine.log import EventLog, record
from tandemsim.sim.engine.queue import EventQueue, pop, push
from tandemsim.sim.engine.resource import Resources, acquire, release


class Kind(IntEnum):
    """What happens to an actor: it has rested, is served from now on, or has been served."""

    RESTED = 0
    GRANTED = 1
    SERVED = 2


class Counter(IntEnum):
    """What both simulators count, to be compared."""

    EVENTS = 0
    JOBS_STARTED = 1
    JOBS_SERVED = 2
    CYCLES_SERVED = 3


class Work(NamedTuple):
    """What actors do: `delays` int64[actors, steps], taken in turn; `step`, `server_of` int64[actors]."""

    delays: NDArray[np.int64]
    step: NDArray[np.int64]
    server_of: NDArray[np.int64]


@jit(inline="always")
def next_delay(work: Work, who: int) -> int:
    """Return the next of the actor's own delays."""
    step = work.step[who]
    work.step[who] = step + 1
    return work.delays[who, step & (work.delays.shape[1] - 1)]


@jit
def run_timers(queue: EventQueue, work: Work, counters: NDArray[np.int64], log: EventLog, events: int) -> int:
    """Let every actor act, and come back after its next delay; return the cycle of the last event."""
    cycle = 0
    while counters[Counter.EVENTS] < events:
        event = pop(queue)
        cycle = event.cycle
        counters[Counter.EVENTS] += 1
        record(log, cycle, event.kind, event.who)
        if event.kind == Kind.RESTED:
            counters[Counter.JOBS_STARTED] += 1
            push(queue, cycle + next_delay(work, event.who), Kind.SERVED, event.who)
        elif event.kind == Kind.SERVED:
            counters[Counter.JOBS_SERVED] += 1
            push(queue, cycle + next_delay(work, event.who), Kind.RESTED, event.who)
    return cycle


@jit
def run_contended(
    queue: EventQueue,
    servers: Resources,
    work: Work,
    counters: NDArray[np.int64],
    log: EventLog,
    events: int,
) -> int:
    """Let every actor rest, stand in line, be served, and rest; return the cycle of the last event."""
    cycle = 0
    while counters[Counter.EVENTS] < events:
        event = pop(queue)
        cycle, who = event.cycle, event.who
        counters[Counter.EVENTS] += 1
        record(log, cycle, event.kind, who)
        server = work.server_of[who]
        if event.kind == Kind.RESTED:
            if acquire(servers, server, who, cycle):
                push(queue, cycle, Kind.GRANTED, who)
        elif event.kind == Kind.GRANTED:
            counters[Counter.JOBS_STARTED] += 1
            delay = next_delay(work, who)
            counters[Counter.CYCLES_SERVED] += delay
            push(queue, cycle + delay, Kind.SERVED, who)
        elif event.kind == Kind.SERVED:
            counters[Counter.JOBS_SERVED] += 1
            woken = release(servers, server, cycle)
            if woken != NOBODY:
                push(queue, cycle, Kind.GRANTED, woken)
            push(queue, cycle + next_delay(work, who), Kind.RESTED, who)
    return cycle
