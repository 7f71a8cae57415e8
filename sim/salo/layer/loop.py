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

from tandemsim.sim.arch.types import Bools, Integers, Record, Records
from tandemsim.sim.engine.deadlock import outcome_of
from tandemsim.sim.engine.event import NEVER, NOBODY
from tandemsim.sim.engine.jit import int64, jit
from tandemsim.sim.engine.queue import EventQueue, peek, pop, push
from tandemsim.sim.engine.records import make_record
from tandemsim.sim.engine.resource import Resources, acquire, release
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.memory.dma_state import Dma
from tandemsim.sim.salo.layer.transfers import PHASES, Phase, Transfers


class Event(enum.IntEnum):
    """Kinds of events; the `who` of each is a tile."""

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
    """Rows of the table of resources."""

    STAGING = 0


class Step(enum.IntEnum):
    """What column 0 of the array does with its present tile."""

    NOTHING = 0  # the run has not begun
    AWAITING_OPERANDS = 1
    QK = 2
    AWAITING_VALUES = 3
    AWAITING_STAGING = 4
    PV = 5


STATE = make_record(
    tile=(),  # the present one
    step=(),  # Step
    ready=(),  # cycle from which column 0 is free for the next phase
    issued=(),  # transfers issued so far
    complete=(),  # transfers complete so far
    cycle=(),  # of the last event
    ended=(PHASES,),  # by phase: tiles whose phase has ended
)


class Timing(NamedTuple):
    """Cycles of a tile."""

    head_dim: int
    v_dim: int  # elements of a value
    between: int  # QK to PV
    gap: int  # PV to the next tile's QK
    drain: int  # last column behind column 0, and the merge
    output: int  # PV to the last output at the staging buffer's port


class Tiles(NamedTuple):
    """The T tiles of all heads."""

    awaited: Integers  # [T, 2] transfers that QK and PV still wait for; counts down
    steps: Integers  # [T, 2] cycles that a scratchpad takes for one of QK, of PV; 1 without bank conflicts
    staged: Bools  # [T] the outputs take a staging buffer
    finished: Bools  # [T] some transfer waits for its outputs


class Times(NamedTuple):
    """The cycles in which things happened to T tiles and N transfers; -1 before they do."""

    tile_start: Integers  # [T] start of QK in column 0
    values_at: Integers  # [T] the values are there, and the array is ready for PV
    pv_start: Integers  # [T] and there is a staging buffer for the outputs
    tile_end: Integers  # [T] end of PV in column 0
    transfer_issued: Integers  # [N] handed to the DMA
    transfer_begun: Integers  # [N] the DRAM accepted the first burst
    transfer_end: Integers  # [N]


class Loop(NamedTuple):
    """What travels through the functions of the loop: the array, its tiles, and the account of the run.

    DMA and transfers are not in it, because arrays that a call passes and does not use cost compile time.
    """

    state: Records  # one record of `STATE`
    queue: EventQueue
    tiles: Tiles
    staging: Resources
    timing: Timing
    stalls: Integers  # by `Stall`
    times: Times


PAUSED = 2  # beside the members of `LoopEnd`: the tile `pause` has begun, and the run can be continued


def new_state() -> Records:
    """Return the state of a run that has not begun."""
    return np.zeros(1, STATE).view(np.recarray)


@jit
def run(loop: Loop, dma: Dma, transfers: Transfers, pause: int) -> tuple[int, int]:
    """Run a layer up to tile `pause`; return the cycle and an `LoopEnd`, or `PAUSED`.

    At the end the cycle is that in which the layer is complete.
    """
    state, timing = loop.state[0], loop.timing
    count = len(loop.tiles.steps)
    cycle = int64(state.cycle)  # no literal, for which every helper would be compiled once more
    if state.step == Step.NOTHING:
        _issue(state, loop.times, dma, transfers, cycle)
        _begin_qk(loop, cycle)
    while True:
        planned = peek(loop.queue).cycle
        arrived, transfer = dma_advance(dma, planned)
        if transfer != NOBODY:
            cycle = arrived
            state.complete += 1
            loop.times.transfer_begun[transfer] = dma.state[0].begun
            loop.times.transfer_end[transfer] = cycle
            _deliver(loop, transfers, transfer, cycle)
        elif planned == NEVER:
            break
        else:
            event = pop(loop.queue)
            cycle = event.cycle
            if event.kind == Event.QK_FINISHED:
                state.ended[Phase.QK] = event.who + 1
                state.ready = cycle + timing.between
                _begin_pv(loop, cycle)
            elif event.kind == Event.PV_FINISHED:
                state.ended[Phase.PV] = event.who + 1
                loop.times.tile_end[event.who] = cycle
                if loop.tiles.finished[event.who]:
                    push(loop.queue, cycle + timing.output, Event.OUTPUT_FINISHED, event.who)
                state.ready = cycle + timing.gap
                state.tile += 1
                if state.tile < count:
                    _begin_qk(loop, cycle)
            else:
                state.ended[Phase.OUTPUT] = event.who + 1
        _issue(state, loop.times, dma, transfers, cycle)
        if state.tile >= pause:
            state.cycle = cycle
            return cycle, PAUSED
    finished = state.tile == count and state.complete == len(transfers.base)
    computed = loop.times.tile_end[count - 1] + timing.drain
    loop.stalls[Stall.WRITE_BACK] += max(0, cycle - computed)
    return max(cycle, computed), outcome_of(finished)


