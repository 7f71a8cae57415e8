"""One network alone on the machine: each layer on all cores, in the version that is fastest there.

A layer forks, its cores compute, and they wait for what is not in the L3 of their island: for DRAM, whose
latency rises with what the layer itself asks of it, and for the L3 of other islands. Where its data are is
decided ahead, by `Places`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig, Weights
from tandemsim.sim.arch.cpu.constants import CpuConstants
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.curves import missing
from tandemsim.sim.cpu.layers import Layers
from tandemsim.sim.cpu.network import shape_tables
from tandemsim.sim.cpu.region import (
    load_factor,
    other_island_bytes,
    stall_seconds,
    weight_dram_bytes,
)
from tandemsim.sim.cpu.tables import NetworkTables
from tandemsim.sim.engine.jit import jit


class Places(NamedTuple):
    """Where the data of each layer are when it starts. [layers] each."""

    resident: Doubles  # share of its weights that is in L3
    input_bytes: Doubles  # of its inputs that are in DRAM
    output_bytes: Doubles  # that it writes to DRAM


class Times(NamedTuple):
    """What each layer takes, [layers]: seconds and bytes."""

    version: Integers  # row of the tables
    start: Doubles  # to fork and join
    work: Doubles  # of the cores
    dram: Doubles  # waiting for DRAM
    l3: Doubles  # waiting for other islands
    read_bytes: Doubles  # from DRAM
    write_bytes: Doubles
    other_bytes: Doubles  # from other islands
    utilization: Doubles  # of the DRAM


class Alone(NamedTuple):
    """A network that ran alone."""

    tables: NetworkTables
    times: Times
    resident: float  # share of the weights that were in L3


def run_alone(layers: Layers, config: CpuConfig) -> Alone:
    """Run the layers one after the other."""
    shapes = [layer.shape for layer in layers.layers]
    tables = shape_tables([shapes], config)
    constants, islands = config.constants, config.islands
    resident = _resident(tables, config)
    room = constants.l3_bytes * islands
    read, written = np.array(layers.outside).reshape(-1, 2).T
    places = Places(
        resident=np.full(len(shapes), resident),
        input_bytes=np.maximum(read, tables.input_bytes - room),
        output_bytes=np.maximum(written, tables.output_bytes - room),
    )
    size = (min(config.cores, config.island_cores) - 1).bit_length()
    misses = missing(tables.survival, tables.occupied_bytes, constants.l3_bytes)[:, size]
    count = len(shapes)
    times = Times(np.zeros(count, np.int64), *(np.zeros(count) for _ in Times._fields[1:]))
    fastest(tables, constants, places, tables.past_l2_bytes * misses, times)
    return Alone(tables, times, resident)


def _resident(tables: NetworkTables, config: CpuConfig) -> float:
    """Return the share of the weights that is in L3.

    Served again and again, LRU keeps all of them or none: between two uses of a layer's weights an island
    sees whatever one input touches there, which are all weights and the largest layer's activations.
    """
    if config.weights is not Weights.SERVED:
        return float(config.weights is Weights.WARM)
    once = tables.weights_once[tables.shipped] == 1
    parts = float(config.islands)
    weights = np.where(once, tables.weight_bytes / parts, tables.weight_bytes).sum()
    inputs = np.where(once, tables.input_bytes, tables.input_bytes / parts)
    touched = weights + (inputs + tables.output_bytes / parts).max(initial=0.0)
    return float(touched <= config.l3_bytes)


@jit
def fastest(
    tables: NetworkTables, constants: CpuConstants, places: Places, reread_bytes: Doubles, times: Times
) -> None:
    """Fill `times` with each layer's fastest version on all cores.

    reread_bytes: of each version, what is read again and misses in L3.
    """
    cores, islands = constants.cores, constants.islands
    for layer in range(len(tables.macs)):
        best = math.inf
        for version in range(tables.first_version[layer], tables.first_version[layer + 1]):
            rounds = (tables.chunks[version] + cores - 1) // cores
            work = rounds * tables.chunk_seconds[version]
            start = tables.start_seconds[version] + cores * tables.thread_seconds[version]
            read = weight_dram_bytes(tables, layer, version, islands, places.resident[layer])
            read += places.input_bytes[layer] + reread_bytes[version]
            other = other_island_bytes(tables, layer, version, islands)
            idle = stall_seconds(constants, cores, read, 0.0)
            l3 = stall_seconds(constants, cores, 0.0, other)
            moved = read + places.output_bytes[layer]
            used = own_utilization(constants, start + work + l3, idle, moved)
            solid = start + work + l3
            at_least = moved / constants.dram_bytes_per_second - solid
            dram = max(idle * load_factor(constants, used), at_least, 0.0)
            if solid + dram < best:
                best = solid + dram
                times.version[layer] = version
                times.start[layer] = start
                times.work[layer] = work
                times.dram[layer] = dram
                times.l3[layer] = l3
                times.read_bytes[layer] = read
                times.write_bytes[layer] = places.output_bytes[layer]
                times.other_bytes[layer] = other
                times.utilization[layer] = used


@jit(inline="always")
def own_utilization(constants: CpuConstants, solid: float, loaded: float, moved: float) -> float:
    """Return the utilization of the DRAM by a layer alone: bytes over its time over the bandwidth.

    It takes solid + loaded * load_factor(u) seconds, so u is the smaller root of a quadratic.
    """
    if moved <= 0:
        return 0.0
    width = constants.dram_bytes_per_second
    square = width * (solid + loaded * (1.0 - constants.queueing))
    linear = width * (solid + loaded) + moved
    root = math.sqrt(max(0.0, linear * linear - 4.0 * square * moved))
    return min(2.0 * moved / (linear + root), 1.0 - 2.0**-20)
