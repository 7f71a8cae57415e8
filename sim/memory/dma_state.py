"""The state of a DMA, as one record: a ring of transfers, the burst on offer, completions to report.

A machine knows no bound for the transfers on their way: a write that waits in a DRAM's queue stays on its way
for as long as reads keep coming, while thousands after it end. So the rings double when they are full, and
what a transfer meets does not depend on their size. Their places are reserved, which costs addresses; memory
is taken by the places in use.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.types import Integers, Records
from tandemsim.sim.engine.records import make_record
from tandemsim.sim.memory.dram.state import FAR, NONE, Dram, new_dram

HISTORY = 1024  # bins of the bursts over time; a power of two
FIRST_PLACES = 1024  # of the rings, a power of two; assumed: few layers have more transfers on their way
MAX_PLACES = 1 << 22  # assumed: what is on its way at once are a few query blocks, not a whole plan

TRANSFER = make_record(
    address=(),  # of the first byte
    rows=(),
    row_bytes=(),
    stride=(),
    kind=(),  # READ or WRITE
    tag=(),
    ready=(),  # DRAM clock from which its bursts may be offered
    begun=(),  # DRAM clock on which its first burst was accepted, or NONE
    open=(),  # bursts in the DRAM, and one more until the last has been offered
    end=(),  # DRAM clock on which the last of them so far completes
)
COMPLETION = make_record(clock=(), tag=(), begun=())
DMA = make_record(
    cycle_ps=(),
    clock=(),  # DRAM clock that all channels have reached
    first=(),  # number of the oldest transfer that is not complete
    offered=(),  # of the one whose bursts are on offer
    last=(),  # of the next to be submitted
    reported=(),  # number of the next completion to report, the earliest of those that are known
    completed=(),  # of the next to be known
    begun=(),  # machine cycle in which the first burst of the transfer reported last was accepted
    mask=(),  # places of the rings in use, less one
    # the burst on offer
    row=(),  # of its transfer
    row_end=(),  # index (address / burst bytes) of the last burst of the row; NONE before the first row
    burst=(),  # index
    channel=(),  # where it goes; NONE before that is known
    bank=(),
    bank_row=(),
    offer_at=(),  # DRAM clock of the last acceptance
    in_flight=(),  # bursts accepted and not complete
    # counters
    bursts=(2,),  # reads, writes
    useful_bytes=(2,),
    # bursts over time: bin b holds those whose data ended on clocks [b, b + 1) << history_shift
    history=(HISTORY,),
    history_shift=(),
    transfer=(TRANSFER, MAX_PLACES),  # ring, indexed by number & mask
    completion=(COMPLETION, MAX_PLACES),  # ring, sorted by clock
)


class Dma(NamedTuple):
    """A DMA, one record, and its DRAM."""

    state: Records
    dram: Dram


def bytes_over_time(dma: Dma) -> tuple[Integers, Integers]:
    """Return edges in machine cycles, rounded up, [n + 1], and the bytes over the pins between them, [n]."""
    state, timing = dma.state[0], dma.dram.timing[0]
    used = int(np.flatnonzero(state.history)[-1]) + 1 if state.history.any() else 0
    clocks = np.arange(used + 1) << int(state.history_shift)
    edges = -(-clocks * int(timing.tck_ps) // int(state.cycle_ps))
    return edges, state.history[:used] * int(timing.burst_bytes)


def is_at_end_of_time(dma: Dma) -> bool:
    """Whether the DMA has simulated all the time there is, 2^62 ps."""
    state, timing = dma.state[0], dma.dram.timing[0]
    return bool(state.clock >= FAR // state.cycle_ps * state.cycle_ps // timing.tck_ps)


def new_dma(config: DramConfig, cycle_ps: int, logging: bool = False, places: int = FIRST_PLACES) -> Dma:
    """Return an idle DMA and DRAM for a machine whose cycle takes `cycle_ps` picoseconds.

    `places`, a power of two, is how many transfers may be on their way before the rings double. Raises
    `ConfigError` for another number, and for a cycle of no time.
    """
    require(cycle_ps > 0, "the cycle of a machine must be a positive number of picoseconds", cycle_ps)
    require(places > 0 and places & (places - 1) == 0, "the places of a ring must be a power of two", places)
    state = np.zeros(1, DMA).view(np.recarray)  # zeros, and no fill: places take memory when they are used
    state["mask"] = places - 1
    state["cycle_ps"] = cycle_ps
    state["channel"] = state["row_end"] = NONE
    return Dma(state, new_dram(config, logging))
