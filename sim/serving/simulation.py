"""`simulate`: a service, a policy and queries at a load; `Served`: what became of them."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.cpu.contention import Curves, Flows, bytes_at_age, surviving
from tandemsim.sim.cpu.placement import Placement
from tandemsim.sim.cpu.residency import clocks
from tandemsim.sim.cpu.tables import TEAM_SIZES, NetworkTables
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.serving.counters import WINDOW
from tandemsim.sim.serving.loop import serve
from tandemsim.sim.serving.policy import Policy, Rule, Unit
from tandemsim.sim.serving.priced import Prices, make_prices, no_prices
from tandemsim.sim.serving.profile import PICOSECONDS, Profile
from tandemsim.sim.serving.queries import Queries
from tandemsim.sim.serving.service import Service
from tandemsim.sim.serving.world import (
    NOBODY,
    STATE,
    Demands,
    Islands,
    Line,
    Meter,
    Parts,
    Phase,
    Running,
    Slice,
    Slices,
    Tally,
    Truth,
    Use,
    World,
)

MOST_SLICES = 2_000_000 // len(Slice)  # of a recorded window: 16 MB
NEVER_STOP = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What became of the queries of one run, and of the cores. Everything is of the whole run, warm-up included."""

    load: float  # queries a second
    latency_seconds: Doubles  # [queries] from arrival to end; nan: the run stopped before
    network: Integers  # [queries]
    in_target: Doubles  # [queries] 1 or 0
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
        return 1 - self.core_seconds["idle"] / max(sum(self.core_seconds.values()), 1e-300)

    @property
    def conflict_rate(self) -> float:
        return self.conflicts / max(1, self.grants)


def simulate(
    service: Service,
    policy: Policy,
    queries: Queries,
    load: float,
    *,
    warm_up: int = 0,
    most_late: float = 1.0,
    window: tuple[float, float] | None = None,
) -> Served:
    """Serve `queries` at `load` queries a second.

    The run stops as soon as more than the share `most_late` of the queries after the first `warm_up` are late.
    `window` is (start, seconds): what runs within is recorded, until its memory is full. Threads may
    call it at once. Raises `ConfigError` where the load is not positive or the warm-up takes all queries.
    """
    require(math.isfinite(load) and load > 0, "the load must be positive", load)
    require(0 <= warm_up < queries.count, "the warm-up must be shorter than the queries", warm_up)
    require(policy.quantum <= service.constants.cores, "Policy.quantum must be at most the cores", policy.quantum)
    world = _world(service, policy, queries, load, window)
    state = world.state[0]
    state.warm_up = warm_up
    counted = queries.count - warm_up
    state.allowed = NEVER_STOP if most_late >= 1 else math.floor(most_late * counted) + 1
    serve(world, _rule(policy))
    return _served(world, service, load)


def _rule(policy: Policy) -> Rule:
    return Rule(
        unit=int(policy.unit),
        block=policy.block,
        budget=int(policy.budget),
        share=int(policy.share),
        spare=int(policy.spare),
        versions=int(policy.versions),
        margin=float(policy.margin),
        shrink=float(policy.shrink_of_unit),
        quantum=policy.quantum,
        knows_teams=int(policy.knows_teams),
        longest=policy.longest,
        least_efficiency=float(policy.least_efficiency),
        most_price=float(policy.most_price),
    )


@functools.lru_cache(maxsize=16)
def _prices(profile: Profile, quantum: int, knows_teams: bool) -> Prices:
    return make_prices(profile.plan, quantum, knows_teams)


@functools.lru_cache(maxsize=16)
def _alone(service: Service) -> Doubles:
    return survival_alone(Curves(service.tables.survival, service.tables.occupied_bytes), service.constants.l3_bytes)


@jit
def survival_alone(curves: Curves, capacity: float) -> Doubles:
    """Return [versions, team sizes] what is evicted, or not used again, with an island of L3 to itself."""
    result = np.zeros(curves.survival.shape[:2])
    for version in range(result.shape[0]):
        for size in range(result.shape[1]):
            moved = bytes_at_age(curves, version, size, capacity)
            result[version, size] = surviving(curves, version, size, moved)
    return result


