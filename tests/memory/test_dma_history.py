"""Bytes over time: what the DMA remembers of a run, in a memory that does not grow with it."""

import numpy as np
import pytest

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.memory.dma_state import HISTORY, bytes_over_time, new_dma
from tandemsim.sim.memory.dram.state import READ

CYCLE_PS = 1000


def run(memory, transfers, gap):
    """Read 4 KiB at a time, one transfer each `gap` cycles; return the DMA and the last cycle."""
    dma, cycle = new_dma(DRAMS[memory], CYCLE_PS), 0
    for i in range(transfers):
        while dma_advance(dma, i * gap)[0] != NEVER:
            pass
        dma_submit(dma, 4096 * i, 1, 4096, 4096, READ, i, i * gap)
    while (ended := dma_advance(dma, NEVER - 1)[0]) != NEVER:
        cycle = ended
    return dma, cycle


@pytest.mark.parametrize("memory", ["ddr4-2400", "hbm2", "ideal"])
def test_the_history_holds_every_byte_and_never_more_than_the_pins_carry(memory):
    dma, cycle = run(memory, transfers=40, gap=1000)
    edges, moved = bytes_over_time(dma)
    assert moved.sum() == 40 * 4096
    assert edges[-2] < cycle <= edges[-1]
    peak = DRAMS[memory].peak_bytes_per_second * CYCLE_PS / 10**12
    assert (moved <= np.diff(edges) * peak + DRAMS[memory].burst_bytes + 2 * peak).all()


def test_bytes_are_found_where_they_were_moved():
    """Idle times are seen as such: a transfer of 4 KiB takes some 220 cycles of each 100,000."""
    dma, _ = run("ddr4-2400", transfers=4, gap=100_000)
    edges, moved = bytes_over_time(dma)
    assert {int(edges[i + 1]) // 100_000 for i in np.flatnonzero(moved)} == {0, 1, 2, 3}
    assert np.count_nonzero(moved) <= 8


def test_a_longer_run_is_remembered_in_as_many_bins():
    long, short = run("ddr4-2400", 3000, 300), run("ddr4-2400", 30, 300)
    assert len(bytes_over_time(long[0])[1]) <= HISTORY
    assert bytes_over_time(long[0])[1].sum() == 100 * bytes_over_time(short[0])[1].sum()
    assert len(bytes_over_time(long[0])[1]) >= HISTORY // 2


def test_nothing_moved_is_no_history():
    edges, moved = bytes_over_time(new_dma(DRAMS["ddr4-2400"], CYCLE_PS))
    assert list(edges) == [0]
    assert len(moved) == 0
