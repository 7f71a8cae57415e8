"""A run of engines and queues in time: tasks, what each engine waits for, transfers; and activity in bins.

Nothing here knows which engines and queues there are: names of tracks come from their enums. Slices of tasks
and transfers are named after their ops. Where a run has more than a viewer opens quickly, neighbors of one
name are joined (`sim.report.timeline_levels`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence

import numpy as np

from tandemsim.sim.ant.loop import Times
from tandemsim.sim.ant.planned import Program
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.machines.ant.waits import Chains, causes
from tandemsim.sim.memory.dma_state import Dma, bytes_over_time
from tandemsim.sim.report.activity import Activity, bin_edges, spread
from tandemsim.sim.report.timeline import NONE, Timeline
from tandemsim.sim.report.timeline_levels import Slices, concatenated, join_each, size_for

MOST = 90_000  # slices: 20 MB in all at some 220 bytes a slice, what Perfetto opens within seconds
TASKS, WAITS, TRANSFERS = 4, 2, 1  # shares of these that a track of each kind gets

Track = tuple[str, int, Slices]  # its name, its share of the slices, the slices


def timeline(
    program: Program, times: Times, engines: type[enum.IntEnum], queues: type[enum.IntEnum]
) -> Timeline:
    """Lay out a run that has ended; join what would be too many slices."""
    ops = tuple(plan.layer.op.name for plan in program.layers)
    labels = (*ops, *causes(engines))
    tracks = [*_engines(program, times, engines), *_queues(program, times, queues)]
    shares = sum(share for _, share, _ in tracks)
    notes, joined = [], []
    for name, share, slices in tracks:
        size = size_for([(slices, 1)], MOST * share // shares)
        joined.append(join_each(slices, size))
        if size > 1:
            notes.append(f"Track {name!r}: {size} slices of one name, and the time between, are joined")
    names = dict.fromkeys(argument for slices in joined for argument in slices.arguments)
    every = concatenated([Slices(label=s.label, start=s.start, end=s.end) for s in joined])
    return Timeline(
        tracks=tuple(name for name, _, _ in tracks),
        labels=labels,
        track=np.repeat(np.arange(len(joined)), [len(slices) for slices in joined]),
        label=every.label,
        start=every.start,
        duration=every.end - every.start,
        arguments={
            name: np.concatenate([s.arguments.get(name, np.full(len(s), NONE)) for s in joined])
            for name in names
        },
        texts={"for": ops},
        coarser=tuple(notes),
    )


def _engines(program: Program, times: Times, engines: type[enum.IntEnum]) -> Iterator[Track]:
    """Yield two tracks for each engine that works: what it waits for, and its tasks."""
    chains, first_cause = Chains(program, times), len(program.layers)
    for engine in _working(program, engines):
        name = engine.name.lower()
        waits = chains.of(engine)
        slices = Slices(
            label=first_cause + waits.cause,
            start=waits.start,
            end=waits.end,
            arguments={"stalled": waits.end - waits.start, "for": program.task_layer[waits.task]},
        )
        yield f"{name} waits for", WAITS, slices
        tasks = slice(int(program.first[engine]), int(program.first[engine + 1]))
        op = program.task_layer[tasks]
        slices = Slices(
            label=op, start=times.start[tasks], end=times.end[tasks], arguments={"task": _numbered(op)}
        )
        yield name, TASKS, slices


def _working(program: Program, engines: type[enum.IntEnum]) -> list[enum.IntEnum]:
    return [engine for engine in engines if program.first[engine] < program.first[engine + 1]]


def _numbered(op: Integers) -> Integers:
    """Return the number of each task among the tasks of its op that follow one another."""
    number = np.arange(len(op))
    begins = np.ones(len(op), np.bool_)
    begins[1:] = np.diff(op) != 0
    return number - np.maximum.accumulate(np.where(begins, number, 0))


def _queues(program: Program, times: Times, queues: type[enum.IntEnum]) -> Iterator[Track]:
    """Yield a track for the reads of each queue of the DMA, and one for its writes, where it has any."""
    transfers = program.transfers
    for queue in queues:
        first, last = int(program.queues[queue]), int(program.queues[queue + 1])
        moved = first + np.flatnonzero(times.begun[first:last] != NONE)
        for is_write, kind in enumerate(("reads", "writes")):
            rows = moved[transfers.is_write[moved] == is_write]
            slices = Slices(
                label=program.transfer_layer[rows],
                start=times.begun[rows],
                end=times.complete[rows],
                arguments={
                    "bytes": transfers.rows[rows] * transfers.row_bytes[rows],
                    "queued": times.begun[rows] - times.issued[rows],
                },
            )
            if len(rows):
                yield f"DMA {kind}: {queue.name.lower()}", TRANSFERS, slices


def activity(
    program: Program,
    times: Times,
    dma: Dma,
    cycles: int,
    macs: Sequence[int],
    engines: type[enum.IntEnum],
    multiplying: Sequence[int],
) -> Activity:
    """Return useful MACs, DRAM bytes and busy engines over time.

    `macs`: of each layer. They are shared among its tasks on the `multiplying` engines by their cycles.
    """
    edges = bin_edges(cycles)
    at, size = bytes_over_time(dma)
    of_tasks = program.tasks.cycles
    worked = np.zeros(len(program.layers))
    busy, done = {}, np.zeros(len(edges) - 1)
    spans = {
        engine: slice(int(program.first[engine]), int(program.first[engine + 1]))
        for engine in _working(program, engines)
    }
    for engine, span in spans.items():
        if engine in multiplying:
            worked += np.bincount(program.task_layer[span], of_tasks[span], len(worked))
    rate = np.divide(np.array(macs, np.float64), worked, out=np.zeros(len(worked)), where=worked > 0)
    for engine, span in spans.items():
        start, end = times.start[span], times.end[span]
        busy[engine.name.lower()] = spread(of_tasks[span], start, end, edges)
        if engine in multiplying:
            done += spread(of_tasks[span] * rate[program.task_layer[span]], start, end, edges)
    return Activity(
        bin_cycles=int(edges[1]),
        macs=done,
        dram_bytes=spread(size, at[:-1], at[1:], edges),
        busy=busy,
    )
