"""The event loop of a machine of engines: tasks and transfers that wait for one another, one DMA, one DRAM.

Each engine runs its list of tasks in order; a task starts when its engine is free and what it needs is there.
Transfers wait in queues, each in its order; the head of a queue is handed to the DMA once its slot is free
and its data exist. There is no other rule. All lists follow one order of the layers,
so nothing waits for itself. `sim.ant.program` says what runs; this file computes when.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Integers, Records
from tandemsim.sim.engine.deadlock import outcome_of
from tandemsim.sim.engine.event import NEVER, NOBODY
from tandemsim.sim.engine.jit import int64, jit
from tandemsim.sim.engine.queue import EventQueue, peek, pop, push
from tandemsim.sim.engine.records import make_record
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.memory.dma_state import Dma

NONE = -1
ENGINES, QUEUES = 3, 6


class Engine(enum.IntEnum):
    """What works on tasks."""

    ARRAY = 0
    VECTOR = 1
    ATTENTION = 2  # an array for attention, of a machine that has one beside


class Queue(enum.IntEnum):
    """Transfers that keep an order among themselves."""

    WEIGHT = 0
    ACTIVATION = 1
    OPERAND = 2  # of the vector unit, and of what rides on the array's output words
    OUTPUT = 3  # of the array
    RESULT = 4  # of the vector unit
    ATTENTION = 5  # loads and results of the attention array, in an order of its own


class Event(enum.IntEnum):
    """Kinds of events; the `who` of each is a task."""

    ENDED = 0  # the engine is free for the next one
    LEFT = 1  # its last result has left the engine


class Cause(enum.IntEnum):
    """What a task waited for last."""

    LOAD = 0
    TASK = 1
    WRITE = 2


class Tasks(NamedTuple):
    """T tasks: those of engine e are ``first[e]:first[e + 1]``, in the order in which they run."""

    cycles: Integers  # [T] from the first operand to the last
    gap: Integers  # [T] idle cycles that the engine needs before it, whatever is there
    fill: Integers  # [T] cycles from its last weight's arrival to its start
    lag: Integers  # [T] from its last operand to its last result
    awaited: Integers  # [T] loads, tasks and writes that it still waits for; counts down
    wakes: Integers  # [T] the task that waits for its results, or NONE


class Transfers(NamedTuple):
    """N transfers: those of queue q are ``first[q]:first[q + 1]``, in the order in which they are issued."""

    base: Integers  # [N] byte address
    rows: Integers  # 0: what it stands for is on the chip
    row_bytes: Integers
    stride: Integers
    is_write: Integers  # 0 or 1
    after: Integers  # [N] the task that must have ended; NONE
    # [N] the layer whose output it loads, of what stays on the chip counted on from the last layer; NONE: it
    # is there from the start
    source: Integers
    written: Integers  # [N] how many of that layer's first writes must be complete
    layer: Integers  # [N] of a write, the layer that it belongs to, or as above
    wakes: Integers  # [N] the task that waits for it, or NONE
    has_left: Integers  # [N] 1: the last result of the task `after` must have left its engine, too
    in_turn: Integers  # [N] 1: whichever of these is complete first wakes the task of the first of them


class Writes(NamedTuple):
    """The writes of layer l are ``transfer[first[l]:first[l + 1]]``, in the order of their issue."""

    transfer: Integers  # [writes]
    first: Integers  # [2 layers + 1]: those of the chip after those of the DRAM


class Times(NamedTuple):
    """The cycles in which things happened; -1 before they do."""

    start: Integers  # [T]
    end: Integers  # [T]
    cause: Integers  # [T] what it waited for last
    ready: Integers  # [T] the cycle in which the last of that was there
    weights: Integers  # [T] and the last of its weights
    freed: Integers  # [T] the transfer in turn that woke it
    issued: Integers  # [N] handed to the DMA
    begun: Integers  # [N] the DRAM accepted the first burst; of what moves nothing, -1
    complete: Integers  # [N]


class Plan(NamedTuple):
    """What travels through the functions of the loop."""

    state: Records
    queue: EventQueue
    tasks: Tasks
    first: Integers  # [ENGINES + 1]
    writes: Writes
    turns: Integers  # transfers in turn, in the order of their issue
    layers: Integers  # [2 layers] how many of the first writes of each are complete
    left: Integers  # [T] 1: its last result has left
    times: Times


STATE = make_record(
    next=(ENGINES,),  # the task that runs or starts next
    busy=(ENGINES,),  # 1: it runs
    free=(ENGINES,),  # cycle from which the engine is free
    head=(QUEUES,),  # the next transfer of each queue
    complete=(),  # transfers
    turn=(),  # transfers in turn that are complete
    finished=(),  # tasks
    cycle=(),
)

PAUSED = 2  # beside the members of `LoopEnd`: so many events have passed


@jit
def run(plan: Plan, dma: Dma, transfers: Transfers, queues: Integers, events: int) -> tuple[int, int]:
    """Run up to `events` more events; return the cycle and a `LoopEnd`, or `PAUSED`."""
    state = plan.state[0]
    cycle = int64(state.cycle)
    _issue(plan, dma, transfers, queues, cycle)
    _start(plan, cycle)
    passed = int64(0)
    while True:
        if passed >= events:
            state.cycle = cycle
            return cycle, PAUSED
        passed += 1
        planned = peek(plan.queue).cycle
        arrived, transfer = dma_advance(dma, planned)
        if transfer != NOBODY:
            cycle = arrived
            plan.times.begun[transfer] = dma.state[0].begun
            _deliver(plan, transfers, queues, transfer, cycle)
        elif planned == NEVER:
            break
        else:
            event = pop(plan.queue)
            cycle = event.cycle
            _ended(plan, event.kind, event.who, cycle)
        _issue(plan, dma, transfers, queues, cycle)
        _start(plan, cycle)
    done = state.finished == len(plan.tasks.cycles) and state.complete == len(transfers.base)
    return cycle, outcome_of(done)


@jit
def _issue(plan: Plan, dma: Dma, transfers: Transfers, queues: Integers, cycle: int) -> None:
    """Hand the DMA the head of every queue whose turn has come."""
    while _issued(plan, dma, transfers, queues, cycle):
        pass  # what stays on the chip is there at once, and other queues may wait for it


@jit
def _issued(plan: Plan, dma: Dma, transfers: Transfers, queues: Integers, cycle: int) -> bool:
    """Look at every queue once; return whether results that stay on the chip were among the heads."""
    state, again = plan.state[0], False
    for queue in range(QUEUES):
        index = state.head[queue]
        while index < queues[queue + 1] and _may_move(plan, transfers, index):
            plan.times.issued[index] = cycle
            if transfers.rows[index] == 0:
                _deliver(plan, transfers, queues, index, cycle)
                again = again or transfers.is_write[index] == 1
                index += 1
                continue
            dma_submit(
                dma,
                transfers.base[index],
                transfers.rows[index],
                transfers.row_bytes[index],
                transfers.stride[index],
                transfers.is_write[index],
                index,
                cycle,
            )
            index += 1
        state.head[queue] = index
    return again


@jit(inline="always")
def _may_move(plan: Plan, transfers: Transfers, index: int) -> bool:
    after = transfers.after[index]
    if after != NONE:
        if transfers.has_left[index]:
            if plan.left[after] == 0:
                return False
        elif plan.times.end[after] == NONE:
            return False
    source = transfers.source[index]
    return bool(source == NONE or plan.layers[source] >= transfers.written[index])


@jit
def _deliver(plan: Plan, transfers: Transfers, queues: Integers, transfer: int, cycle: int) -> None:
    """Account for a transfer that is complete."""
    plan.state[0].complete += 1
    plan.times.complete[transfer] = cycle
    if transfers.is_write[transfer]:
        _count_writes(plan, transfers.layer[transfer])
    task = transfers.wakes[transfer]
    if transfers.in_turn[transfer]:
        task = transfers.wakes[plan.turns[plan.state[0].turn]]
        plan.state[0].turn += 1
        if task != NONE:
            plan.times.freed[task] = transfer
    if task != NONE:
        if transfer < queues[Queue.WEIGHT + 1]:
            plan.times.weights[task] = cycle
        _arrive(plan, task, Cause.WRITE if transfers.is_write[transfer] else Cause.LOAD, cycle)


@jit
def _count_writes(plan: Plan, layer: int) -> None:
    """Count the first writes of a layer that are complete: a DRAM may finish a later one before."""
    first, last = plan.writes.first[layer], plan.writes.first[layer + 1]
    count = plan.layers[layer]
    while first + count < last and plan.times.complete[plan.writes.transfer[first + count]] != NONE:
        count += 1
    plan.layers[layer] = count


@jit
def _arrive(plan: Plan, task: int, cause: int, cycle: int) -> None:
    """Count off one of the things that a task waits for."""
    plan.tasks.awaited[task] -= 1
    if plan.tasks.awaited[task] == 0:
        plan.times.ready[task] = cycle
        plan.times.cause[task] = cause


@jit
def _ended(plan: Plan, kind: int, task: int, cycle: int) -> None:
    tasks = plan.tasks
    if kind == Event.LEFT:
        plan.left[task] = 1
        if tasks.wakes[task] != NONE:
            _arrive(plan, tasks.wakes[task], Cause.TASK, cycle)
        return
    engine = int64(0)
    while task >= plan.first[engine + 1]:
        engine += 1
    state = plan.state[0]
    plan.times.end[task] = cycle
    state.busy[engine] = 0
    state.finished += 1
    state.free[engine] = cycle
    state.next[engine] = task + 1
    push(plan.queue, cycle + tasks.lag[task], Event.LEFT, task)


@jit
def _start(plan: Plan, cycle: int) -> None:
    """Start the next task of every engine that is free, if all that it needs is there."""
    state, tasks = plan.state[0], plan.tasks
    for engine in range(ENGINES):
        task = state.next[engine]
        if state.busy[engine] or task == plan.first[engine + 1] or tasks.awaited[task] > 0:
            continue
        begin = max(cycle, state.free[engine] + tasks.gap[task])
        if plan.times.weights[task] != NONE:
            begin = max(begin, plan.times.weights[task] + tasks.fill[task])
        plan.times.start[task] = begin
        state.busy[engine] = 1
        push(plan.queue, begin + tasks.cycles[task], Event.ENDED, task)


def new_plan(
    tasks: Tasks, first: Integers, transfers: Transfers, queues: Integers, writes: Writes, queue: EventQueue
) -> Plan:
    """Return the plan of a run that has not begun. Its `tasks` are changed by the run."""
    state = np.zeros(1, STATE).view(np.recarray)
    state["next"], state["head"] = first[:-1], queues[:-1]
    count = len(tasks.cycles)
    never = [np.full(size, NONE, np.int64) for size in (*[count] * 6, *[queues[-1]] * 3)]
    return Plan(
        state=state,
        queue=queue,
        tasks=tasks,
        first=first,
        writes=writes,
        turns=np.flatnonzero(transfers.in_turn),
        layers=np.zeros(max(len(writes.first) - 1, 1), np.int64),
        left=np.zeros(max(count, 1), np.int64),
        times=Times(*never),
    )
