"""What layers really take: tables for the event loop, from the networks and the machine's constants."""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.contention import bytes_at_age, surviving
from tandemsim.sim.cpu.placement import Placement
from tandemsim.sim.cpu.region import other_island_bytes, solo_seconds, weight_dram_bytes
from tandemsim.sim.cpu.tables import CpuConstants, NetworkTables
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.profile import PICOSECONDS
from tandemsim.sim.serving.world import Alone, Fact, Machine, Traffic, Truth


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
    of_layer = np.repeat(np.arange(len(tables.macs)), np.diff(tables.first_version))
    facts = np.zeros((versions, len(Fact)))
    facts[:, Fact.SLICED] = tables.weights_once
    facts[:, Fact.PAST_L2] = tables.past_l2_bytes
    facts[:, Fact.WEIGHTS] = tables.weight_bytes[of_layer]
    solo = np.zeros((versions, constants.cores + 1))
    traffic = np.zeros((versions, constants.islands + 1, len(Traffic)))
    _fill(tables, of_layer, solo, traffic)
    alone = np.zeros((*tables.survival.shape[:2], len(Alone)))
    _fill_alone(tables.survival, tables.occupied_bytes, float(constants.l3_bytes), alone)
    return Truth(
        shipped=tables.shipped,
        facts=facts,
        solo=solo,
        traffic=traffic,
        survival=tables.survival,
        occupied_bytes=tables.occupied_bytes,
        alone=alone,
    )


@jit
def _fill(tables: NetworkTables, of_layer: Integers, solo: Doubles, traffic: Doubles) -> None:
    for version in range(len(of_layer)):
        layer = of_layer[version]
        for cores in range(1, solo.shape[1]):
            solo[version, cores] = solo_seconds(tables, version, cores) * PICOSECONDS
        for islands in range(1, traffic.shape[1]):
            traffic[version, islands, Traffic.WEIGHTS] = weight_dram_bytes(
                tables, layer, version, islands, 0.0
            )
            traffic[version, islands, Traffic.OTHERS] = other_island_bytes(tables, layer, version, islands)


@jit
def _fill_alone(survival: Doubles, occupied_bytes: Doubles, l3_bytes: float, alone: Doubles) -> None:
    for version in range(alone.shape[0]):
        for size in range(alone.shape[1]):
            moved = bytes_at_age(survival, occupied_bytes, version, size, l3_bytes)
            alone[version, size, Alone.MOVED] = moved
            alone[version, size, Alone.SURVIVES] = surviving(survival, version, size, moved)