@jit
def _issue(state: Record, times: Times, dma: Dma, transfers: Transfers, cycle: int) -> None:
    """Hand the DMA every transfer whose turn has come and whose trigger has happened."""
    index = state.issued
    while index < len(transfers.base):
        trigger = transfers.trigger[index]
        if trigger >= 0 and state.ended[trigger % PHASES] <= trigger // PHASES:
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
        times.transfer_issued[index] = cycle
        index += 1
    state.issued = index


@jit
def _deliver(loop: Loop, transfers: Transfers, transfer: int, cycle: int) -> None:
    """Count off a transfer that is complete, and wake the array if it waited for that."""
    state = loop.state[0]
    if transfers.is_write[transfer]:
        if transfers.staged[transfer]:
            woken = release(loop.staging, Port.STAGING, cycle)
            if woken != NOBODY:
                _start_pv(loop, cycle)
        return
    tile = transfers.tile[transfer]
    loop.tiles.awaited[tile, transfers.phase[transfer]] -= 1
    if tile != state.tile:
        return
    if state.step == Step.AWAITING_OPERANDS:
        _begin_qk(loop, cycle)
    elif state.step == Step.AWAITING_VALUES:
        _begin_pv(loop, cycle)


@jit
def _begin_qk(loop: Loop, cycle: int) -> None:
    """Start the present tile, or wait for its keys and queries."""
    state, tiles, head_dim = loop.state[0], loop.tiles, loop.timing.head_dim
    tile = state.tile
    if tiles.awaited[tile, Phase.QK] > 0:
        state.step = Step.AWAITING_OPERANDS
        return
    start = max(cycle, state.ready)
    loop.stalls[Stall.COLD_FILL if tile == 0 else Stall.DRAM] += start - state.ready
    loop.stalls[Stall.SCRATCHPAD] += head_dim * (tiles.steps[tile, Phase.QK] - 1)
    loop.times.tile_start[tile] = start
    state.step = Step.QK
    push(loop.queue, start + head_dim * tiles.steps[tile, Phase.QK], Event.QK_FINISHED, tile)


@jit
def _begin_pv(loop: Loop, cycle: int) -> None:
    """Start the second phase, or wait for values or for a place to put the outputs."""
    state, tiles = loop.state[0], loop.tiles
    tile = state.tile
    if tiles.awaited[tile, Phase.PV] > 0:
        state.step = Step.AWAITING_VALUES
        return
    # Waiting for values ends here; what follows is waiting for the staging buffer.
    arrived = max(cycle, state.ready)
    loop.stalls[Stall.COLD_FILL if tile == 0 else Stall.DRAM] += arrived - state.ready
    state.ready = arrived
    loop.times.values_at[tile] = arrived
    if tiles.staged[tile] and not acquire(loop.staging, Port.STAGING, tile, cycle):
        state.step = Step.AWAITING_STAGING
        return
    _start_pv(loop, cycle)


@jit
def _start_pv(loop: Loop, cycle: int) -> None:
    state, tiles, v_dim = loop.state[0], loop.tiles, loop.timing.v_dim
    tile = state.tile
    start = max(cycle, state.ready)
    loop.stalls[Stall.OUTPUT] += start - state.ready
    loop.times.pv_start[tile] = start
    loop.stalls[Stall.SCRATCHPAD] += v_dim * (tiles.steps[tile, Phase.PV] - 1)
    state.step = Step.PV
    push(loop.queue, start + v_dim * tiles.steps[tile, Phase.PV], Event.PV_FINISHED, tile)
