"""The event queue: a binary heap over one int64 array, ordered by (cycle, priority, sequence).

A row of the heap is four words: cycle, order, kind, who, where order packs priority and sequence. The queue
holds what is pending and nothing else. Its capacity is fixed, since a machine knows how many events it can
have in flight; a push beyond it raises.

`pop` leaves a hole at the top, which the next `push` fills: an event that schedules its follow-up, as most
do, costs one walk down the heap and not two. A row is named by the unsigned index of its first word: numba
then needs neither a multiplication by a row length nor a test for negative indices (1.5 to 2 times as
fast).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.event import NEVER, NOBODY, Event
from tandemsim.sim.engine.jit import int64, jit

SEQUENCE_BITS = 48  # 2.8e14 events, a year at 9 million a second; leaves a signed priority of 16 bits
SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
PRIORITIES = 1 << 15  # on either side of 0

ROW_WORDS = 4
ROW = np.uint64(ROW_WORDS)  # from one row to the next; these are its words:
CYCLE, ORDER, KIND, WHO = (np.uint64(word) for word in range(4))
TOP = np.uint64(0)  # the first row
TWO = np.uint64(2)  # children of a row

ROWS, HOLE, SEQUENCE, NOW = range(4)  # words of the state


class QueueFullError(RuntimeError):
    """More events are pending than the machine gave the queue room for: a fault of the machine."""


class PastEventError(RuntimeError):
    """An event was pushed before the last one popped: a fault of the machine."""


class EventQueue(NamedTuple):
    """Pending events: `heap` int64[4 x capacity]; `state` int64[4], rows in use, hole, next sequence, now."""

    heap: Integers
    state: Integers


def new_queue(capacity: int) -> EventQueue:
    """Return an empty queue for up to `capacity` pending events, of 32 bytes each.

    Raises `ConfigError` for a capacity that is not positive.
    """
    require(capacity > 0, "the capacity of an event queue must be a positive integer", capacity)
    return EventQueue(np.zeros(capacity * ROW_WORDS, np.int64), np.zeros(4, np.int64))


@jit(inline="always")
def push(queue: EventQueue, cycle: int, kind: int, who: int, priority: int = 0) -> None:
    """Schedule an event; the smaller `priority`, from -32,768 to 32,767, comes first within its cycle.

    Raises `QueueFullError`, `ValueError` for another priority, and `PastEventError` for a cycle before that
    of the last popped event.
    """
    heap, state = queue
    if not -PRIORITIES <= priority < PRIORITIES:
        raise ValueError("the priority of an event must be from -32768 to 32767")
    if cycle < state[NOW]:
        raise PastEventError("an event must not be pushed before the cycle of the last popped one")
    order = (priority << SEQUENCE_BITS) | state[SEQUENCE]
    state[SEQUENCE] += 1
    if state[HOLE]:
        state[HOLE] = 0
        _sink(heap, state[ROWS], int64(cycle), order, int64(kind), int64(who))
    else:
        if state[ROWS] * ROW_WORDS == heap.size:
            raise QueueFullError("the event queue is full; the machine must give new_queue a larger capacity")
        state[ROWS] += 1
        _rise(heap, state[ROWS], int64(cycle), order, int64(kind), int64(who))


@jit(inline="always")
def pop(queue: EventQueue) -> Event:
    """Remove and return the next event. Raises `IndexError` when none is pending."""
    event = peek(queue)
    if queue.state[ROWS] == 0:
        raise IndexError("pop from an empty event queue")
    queue.state[HOLE] = 1
    queue.state[NOW] = event.cycle
    return event


@jit(inline="always")
def peek(queue: EventQueue) -> Event:
    """Return the next event without removing it; on an empty queue one at cycle `NEVER`."""
    heap, state = queue
    if state[HOLE]:
        _fill_hole(heap, state)
    if state[ROWS] == 0:
        return Event(NEVER, 0, 0, NOBODY, NOBODY)
    order = heap[ORDER]
    return Event(heap[CYCLE], order >> SEQUENCE_BITS, order & SEQUENCE_MASK, heap[KIND], heap[WHO])


@jit(inline="always")
def pending(queue: EventQueue) -> int:
    """Return how many events wait in the queue."""
    return int(queue.state[ROWS] - queue.state[HOLE])


@jit
def _fill_hole(heap: Integers, state: Integers) -> None:
    """Close the hole at the top with the last row."""
    state[HOLE] = 0
    state[ROWS] -= 1
    last = np.uint64(state[ROWS]) * ROW
    if last > TOP:
        _sink(heap, state[ROWS], heap[last], heap[last + ORDER], heap[last + KIND], heap[last + WHO])


@jit
def _sink(heap: Integers, rows: int, cycle: int, order: int, kind: int, who: int) -> None:
    """Put an event in at the top, whose row is free, and let it sink to its place among `rows` rows."""
    end = np.uint64(rows) * ROW
    hole = TOP
    child = ROW
    while child < end:
        right = child + ROW
        if right < end and _is_before(heap, right, heap[child], heap[child + ORDER]):
            child = right
        if not _is_before(heap, child, cycle, order):
            break
        _move(heap, hole, child)
        hole = child
        child = TWO * hole + ROW
    _put(heap, hole, cycle, order, kind, who)


@jit
def _rise(heap: Integers, rows: int, cycle: int, order: int, kind: int, who: int) -> None:
    """Put an event in at the last of `rows` rows, which is free, and let it rise to its place."""
    hole = np.uint64(rows - 1) * ROW
    while hole > TOP:
        parent = (hole - ROW) // (TWO * ROW) * ROW
        if _is_before(heap, parent, cycle, order):
            break
        _move(heap, hole, parent)
        hole = parent
    _put(heap, hole, cycle, order, kind, who)


@jit
def _is_before(heap: Integers, row: np.uint64, cycle: int, order: int) -> bool:
    """Say whether the event at `row` comes first; without branches, which would be mispredicted."""
    return bool((heap[row] < cycle) | ((heap[row] == cycle) & (heap[row + ORDER] < order)))


@jit
def _move(heap: Integers, to: np.uint64, row: np.uint64) -> None:
    _put(heap, to, heap[row], heap[row + ORDER], heap[row + KIND], heap[row + WHO])


@jit
def _put(heap: Integers, row: np.uint64, cycle: int, order: int, kind: int, who: int) -> None:
    heap[row] = cycle
    heap[row + ORDER] = order
    heap[row + KIND] = kind
    heap[row + WHO] = who
