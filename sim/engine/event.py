"""What an event is, and how a machine is built from the engine.

An event is (cycle, priority, sequence, kind, who). The first three order it: the earlier cycle first; within
a cycle the smaller priority; within a priority what was pushed first. `kind` says what happens and `who` to
which part of the machine; both are the machine's own numbers. Cycles are int64, never float.

A machine names its kinds (noun and past participle), its resources and its counters as IntEnums that count
0, 1, 2, ..., and owns its loop: one module-level jitted function that pops and acts by kind. There is no
generic loop to call: a handler that is passed as an argument would be compiled again in every process. ::

    @jit
    def run(queue, servers, counters, log, jobs):
        cycle = 0
        while pending(queue):
            event = pop(queue)
            cycle = event.cycle
            record(log, cycle, event.kind, event.who)
            if event.kind == Kind.JOB_ARRIVED:
                if acquire(servers, Server.DESK, event.who, cycle):
                    push(queue, cycle + SERVICE_CYCLES, Kind.JOB_SERVED, event.who)
            elif event.kind == Kind.JOB_SERVED:
                counters[Counter.JOBS_SERVED] += 1
                woken = release(servers, Server.DESK, cycle)
                if woken != NOBODY:
                    push(queue, cycle + SERVICE_CYCLES, Kind.JOB_SERVED, woken)
        settle_resources(servers, cycle)
        return cycle, outcome_of(counters[Counter.JOBS_SERVED] == jobs)

What the loop touches are arrays and NamedTuples of arrays, made by plain Python before the call:
`queue.new_queue`, `resource.new_resources`, `stats.new_counters`, `log.new_log`. After it,
`deadlock.check_progress` turns the outcome into a `DeadlockError` that names who waits. tests/engine holds
small machines that are complete.

Within a cycle, order is what makes a result reproducible: give a priority where the hardware has an order of
its own (a release before an acquire), and let the sequence decide the rest. An event that comes back for
ever (a refresh, a sampler) must not be pushed again once nothing else is pending, or the loop never ends.
"""

from __future__ import annotations

from typing import NamedTuple

NEVER = 2**63 - 1  # the largest int64: the cycle of what is not planned
NOBODY = -1  # the who of no one


class Event(NamedTuple):
    """One event, as `queue.pop` returns it; all int64."""

    cycle: int
    priority: int
    sequence: int
    kind: int
    who: int
