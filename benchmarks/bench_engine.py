"""Events per second of our engine beside SimPy's, in one process: ``python -m benchmarks.bench_engine``.

256 live actors, counters on, one thread. *timers*: each event counts, acts by kind and schedules its actor
after the next of the actor's own delays (1 to 64 cycles). *contended*: actors rest, stand in line for one of
64 servers of two slots, are served, and rest again. Both simulators walk the same delays and must end at the
same cycle with the same counters. An event is what our queue pops; SimPy takes further internal ones for a
release, which are not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import simpy

from benchmarks.engine_kernel import Counter, Kind, Work, run_contended, run_timers
from tandemsim.sim.engine.log import EventLog, new_log
from tandemsim.sim.engine.queue import EventQueue, new_queue, push
from tandemsim.sim.engine.resource import new_resources
from tandemsim.sim.engine.stats import named, new_counters

ACTORS = 256  # issue: 256 live actors
SERVERS, SLOTS = 64, 2  # two slots for four actors: about half of all jobs wait
STEPS = 64  # delays of one actor before they repeat; a power of two
LONGEST_DELAY = 64  # cycles
OUR_EVENTS, SIMPY_EVENTS = 5_000_000, 200_000  # about half a second each
REPEATS = 7
SEED = 1


class Ending(NamedTuple):
    """Where a run ended: cycle and counters by name."""

    cycle: int
    counters: dict[str, int]


def new_work() -> Work:
    """Return fresh work: the same delays every time."""
    delays = np.random.default_rng(SEED).integers(1, LONGEST_DELAY, (ACTORS, STEPS), endpoint=True)
    return Work(delays, step=np.zeros(ACTORS, np.int64), server_of=np.arange(ACTORS) % SERVERS)


def our_timers(events: int, log: EventLog) -> Ending:
    """Run *timers* on our engine."""
    counters = new_counters(Counter)
    cycle = run_timers(started_queue(), new_work(), counters, log, events)
    return Ending(cycle, named(Counter, counters))


def our_contended(events: int, log: EventLog) -> Ending:
    """Run *contended* on our engine."""
    counters = new_counters(Counter)
    servers = new_resources([SLOTS] * SERVERS, places=ACTORS // SERVERS)
    cycle = run_contended(started_queue(), servers, new_work(), counters, log, events)
    return Ending(cycle, named(Counter, counters))


def started_queue() -> EventQueue:
    """Return a queue in which every actor has rested at cycle 0; never more than one event an actor pends."""
    queue = new_queue(ACTORS)
    for actor in range(ACTORS):
        push(queue, 0, Kind.RESTED, actor)
    return queue


class Twin:
    """The same actors on SimPy."""

    def __init__(self, actor: Callable[[Twin, int, list[int]], simpy.events.ProcessGenerator]) -> None:
        self.env = simpy.Environment()
        self.servers = [simpy.Resource(self.env, SLOTS) for _ in range(SERVERS)]
        self.counters = dict.fromkeys((name.name.lower() for name in Counter), 0)
        for who, delays in enumerate(new_work().delays.tolist()):
            self.env.process(actor(self, who, delays))

    def run(self, events: int) -> Ending:
        """Step until `events` have been counted."""
        counters, step = self.counters, self.env.step
        while counters["events"] < events:
            step()
        return Ending(int(self.env.now), counters)


def timer_actor(twin: Twin, _: int, delays: list[int]) -> simpy.events.ProcessGenerator:
    """Act, and come back after the next delay."""
    env, counters = twin.env, twin.counters
    while True:
        for start, delay in zip(delays[::2], delays[1::2], strict=True):
            counters["events"] += 1
            counters["jobs_started"] += 1
            yield env.timeout(start)
            counters["events"] += 1
            counters["jobs_served"] += 1
            yield env.timeout(delay)


def contending_actor(twin: Twin, who: int, delays: list[int]) -> simpy.events.ProcessGenerator:
    """Stand in line, be served, rest."""
    env, counters, server = twin.env, twin.counters, twin.servers[who % SERVERS]
    while True:
        for service, rest in zip(delays[::2], delays[1::2], strict=True):
            counters["events"] += 1
            with server.request() as request:
                yield request
                counters["events"] += 1
                counters["jobs_started"] += 1
                counters["cycles_served"] += service
                yield env.timeout(service)
                counters["events"] += 1
                counters["jobs_served"] += 1
            yield env.timeout(rest)


def rates(run: Callable[[int], Ending], events: int) -> list[float]:
    """Return events per second, sorted, of several runs."""
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run(events)
        found.append(events / (time.perf_counter() - start))
    return sorted(found)


def compare(name: str, ours: Callable[[int, EventLog], Ending], actor: Any, log_rows: int = 0) -> None:
    """Check that both end alike, then print one row of the table."""
    same = ours(SIMPY_EVENTS, new_log()), Twin(actor).run(SIMPY_EVENTS)
    if same[0] != same[1]:
        raise SystemExit(f"{name}: ours ended at {same[0]}, SimPy at {same[1]}")
    fast = rates(lambda events: ours(events, new_log(log_rows)), OUR_EVENTS)
    slow = rates(lambda events: Twin(actor).run(events), SIMPY_EVENTS)
    cells = [f"{max(r) / 1e6:7.2f} {statistics.median(r) / 1e6:7.2f}" for r in (fast, slow)]
    print(f"{name:20} {cells[0]}   {cells[1]}   {statistics.median(fast) / statistics.median(slow):6.1f}")


def main() -> None:
    """Print the table."""
    print(f"{ACTORS} live actors, counters on, one thread; million events/s, best and median of {REPEATS}\n")
    print(f"{'':20} {'ours':>7} {'median':>7}   {'SimPy':>7} {'median':>7}   {'ratio':>6}")
    compare("timers", our_timers, timer_actor)
    compare("contended", our_contended, contending_actor)
    compare("timers, log on", our_timers, timer_actor, log_rows=OUR_EVENTS)


if __name__ == "__main__":
    main()
