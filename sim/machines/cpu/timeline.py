"""A run of the CPU in time: a row for each core, or each island if there are many, and one for the waits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tandemsim.sim.machines.cpu.cycles import CpuRun, core_cycles
from tandemsim.sim.report.activity import Activity, bin_edges, spread
from tandemsim.sim.report.timeline import NONE, Timeline

MOST = 90_000  # slices: 20 MB in all at some 220 bytes a slice, what Perfetto opens within seconds
WAITS = {"team": "fork and join", "l3": "other islands", "dram": "DRAM"}


def timeline(run: CpuRun) -> Timeline:
    """Lay out a run: cores compute after the fork, then the team waits for its data."""
    cycles, layers = run.cycles, len(run.layers.layers)
    of_cores = core_cycles(run)
    step = 1 if layers * run.config.cores <= MOST else run.config.island_cores
    of_cores = of_cores[:, ::step]  # the first core of an island has the most chunks
    rows = of_cores.shape[1]
    what = "core" if step == 1 else "island"
    begun = cycles.start + cycles.stalls["team"]
    place, core = np.divmod(np.flatnonzero(of_cores.ravel() > 0), rows)
    tracks = [f"{what} {number}" for number in range(rows)]
    columns = [(core, place, begun[place], of_cores[place, core])]
    after = begun + cycles.work
    starts = {"team": cycles.start, "l3": after, "dram": after + cycles.stalls["l3"]}
    for number, name in enumerate(WAITS):
        some = np.flatnonzero(cycles.stalls[name])
        track, label = np.full(len(some), rows), np.full(len(some), layers + number)
        columns.append((track, label, starts[name][some], cycles.stalls[name][some]))
    track, label, start, duration = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    names = tuple(layer.op.name for layer in run.layers.layers)
    read = np.concatenate([cycles.read_bytes[place], np.full(len(track) - len(place), NONE)])
    return Timeline(
        tracks=(*tracks, "all cores wait for"),
        labels=(*names, *WAITS.values()),
        track=track,
        label=label,
        start=start,
        duration=duration,
        arguments={"layer_dram_bytes": read},
    )


def activity(run: CpuRun, macs: Sequence[int]) -> Activity:
    """Return useful MACs, DRAM bytes and busy cores over time; macs: of each layer."""
    cycles = run.cycles
    start, end = cycles.start, cycles.start + cycles.every
    edges = bin_edges(int(end[-1]))
    begun = start + cycles.stalls["team"]
    moved = cycles.read_bytes + cycles.write_bytes
    return Activity(
        bin_cycles=int(edges[1]),
        macs=spread(np.array(macs, np.float64), begun, begun + cycles.work, edges),
        dram_bytes=spread(moved.astype(np.float64), begun, end, edges),
        busy={"cores": spread(core_cycles(run).mean(1), begun, begun + cycles.work, edges)},
    )
