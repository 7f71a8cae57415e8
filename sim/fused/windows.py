"""Window attention as tasks of a third engine: SALO's own tiles and transfers, between those of the others.

A tile is two tasks, QK and PV, with the cycles and pauses of `sim.salo.layer.loop`. Its transfers keep their
order, triggers and sizes. A read waits in addition for the part of its tensor that it reads, which another
engine writes; everything else is as if the array were alone (tests/fused/test_alone.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.ant.loop import NONE, Engine, Queue
from tandemsim.sim.ant.planned import (
    AWAITED,
    CYCLES,
    GAP,
    IN_TURN,
    LAG,
    TASK_COLUMNS,
    TASK_LAYER,
    WAKES,
    WOKEN,
)
from tandemsim.sim.ant.planner import Planner
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.salo.layer.layout import NAMES, place_tensors
from tandemsim.sim.salo.layer.loop import Tiles
from tandemsim.sim.salo.layer.program import Program
from tandemsim.sim.salo.layer.simulation import planned
from tandemsim.sim.salo.layer.transfers import PHASES, START, Kind, Phase
from tandemsim.sim.salo.machine import Case

STEPS = 2  # tasks of a tile


@dataclass(frozen=True, slots=True)
class Windows:
    """A layer of the attention array, wherever its tensors lie. N transfers, T tiles."""

    program: Program
    tasks: Integers  # [2 T, TASK_COLUMNS]; tasks by their number in this layer
    tensor: Integers  # [N] which of `NAMES` a transfer moves
    offset: Integers  # [N] byte of that tensor with which it begins
    head: Integers  # [N] of queries; of keys and values the number of their own
    last_token: Integers  # [N] the last that it moves
    after: Integers  # [N] task that must have ended, or NONE
    has_left: Integers  # [N] 1: and whose results are in their staging buffer
    wakes: Integers  # [N] task that waits for it, or NONE
    staged: Integers  # tasks that take a staging buffer, in order
    # [heads, tokens] how many of the layer's first writes it takes until the results of a head are there
    finished: Integers
    sizes: dict[str, int]  # bytes of each tensor


def windows_of(config: SaloConfig, case: Case) -> Windows:
    """Plan a layer of attention. Raises `ConfigError` where the array or its scratchpads cannot hold it."""
    plan, tiles = planned(config, case.pattern, case.layer, global_projections=case.global_projections)
    moved, layer = plan.transfers, plan.layer
    places = place_tensors(config, plan.schedule, layer)
    names = [name for name in NAMES if name not in _shared(places.base)]
    bases = np.array([places.base[name] for name in names])
    which = np.searchsorted(bases, moved.base, side="right") - 1
    offset = moved.base - bases[which]
    row_bytes = np.array([places.row_bytes[name] for name in names])[which]
    tokens = np.array([layer.rows(name) // _heads(plan, name) for name in names])[which]
    head, first = np.divmod(offset // row_bytes, tokens)
    last_token = first + (moved.rows - 1) * moved.stride // row_bytes
    trigger = moved.trigger
    tile, phase = np.divmod(trigger, PHASES)
    after = np.where(trigger == START, NONE, STEPS * tile + np.minimum(phase, Phase.PV))
    read = moved.is_write == 0
    wakes = np.where(read, STEPS * moved.tile + moved.phase, NONE)
    staged = STEPS * np.flatnonzero(tiles.staged) + Phase.PV
    wakes[moved.staged == 1] = _woken_by_writes(plan, staged)
    tasks = _tasks(config, plan, tiles)
    woken = wakes[wakes != NONE]
    tasks[:, AWAITED] = np.bincount(woken, minlength=len(tasks))
    number = np.array([NAMES.index(name) for name in names])[which]
    sizes = {name: layer.rows(name) * places.row_bytes[name] for name in names}
    has_left = ((trigger != START) & (phase == Phase.OUTPUT)).astype(np.int64)
    finished = _finished(plan, head, last_token, row_bytes)
    return Windows(
        plan, tasks, number, offset, head, last_token, after, has_left, wakes, staged, finished, sizes
    )


def _shared(base: dict[str, int]) -> set[str]:
    """Return the tensors of a global projection that are those of the local one."""
    return {
        name
        for name in base
        if name.startswith("global_") and base[name] == base[name.removeprefix("global_")]
    }


def _heads(plan: Program, name: str) -> int:
    return plan.layer.heads // plan.layer.group if name.endswith(("key", "value")) else plan.layer.heads


def _tasks(config: SaloConfig, plan: Program, tiles: Tiles) -> Integers:
    timing, layer = config.array.timing, plan.layer
    tasks = np.zeros((STEPS * len(tiles.steps), TASK_COLUMNS), np.int64)
    qk, pv = tasks[0::STEPS], tasks[1::STEPS]
    qk[:, CYCLES], pv[:, CYCLES] = layer.head_dim * tiles.steps[:, 0], layer.value_dim * tiles.steps[:, 1]
    qk[:, GAP], pv[:, GAP] = timing.gap, timing.between
    pv[:, LAG] = timing.output
    tasks[:, WAKES] = NONE
    return tasks


def _woken_by_writes(plan: Program, staged: Integers) -> Integers:
    """Return the task that each write of a staged tile wakes: PV of the tile that takes its buffer.

    Writes may be complete in another order; then the tiles take the buffers in theirs.
    """
    follows = np.append(staged[plan.staging_buffers :], np.full(plan.staging_buffers, NONE))[: len(staged)]
    writes = np.flatnonzero(plan.transfers.staged == 1)
    task = STEPS * (plan.transfers.trigger[writes] // PHASES) + Phase.PV
    return np.asarray(follows[np.searchsorted(staged, task)], np.int64)


def _finished(plan: Program, head: Integers, last_token: Integers, row_bytes: Integers) -> Integers:
    moved = plan.transfers
    finished = np.zeros((plan.layer.heads, plan.layer.queries), np.int64)
    for ordinal, index in enumerate(np.flatnonzero(moved.is_write)):
        if moved.kind[index] == Kind.OUTPUT:
            step = max(1, int(moved.stride[index] // row_bytes[index]))
            last = int(last_token[index])
            first = last - (int(moved.rows[index]) - 1) * step
            finished[head[index], first : last + 1 : step] = ordinal + 1
    return finished


def add_windows(
    planner: Planner,
    place: int,
    windows: Windows,
    bases: Mapping[str, int],
    roots: Mapping[str, int],
    waits: tuple[Integers, Integers],
    heads: int,
    earlier: Integers | None,
) -> Integers:
    """Add the tasks and transfers of a layer, whose tensors are `roots` and lie at `bases`.

    Results lie token by token, the `heads` of an item of the batch side by side, as their reader takes them.

    `waits`: for each transfer the layer that writes what it reads, or NONE, and how many of that layer's
    first writes it waits for. `earlier`: the transfers of the layer before, as returned; its last results may
    still hold staging buffers.
    """
    tasks = windows.tasks.copy()
    before = len(planner.tasks[Engine.ATTENTION])
    tasks[:, TASK_LAYER] = place
    if earlier is None:
        tasks[0, GAP] = 0  # of an array that has not run
    else:
        _await_buffers(windows, tasks, before, earlier)
    planner.tasks[Engine.ATTENTION].add_all(tasks)
    moved = windows.program.transfers
    base = np.array([bases.get(name, NONE) for name in NAMES])[windows.tensor] + windows.offset
    stride = moved.stride.copy()
    _by_token(windows, bases["output"], heads, base, stride)
    if "global_query" in roots and "global_query" in windows.sizes:
        _of_global_tokens(windows, bases["global_query"], base, stride)
    tensor = np.array([roots.get(name, NONE) for name in NAMES])[windows.tensor]
    # What is free from the start is free once the layer before has ended.
    after = np.where(windows.after == NONE, before - 1 if before else NONE, windows.after + before)
    wakes = np.where(windows.wakes == NONE, NONE, windows.wakes + before)
    write, same = moved.is_write, np.ones(len(base), np.int64)
    columns = (
        base, moved.rows, moved.row_bytes, stride, write, after, *waits,
        np.where(write, place, NONE), wakes, windows.has_left, moved.staged, Engine.ATTENTION * same,
        Engine.ATTENTION * same, tensor, place * same,
    )  # fmt: skip
    transfers = np.stack(columns, axis=1)
    planner.transfers[Queue.ATTENTION].add_all(transfers)
    return transfers


def _await_buffers(windows: Windows, tasks: Integers, before: int, earlier: Integers) -> None:
    """Let the first tiles wait for the staging buffers that results of the layer before still hold."""
    held = np.flatnonzero((earlier[:, IN_TURN] == 1) & (earlier[:, WOKEN] == NONE))
    buffers = windows.program.staging_buffers
    for write, task in zip(held[-buffers:], windows.staged[max(0, buffers - len(held)) :], strict=False):
        earlier[write, WOKEN] = before + task
        tasks[task, AWAITED] += 1


def _by_token(windows: Windows, output: int, heads: int, base: Integers, stride: Integers) -> None:
    """Place the results of a token side by side: change `base` and `stride` of their writes."""
    moved, tokens = windows.program.transfers, windows.program.layer.queries
    writes = windows.tensor == NAMES.index("output")
    row = moved.row_bytes[writes]
    step = moved.stride[writes] // row
    first = windows.last_token[writes] - (moved.rows[writes] - 1) * step
    item, head = np.divmod(windows.head[writes], heads)
    base[writes] = output + (((item * tokens) + first) * heads + head) * row
    stride[writes] = step * heads * row


def _of_global_tokens(windows: Windows, start: int, base: Integers, stride: Integers) -> None:
    """Place queries of global tokens, which are projected apart, [heads, global tokens, size]."""
    moved, layer = windows.program.transfers, windows.program.layer
    reads = windows.tensor == NAMES.index("global_query")
    row = moved.row_bytes[reads]
    first = windows.last_token[reads] - (moved.rows[reads] - 1) * (moved.stride[reads] // row)
    tokens = np.sort(np.array(layer.global_tokens, np.int64))
    base[reads] = start + (windows.head[reads] * len(tokens) + np.searchsorted(tokens, first)) * row
    stride[reads] = row
