"""`simulate`: a service, a policy, and queries at a load."""

from __future__ import annotations

import functools
import math

import numpy as np

from tandemsim.sim.arch.checks import require
from tandemsim.sim.arch.types import Records
from tandemsim.sim.cpu.residency import no_uses
from tandemsim.sim.serving.counters import WINDOW
from tandemsim.sim.serving.loop import serve
from tandemsim.sim.serving.policy import Policy, Unit
from tandemsim.sim.serving.priced import Prices, make_prices, no_prices
from tandemsim.sim.serving.profile import PICOSECONDS, Profile
from tandemsim.sim.serving.queries import Queries
from tandemsim.sim.serving.served import Served, served
from tandemsim.sim.serving.service import Service
from tandemsim.sim.serving.truth import make_machine, make_truth
from tandemsim.sim.serving.world import NOBODY, STATE, Demands, Slice, Tally, Truth, World

MOST_SLICES = 200_000  # of a recorded window: 16 MB, and as much again for their cores
CORES_OF_SLICE = 10  # mean, for the room that they get
NEVER_STOP = 2**62
LONGEST = 4e6  # seconds of arrivals: in picoseconds an int64 holds twice as much


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

    The run stops as soon as more than the share `most_late` of the queries after the first `warm_up` are
    late. `window` is (start, seconds): what runs within is recorded, until its memory is full. Threads may
    call it at once. Raises `ConfigError` where the load is not positive or the warm-up takes all queries.
    """
    require(math.isfinite(load) and load > 0, "the load must be positive", load)
    last = float(queries.unit_seconds[-1]) / load
    require(last <= LONGEST, f"the last query must arrive within {LONGEST:g} seconds", f"after {last:.3g}")
    require(0 <= warm_up < queries.count, "the warm-up must be shorter than the queries", warm_up)
    most = service.constants.cores
    require(policy.quantum <= most, f"Policy.quantum must be at most the {most} cores", policy.quantum)
    world = _world(service, policy, queries, load, window)
    state = world.state[0]
    state.warm_up = warm_up
    if most_late < 1:
        state.allowed = math.floor(most_late * (queries.count - warm_up)) + 1
    serve(world, policy.rule)
    return served(world, load)


@functools.lru_cache(maxsize=16)
def _prices(profile: Profile, quantum: int, knows_teams: bool) -> Prices:
    return make_prices(profile.plan, quantum, knows_teams)


@functools.lru_cache(maxsize=16)
def _truth(service: Service) -> Truth:
    return make_truth(service.tables, service.constants)


def _world(
    service: Service, policy: Policy, queries: Queries, load: float, window: tuple[float, float] | None
) -> World:
    is_priced = policy.unit == Unit.PRICED
    slices = 0 if window is None else MOST_SLICES
    return World(
        state=_state(service, window),
        machine=make_machine(service.constants, service.placement, load),
        truth=_truth(service),
        uses=no_uses(len(service.tables.macs), service.constants.islands),
        plan=service.profile.plan,
        prices=_prices(service.profile, policy.quantum, policy.knows_teams) if is_priced else no_prices(),
        demands=Demands(
            unit_seconds=queries.unit_seconds,
            network=queries.network,
            latency=np.full(queries.count, -1, np.int64),
            targets=np.array(service.targets) * PICOSECONDS,
        ),
        tally=Tally(
            blocks=np.zeros(int(np.diff(service.tables.first_layer).max()) + 1, np.int64),
            versions=np.zeros(len(service.tables.chunks), np.int64),
            slices=np.zeros((slices, len(Slice)), np.int64),
            slice_cores=np.zeros(slices * CORES_OF_SLICE, np.int64),
        ),
    )


def _state(service: Service, window: tuple[float, float] | None) -> Records:
    records = np.zeros(1, STATE).view(np.recarray)
    state = records[0]
    cores, islands = service.constants.cores, service.constants.islands
    state.free = cores
    state.island_free[:islands] = cores // islands
    state.ended = NOBODY
    state.owner[:] = NOBODY
    state.slope[:] = 1.0  # of rows that are not in use, so that their pace is a number
    state.sample = WINDOW
    state.allowed = NEVER_STOP
    if window is not None:
        state.record_from = round(window[0] * PICOSECONDS)
        state.record_to = round((window[0] + window[1]) * PICOSECONDS)
    return records
