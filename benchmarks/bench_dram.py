"""Bursts per second of the DRAM model: ``python -m benchmarks.bench_dram``.

*dma* is the path of the machines: transfers into one channel through the DMA, of a page of 4 KiB (streaming)
or of one burst (random). *channel* offers the same bursts to the channel itself, one a clock while the queue
has room, as the oracle of tests/memory does. Reads, except where it says writes; refresh on; the presets as
they are. Processor time of one thread: a loaded machine spoils it less than the time on the wall.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.types import Integers, Record
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.memory.dma_state import Dma, new_dma
from tandemsim.sim.memory.dram.channel import ABSORBED, REFUSED, accept, locate, step
from tandemsim.sim.memory.dram.state import READ, WRITE, new_dram

BURSTS = 1_000_000
REPEATS = 7
CYCLE_PS = 1000  # a machine of 1 GHz
PAGE_BYTES = 4096
REGION_BYTES = 1 << 30  # of the random addresses
SEED = 0
LATER = 1 << 60
ON_THEIR_WAY = 1024
# Million requests per second of Ramulator 2.1 (commit c5b1c3a, DDR4-2400, its own release build): measured
# elsewhere, on another machine, so good for an order of magnitude only.
RAMULATOR = {"streaming": 0.36, "random": 0.19}


@jit
def through_dma(dma: Dma, addresses: Integers, row_bytes: int, kind: int) -> int:
    """Move `row_bytes` from each address, with `ON_THEIR_WAY` transfers at a time."""
    submitted = complete = cycle = 0
    while complete < len(addresses):
        while submitted < len(addresses) and submitted < complete + ON_THEIR_WAY:
            dma_submit(dma, addresses[submitted], 1, row_bytes, 0, kind, submitted, cycle)
            submitted += 1
        cycle, _ = dma_advance(dma, NEVER)
        complete += 1
    return cycle


@jit
def through_channel(timing: Record, channel: Record, addresses: Integers, kind: int) -> int:
    """Offer one burst a clock to a channel."""
    complete = offered = free_at = 0
    while complete < len(addresses):
        limit = LATER
        if offered < len(addresses):
            if channel.clock >= free_at:
                _, bank, row = locate(timing, addresses[offered])
                became = accept(timing, channel, bank, row, kind, addresses[offered], offered)
                if became != REFUSED:
                    offered += 1
                    free_at = channel.clock + 1
                    if became == ABSORBED:
                        complete += 1
                    continue
            else:
                limit = free_at
        if step(timing, channel, limit) >= 0:
            complete += 1
    return channel.clock


def rates(run: Callable[[], object]) -> str:
    """Return the best and the median of several runs, in million bursts per second."""
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        found.append(BURSTS / (time.process_time() - start) / 1e6)
    return f"{max(found):9.2f}{statistics.median(found):8.2f}"


def report(name: str, config: DramConfig, pattern: str, kind: int) -> None:
    """Print one line of the table."""
    burst = config.burst_bytes
    bursts = np.arange(BURSTS) * burst
    pages, page_bytes = bursts[:: PAGE_BYTES // burst], PAGE_BYTES
    if pattern == "random":
        bursts = np.random.default_rng(SEED).integers(0, REGION_BYTES // burst, BURSTS) * burst
        pages, page_bytes = bursts, burst

    def by_dma() -> None:
        through_dma(new_dma(config, CYCLE_PS), pages, page_bytes, kind)

    def by_channel() -> None:
        dram = new_dram(config)
        through_channel(dram.timing[0], dram.channel[0], bursts, kind)

    by_dma(), by_channel()  # compiles
    what = pattern + (", writes" if kind == WRITE else "")
    elsewhere = RAMULATOR[pattern] if name == "ddr4-2400" and kind == READ else ""
    print(f"{name:14}{what:20}{rates(by_dma)}{rates(by_channel)}{elsewhere:>16}")


def main() -> None:
    """Print the table."""
    print(f"million bursts/s, one channel, {BURSTS:,} bursts, best and median of {REPEATS}\n")
    print(f"{'':34}{'dma':>9}{'':8}{'channel':>9}{'':8}{'Ramulator 2.1,':>15}")
    print(f"{'':34}{'best':>9}{'median':>8}{'best':>9}{'median':>8}{'elsewhere':>15}")
    for name, config in DRAMS.items():
        for pattern in ("streaming", "random"):
            report(name, config, pattern, READ)
        if name != "ideal":
            report(name, config, "streaming", WRITE)


if __name__ == "__main__":
    main()
