"""A service: networks on a machine, their targets and shares, and the profile that policies plan with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.checks import ConfigError, Rules
from tandemsim.sim.cpu.placement import Placement
from tandemsim.sim.cpu.residency import long_run_shares
from tandemsim.sim.cpu.tables import CpuConstants, NetworkTables
from tandemsim.sim.serving.profile import Profile, make_profile
from tandemsim.sim.serving.world import MOST_CORES, MOST_ISLANDS, MOST_NETWORKS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Service:
    """Networks that share a machine. The truth is `tables` and `constants`; policies see `profile` alone."""

    names: tuple[str, ...]  # of the networks
    tables: NetworkTables
    constants: CpuConstants
    targets: tuple[float, ...]  # seconds, of each network's queries
    shares: tuple[float, ...]  # of the queries; their sum is 1
    placement: Placement
    profile: Profile

    def __post_init__(self) -> None:
        networks = len(self.tables.first_layer) - 1
        with Rules() as rules:
            rules.require(len(self.names) == networks, "a service has a name for each network", self.names)
            rules.require(
                len(self.targets) == networks and all(target > 0 for target in self.targets),
                "a service has a positive target for each network",
                self.targets,
            )
            rules.require(len(self.shares) == networks, "a service has a share for each network", self.shares)
            cores, islands = self.constants.cores, self.constants.islands
            rules.require(cores <= MOST_CORES, f"a service runs on at most {MOST_CORES} cores", cores)
            rules.require(
                islands <= MOST_ISLANDS, f"a service runs on at most {MOST_ISLANDS} islands", islands
            )
            rules.require(
                networks <= MOST_NETWORKS, f"a service has at most {MOST_NETWORKS} networks", networks
            )


def make_service(
    names: Sequence[str],
    tables: NetworkTables,
    constants: CpuConstants,
    targets: Sequence[float],
    shares: Sequence[float],
    placement: Placement = Placement.ALIGNED,
    error: float = 0.0,
    seed: int = 0,
) -> Service:
    """Return the service of some networks, with its profile; `error` and `seed` are of `make_profile`.

    `shares` may have any positive sum. Planners expect of the weights in L3 what the long run leaves there.
    """
    if not shares or min(shares) < 0 or sum(shares) <= 0:
        raise ConfigError(f"the shares of the networks must be 0 or more and not all 0, not {list(shares)}")
    part = np.array(shares, float) / sum(shares)
    weights = np.add.reduceat(tables.weight_bytes, tables.first_layer[:-1])
    resident = long_run_shares(weights, part, constants.l3_bytes)
    return Service(
        names=tuple(names),
        tables=tables,
        constants=constants,
        targets=tuple(targets),
        shares=tuple(map(float, part)),
        placement=placement,
        profile=make_profile(tables, constants, resident, placement, error, seed),
    )
