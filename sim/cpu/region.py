"""The time and the traffic of one layer as a parallel region: what the truth and the plan both start from.

A region forks, its cores take chunks of equal work until none is left, and it joins. What its data cost
beyond the cores' own caches is said in bytes here, and turned into seconds once.
"""

from __future__ import annotations

from tandemsim.sim.arch.cpu.constants import CpuConstants
from tandemsim.sim.cpu.tables import NetworkTables
from tandemsim.sim.engine.jit import jit

# Of the inputs, what two islands both read where each has output rows of its own: the halo of a convolution,
# and the seams between chunks. Assumed.
SHARED_ROWS = 0.3


@jit(inline="always")
def solo_seconds(tables: NetworkTables, version: int, cores: int) -> float:
    """Return the seconds of a layer on a team of `cores`, alone on the machine and with all data in L3."""
    rounds = (tables.chunks[version] + cores - 1) // cores
    start = tables.start_seconds[version] + cores * tables.thread_seconds[version]
    return float(start + rounds * tables.chunk_seconds[version])


@jit(inline="always")
def weight_dram_bytes(
    tables: NetworkTables, layer: int, version: int, islands: int, resident: float
) -> float:
    """Return the bytes of weights that a team on so many islands reads from DRAM.

    resident: the share of them, 0...1, that is still in L3.
    """
    missing = tables.weight_bytes[layer] * (1.0 - resident)
    if tables.weights_once[version]:
        return float(missing)
    return float(missing * islands)


@jit(inline="always")
def other_island_bytes(tables: NetworkTables, layer: int, version: int, islands: int) -> float:
    """Return the bytes of inputs that a team on so many islands reads from the L3 of another one.

    With output channels outermost each island sweeps all inputs; with output rows outermost, its own.
    """
    times = islands - 1.0
    if not tables.weights_once[version]:
        times = min(times, SHARED_ROWS)
    return float(times * tables.input_bytes[layer])


@jit(inline="always")
def load_factor(constants: CpuConstants, utilization: float) -> float:
    """Return the latency of a load from a DRAM that is used to this degree, 0...<1, in idle latencies."""
    return float(1.0 + constants.queueing * utilization / (1.0 - utilization))


@jit(inline="always")
def stall_seconds(constants: CpuConstants, cores: int, dram_bytes: float, other_bytes: float) -> float:
    """Return the seconds that a team waits for bytes from DRAM and from other islands.

    dram_bytes: times `load_factor`.
    """
    each = constants.interference * constants.dram_stall_seconds / cores
    return float((dram_bytes + other_bytes) * each)
