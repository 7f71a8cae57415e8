"""A CPU's numbers as kernels take them: seconds, bytes and bytes a second."""

from __future__ import annotations

from typing import NamedTuple


class CpuConstants(NamedTuple):
    """What time depends on; `sim.arch.cpu.config.CpuConfig.constants` has the sources."""

    cores: int
    islands: int  # of L3; each has cores // islands cores
    l3_bytes: float  # of one island
    dram_bytes_per_second: float  # sustained, of the whole machine
    # Of one core for each byte that comes from an idle DRAM: latency / (line * memory-level parallelism).
    dram_stall_seconds: float
    queueing: float  # gamma: a load takes 1 + gamma * u / (1 - u) of its idle latency at utilization u
    interference: float  # kappa: 1 as measured, 0 without any stall
    team_seconds: float  # re-forming a team, whatever its size
    join_seconds: float  # and for each thread that joins
