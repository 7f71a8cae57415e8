"""What an engine waits for while it is idle, cycle by cycle.

A task starts when the last of what it needs is there. If that was a load, the task waited for the DRAM from
the cycle in which the load was issued. Before that the load itself waited, perhaps for a write, and that for
the task whose results it holds, which waited in turn. This chain is followed back to where the wait began,
and each cycle gets the cause that held it up then: where a load waits for a norm, the engine waits for the
vector unit and not for the DRAM.

Nothing here knows which engines and queues there are: the causes are those of `Wait`, and after them one for
each engine.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.loop import NONE, Cause, Times
from tandemsim.sim.ant.planned import Program
from tandemsim.sim.arch.types import Bools, Integers


class Wait(enum.IntEnum):
    """Why an engine waits; the number of an engine is added to `len(Wait)` where it waits for that one."""

    DRAM = 0  # for operands: a load, or the write of what is to be loaded
    OUTPUT = 1  # for room for its results, which earlier ones take until they are written
    FILL = 2  # for itself: weights enter the array, or results of the last tile are on their way out


def causes(engines: type[enum.IntEnum]) -> tuple[str, ...]:
    """Return the name of each cause."""
    return tuple(each.name.lower() for kind in (Wait, engines) for each in kind)


class Waits(NamedTuple):
    """The n intervals in which an engine waits, ascending; neighbors have different tasks or causes."""

    task: Integers  # [n] that starts after it
    cause: Integers  # [n] a `Wait`, or `len(Wait)` and an engine
    start: Integers  # [n]
    end: Integers  # [n]


class _Step(NamedTuple):
    """A part of a chain: in the cycles from `start` to `end` it was held up by `cause`."""

    cause: int
    start: int
    end: int


class Chains:
    """The waits of a run that has ended."""

    def __init__(self, program: Program, times: Times) -> None:
        self.program, self.times = program, times
        tasks, transfers = program.tasks, program.transfers
        self.left = times.end + tasks.lag
        self.before = np.concatenate([[0], times.end[:-1]]) if len(times.end) else times.end
        self.before[program.first[:-1][program.first[:-1] < len(times.end)]] = 0
        self.engine = np.repeat(np.arange(len(program.first) - 1), np.diff(program.first))
        self.chained = self._chained()
        fixed = np.where(transfers.in_turn == 1, NONE, transfers.wakes)
        self.last_load = _last(fixed, times.complete, len(times.end))
        by_turn = (times.freed != NONE) & (times.cause == Cause.WRITE)
        self.last_load[by_turn] = times.freed[by_turn]
        self.last_task = _last(tasks.wakes, self.left, len(times.end))
        self.leader = self._leaders()
        self.gate = self._gates()

    def of(self, engine: int) -> Waits:
        """Return the intervals in which `engine` waits, from cycle 0 to its last task."""
        first, last = int(self.program.first[engine]), int(self.program.first[engine + 1])
        idle = self.times.start[first:last] - self.before[first:last]
        gap = self.program.tasks.gap[first:last]  # in which the engine could not work, whatever is there
        found: list[tuple[int, int, int, int]] = []
        for task in (np.flatnonzero(idle > gap) + first).tolist():
            steps = _joined(self._steps(task, engine))
            found += [(task, step.cause, step.start, step.end) for step in reversed(steps)]
        fills = np.flatnonzero((idle > 0) & (idle <= gap)) + first
        own = np.full(len(fills), Wait.FILL)
        filling = np.stack((fills, own, self.before[fills], self.times.start[fills]), axis=1)
        rows = np.concatenate((np.array(found, np.int64).reshape(-1, 4), filling))
        rows = rows[np.argsort(rows[:, 2], kind="stable")]
        return Waits(*(np.ascontiguousarray(column) for column in rows.T))

    def _steps(self, task: int, engine: int) -> Iterator[_Step]:
        """Yield the chain before a task starts, the last first, back to the end of the task before it."""
        stop, cursor = int(self.before[task]), int(self.times.start[task])
        own = int(Wait.FILL)
        while cursor > stop:
            came = max(stop, int(self.before[task]), int(self.times.ready[task]))
            yield _Step(own, came, cursor)
            cursor = came
            if cursor == stop:
                return
            made: int = int(self.last_task[task])
            if self.times.cause[task] != Cause.TASK:
                load, made = int(self.last_load[task]), NONE
                is_room = bool(self.program.transfers.is_write[load])
                cause = Wait.OUTPUT if is_room else Wait.DRAM
                while made == NONE:
                    issued = int(self.times.issued[load])
                    yield _Step(cause, max(issued, stop), cursor)
                    cursor, cause = max(issued, stop), Wait.DRAM
                    if cursor == stop:
                        return
                    load, made = self._held_up(load)
            task = int(self.chained[made])
            maker = int(self.engine[made])
            own = Wait.FILL if maker == engine else len(Wait) + maker
            began = max(stop, int(self.times.start[task]))
            yield _Step(own, began, cursor)
            cursor = began

    def _held_up(self, transfer: int) -> tuple[int, int]:
        """Return the write, or the task, for which a transfer was not issued earlier; NONE for the other."""
        leader = int(self.leader[transfer])
        write, task = int(self.gate[leader]), int(self.program.transfers.after[leader])
        if task == NONE:
            return write, NONE
        ended = self.left[task] if self.program.transfers.has_left[leader] else self.times.end[task]
        if write != NONE and self.times.complete[write] > ended:
            return write, NONE
        return NONE, task

    def _chained(self) -> Integers:
        """Return for each task the first of those that follow one another up to it without a wait."""
        begins = self.times.ready > self.before
        begins[self.program.first[:-1][self.program.first[:-1] < len(begins)]] = True
        return np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))

    def _leaders(self) -> Integers:
        """Return for each transfer the first of its queue that was issued in the same cycle.

        The others waited behind it.
        """
        leaders = [np.zeros(0, np.int64)]
        for first, last in zip(self.program.queues[:-1], self.program.queues[1:], strict=True):
            issued = self.times.issued[first:last]
            leaders.append(first + np.searchsorted(issued, issued, "left"))
        return np.concatenate(leaders)

    def _gates(self) -> Integers:
        """Return for each transfer the write that had to be complete before, or NONE."""
        transfers, writes = self.program.transfers, self.program.writes
        latest = writes.transfer.copy()  # of those up to each, the one complete last
        for first, last in zip(writes.first[:-1], writes.first[1:], strict=True):
            complete = self.times.complete[writes.transfer[first:last]]
            is_later = complete >= np.maximum.accumulate(complete)
            place = np.maximum.accumulate(np.where(is_later, np.arange(last - first), 0))
            latest[first:last] = writes.transfer[first + place]
        gated: Bools = (transfers.source != NONE) & (transfers.written > 0)
        gates = np.full(len(transfers.source), NONE, np.int64)
        gates[gated] = latest[writes.first[transfers.source[gated]] + transfers.written[gated] - 1]
        return gates


def _last(wakes: Integers, at: Integers, tasks: int) -> Integers:
    """Return for each task which of the things that wake it, in the cycles `at`, was the last; NONE."""
    order = np.argsort(at, kind="stable")
    order = order[wakes[order] != NONE]
    last = np.full(tasks, NONE, np.int64)
    last[wakes[order]] = order  # of an index that is repeated, the last value stays
    return last


def _joined(steps: Iterator[_Step]) -> list[_Step]:
    """Return the steps of a chain that take time; neighbors of one cause are one."""
    joined: list[_Step] = []
    for cause, start, end in steps:
        if start == end:
            continue
        merges = joined and joined[-1].cause == cause
        joined.append(_Step(cause, start, joined.pop().end if merges else end))
    return joined
