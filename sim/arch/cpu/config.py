"""The CPU: the configuration of the machine.

The default is AMD's Threadripper 3990X (Zen 2), on which VELTAIR (ASPLOS 2022, arXiv 2201.06212) was
measured: 64 cores, of which every four share an L3 of 16 MiB. Models: `sim.cpu`, `sim.serving`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields, replace

from tandemsim.sim.arch.checks import Rules, require, require_amounts, require_integers
from tandemsim.sim.arch.cpu.cache import HierarchyConfig
from tandemsim.sim.arch.cpu.constants import CpuConstants
from tandemsim.sim.arch.cpu.energy import CpuEnergy
from tandemsim.sim.arch.dram.config import DramConfig

LINE_BYTES = 64  # of every cache
MAX_CORES = 1024  # assumed: twice the largest server of today
MAX_ISLANDS = 64  # a bit each in one word of the kernels
MAX_ISLAND_CORES = 64  # the largest team that survival curves are made for
MAX_VERSIONS = 64  # assumed; more than five hardly help
MIN_CLOCK_HZ = 1_000_000  # assumed: as the arrays
MAX_CLOCK_HZ = 1_000_000_000_000


class Weights(enum.StrEnum):
    """Where a model's weights are when it starts."""

    SERVED = "served"  # in L3 if all that one input touches fits there: the model has run just before
    WARM = "warm"  # in L3, whatever its size: as VELTAIR's profile, which repeats one layer
    COLD = "cold"  # in DRAM


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuCore:
    """One core: its vector units, its own caches, and what it can have on its way from memory."""

    macs_per_cycle: int = 16  # of float32: two multiply-adds of 256 bits. AnandTech, Zen 2
    l2_bytes: int = 512 * 1024  # AnandTech, Zen 2
    l3_bytes_per_second: float = 50e9  # assumed; the wires carry 32 bytes a cycle
    memory_parallelism: int = 24  # lines on their way at a time, prefetched ones included; assumed

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "macs_per_cycle", "l2_bytes", "memory_parallelism")
            with rules.apart():
                require_amounts(self, "l3_bytes_per_second", least=1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLaw:
    """What part of a core's peak a compiled loop reaches. The first three are fitted: docs/cpu-machine.md.

    They go with the base clock, while cores run faster than that, so the first two may exceed 1 together.
    """

    efficiency: float = 0.5515  # of the peak at `clock_hz`, where rows of outputs end within a vector; fitted
    whole_rows: float = 1.4247  # times that, where a row of outputs is whole vectors; fitted
    strided: float = 0.7422  # times that, where neighboring outputs read inputs that are no neighbors; fitted
    # For each output channel of a group, until it is 1. Assumed: a depthwise one runs at 5 to 7 GMAC/s
    depthwise: float = 0.2
    lanes: int = 8  # float32 values of a vector: 256 bits
    vector_efficiency: float = 0.5  # vector operations for each cycle, where there is no product; assumed

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "lanes")
            with rules.apart():
                names = ("efficiency", "whole_rows", "strided", "depthwise", "vector_efficiency")
                require_amounts(self, *names, least=0.001, most=1000.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTeam:
    """The threads of a parallel region: what it costs to start one, and to give it other cores."""

    start_seconds: float = 2e-6  # fork and join of a region; assumed
    thread_seconds: float = 0.215e-6  # and for each of its threads, which are woken in turn; fitted
    serial_seconds: float = 1e-6  # a region that one core runs alone, without a fork; assumed
    team_seconds: float = 5e-6  # re-forming a team, whatever its size; assumed
    join_seconds: float = 2e-6  # and for each thread that joins; assumed

    def __post_init__(self) -> None:
        require_amounts(self, *(each.name for each in fields(self)), most=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuConfig:
    """A CPU of many cores: cores, islands of L3, DRAM, clock."""

    cores: int = 64
    island_cores: int = 4  # that share an L3. AnandTech: a CCX of Zen 2 has 4 cores
    l3_bytes: int = 16 * 1024 * 1024  # of one island. AnandTech, Zen 2
    core: CpuCore = field(default_factory=CpuCore)
    rates: RateLaw = field(default_factory=RateLaw)
    team: CpuTeam = field(default_factory=CpuTeam)
    versions: int = 5  # of the code of each layer, of which the fastest runs; 1: what a compiler ships alone
    weights: Weights = Weights.SERVED
    dram: DramConfig
    dram_latency_seconds: float = 122e-9  # of an idle one. AnandTech, EPYC of Zen 2, 128 MB at random
    dram_sustained: float = 0.8  # of the peak. Our DRAM model: 0.90 for reads, 0.70 with a quarter of writes
    # Of the idle latency, added at half of the sustained bandwidth: 20 ns. Our DRAM model, reads at six loads
    queueing: float = 0.16
    interference: float = 1.0  # times each stall: 0 for none, more for what-if
    energy: CpuEnergy = field(default_factory=CpuEnergy)
    clock_hz: int = 2_900_000_000  # AMD, base clock of the 3990X

    def __post_init__(self) -> None:
        with Rules() as rules:
            with rules.apart():
                require_integers(self, 1, "cores", maximum=MAX_CORES)
            with rules.apart():
                require_integers(self, 1, "island_cores", maximum=MAX_ISLAND_CORES)
            with rules.apart():
                require_integers(self, 1, "l3_bytes")
            with rules.apart():
                require_integers(self, 1, "versions", maximum=MAX_VERSIONS)
            with rules.apart():
                require_integers(self, MIN_CLOCK_HZ, "clock_hz", maximum=MAX_CLOCK_HZ)
            with rules.apart():
                require_amounts(self, "dram_latency_seconds", most=1.0)
            with rules.apart():
                require_amounts(self, "dram_sustained", least=0.01, most=1.0)
            with rules.apart():
                require_amounts(self, "queueing", "interference", most=1000.0)
        own = self.island_cores
        rule = f"CpuConfig.cores must be at most, or a multiple of, the {own} cores of an island"
        require(self.cores <= own or self.cores % own == 0, rule, self.cores)
        rule = f"CpuConfig.cores must be on at most {MAX_ISLANDS} islands"
        require(self.islands <= MAX_ISLANDS, rule, f"on {self.islands}")

    @property
    def islands(self) -> int:
        """Caches of the last level; each is shared by `island_cores` cores, or by all, if those are fewer."""
        return max(1, self.cores // self.island_cores)

    @property
    def caches(self) -> HierarchyConfig:
        """The caches of all cores, as `sim.cpu.cache` simulates them access by access."""
        usual = HierarchyConfig()
        return HierarchyConfig(
            cores=self.cores,
            island_cores=self.island_cores,
            l2=replace(usual.l2, bytes=self.core.l2_bytes),
            l3=replace(usual.l3, bytes=self.l3_bytes),
        )

    @property
    def constants(self) -> CpuConstants:
        """The config in seconds and bytes."""
        return CpuConstants(
            cores=self.cores,
            islands=self.islands,
            l3_bytes=float(self.l3_bytes),
            dram_bytes_per_second=self.dram_sustained * self.dram.peak_bytes_per_second,
            dram_stall_seconds=self.dram_latency_seconds / (LINE_BYTES * self.core.memory_parallelism),
            queueing=self.queueing,
            interference=self.interference,
            team_seconds=self.team.team_seconds,
            join_seconds=self.team.join_seconds,
        )
