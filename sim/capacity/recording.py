"""What every core did in a stretch of time: for the timeline, and the picture of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tandemsim.sim.arch.types import Doubles, Integers
from tandemsim.sim.capacity.point_run import queries_of
from tandemsim.sim.capacity.study import Study
from tandemsim.sim.capacity.variants import Variant
from tandemsim.sim.serving.queries import Queries
from tandemsim.sim.serving.service import Service
from tandemsim.sim.serving.simulation import simulate
from tandemsim.sim.serving.world import Phase, Slice

SECONDS = 1.0  # of the machine
PICOSECONDS = 1e12
MARGIN = 1.5  # times the queries that arrive until the window ends, so that it never runs dry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """Slices of cores: one for each layer, or each wait for a team, on each core. Columns of one length n."""

    label: str  # of the policy
    load: float
    start: float  # seconds of the run, where the window begins
    seconds: float  # its length
    core: Integers
    begin: Doubles  # seconds since the window began; of the first slices below 0
    end: Doubles
    network: Integers
    query: Integers
    layer: Integers  # of the network
    version: Integers  # of the layer
    is_team: Integers  # 1: waits until the team is formed
    stalled: Doubles  # share of the slice


def record(
    service: Service, study: Study, variant: Variant, load: float, seconds: float = SECONDS
) -> Recording:
    """Run a policy on the first queries of the first seed, and keep what happens after the warm-up."""
    point = study.run_point(variant, study.reported_seeds()[0], load)
    queries = queries_of(point, service)
    start = float(queries.unit_seconds[min(study.warm_up, queries.count - 1)]) / load
    wanted = int(np.searchsorted(queries.unit_seconds, (start + MARGIN * seconds) * load)) + 1
    some = Queries(queries.unit_seconds[:wanted], queries.network[:wanted])
    served = simulate(service, variant.policy, some, load, window=(start, seconds))
    table, cores = served.slices, served.slice_cores
    counts = table[:, Slice.CORES]
    row = np.repeat(np.arange(len(table)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    first_layer, first_version = service.tables.first_layer, service.tables.first_version
    layer = table[row, Slice.LAYER]
    length = np.maximum(table[:, Slice.END] - table[:, Slice.START], 1)
    return Recording(
        label=variant.label,
        load=load,
        start=start,
        seconds=seconds,
        core=cores[table[row, Slice.FIRST_CORE] + within],
        begin=table[row, Slice.START] / PICOSECONDS - start,
        end=table[row, Slice.END] / PICOSECONDS - start,
        network=table[row, Slice.NETWORK],
        query=table[row, Slice.QUERY],
        layer=layer - first_layer[table[row, Slice.NETWORK]],
        version=table[row, Slice.VERSION] - first_version[layer],
        is_team=(table[row, Slice.PHASE] == Phase.TEAM).astype(np.int64),
        stalled=(table[:, Slice.STALL] / length)[row],
    )


def busy_by_time(recording: Recording, cores: int, bins: int) -> Mapping[str, Any]:
    """Return what each core did in each of `bins` stretches, [cores, bins]: network (-1: idle) and shares.

    Of several slices in a stretch the longest counts. `team` and `stalled` are shares of that stretch.
    """
    edges = np.linspace(0.0, recording.seconds, bins + 1)
    width = edges[1]
    longest = np.zeros((cores, bins))
    network = np.full((cores, bins), -1)
    team, stalled = np.zeros((cores, bins)), np.zeros((cores, bins))
    first = np.clip((recording.begin / width).astype(int), 0, bins - 1)
    last = np.clip((recording.end / width).astype(int), 0, bins - 1)
    for place in range(len(recording.core)):
        core = recording.core[place]
        for at in range(first[place], last[place] + 1):
            overlap = min(recording.end[place], edges[at + 1]) - max(recording.begin[place], edges[at])
            if overlap <= 0:
                continue
            if recording.is_team[place]:
                team[core, at] += overlap / width
            else:
                stalled[core, at] += recording.stalled[place] * overlap / width
            if overlap > longest[core, at]:
                longest[core, at], network[core, at] = overlap, recording.network[place]
    return {"network": network, "team": team, "stalled": stalled}
