"""Planning tables: all that a policy may see of how long layers take.

They are made offline from the time of a layer alone, under four levels of made-up interference: each is a
utilization of the DRAM and a share of L3. What contention really does (`sim.cpu.contention`) they do not
know. With an `error` each version of a layer errs by a factor of its own, as a measured profile would.

Times are picoseconds. Rows of the sums are layers, with one more for each network: row `layer + network` has
the sum of the network's layers before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.placement import Placement, islands_of_team
from tandemsim.sim.cpu.region import other_island_bytes, solo_seconds, weight_dram_bytes
from tandemsim.sim.cpu.tables import KNOTS, CpuConstants, NetworkTables
from tandemsim.sim.engine.jit import jit

PICOSECONDS = 1e12
LEVELS = 4
LEVEL_UTILIZATION = (0.0, 0.5, 0.75, 0.9)  # assumed, of the DRAM
LEVEL_L3_SHARE = (1.0, 0.6, 0.4, 0.25)  # assumed
SHIPPED = 0  # choice of versions: the shipped one, on an idle machine; 1 + level: the best at that level
CHOICES = 1 + LEVELS
CORES_OF_SHARES = 8  # a model's work is shared out by its layers' times on so many


class Plan(NamedTuple):
    """The planning tables as kernels read them. Core counts are indices: entry 0 is not used."""

    first_layer: Integers  # [networks + 1]
    sums: Doubles  # [CHOICES, layers + networks, cores + 1] time of the network's layers before the row
    best: Integers  # [LEVELS, layers, cores + 1] the fastest version
    shares: Doubles  # [2, layers + networks] `Share`: of the network's work, what comes before the row
    team: float  # re-forming a team, and each thread that joins
    join: float


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Planning tables of some networks on one machine."""

    plan: Plan
    time: Doubles  # [LEVELS, versions, cores + 1]


def make_profile(
    tables: NetworkTables,
    constants: CpuConstants,
    resident: Doubles,
    placement: Placement = Placement.ALIGNED,
    error: float = 0.0,
    seed: int = 0,
) -> Profile:
    """Return the profile of `tables`; `resident` ([networks]) is the share of weights expected in L3.

    `error` is the standard deviation of the logarithm of each version's time; 0 is a plan without errors.
    """
    teams = np.arange(1, constants.cores + 1)
    spans = [
        islands_of_team(int(c), constants.islands, constants.cores // constants.islands, placement)
        for c in teams
    ]
    of_layer = np.repeat(resident, np.diff(tables.first_layer))
    time = _times(tables, constants, of_layer, np.array(spans, np.int64))
    if error > 0:
        errors = np.random.default_rng(seed).normal(0.0, error, time.shape[1])
        time *= np.exp(errors)[None, :, None]
    best, fastest = _best(tables, time)
    shipped = time[0, tables.shipped]
    sums = np.stack([_sums(tables, row) for row in (shipped, *fastest)])
    shares = np.stack(
        [_shares(tables, shipped[:, min(CORES_OF_SHARES, constants.cores)]), _shares(tables, tables.macs)]
    )
    plan = Plan(
        first_layer=tables.first_layer,
        sums=sums,
        best=best,
        shares=shares,
        team=constants.team_seconds * PICOSECONDS,
        join=constants.join_seconds * PICOSECONDS,
    )
    return Profile(plan, time)


@jit
def _times(tables: NetworkTables, constants: CpuConstants, resident: Doubles, spans: Integers) -> Doubles:
    """Return the time of each version at each level on each number of cores, which span `spans` islands."""
    time = np.zeros((LEVELS, len(tables.chunks), constants.cores + 1))
    for layer in range(len(tables.macs)):
        for version in range(tables.first_version[layer], tables.first_version[layer + 1]):
            for cores in range(1, constants.cores + 1):
                islands = spans[cores - 1]
                solo = solo_seconds(tables, version, cores)
                weights = weight_dram_bytes(tables, layer, version, islands, resident[layer])
                others = other_island_bytes(tables, layer, version, islands)
                a_byte = constants.dram_stall_seconds * constants.interference / cores
                for level in range(LEVELS):
                    share = LEVEL_L3_SHARE[level] * constants.l3_bytes
                    missed = _missed_rereads(tables, version, -(-cores // islands), share)
                    used = LEVEL_UTILIZATION[level]
                    queued = 1 + constants.queueing * used / (1 - used)
                    stalls = ((weights + missed) * queued + others) * a_byte
                    time[level, version, cores] = (solo + stalls) * PICOSECONDS
    return time


@jit(inline="always")
def _missed_rereads(tables: NetworkTables, version: int, cores: int, room: float) -> float:
    """Return the bytes that a team uses again and finds evicted, with `room` bytes of each island its own."""
    size = 0
    while (1 << size) < cores:
        size += 1
    once = tables.survival[version, size, KNOTS - 1]
    knot = 0
    while knot < KNOTS and tables.occupied_bytes[version, size, knot] < room:
        knot += 1
    if knot == KNOTS:
        return 0.0
    filled = tables.occupied_bytes[version, size, knot - 1] if knot > 0 else 0.0
    before = tables.survival[version, size, knot - 1] if knot > 0 else 1.0
    within = (room - filled) / (tables.occupied_bytes[version, size, knot] - filled)
    survival = before + (tables.survival[version, size, knot] - before) * within
    return float(tables.past_l2_bytes[version] * (survival - once))


def _best(tables: NetworkTables, time: Doubles) -> tuple[Integers, Doubles]:
    """Return the fastest version of each layer by level and cores, and its time."""
    firsts = tables.first_version[:-1]
    fastest = np.minimum.reduceat(time, firsts, axis=1)
    best = np.zeros(fastest.shape, np.int64)
    for layer, (first, end) in enumerate(zip(firsts, tables.first_version[1:], strict=True)):
        best[:, layer] = first + np.argmin(time[:, first:end], axis=1)
    return best, fastest


def _sums(tables: NetworkTables, time: Doubles) -> Doubles:
    """Return [layers + networks, ...] the sums of `time` ([layers, ...]) over the layers before each row."""
    rows = []
    for first, end in zip(tables.first_layer, tables.first_layer[1:], strict=False):
        of_network = time[first:end]
        rows.append(np.concatenate([np.zeros((1, *time.shape[1:])), np.cumsum(of_network, axis=0)]))
    return np.concatenate(rows)


def _shares(tables: NetworkTables, work: Doubles) -> Doubles:
    """Return [layers + networks] of each network's `work` ([layers]) the share before each row."""
    sums = _sums(tables, work)
    for network, end in enumerate(tables.first_layer[1:]):
        first = tables.first_layer[network] + network
        sums[first : end + network + 1] /= max(sums[end + network], 1e-300)
    return sums
