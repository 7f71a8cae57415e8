"""One query of each network of a mix, all at once under VELTAIR's policy: when and where layers ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.cpu.layers import Layers, layers_of
from tandemsim.sim.cpu.network import shape_tables
from tandemsim.sim.cpu.placement import Placement, islands_of_team
from tandemsim.sim.cpu.region import other_island_bytes
from tandemsim.sim.serving.joint import tenants_of
from tandemsim.sim.serving.policy import POLICIES
from tandemsim.sim.serving.profile import PICOSECONDS
from tandemsim.sim.serving.queries import Queries
from tandemsim.sim.serving.served import Served
from tandemsim.sim.serving.service import Service, make_service
from tandemsim.sim.serving.simulation import simulate
from tandemsim.sim.serving.world import Phase, Slice
from tandemsim.traces.schema import Op, Trace

MS = 1e-3
POLICY = POLICIES["veltair"]
WHOLE = (0.0, 1e6)  # seconds, of which everything is recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRun:
    """One layer as it ran, in cycles from the start of the run."""

    start: int  # of re-forming its team, where it has to wait for that
    work: int
    team: int  # re-forming the team, fork and join
    dram: int
    l3: int  # waiting for the L3 of other islands
    cores: int
    version: int  # row of the tables

    @property
    def end(self) -> int:
        """The cycle in which the next layer may start."""
        return self.start + self.work + self.team + self.dram + self.l3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixRun:
    """A run with all that reports are made of. Layers are numbered through, network by network."""

    config: CpuConfig
    service: Service
    layers: tuple[Layers, ...]  # of each network
    runs: tuple[LayerRun, ...]
    served: Served
    slices: Integers  # [slices, Slice], with times in cycles


def run_mix(trace: Trace, ops: Sequence[Op], config: CpuConfig, batch: int) -> MixRun:
    """Run some ops of a joint trace; all queries arrive at once."""
    tenants = [t for t in tenants_of(trace) or () if any(_is_of(op, t.name) for op in ops)]
    layers = [layers_of(trace, [op for op in ops if _is_of(op, t.name)], batch) for t in tenants]
    tables = shape_tables([[each.shape for each in some.layers] for some in layers], config, config.versions)
    targets, shares = [t.target_ms * MS for t in tenants], [t.share for t in tenants]
    service = make_service([t.name for t in tenants], tables, config.constants, targets, shares)
    count = len(tenants)
    queries = Queries(np.zeros(count), np.arange(count))
    served = simulate(service, POLICY, queries, 1.0, window=WHOLE)
    slices = served.slices.copy()
    for column in (Slice.START, Slice.END, Slice.STALL):
        slices[:, column] = np.rint(slices[:, column] * (config.clock_hz / PICOSECONDS)).astype(np.int64)
    runs = tuple(_layer_run(service, config, slices, layer) for layer in range(len(tables.macs)))
    return MixRun(
        config=config,
        service=service,
        layers=tuple(layers),
        runs=runs,
        served=served,
        slices=slices,
    )


def _is_of(op: Op, name: str) -> bool:
    return op.name.startswith(f"{name}/")


def _layer_run(service: Service, config: CpuConfig, slices: Integers, layer: int) -> LayerRun:
    """Put together the slices of a layer; it may have waited for its team, and got more cores on the way."""
    own = slices[slices[:, Slice.LAYER] == layer]
    is_team = own[:, Slice.PHASE] == Phase.TEAM
    start, end = int(own[:, Slice.START].min()), int(own[:, Slice.END].max())
    last = own[~is_team][-1]
    version, cores = int(last[Slice.VERSION]), int(last[Slice.CORES])
    tables, constants = service.tables, service.constants
    team = int((own[is_team, Slice.END] - own[is_team, Slice.START]).sum())
    forked = float(tables.start_seconds[version] + cores * tables.thread_seconds[version])
    fork = int(np.rint(forked * config.clock_hz))
    stalled = int(own[~is_team, Slice.STALL].sum())
    of_island = constants.cores // constants.islands
    islands = islands_of_team(cores, constants.islands, of_island, Placement.ALIGNED)
    each = constants.interference * constants.dram_stall_seconds * config.clock_hz / cores
    others = int(np.rint(other_island_bytes(tables, layer, version, islands) * each))
    room = max(0, end - start - 1)  # at least a cycle is work
    stalled = min(stalled, room)
    team = min(team + fork, room - stalled)
    l3 = min(others, stalled)
    return LayerRun(
        start=start,
        work=end - start - stalled - team,
        team=team,
        dram=stalled - l3,
        l3=l3,
        cores=cores,
        version=version,
    )
