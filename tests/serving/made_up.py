"""Made-up networks and machines, whose times can be told by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tandemsim.sim.cpu.tables import FIRST_KNOT_BYTES, KNOTS, TEAM_SIZES, CpuConstants, NetworkTables
from tandemsim.sim.serving.service import Service, make_service

MANY = 5040 * 64  # chunks that teams of up to 10 cores share out evenly


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
    layer_bytes: float = 0.0,
    rereads: float = 0.0,
    reuse_bytes: float = 2.0**20,
) -> NetworkTables:
    """Networks by the seconds of their layers on one core; a version's time is that times its factor.

    Teams speed up in proportion to their cores, as long as these divide `chunks`. A layer has `layer_bytes`
    of inputs, of weights and of outputs, and reads as much `rereads` times again, after `reuse_bytes`.
    """
    seconds = np.array([s for network in layers for s in network], float)
    count, kinds = len(seconds), len(versions)
    rows = count * kinds
    knots = FIRST_KNOT_BYTES * 2.0 ** np.arange(KNOTS)
    once = 3 / (3 + 3 * rereads)
    survival = np.where(knots < reuse_bytes, 1.0, once)
    steps = np.diff(knots, prepend=0.0)
    occupied = np.cumsum(steps * 0.5 * (survival + np.concatenate([[1.0], survival[:-1]])))
    factors = np.tile(np.array(versions, float), count)
    return NetworkTables(
        first_layer=np.cumsum([0, *map(len, layers)]),
        macs=seconds * 25e9,
        input_bytes=np.full(count, layer_bytes),
        weight_bytes=np.full(count, layer_bytes),
        output_bytes=np.full(count, layer_bytes),
        first_version=np.arange(0, rows + 1, kinds),
        shipped=np.arange(0, rows, kinds),
        chunks=np.full(rows, chunks),
        start_seconds=np.zeros(rows),
        thread_seconds=np.zeros(rows),
        chunk_seconds=np.repeat(seconds, kinds) * factors / chunks,
        past_l2_bytes=np.full(rows, 3 * layer_bytes * (1 + rereads)),
        weights_once=np.ones(rows, np.int64),
        survival=np.tile(survival, (rows, TEAM_SIZES, 1)),
        occupied_bytes=np.tile(occupied, (rows, TEAM_SIZES, 1)),
    )


def service(
    tables: NetworkTables,
    constants: CpuConstants,
    targets: Sequence[float] = (),
    shares: Sequence[float] = (),
) -> Service:
    """A service of made-up networks; targets are 1 s, and shares equal, unless given."""
    count = len(tables.first_layer) - 1
    names = [f"net{number}" for number in range(count)]
    return make_service(names, tables, constants, targets or [1.0] * count, shares or [1.0] * count)
