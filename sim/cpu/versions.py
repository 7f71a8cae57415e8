"""Which code versions of a layer are kept: the one that a compiler ships, and up to four more for bad times.

The shipped one has the least mean log time on a warm, idle machine, as an auto-scheduler's run would keep;
what ties there is decided by traffic (docs/cpu-machine.md says why that matters). Then, one by one, what most
improves the mean log time over many core counts and levels of interference, until there are five.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig, Weights
from tandemsim.sim.arch.cpu.energy import CpuEnergy
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.curves import missing
from tandemsim.sim.cpu.rates import chunk_seconds
from tandemsim.sim.cpu.region import SHARED_ROWS
from tandemsim.sim.cpu.reuse import nest_curves
from tandemsim.sim.cpu.shapes import Shape
from tandemsim.sim.cpu.streams import nests_of
from tandemsim.sim.cpu.tiles import Tilings, tilings

CORES = (1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 56, 64)  # that versions are compared on; assumed
TUNED = range(4, 17)  # sixteenths of the cores on which the shipped one is the best; assumed
# Of interference: utilization of the DRAM, share of the L3. Assumed
LEVELS = ((0.0, 1.0), (0.5, 0.6), (0.75, 0.4), (0.9, 0.25))
LEAST_GAIN = 1e-6  # of the mean log time, for one more version
TIE = 1e-9  # relative difference of times that are the same


class Cost(NamedTuple):
    """What versions of a layer take on a warm and idle machine, [versions] each: seconds, and chunks."""

    chunks: Integers
    start: Doubles
    thread: Doubles
    chunk: Doubles

    def solo(self, cores: int) -> Doubles:
        """Return the seconds of each version on a team: `region.solo_seconds`."""
        return np.asarray(self.start + cores * self.thread + -(-self.chunks // cores) * self.chunk)

    def tuned(self, cores: int) -> Doubles:
        """Return the mean log time of each version over the teams that a compiler tunes for."""
        teams = dict.fromkeys(max(1, cores * part // 16) for part in TUNED)
        return np.asarray(np.log(np.stack([self.solo(team) for team in teams], 1)).mean(1))


class Versions(NamedTuple):
    """The versions of a layer that are kept, a row each, with the numbers that tables take."""

    tilings: Tilings
    shipped: int  # row
    start_seconds: Doubles
    thread_seconds: Doubles
    chunk_seconds: Doubles
    survival: Doubles  # [versions, team sizes, knots]
    occupied_bytes: Doubles


def versions_of(shape: Shape, config: CpuConfig, most: int = 5) -> Versions:
    """Return up to `most` versions of a layer."""
    return _versions_of(shape, _what_matters(config), most)


@lru_cache(maxsize=256)
def _what_matters(config: CpuConfig) -> CpuConfig:
    """Return `config` with the parts in place that no version depends on, so that none is made twice."""
    return replace(
        config,
        dram=DRAMS["ideal"],
        dram_sustained=1.0,
        energy=CpuEnergy(),
        weights=Weights.SERVED,
        versions=1,
    )


@lru_cache(maxsize=8192)
def _versions_of(shape: Shape, config: CpuConfig, most: int) -> Versions:
    every = tilings(shape, config.core.l2_bytes)
    candidates = Candidates(shape, every, config)
    kept = candidates.kept(most)
    rows = np.array(sorted(kept, key=lambda row: (every.past_l2_bytes[row], row)), np.int64)
    return Versions(
        tilings=every.take(rows),
        shipped=int(np.flatnonzero(rows == kept[0])[0]),
        start_seconds=candidates.cost.start[rows],
        thread_seconds=candidates.cost.thread[rows],
        chunk_seconds=candidates.cost.chunk[rows],
        survival=candidates.survival[rows],
        occupied_bytes=candidates.occupied[rows],
    )


class Candidates:
    """All versions of a layer, compared."""

    def __init__(self, shape: Shape, every: Tilings, config: CpuConfig) -> None:
        self.shape, self.every, self.config = shape, every, config
        self.constants = config.constants
        self.cost = cost_of(shape, every, config)
        once = np.minimum(1.0, _compulsory(shape) / np.maximum(1.0, every.past_l2_bytes))
        self.survival, self.occupied = nest_curves(nests_of(shape, every))
        self.reread = every.past_l2_bytes * (1.0 - once)

    def kept(self, most: int) -> list[int]:
        """Return the rows that are kept, the shipped one first."""
        counts = [c for c in CORES if c <= self.config.cores] or [self.config.cores]
        alone = self.cost.tuned(self.config.cores)
        traffic = sum(self.stalls(c, *LEVELS[0]) for c in counts)
        kept = [self.shipped(alone, np.asarray(traffic))]
        times = np.stack(
            [np.log(self.solo(c) + self.stalls(c, *level)) for c in counts for level in LEVELS], 1
        )
        best = times[kept[0]]
        while len(kept) < most:
            mean = np.minimum(times, best).mean(1)
            row = int(mean.argmin())
            if best.mean() - mean[row] < LEAST_GAIN:
                break
            kept.append(row)
            best = np.minimum(best, times[row])
        return kept

    def shipped(self, time: Doubles, traffic: Doubles) -> int:
        """Return the row of the least time; of those that take as long, that of the least traffic."""
        rows = np.flatnonzero(time <= time.min() + TIE)
        return int(rows[traffic[rows].argmin()])

    def solo(self, cores: int) -> Doubles:
        """Return the seconds of each version on a warm and idle machine: `region.solo_seconds`."""
        return self.cost.solo(cores)

    def stalls(self, cores: int, utilization: float, share: float) -> Doubles:
        """Return the seconds that each version waits, weights not in L3, with a share of its islands' L3."""
        constants, shape = self.constants, self.shape
        islands = -(-cores // self.config.island_cores)
        own = min(cores, self.config.island_cores)
        misses = missing(self.survival, self.occupied, share * constants.l3_bytes)
        of_team = misses[:, (own - 1).bit_length()]
        once = self.every.weights_once
        dram = shape.weight_bytes * np.where(once, 1, islands) + self.reread * of_team
        other = shape.input_bytes * np.where(once, islands - 1, min(islands - 1, SHARED_ROWS))
        factor = 1.0 + constants.queueing * utilization / (1.0 - utilization)
        each = constants.interference * constants.dram_stall_seconds / cores
        return np.asarray((dram * factor + other) * each)


def cost_of(shape: Shape, every: Tilings, config: CpuConfig) -> Cost:
    """Return what each version of a layer takes. A pass of one chunk is left to one core, without a fork."""
    team = config.team
    serial = (every.chunks == 1) & shape.passes
    return Cost(
        chunks=every.chunks,
        start=np.where(serial, team.serial_seconds, team.start_seconds),
        thread=np.where(serial, 0.0, team.thread_seconds),
        chunk=chunk_seconds(shape, every, config),
    )


def _compulsory(shape: Shape) -> float:
    """Return the bytes that a layer touches at least."""
    return shape.left_bytes + shape.right_bytes + shape.beside_bytes + shape.output_bytes
