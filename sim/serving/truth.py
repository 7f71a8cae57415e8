"""What layers really take: tables for the event loop, from the networks and the machine's constants."""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.cpu.contention import Curves, bytes_at_age, surviving
from tandemsim.sim.cpu.placement import Placement
from tandemsim.sim.cpu.region import other_island_bytes, solo_seconds, weight_dram_bytes
from tandemsim.sim.cpu.tables import CpuConstants, NetworkTables
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.profile import PICOSECONDS
from tandemsim.sim.serving.world import Machine, Truth


def make_machine(constants: CpuConstants, placement: Placement, load: float) -> Machine:
    """Return the machine's numbers for a run at `load` queries a second."""
    return Machine(
        cores=constants.cores,
        islands=constants.islands,
        island_cores=constants.cores // constants.islands,
        scattered=int(placement == Placement.SCATTERED),
        team=round(constants.team_seconds * PICOSECONDS),
        join=round(constants.join_seconds * PICOSECONDS),
        gap=PICOSECONDS / load,
        l3_bytes=float(constants.l3_bytes),
        bandwidth=constants.dram_bytes_per_second / PICOSECONDS,
        stall=constants.dram_stall_seconds * constants.interference * PICOSECONDS,
        queueing=float(constants.queueing),
    )


def make_truth(tables: NetworkTables, constants: CpuConstants) -> Truth:
    """Return the times and traffic of every version on every team."""
    versions = len(tables.chunks)
    solo = np.zeros((versions, constants.cores + 1))
    weights = np.zeros((versions, constants.islands + 1))
    others = np.zeros((versions, constants.islands + 1))
    _fill(tables, solo, weights, others)
    curves = Curves(tables.survival, tables.occupied_bytes)
    return Truth(
        shipped=tables.shipped,
        weight_bytes=tables.weight_bytes,
        weights_once=tables.weights_once,
        past_l2_bytes=tables.past_l2_bytes,
        solo=solo,
        weight_dram_bytes=weights,
        other_island_bytes=others,
        curves=curves,
        alone=survival_alone(curves, float(constants.l3_bytes)),
    )


@jit
def _fill(tables: NetworkTables, solo: Doubles, weights: Doubles, others: Doubles) -> None:
    for layer in range(len(tables.macs)):
        for version in range(tables.first_version[layer], tables.first_version[layer + 1]):
            for cores in range(1, solo.shape[1]):
                solo[version, cores] = solo_seconds(tables, version, cores) * PICOSECONDS
            for islands in range(1, weights.shape[1]):
                weights[version, islands] = weight_dram_bytes(tables, layer, version, islands, 0.0)
                others[version, islands] = other_island_bytes(tables, layer, version, islands)


@jit
def survival_alone(curves: Curves, l3_bytes: float) -> Doubles:
    """Return [versions, team sizes] what is evicted, or not used again, with an island of L3 to itself."""
    versions, sizes, _ = curves.survival.shape
    alone = np.zeros((versions, sizes))
    for version in range(versions):
        for size in range(sizes):
            moved = bytes_at_age(curves, version, size, l3_bytes)
            alone[version, size] = surviving(curves, version, size, moved)
    return alone
