"""``--explain`` on the CPU: what bounds the run and each layer, and the settings that are tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tandemsim.sim.arch.cpu.config import CpuConfig, Weights
from tandemsim.sim.machines.ant.explain import STALLED, Measured
from tandemsim.sim.report.format import percent

WORDS = {"dram": "data from DRAM", "l3": "the L3 of other islands", "team": "fork and join of its threads"}


def bound(measured: Measured) -> str:
    """Say in a sentence where most of what is not useful went."""
    stalls = measured.stall_cycles
    useful = ""
    if measured.utilization is not None:
        useful = f"; {percent(measured.utilization, 1)} of the multipliers' cycles are useful"
    if sum(stalls.values()) > STALLED * measured.cycles:
        worst = max(stalls, key=stalls.__getitem__)
        return f"waiting for {WORDS[worst]} ({percent(stalls[worst], measured.cycles)} of its cycles){useful}"
    return f"the cores{useful}"


def cpu_candidates(config: CpuConfig) -> Iterator[Mapping[str, object]]:
    """Yield settings, one thing each: twice as much of a resource, half of a cost, or none of it."""
    if config.dram.bandwidth_bytes_per_second:
        yield {"dram.bandwidth_bytes_per_second": 2 * config.dram.bandwidth_bytes_per_second}
    else:
        yield {"dram.channels": 2 * config.dram.channels}
    if config.weights is not Weights.WARM:
        yield {"weights": Weights.WARM.value}
    yield {"cores": 2 * config.cores}
    yield {"l3_bytes": 2 * config.l3_bytes}
    yield {"core.macs_per_cycle": 2 * config.core.macs_per_cycle}
    yield {"core.memory_parallelism": 2 * config.core.memory_parallelism}
    yield {"core.l3_bytes_per_second": 2 * config.core.l3_bytes_per_second}
    yield {"team.thread_seconds": config.team.thread_seconds / 2}
