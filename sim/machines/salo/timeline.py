"""A run of SALO in time: tiles, transfers, and what the array waits for; and its activity in bins.

Layers that are alike share their record, so each is laid out once and moved to where it starts. Where a run
has more slices than a viewer opens quickly, neighbors are joined (`sim.report.timeline_levels`), the same in
all layers.

Stalls follow from the record: whatever of a tile's time is neither a phase nor between two. Those of the
scratchpads lie inside the phases, as cycles that a bank takes beyond the first for each step; they are drawn
at the end of their phase.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.report.activity import Activity, bin_edges, spread
from tandemsim.sim.report.timeline import NONE, Timeline
from tandemsim.sim.report.timeline_levels import Slices, concatenated, join_each, join_runs, size_for
from tandemsim.sim.salo.layer.loop import Stall
from tandemsim.sim.salo.layer.simulation import LayerResult
from tandemsim.sim.salo.layer.transfers import Kind, Phase
from tandemsim.sim.salo.machine import SaloRun
from tandemsim.sim.salo.scheduling.schedule import GLOBAL

TRACKS = ("array waits for", "array", "DMA reads", "DMA writes")
WAITS, ARRAY, READS, WRITES = range(len(TRACKS))
# Slices of each track: 20 MB in all at some 200 bytes a slice, what Perfetto opens within seconds.
MOST = {WAITS: 20_000, ARRAY: 40_000, READS: 24_000, WRITES: 14_000}
TILE_KINDS = ("local", "global projections", "global row")
STALLS = tuple(stall.name.lower() for stall in Stall)
TRANSFERS = tuple(kind.name.lower() for kind in Kind)
LABELS = ("tile", "block", "head", *STALLS, *TRANSFERS)
TILE, BLOCK, HEAD = range(3)
FIRST_STALL, FIRST_TRANSFER = 3, 3 + len(STALLS)

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Laid:
    """The slices of one layer, by track, from its own cycle 0."""

    tracks: dict[int, Slices]
    blocks: Integers  # [T] number of the run of tiles of one block and head, ascending
    turns: Integers  # [T] heads, or the groups of heads that take turns block by block; ascending
    side_by_side: int  # heads of such a group


def timeline(run: SaloRun, config: SaloConfig) -> Timeline:
    """Lay out every layer; join what would be too many slices."""
    results = {id(layer.result): layer.result for layer in run.layers}
    times = Counter(id(layer.result) for layer in run.layers)
    laid = {key: _laid(result, config) for key, result in results.items()}
    notes: list[str] = []
    tracks = {ARRAY: _coarser_tiles(laid, times, notes)}
    for track in (WAITS, READS, WRITES):
        every = [(layer.tracks[track], times[key]) for key, layer in laid.items()]
        size = size_for(every, MOST[track])
        if size > 1:
            notes.append(
                f"Track {TRACKS[track]!r}: {size} slices of one name, and the time between, are joined"
            )
        tracks[track] = {key: join_each(layer.tracks[track], size) for key, layer in laid.items()}
    return _placed(run, tracks, notes)


def _placed(run: SaloRun, tracks: dict[int, dict[int, Slices]], notes: list[str]) -> Timeline:
    """Put the slices of each layer where it starts, and all tracks into one timeline."""
    by_track = {
        track: concatenated([layouts[id(layer.result)].at(layer.start) for layer in run.layers])
        for track, layouts in sorted(tracks.items())
    }
    names = dict.fromkeys(name for slices in by_track.values() for name in slices.arguments)
    columns: dict[str, list[Integers]] = {name: [] for name in names}
    for slices in by_track.values():
        for name, column in columns.items():
            column.append(slices.arguments.get(name, np.full(len(slices), NONE)))
    every = concatenated([Slices(label=s.label, start=s.start, end=s.end) for s in by_track.values()])
    return Timeline(
        tracks=TRACKS,
        labels=LABELS,
        track=np.repeat(list(by_track), [len(slices) for slices in by_track.values()]),
        label=every.label,
        start=every.start,
        duration=every.end - every.start,
        arguments={name: np.concatenate(parts) for name, parts in columns.items()},
        texts={"kind": TILE_KINDS} if "kind" in names else {},
        coarser=tuple(notes),
    )


def _laid(result: LayerResult, config: SaloConfig) -> _Laid:
    plan, times = result.program, result.times
    tiling, order = plan.schedule, plan.order
    tile, head = np.arange(plan.tiles), order.head
    block = tiling.block[order.tile].astype(np.int64)
    changed = (np.diff(head) != 0) | (np.diff(block) != 0)
    kind = np.where(tiling.source == GLOBAL, 1, np.where(tiling.local_pairs == 0, 2, 0))[order.tile]
    tiles = Slices(
        label=np.full(plan.tiles, TILE),
        start=times.tile_start,
        end=times.tile_end,
        arguments={"head": head, "block": block, "tile": tile, "kind": kind},
    )
    transfers = plan.transfers
    moved = Slices(
        label=FIRST_TRANSFER + transfers.kind,
        start=times.transfer_begun,
        end=times.transfer_end,
        arguments={
            "bytes": transfers.size_bytes,
            "for tile": np.where(transfers.is_write == 1, NONE, transfers.tile),
            "queued": times.transfer_begun - times.transfer_issued,
        },
    )
    tracks = {
        WAITS: stalls(result, config),
        ARRAY: tiles,
        READS: moved.chosen(np.flatnonzero(transfers.is_write == 0)),
        WRITES: moved.chosen(np.flatnonzero(transfers.is_write == 1)),
    }
    return _Laid(tracks, np.cumsum(np.concatenate(([0], changed))), order.turn, order.side_by_side)


def stalls(result: LayerResult, config: SaloConfig) -> Slices:
    """Return the intervals in which the array waits, each with its cause, in the order of their starts."""
    times, timing, layer = result.times, config.array.timing, result.program.layer
    elements = np.array([layer.head_dim, layer.value_dim])  # by phase
    ready = np.concatenate(([0], times.tile_end[:-1] + timing.gap))
    qk_end = times.tile_start + layer.head_dim * result.steps[:, Phase.QK]
    pv_end = times.pv_start + layer.value_dim * result.steps[:, Phase.PV]
    slower = elements * (result.steps - 1)
    operands = np.full(len(ready), Stall.DRAM)
    operands[0] = Stall.COLD_FILL
    computed = times.tile_end[-1:] + timing.drain + timing.merge
    every = [
        (operands, ready, times.tile_start),
        (np.full_like(ready, Stall.SCRATCHPAD), qk_end - slower[:, Phase.QK], qk_end),
        (operands, qk_end + timing.between, times.values_at),
        (np.full_like(ready, Stall.OUTPUT), times.values_at, times.pv_start),
        (np.full_like(ready, Stall.SCRATCHPAD), pv_end - slower[:, Phase.PV], pv_end),
        (np.full_like(computed, Stall.WRITE_BACK), computed, np.full_like(computed, result.cycles)),
    ]
    cause, start, end = (np.concatenate(parts) for parts in zip(*every, strict=True))
    rows = np.flatnonzero(end > start)
    rows = rows[np.argsort(start[rows], kind="stable")]
    spent = (end - start)[rows]
    return Slices(
        label=FIRST_STALL + cause[rows], start=start[rows], end=end[rows], arguments={"stalled": spent}
    )


def _coarser_tiles(laid: dict[int, _Laid], times: Counter[int], notes: list[str]) -> dict[int, Slices]:
    """Return the tiles of each layer: each, or those of so many blocks of a head, or of so many heads."""
    if sum(len(layer.turns) * times[key] for key, layer in laid.items()) <= MOST[ARRAY]:
        return {key: layer.tracks[ARRAY] for key, layer in laid.items()}
    turns = max(int(layer.turns[-1]) + 1 for layer in laid.values())
    blocks = max((int(layer.blocks[-1]) + 1) // (int(layer.turns[-1]) + 1) for layer in laid.values())
    levels = [(BLOCK, 1 << bits) for bits in range(blocks.bit_length())]
    levels += [(HEAD, 1 << bits) for bits in range(turns.bit_length() + 1)]
    for level, size in levels:
        new = {key: _beginnings(layer, level, size) for key, layer in laid.items()}
        if sum(int(begins.sum()) * times[key] for key, begins in new.items()) <= MOST[ARRAY]:
            break
    together = max(layer.side_by_side for layer in laid.values())
    size *= together if level == HEAD else 1
    what = f"{size} {LABELS[level]}s" if size > 1 else f"a {LABELS[level]}"
    notes.append(f"Track {TRACKS[ARRAY]!r}: the tiles of {what} are joined")
    return {key: _relabeled(join_runs(layer.tracks[ARRAY], new[key]), level) for key, layer in laid.items()}


def _beginnings(layer: _Laid, level: int, size: int) -> npt.NDArray[np.bool_]:
    """Say of each tile whether it begins a group of `size` blocks of one head, or of `size` heads."""
    if level == HEAD:
        group = layer.turns // size
    else:
        first_of_turn = np.concatenate(([True], np.diff(layer.turns) != 0))
        within = layer.blocks - layer.blocks[first_of_turn][layer.turns]
        group = layer.turns * (int(within.max()) // size + 1) + within // size
    return np.concatenate(([True], np.diff(group) != 0))


def _relabeled(slices: Slices, level: int) -> Slices:
    kept = ("joined", "head", "tile") if level == HEAD else ("joined", "head", "block", "tile")
    arguments = {name: slices.arguments[name] for name in kept}
    return Slices(label=np.full(len(slices), level), start=slices.start, end=slices.end, arguments=arguments)


def activity(run: SaloRun) -> Activity:
    """Useful multiply-accumulates and DRAM bytes over time, and where heads begin."""
    edges = bin_edges(run.cycles)
    macs, moved = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    heads = []
    for layer in run.layers:
        times, plan = layer.result.times, layer.result.program
        work = plan.schedule.pairs[plan.order.tile] * (plan.layer.head_dim + plan.layer.value_dim)
        macs += spread(work, times.tile_start + layer.start, times.tile_end + layer.start, edges)
        at, size = layer.result.traffic
        moved += spread(size, at[:-1] + layer.start, at[1:] + layer.start, edges)
        heads.append(times.tile_start[plan.order.turn_start] + layer.start)
    return Activity(bin_cycles=int(edges[1]), macs=macs, dram_bytes=moved, heads=np.concatenate(heads))