def _world(
    service: Service, policy: Policy, queries: Queries, load: float, window: tuple[float, float] | None
) -> World:
    tables, constants = service.tables, service.constants
    networks, cores = len(service.names), constants.cores
    state = np.zeros(1, STATE).view(np.recarray)
    state[0].free = cores
    state[0].ended = NOBODY
    state[0].sample = WINDOW
    if window is not None:
        state[0].record_from = round(window[0] * PICOSECONDS)
        state[0].record_to = round((window[0] + window[1]) * PICOSECONDS)
    is_priced = policy.unit == Unit.PRICED
    return World(
        state=state,
        tables=tables,
        curves=Curves(tables.survival, tables.occupied_bytes),
        truth=Truth(
            gap=PICOSECONDS / load,
            l3_bytes=float(constants.l3_bytes),
            bandwidth=constants.dram_bytes_per_second / PICOSECONDS,
            stall=constants.dram_stall_seconds * constants.interference * PICOSECONDS,
            queueing=float(constants.queueing),
            team=round(constants.team_seconds * PICOSECONDS),
            join=round(constants.join_seconds * PICOSECONDS),
            scattered=int(service.placement == Placement.SCATTERED),
            cores=cores,
        ),
        plan=service.profile.plan,
        prices=_prices(service.profile, policy.quantum, policy.knows_teams) if is_priced else no_prices(),
        demands=Demands(
            unit_seconds=queries.unit_seconds,
            network=queries.network,
            latency=np.full(queries.count, -1, np.int64),
            targets=np.array(service.targets) * PICOSECONDS,
        ),
        running=_running(cores + 1),
        parts=_parts((cores + 1) * constants.islands),
        flows=_flows(cores + 1),
        islands=_islands(service),
        clock=clocks(len(tables.macs), constants.islands),
        line=Line(*(np.zeros(cores + networks + 2, np.int64) for _ in range(3)), np.zeros(networks, np.int64)),
        tally=_tally(tables),
        slices=Slices(
            table=np.zeros((MOST_SLICES if window else 0, len(Slice)), np.int64),
            cores=np.zeros(10 * MOST_SLICES if window else 0, np.int64),
            owner=np.full(cores, NOBODY, np.int64),
        ),
    )


def _running(rows: int) -> Running:
    doubles = {"counted", "resume", "solo", "single", "resident"}
    return Running(**{name: np.zeros(rows, float if name in doubles else np.int64) for name in Running._fields})


def _parts(count: int) -> Parts:
    integers = {"island", "cores", "size"}
    return Parts(**{name: np.zeros(count, np.int64 if name in integers else float) for name in Parts._fields})


def _flows(rows: int) -> Flows:
    zeros = {name: np.zeros(rows) for name in Flows._fields}
    return Flows(**{**zeros, "slope": np.ones(rows)})


def _islands(service: Service) -> Islands:
    islands = service.constants.islands
    of_island = service.constants.cores // islands
    return Islands(
        free=np.full(islands, of_island, np.int64),
        held=np.zeros(islands, np.int64),
        count=np.zeros(islands, np.int64),
        tenant=np.zeros((islands, of_island), np.int64),
        changed=np.zeros(islands, np.int64),
        versions=np.zeros(of_island, np.int64),
        sizes=np.zeros(of_island, np.int64),
        speeds=np.zeros(of_island),
        alone=_alone(service),
    )


def _tally(tables: NetworkTables) -> Tally:
    longest = int(np.diff(tables.first_layer).max())
    return Tally(
        use=np.zeros(len(Use), np.int64),
        work=np.zeros(len(Use)),
        blocks=np.zeros(longest + 1, np.int64),
        versions=np.zeros(len(tables.chunks), np.int64),
        meter=np.zeros(len(Meter)),
    )


def _served(world: World, service: Service, load: float) -> Served:
    state, demands = world.state[0], world.demands
    ended = demands.latency >= 0
    in_time = ended & (demands.latency <= demands.targets[demands.network])
    uses = _core_seconds(world)
    seconds = int(state.now) / PICOSECONDS
    return Served(
        load=load,
        latency_seconds=np.where(ended, demands.latency / PICOSECONDS, math.nan),
        network=demands.network,
        in_target=in_time.astype(float),
        warm_up=int(state.warm_up),
        stopped=bool(state.late >= state.allowed),
        seconds=seconds,
        core_seconds=uses,
        grants=int(state.grants),
        conflicts=int(state.conflicts),
        lost_share=int(state.lost) / 1e6 / max(1, int(state.conflicts)),
        grown=int(state.grown),
        block_layers=world.tally.blocks,
        versions_ran=world.tally.versions,
        dram_utilization=float(world.tally.meter[Meter.ALL]) / max(1, int(state.now)),
        slices=world.slices.table[: state.slices],
        slice_cores=world.slices.cores[: state.slice_cores],
    )


def _core_seconds(world: World) -> dict[str, float]:
    """Return the core-seconds of each use; those of units that still run count as granted, up to now."""
    use, work, state = world.tally.use, world.tally.work, world.state[0]
    run = world.running
    active = run.phase != Phase.NOTHING
    granted = int(use[Use.GRANTED]) + int(((state.now - run.since) * run.cores)[active].sum())
    idle = int(use[Use.IDLE])
    if granted + idle != int(state.now) * world.truth.cores or state.free != world.islands.free.sum():
        raise AssertionError("cores were lost")  # a fault of the loop, and not of its input
    team, compute, efficiency = int(use[Use.TEAM]), float(work[Use.COMPUTE]), float(work[Use.EFFICIENCY])
    picoseconds = {
        "compute": compute,
        "efficiency": efficiency,
        "stall": granted - team - compute - efficiency,
        "team": team,
        "idle": idle,
    }
    return {name: value / PICOSECONDS for name, value in picoseconds.items()}
