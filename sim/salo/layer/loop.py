"""The event loop of the SALO machine: one array, one DMA, one DRAM.

The array runs one tile after the other. A tile's first phase (QK) starts when column 0 is free and its keys
and queries are there; its second (PV) when the weights are known, its values are there, and a staging buffer
is free if its outputs need one. The DMA issues transfers in their fixed order, each as soon as its trigger
has happened. Cycles are those of column 0; `sim.arch.salo.config` says how far the other columns run behind.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.engine.deadlock import outcome_of
from tandemsim.sim.engine.event import NEVER, NOBODY
from tandemsim.sim.engine.jit import int64, jit
from tandemsim.sim.engine.queue import peek, pop, push
from tandemsim.sim.engine.resource import acquire, release
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.salo.layer.transfers import PHASES, Phase

Integers = npt.NDArray[np.int64]


class Event(enum.IntEnum):
    """What happens; who is the tile."""

    QK_FINISHED = 0
    PV_FINISHED = 1
    OUTPUT_FINISHED = 2


class Stall(enum.IntEnum):
    """Why column 0 waited: counters, in cycles."""

    COLD_FILL = 0  # for the first tile's operands
    DRAM = 1  # for the operands of any other
    OUTPUT = 2  # for a staging buffer, whose outputs are not yet in DRAM
    SCRATCHPAD = 3  # bank conflicts
    WRITE_BACK = 4  # for the last outputs to reach DRAM


class Port(enum.IntEnum):
    """Resources."""

    STAGING = 0


class Doing(enum.IntEnum):
    """What the array does with its present tile."""

    NOTHING = 0  # the run has not begun
    AWAITING_OPERANDS = 1
    QK = 2
    AWAITING_VALUES = 3
    AWAITING_STAGING = 4
    PV = 5


class Array(NamedTuple):
    """Words of the loop's state, an int64 array of zeros at the start."""

    tile: int = 0
    doing: int = 1
    ready: int = 2  # cycle from which column 0 is free for the next phase
    issued: int = 3  # transfers issued so far
    complete: int = 4  # transfers complete so far
    cycle: int = 5  # of the last event
    ended: int = 6  # tiles whose QK has ended; these three by `Phase`
    finished: int = 7  # PV
    output: int = 8  # whose outputs are in the staging buffer


STATE = Array()


class Timing(NamedTuple):
    """Cycles of a tile."""

    head_dim: int
    between: int  # QK to PV
    gap: int  # PV to the next tile's QK
    drain: int  # last column behind column 0, and the merge
    output: int  # PV to the last output at the staging buffer's port


class Tiles(NamedTuple):
    """What the loop knows of each tile; T tiles of all heads."""

    awaited: Integers  # [T, 2] transfers that QK and PV still wait for; counts down
    steps: Integers  # [T, 2] cycles that a scratchpad takes for one of QK, of PV; 1 without bank conflicts
    staged: npt.NDArray[np.bool_]  # [T] the outputs take a staging buffer
    finished: npt.NDArray[np.bool_]  # [T] some transfer waits for its outputs


class Record(NamedTuple):
    """When things happened, for the timeline: tiles and transfers."""

    tile_start: Integers  # [T] start of QK in column 0
    values_at: Integers  # [T] the values are there, and the array is ready for PV
    pv_start: Integers  # [T] and there is a staging buffer for the outputs
    tile_end: Integers  # [T] end of PV in column 0
    transfer_issued: Integers  # [N] handed to the DMA
    transfer_begun: Integers  # [N] the DRAM accepted the first burst
    transfer_end: Integers  # [N]


PAUSED = 2  # beside the members of `Outcome`: the tile `pause` has begun, and the run can go on


def new_state() -> Integers:
    """Return the state of a run that has not begun."""
    return np.zeros(len(STATE), np.int64)


