"""The state of a DMA, as one record: a ring of transfers, the burst on offer, completions to report."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.arch.checks import require
from sim.arch.memory import DramConfig
from sim.memory.dram_state import NONE, Dram, Records, make_record, new_dram

HISTORY = 1024  # bins of the bursts over time; a power of two
MAX_TRANSFERS = 1024  # submitted and not reported; assumed: more than any machine has on its way

TRANSFER = make_record(
    address=(),  # of the first byte
    rows=(),
    row_bytes=(),
    stride=(),
    kind=(),  # READ or WRITE
    tag=(),
    ready=(),  # DRAM clock from which its bursts may be offered
    open=(),  # bursts in the DRAM, and one more until the last has been offered
    begun=(),  # DRAM clock on which its first burst was accepted, or NONE
    end=(),  # DRAM clock on which the last of them so far completes
)
COMPLETION = make_record(clock=(), begun=(), tag=())
DMA = make_record(
    cycle_ps=(),
    clock=(),  # DRAM clock that all channels have reached
    first=(),  # number of the oldest transfer that is not complete
    offered=(),  # of the one whose bursts are on offer
    last=(),  # of the next to be submitted
    transfer=(TRANSFER, MAX_TRANSFERS),  # ring, indexed by number
    completed_count=(),
    begun=(),  # DRAM clock on which the transfer last reported had its first burst accepted
    completed=(COMPLETION, MAX_TRANSFERS),  # the earliest last
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
)


class Dma(NamedTuple):
    """A DMA, one record, and its DRAM."""

    state: Records
    dram: Dram


def bytes_over_time(dma: Dma) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return edges in machine cycles, rounded up, [n + 1], and the bytes over the pins between them, [n]."""
    state, timing = dma.state[0], dma.dram.timing[0]
    used = int(np.flatnonzero(state.history)[-1]) + 1 if state.history.any() else 0
    clocks = np.arange(used + 1) << int(state.history_shift)
    edges = -(-clocks * int(timing.tck_ps) // int(state.cycle_ps))
    return edges, state.history[:used] * int(timing.burst_bytes)


def new_dma(config: DramConfig, cycle_ps: int, logging: bool = False) -> Dma:
    """Return an idle DMA and DRAM for a machine whose cycle takes `cycle_ps` picoseconds."""
    require(cycle_ps > 0, "the cycle of a machine must be a positive number of picoseconds", cycle_ps)
    state = np.recarray(1, DMA)
    state.view(np.int64)[:] = 0
    state["cycle_ps"] = cycle_ps
    state["channel"] = state["row_end"] = NONE
    return Dma(state, new_dram(config, logging))
