"""A run of the CPU in cycles: what reports and timelines are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.cpu.alone import Alone, run_alone
from tandemsim.sim.cpu.layers import Layers, layers_of
from tandemsim.traces.schema import Op, Trace


class Cycles(NamedTuple):
    """The run in cycles, [layers] each."""

    start: Integers
    work: Integers
    stalls: Mapping[str, Integers]
    read_bytes: Integers
    write_bytes: Integers

    @property
    def every(self) -> Integers:
        """Cycles of each layer."""
        return np.asarray(self.work + sum(self.stalls.values()))


class CpuRun(NamedTuple):
    """A run with all that reports are made of."""

    layers: Layers
    alone: Alone
    cycles: Cycles
    config: CpuConfig


def simulate(trace: Trace, ops: Sequence[Op], config: CpuConfig, batch: int) -> CpuRun:
    """Run the ops; seconds become whole cycles layer by layer."""
    layers = layers_of(trace, ops, batch)
    alone = run_alone(layers, config)
    times = alone.times

    def cycles(seconds: Any) -> Integers:
        return np.asarray(np.rint(seconds * config.clock_hz)).astype(np.int64)

    def whole(amounts: Any) -> Integers:
        return np.asarray(np.ceil(amounts)).astype(np.int64)

    work = np.maximum(1, cycles(times.work))
    stalls = {"dram": cycles(times.dram), "l3": cycles(times.l3), "team": cycles(times.start)}
    every: Integers = work + stalls["dram"] + stalls["l3"] + stalls["team"]
    start: Integers = np.cumsum(every) - every
    found = Cycles(start, work, stalls, whole(times.read_bytes), whole(times.write_bytes))
    return CpuRun(layers, alone, found, config)


def core_cycles(run: CpuRun) -> Integers:
    """Return the cycles in which each core computes for each layer, [layers, cores]."""
    tables, cores = run.alone.tables, run.config.cores
    chunks = tables.chunks[run.alone.times.version]
    rounds = -(-chunks // cores)
    mine = (chunks[:, None] - np.arange(cores) + cores - 1) // cores
    return np.asarray(run.cycles.work[:, None] * mine // rounds[:, None])