@jit
def run(state, queue, dma, transfers, tiles, staging, timing, stalls, record, pause):
    """Run a layer up to tile `pause`; return the cycle, at the end that in which the layer is complete, and
    an `Outcome` or `PAUSED`.
    """
    count = len(tiles.steps)
    cycle = int64(state[STATE.cycle])  # no literal, for which every helper would be compiled once more
    if state[STATE.doing] == Doing.NOTHING:
        _issue(state, dma, transfers, record, cycle)
        _begin_qk(state, queue, tiles, timing, stalls, record, cycle)
    while True:
        planned = peek(queue).cycle
        arrived, transfer = dma_advance(dma, planned)
        if transfer != NOBODY:
            cycle = arrived
            state[STATE.complete] += 1
            record.transfer_begun[transfer] = dma.state[0].begun
            record.transfer_end[transfer] = cycle
            _deliver(state, queue, transfers, transfer, tiles, staging, timing, stalls, record, cycle)
        elif planned == NEVER:
            break
        else:
            event = pop(queue)
            cycle = event.cycle
            if event.kind == Event.QK_FINISHED:
                state[STATE.ended] = event.who + 1
                state[STATE.ready] = cycle + timing.between
                _begin_pv(state, queue, tiles, staging, timing, stalls, record, cycle)
            elif event.kind == Event.PV_FINISHED:
                state[STATE.finished] = event.who + 1
                record.tile_end[event.who] = cycle
                if tiles.finished[event.who]:
                    push(queue, cycle + timing.output, Event.OUTPUT_FINISHED, event.who)
                state[STATE.ready] = cycle + timing.gap
                state[STATE.tile] += 1
                if state[STATE.tile] < count:
                    _begin_qk(state, queue, tiles, timing, stalls, record, cycle)
            else:
                state[STATE.output] = event.who + 1
        _issue(state, dma, transfers, record, cycle)
        if state[STATE.tile] >= pause:
            state[STATE.cycle] = cycle
            return cycle, PAUSED
    finished = state[STATE.tile] == count and state[STATE.complete] == len(transfers.base)
    computed = record.tile_end[count - 1] + timing.drain
    stalls[Stall.WRITE_BACK] += max(0, cycle - computed)
    return max(cycle, computed), outcome_of(finished)


@jit
def _issue(state, dma, transfers, record, cycle):
    """Hand the DMA every transfer whose turn has come and whose trigger has happened."""
    index = state[STATE.issued]
    while index < len(transfers.base):
        trigger = transfers.trigger[index]
        if trigger >= 0 and state[STATE.ended + trigger % PHASES] <= trigger // PHASES:
            break
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
        record.transfer_issued[index] = cycle
        index += 1
    state[STATE.issued] = index


@jit
def _deliver(state, queue, transfers, transfer, tiles, staging, timing, stalls, record, cycle):
    """A transfer is complete: count it off, and wake the array if it waited for that."""
    if transfers.is_write[transfer]:
        if transfers.staged[transfer]:
            woken = release(staging, Port.STAGING, cycle)
            if woken != NOBODY:
                _start_pv(state, queue, tiles, timing, stalls, record, cycle)
        return
    tile = transfers.tile[transfer]
    tiles.awaited[tile, transfers.phase[transfer]] -= 1
    if tile != state[STATE.tile]:
        return
    if state[STATE.doing] == Doing.AWAITING_OPERANDS:
        _begin_qk(state, queue, tiles, timing, stalls, record, cycle)
    elif state[STATE.doing] == Doing.AWAITING_VALUES:
        _begin_pv(state, queue, tiles, staging, timing, stalls, record, cycle)


@jit
def _begin_qk(state, queue, tiles, timing, stalls, record, cycle):
    """Start the present tile, or wait for its keys and queries."""
    tile = state[STATE.tile]
    if tiles.awaited[tile, Phase.QK] > 0:
        state[STATE.doing] = Doing.AWAITING_OPERANDS
        return
    start = max(cycle, state[STATE.ready])
    stalls[Stall.COLD_FILL if tile == 0 else Stall.DRAM] += start - state[STATE.ready]
    stalls[Stall.SCRATCHPAD] += timing.head_dim * (tiles.steps[tile, Phase.QK] - 1)
    record.tile_start[tile] = start
    state[STATE.doing] = Doing.QK
    push(queue, start + timing.head_dim * tiles.steps[tile, Phase.QK], Event.QK_FINISHED, tile)


@jit
def _begin_pv(state, queue, tiles, staging, timing, stalls, record, cycle):
    """Start the second phase, or wait for values or for a place to put the outputs."""
    tile = state[STATE.tile]
    if tiles.awaited[tile, Phase.PV] > 0:
        state[STATE.doing] = Doing.AWAITING_VALUES
        return
    # Waiting for values ends here; what follows is waiting for the staging buffer.
    arrived = max(cycle, state[STATE.ready])
    stalls[Stall.COLD_FILL if tile == 0 else Stall.DRAM] += arrived - state[STATE.ready]
    state[STATE.ready] = arrived
    record.values_at[tile] = arrived
    if tiles.staged[tile] and not acquire(staging, Port.STAGING, tile, cycle):
        state[STATE.doing] = Doing.AWAITING_STAGING
        return
    _start_pv(state, queue, tiles, timing, stalls, record, cycle)


@jit
def _start_pv(state, queue, tiles, timing, stalls, record, cycle):
    tile = state[STATE.tile]
    start = max(cycle, state[STATE.ready])
    stalls[Stall.OUTPUT] += start - state[STATE.ready]
    record.pv_start[tile] = start
    stalls[Stall.SCRATCHPAD] += timing.head_dim * (tiles.steps[tile, Phase.PV] - 1)
    state[STATE.doing] = Doing.PV
    push(queue, start + timing.head_dim * tiles.steps[tile, Phase.PV], Event.PV_FINISHED, tile)
