"""What the DRAM model says of many streams at once: the bandwidth that lasts, and what a load waits for it.

The CPU's model has two numbers of it: the share of the peak that it sustains, and gamma of the law that a
load takes 1 + gamma u / (1 - u) of its idle latency, u being the utilization of what is sustained. Here both
are measured on `sim.memory`: lines of many sequential streams, at random times, through all channels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.config import LINE_BYTES
from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.memory.dma_state import Dma, new_dma
from tandemsim.sim.memory.dram.state import READ, WRITE

STREAMS = 64  # one of each core
RUN = 8  # lines of a stream that are asked for at a time, as prefetchers do; assumed
APART_BYTES = 1 << 24  # between streams, and at most as much again at random
CYCLE_PS = 100
ON_THEIR_WAY = 1024  # lines, where as much as possible is asked for
WARM_UP = 0.1  # of the lines, before any is counted


class Traffic(NamedTuple):
    """Lines of many streams in turn: where each is, and whether it is written."""

    addresses: Integers  # [lines]
    kinds: Integers  # [lines] READ or WRITE


def streams(lines: int, writes: float, seed: int = 0) -> Traffic:
    """Return so many lines, each the next of a stream at random; a share of the streams writes."""
    generator = np.random.default_rng(seed)
    chosen = np.repeat(generator.integers(0, STREAMS, -(-lines // RUN)), RUN)[:lines]
    starts = np.arange(STREAMS) * 2 * APART_BYTES + generator.integers(0, APART_BYTES, STREAMS)
    starts -= starts % (RUN * LINE_BYTES)
    addresses = np.empty(lines, np.int64)
    for stream in range(STREAMS):
        own = chosen == stream
        addresses[own] = starts[stream] + np.arange(int(own.sum())) * LINE_BYTES
    writing = np.arange(STREAMS) % 4 < round(4 * writes)
    return Traffic(addresses, np.where(writing[chosen], WRITE, READ))


def sustained_share(config: DramConfig, traffic: Traffic) -> float:
    """Return the bandwidth that the streams get if they always wait for lines, as a share of the peak."""
    ends = np.zeros(len(traffic.addresses), np.int64)
    _flood(new_dma(config, CYCLE_PS, places=2 * ON_THEIR_WAY), traffic.addresses, traffic.kinds, ends)
    first = int(WARM_UP * len(ends))
    spent = (int(ends[-ON_THEIR_WAY]) - int(ends[first])) * CYCLE_PS * 1e-12
    moved = (len(ends) - ON_THEIR_WAY - first) * LINE_BYTES
    return moved / spent / config.peak_bytes_per_second


def added_seconds(config: DramConfig, traffic: Traffic, loads: Doubles, sustained: float) -> Doubles:
    """Return by how much a read takes longer than on an idle DRAM, on average, at each of `loads`.

    loads: [loads] of the `sustained` share of the peak.
    """
    idle = latency_seconds(config, traffic, 0.001 * sustained)
    return np.array([latency_seconds(config, traffic, load * sustained) - idle for load in loads])


def latency_seconds(config: DramConfig, traffic: Traffic, share: float, seed: int = 1) -> float:
    """Return the mean latency of reads if lines come at random times, at a share of the peak bandwidth."""
    gap = LINE_BYTES / (share * config.peak_bytes_per_second) / (CYCLE_PS * 1e-12)
    lines = len(traffic.addresses) if share > 0.01 else 2000
    gaps = np.random.default_rng(seed).exponential(gap * RUN, -(-lines // RUN))
    starts = np.repeat(np.cumsum(gaps), RUN)[:lines].astype(np.int64)
    ends = np.zeros(lines, np.int64)
    _at_times(new_dma(config, CYCLE_PS), traffic.addresses, traffic.kinds, starts, ends)
    counted = np.arange(lines) >= WARM_UP * lines
    counted &= traffic.kinds[:lines] == READ
    return float((ends - starts)[counted].mean() * CYCLE_PS * 1e-12)


def fitted_queueing(loads: Doubles, added: Doubles, idle_seconds: float) -> float:
    """Return gamma, by least squares of the added latency in idle latencies."""
    shape = loads / (1 - loads)
    return float((shape * added).sum() / (shape * shape).sum() / idle_seconds)


@jit
def _flood(dma: Dma, addresses: Integers, kinds: Integers, ends: Integers) -> None:
    submitted = complete = cycle = 0
    while complete < len(addresses):
        while submitted < len(addresses) and submitted < complete + ON_THEIR_WAY:
            dma_submit(dma, addresses[submitted], 1, LINE_BYTES, 0, kinds[submitted], submitted, cycle)
            submitted += 1
        cycle, _ = dma_advance(dma, NEVER)
        ends[complete] = cycle
        complete += 1


@jit
def _at_times(dma: Dma, addresses: Integers, kinds: Integers, starts: Integers, ends: Integers) -> None:
    for index in range(len(starts)):
        cycle, tag = dma_advance(dma, starts[index])
        while tag >= 0:
            ends[tag] = cycle
            cycle, tag = dma_advance(dma, starts[index])
        dma_submit(dma, addresses[index], 1, LINE_BYTES, 0, kinds[index], index, starts[index])
    cycle, tag = dma_advance(dma, NEVER)
    while tag >= 0:
        ends[tag] = cycle
        cycle, tag = dma_advance(dma, NEVER)
