"""`Served`: what became of the queries of one run, and of the cores."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tandemsim.sim.arch.types import Bools, Doubles, Integers
from tandemsim.sim.serving.profile import PICOSECONDS
from tandemsim.sim.serving.world import Meter, Phase, Use, Work, World

MILLION = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What one run gave. All of it is of the whole run, warm-up included, unless it says otherwise."""

    load: float  # queries a second
    latency_seconds: Doubles  # [queries] from arrival to end; nan: the run stopped before
    network: Integers  # [queries]
    in_target: Bools  # [queries]
    warm_up: int  # queries at the start that statistics leave out
    stopped: bool  # too many were late
    seconds: float  # of the run
    core_seconds: dict[str, float]  # compute, efficiency, stall, team, idle; their sum is cores * seconds
    grants: int
    conflicts: int  # grants of fewer cores than were wanted
    lost_share: float  # mean of (wanted - granted) / wanted of these
    grown: int  # times that a unit got more cores later
    block_layers: Integers  # [longest network + 1] units by their number of layers
    versions_ran: Integers  # [versions] layers
    dram_utilization: float  # mean
    slices: Integers  # [slices, Slice], of the window that was asked for
    slice_cores: Integers

    @property
    def share_in_target(self) -> float:
        """Of the queries after the warm-up, those that ended in time; what did not end counts as late."""
        return float(self.in_target[self.warm_up :].mean())

    @property
    def core_utilization(self) -> float:
        """Of all core-seconds, those that were granted."""
        return 1 - self.core_seconds["idle"] / max(math.fsum(self.core_seconds.values()), 1e-300)

    @property
    def conflict_rate(self) -> float:
        """Of all grants, those of fewer cores than were wanted."""
        return self.conflicts / max(1, self.grants)


def served(world: World, load: float) -> Served:
    """Return what a run gave, from the state that it left."""
    state, demands, tally = world.state[0], world.demands, world.tally
    latency = demands.latency / PICOSECONDS
    in_time = demands.latency >= 0
    latency[~in_time] = math.nan
    # One by one, which takes less memory than an array of targets.
    for network, target in enumerate(demands.targets):
        in_time &= (demands.network != network) | (demands.latency <= target)
    return Served(
        load=load,
        latency_seconds=latency,
        network=demands.network,
        in_target=in_time,
        warm_up=int(state.warm_up),
        stopped=bool(state.late >= state.allowed),
        seconds=int(state.now) / PICOSECONDS,
        core_seconds=_core_seconds(world),
        grants=int(state.grants),
        conflicts=int(state.conflicts),
        lost_share=int(state.lost) / MILLION / max(1, int(state.conflicts)),
        grown=int(state.grown),
        block_layers=tally.blocks,
        versions_ran=tally.versions,
        dram_utilization=float(state.meter[Meter.ALL]) / max(1, int(state.now)),
        slices=tally.slices[: state.slices],
        slice_cores=tally.slice_cores[: state.slice_cores],
    )


def _core_seconds(world: World) -> dict[str, float]:
    """Return the core-seconds of each use; those of units that still run count up to now, as stalls."""
    state = world.state[0]
    runs = state.phase != Phase.NOTHING
    granted = int(state.use[Use.GRANTED]) + int(((state.now - state.since) * state.cores)[runs].sum())
    idle, team = int(state.use[Use.IDLE]), int(state.use[Use.TEAM])
    if granted + idle != int(state.now) * world.machine.cores or state.free != state.island_free.sum():
        raise AssertionError("cores were lost")  # a fault of the loop, and not of what it was given
    compute, efficiency = float(state.work[Work.COMPUTE]), float(state.work[Work.EFFICIENCY])
    picoseconds = {
        "compute": compute,
        "efficiency": efficiency,
        "stall": granted - team - compute - efficiency,
        "team": team,
        "idle": idle,
    }
    return {name: value / PICOSECONDS for name, value in picoseconds.items()}
