"""Made-up networks and machines, whose times can be told by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tandemsim.sim.cpu.tables import KNOTS, TEAM_SIZES, CpuConstants, NetworkTables
from tandemsim.sim.serving.service import Service, make_service

MANY = 5040 * 64  # chunks that every team of up to 10 cores, and of 64, shares out evenly


def machine(cores: int = 8, islands: int = 2, **changes: float) -> CpuConstants:
    """A machine without stalls, whose teams cost nothing, unless `changes` say otherwise."""
    constants = CpuConstants(
        cores=cores,
        islands=islands,
        l3_bytes=16 * 2.0**20,
        dram_bytes_per_second=80e9,
        dram_stall_seconds=122e-9 / (64 * 24),
        queueing=0.16,
        interference=0.0,
        team_seconds=0.0,
        join_seconds=0.0,
    )
    return constants._replace(**changes)


def networks(
    layers: Sequence[Sequence[float]],
    chunks: int = MANY,
    versions: Sequence[float] = (1.0,),
    bytes_of_layer: float = 0.0,
) -> NetworkTables:
    """Networks by the seconds of their layers on one core; a version's time is that times its factor.

    Teams speed up in proportion to their cores, as long as these divide `chunks`. A layer has
    `bytes_of_layer` of inputs, weights and outputs each, and uses none of them twice.
    """
    seconds = np.array([s for network in layers for s in network], float)
    count, kinds = len(seconds), len(versions)
    rows = count * kinds
    size = np.full(count, bytes_of_layer)
    factors = np.tile(np.array(versions, float), count)
    return NetworkTables(
        first_layer=np.cumsum([0, *map(len, layers)]),
        macs=seconds * 25e9,
        input_bytes=size.copy(),
        weight_bytes=size.copy(),
        output_bytes=size.copy(),
        first_version=np.arange(0, rows + 1, kinds),
        shipped=np.arange(0, rows, kinds),
        chunks=np.full(rows, chunks),
        start_seconds=np.zeros(rows),
        chunk_seconds=np.repeat(seconds, kinds) * factors / chunks,
        past_l2_bytes=np.full(rows, 3 * bytes_of_layer),
        weights_once=np.ones(rows, np.int64),
        survival=np.ones((rows, TEAM_SIZES, KNOTS)),
        occupied_bytes=np.tile(2.0**14 * 2.0 ** np.arange(KNOTS), (rows, TEAM_SIZES, 1)),
    )


def service(
    layers: Sequence[Sequence[float]],
    constants: CpuConstants,
    targets: Sequence[float] = (),
    shares: Sequence[float] = (),
    tables: NetworkTables | None = None,
) -> Service:
    """A service of networks by the seconds of their layers; targets are 1 s unless given."""
    count = len(layers)
    names = [f"net{number}" for number in range(count)]
    return make_service(
        names, tables or networks(layers), constants, targets or [1.0] * count, shares or [1.0] * count
    )
