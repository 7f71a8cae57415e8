"""Two complete machines, as small as they get: a line of stations, and actors that run programs.

In the *line*, jobs pass from station to station; who is granted a slot is served at once. In the *programs*,
each actor rests, acquires and releases as its table says, and goes on from a grant by an event of its own,
as a process of SimPy does.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandemsim.sim.engine.deadlock import LoopEnd, outcome_of
from tandemsim.sim.engine.event import NOBODY
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.engine.log import EventLog, columns, new_log, record
from tandemsim.sim.engine.queue import EventQueue, new_queue, pending, pop, push
from tandemsim.sim.engine.resource import Resources, acquire, new_resources, release, settle_resources
from tandemsim.sim.engine.stats import new_counters

Array = NDArray[np.int64]


class Kind(IntEnum):
    """What happens: in the line to a job, in the programs to an actor."""

    JOB_ARRIVED = 0
    JOB_SERVED = 1
    ACTOR_RESUMED = 2


class Op(IntEnum):
    """What an actor does next; its argument is a number of cycles, or a resource."""

    END = 0
    REST = 1
    ACQUIRE = 2
    RELEASE = 3


class Counter(IntEnum):
    """What both machines count."""

    EVENTS = 0
    DONE = 1


class Run(NamedTuple):
    """What a run leaves behind."""

    cycle: int
    outcome: int
    counters: Array
    resources: Resources
    timeline: list[tuple[int, int, int, int]]  # cycle, kind, who, value


@jit
def line_loop(
    queue: EventQueue,
    stations: Resources,
    service: Array,
    at: Array,
    left: Array,
    counters: Array,
    log: EventLog,
) -> tuple[int, int]:
    cycle = 0
    while pending(queue):
        event = pop(queue)
        cycle, job = event.cycle, event.who
        station = at[job]
        counters[Counter.EVENTS] += 1
        record(log, cycle, event.kind, job, station)
        if event.kind == Kind.JOB_ARRIVED:
            if acquire(stations, station, job, cycle):
                push(queue, cycle + service[station], Kind.JOB_SERVED, job)
        elif event.kind == Kind.JOB_SERVED:
            woken = release(stations, station, cycle)
            if woken != NOBODY:
                push(queue, cycle + service[station], Kind.JOB_SERVED, woken)
            at[job] += 1
            if at[job] < service.size:
                push(queue, cycle, Kind.JOB_ARRIVED, job)
            else:
                counters[Counter.DONE] += 1
                left[job] = cycle
    settle_resources(stations, cycle)
    return cycle, outcome_of(counters[Counter.DONE] == at.size)


def run_line(
    arrivals: Sequence[int], service: Sequence[int], slots: Sequence[int], log_rows: int = 0
) -> tuple[Run, Array]:
    """Send jobs through the stations; return the run, and the cycle in which each job left the last."""
    jobs = len(arrivals)
    queue, stations = new_queue(jobs), new_resources(slots, places=jobs)
    counters, log = new_counters(Counter), new_log(log_rows)
    for job, cycle in enumerate(arrivals):
        push(queue, int(cycle), int(Kind.JOB_ARRIVED), job)
    at, left = np.zeros((2, jobs), np.int64)
    end = line_loop(queue, stations, np.array(service, np.int64), at, left, counters, log)
    return finished(end, counters, stations, log), left


@jit
def program_loop(
    queue: EventQueue, resources: Resources, programs: Array, steps: Array, counters: Array, log: EventLog
) -> tuple[int, int]:
    cycle = 0
    while pending(queue):
        event = pop(queue)
        cycle, who = event.cycle, event.who
        counters[Counter.EVENTS] += 1
        record(log, cycle, event.kind, who, steps[who])
        counters[Counter.DONE] += resume(queue, resources, programs[who], steps, who, cycle)
    settle_resources(resources, cycle)
    return cycle, outcome_of(counters[Counter.DONE] == len(programs))


@jit(inline="always")
def resume(
    queue: EventQueue, resources: Resources, program: Array, steps: Array, who: int, cycle: int
) -> int:
    """Let an actor act until it has to wait; return 1 when its program ends, else 0."""
    acts = 1
    while acts and steps[who] < len(program) and program[steps[who], 0] != Op.END:
        op, argument = program[steps[who], 0], program[steps[who], 1]
        steps[who] += 1
        if op == Op.REST:
            push(queue, cycle + argument, Kind.ACTOR_RESUMED, who)
            acts = 0
        elif op == Op.ACQUIRE:
            if acquire(resources, argument, who, cycle):
                push(queue, cycle, Kind.ACTOR_RESUMED, who)
            acts = 0
        else:
            woken = release(resources, argument, cycle)
            if woken != NOBODY:
                push(queue, cycle, Kind.ACTOR_RESUMED, woken)
    return acts


def run_programs(
    programs: Sequence[Sequence[tuple[int, int]]], slots: Sequence[int], log_rows: int = 10_000
) -> Run:
    """Run one program an actor, each a list of (op, argument)."""
    actors, longest = len(programs), max(map(len, programs))
    table = np.full((actors, longest, 2), Op.END, np.int64)
    queue, resources = new_queue(actors), new_resources(slots, places=actors)
    counters, log = new_counters(Counter), new_log(log_rows)
    for actor, program in enumerate(programs):
        table[actor, : len(program)] = np.array(program, np.int64).reshape(-1, 2)
        push(queue, 0, int(Kind.ACTOR_RESUMED), actor)
    end = program_loop(queue, resources, table, np.zeros(actors, np.int64), counters, log)
    return finished(end, counters, resources, log)


def finished(end: tuple[int, int], counters: Array, resources: Resources, log: EventLog) -> Run:
    """Return what a loop left behind as plain Python."""
    timeline = [tuple(row) for row in np.transpose(columns(log)).tolist()]
    return Run(int(end[0]), LoopEnd(end[1]), counters, resources, timeline)
