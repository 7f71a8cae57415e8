"""Networks as the kernels see them: flat arrays, a row per layer and a row per code version.

`sim.cpu.versions` makes them from traces. The time of a layer (`sim.cpu.region`), the contention between
tenants (`sim.cpu.contention`) and the event loop of the tenants (`sim.serving`) read them. A layer is what
runs as one parallel region: a product with the elementwise ops that a compiler fuses behind it, or another
op alone.
"""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.cpu.constants import CpuConstants
from tandemsim.sim.arch.types import Doubles, Integers

__all__ = ["FIRST_KNOT_BYTES", "KNOTS", "TEAM_SIZES", "CpuConstants", "NetworkTables"]

KNOTS = 20  # of a survival curve
# Knot k is at FIRST_KNOT_BYTES * 2**k; nothing past L2 is reused sooner than the first.
FIRST_KNOT_BYTES = 16 * 1024
TEAM_SIZES = 7  # curves for teams of 1, 2, 4 ... 64 cores on one island: number ceil(log2(cores))


class NetworkTables(NamedTuple):
    """Every layer of some networks and its code versions. Layers and versions are numbered through."""

    first_layer: Integers  # [networks + 1]
    # A row per layer.
    macs: Doubles
    input_bytes: Doubles
    weight_bytes: Doubles
    output_bytes: Doubles
    first_version: Integers  # [layers + 1]
    shipped: Integers  # the version that a compiler keeps which keeps only one
    # A row per version.
    chunks: Integers  # of equal work, which cores take one at a time
    start_seconds: Doubles  # of the parallel region: fork, join
    thread_seconds: Doubles  # and for each core, whose threads are woken in turn
    chunk_seconds: Doubles  # of one core, everything in L3
    past_l2_bytes: Doubles  # that cross from L3 to the cores' L2 over the whole layer
    weights_once: Integers  # 1: output channels outermost, each weight is read by one island; 0: each by all
    # [version, team size, knot]: of these bytes, the share that the team on an island does not use again
    # before it has moved as many bytes as the knot says; the last has the share that is touched once.
    survival: Doubles
    occupied_bytes: Doubles  # the integral of `survival` up to the knot: what of L3 holds data of that age
