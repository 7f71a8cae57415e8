"""The SALO machine: what runs of a trace, how long it takes, and what it moves.

SALO runs `window_attention`; everything else of a model it leaves to others, and says so. Each layer starts
with an idle array and its tensors in DRAM, since the projections before it ran elsewhere: equal layers take
equal cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.arch.checks import ConfigError
from sim.arch.energy import SramTraffic
from sim.arch.salo import GlobalProjections, SaloConfig
from sim.arch.salo_energy import SaloWork
from sim.engine.beside import compile_beside
from sim.engine.deadlock import Wait, check_progress, waits
from sim.engine.queue import new_queue
from sim.engine.resource import Resources, new_resources
from sim.engine.stats import named, new_counters
from sim.memory.dma_state import Dma, bytes_over_time, new_dma
from sim.memory.dram_state import READ, WRITE
from sim.salo.banks import cycles_per_step
from sim.salo.layout import Layer
from sim.salo.loop import Port, Record, Stall, Tiles, Timing, run
from sim.salo.needs import granules
from sim.salo.program import Program, program
from sim.salo.schedule import Schedule, schedule
from sim.salo.transfers import PHASES, Integers, Kind, Phase
from traces.errors import LONGEST_VALUE, printable, shortened
from traces.pattern import Pattern
from traces.schema import Op, Trace

KIND = "window_attention"
PENDING_EVENTS = 16  # at most: the present tile's, and outputs of the ones before it
DRAM_COUNTERS = ("row_hits", "row_misses", "row_conflicts", "activates", "refreshes")
ABSORBED = {"forwarded_bytes": "forwarded", "merged_bytes": "merged"}  # by the write queue, off the pins
GLOBAL_INPUTS = 6  # query, key, value, and those of the global projections


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One attention layer. Cycles are of the array's clock, bytes of all heads."""

    program: Program
    record: Record  # when tiles and transfers happened, counted from the layer's start
    cycles: int
    stalls: dict[str, int]
    dram: dict[str, int]
    scratchpads: dict[str, SramTraffic]
    work: SaloWork
    traffic: tuple[Integers, Integers]  # edges in cycles [n + 1], bytes over the DRAM pins between them [n]

    @property
    def compute_cycles(self) -> int:
        """Cycles in which the array works."""
        return self.cycles - sum(self.stalls.values())

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates."""
        return 2 * self.program.layer.head_dim * self.work.pairs


@dataclass(frozen=True, slots=True)
class RunLayer:
    """A layer of the trace with its result and the cycle in which it starts."""

    op: Op
    start: int
    result: LayerResult


@dataclass(frozen=True, slots=True)
class SaloRun:
    """What became of a trace."""

    layers: tuple[RunLayer, ...]
    not_run: tuple[Op, ...]
    notes: tuple[str, ...]

    @property
    def cycles(self) -> int:
        """Cycles of all layers, one after the other."""
        return sum(layer.result.cycles for layer in self.layers)


def simulate(
    trace: Trace, config: SaloConfig, batch: int = 1, progress: Callable[[int, int], None] | None = None
) -> SaloRun:
    """Run every window attention of `trace`; `progress` hears of (layers done, layers).

    Raises `ConfigError` when the machine cannot hold a layer.
    """
    ours = [op for op in trace.ops if op.kind == KIND]
    layers: list[RunLayer] = []
    known: dict[object, LayerResult] = {}
    start = 0
    for index, op in enumerate(ours):
        case = _case(op, batch)
        if case not in known:
            known[case] = simulate_op(op, config, batch)
        layers.append(RunLayer(op, start, known[case]))
        start += known[case].cycles
        if progress:
            progress(index + 1, len(ours))
    others = tuple(op for op in trace.ops if op.kind != KIND)
    return SaloRun(tuple(layers), others, tuple(_notes(config, ours)))


def simulate_op(op: Op, config: SaloConfig, batch: int = 1) -> LayerResult:
    """Run one window attention from an idle machine."""
    pattern, layer, apart = _case(op, batch)
    return simulate_layer(config, pattern, layer, global_projections=apart, name=op.name)


def _case(op: Op, batch: int) -> tuple[Pattern, Layer, bool]:
    """Return all that a layer's result depends on: pattern, sizes, and whether global tokens are projected
    apart.
    """
    pattern = Pattern.from_op(op)
    heads = batch * op.dim("batch") * op.dim("heads")
    layer = Layer(heads, op.dim("head_dim"), pattern.seq_len, pattern.global_tokens)
    return pattern, layer, len(op.inputs) == GLOBAL_INPUTS


def simulate_layer(
    config: SaloConfig,
    pattern: Pattern,
    layer: Layer,
    *,
    global_projections: bool = False,
    name: str = "attention",
) -> LayerResult:
    """Run one attention layer from an idle machine."""
    config.check_head(layer.head_dim)
    memory = compile_beside("sim.memory.warm")
    found = schedule(pattern, config.array, config.scheduling, global_projections=global_projections)
    plan = program(config, found, layer)
    tiles = _tiles(config, plan)
    timing = config.array.timing
    stalls = new_counters(Stall)
    record = _record(plan)
    dma = new_dma(config.dram, config.cycle_ps)
    staging = new_resources([plan.staging_buffers], 1)
    memory.wait()
    cycles, outcome = run(
        new_queue(PENDING_EVENTS),
        dma,
        plan.transfers,
        tiles,
        staging,
        Timing(layer.head_dim, timing.between, timing.gap, timing.drain + timing.merge, timing.output),
        stalls,
        record,
    )
    check_progress(outcome, cycles, _waits(plan, tiles, record, staging, name))
    return LayerResult(
        program=plan,
        record=record,
        cycles=int(cycles),
        stalls=named(Stall, stalls),
        dram=_dram_counts(dma),
        scratchpads=_scratchpads(config, plan, tiles),
        work=_work(config, plan, int(cycles)),
        traffic=bytes_over_time(dma),
    )


def _tiles(config: SaloConfig, plan: Program) -> Tiles:
    found, heads = plan.schedule, plan.layer.heads
    awaited = np.zeros((plan.tiles, 2), np.int64)
    reads = plan.transfers.is_write == 0
    np.add.at(awaited, (plan.transfers.tile[reads], plan.transfers.phase[reads]), 1)
    parts, numberings, kind = granules(found, config.array.rows)
    is_global = np.zeros(found.seq_len, np.bool_)
    is_global[list(plan.layer.global_tokens)] = True
    scratchpads = config.key_scratchpad, config.value_scratchpad
    steps = [
        cycles_per_step(found, heads, residency, len(parts.start), numberings, kind, is_global, scratchpad)
        for residency, scratchpad in zip(plan.residencies, scratchpads, strict=True)
    ]
    finished = np.zeros(plan.tiles, np.bool_)
    triggers = plan.transfers.trigger[plan.transfers.trigger % PHASES == Phase.OUTPUT]
    finished[triggers // PHASES] = True
    return Tiles(awaited, np.stack(steps, axis=1), np.tile(plan.staging, heads), finished)


def _record(plan: Program) -> Record:
    tiles, transfers = plan.tiles, len(plan.transfers.base)
    return Record(*(np.full(count, -1, np.int64) for count in (tiles, tiles, transfers, transfers)))


def _waits(plan: Program, tiles: Tiles, record: Record, staging: Resources, name: str) -> Iterator[Wait]:
    """Say what a run that made no progress waits for."""
    yield from waits(staging, lambda tile: f"{name}, tile {tile}", Port)
    for tile in np.flatnonzero(record.tile_end < 0)[:1]:
        for phase in (Phase.QK, Phase.PV):
            if tiles.awaited[tile, phase]:
                since = int(record.tile_end[tile - 1]) if tile else 0
                yield Wait(
                    f"{name}, tile {tile}", f"{tiles.awaited[tile, phase]} transfers for {phase.name}", since
                )
    for transfer in np.flatnonzero((record.transfer_end < 0) & (record.transfer_issued >= 0)):
        yield Wait(f"{name}, transfer {transfer}", "the DRAM", int(record.transfer_issued[transfer]))


def _dram_counts(dma: Dma) -> dict[str, int]:
    """Return bytes of the bursts served, also of those that the write queue absorbed, and other counters."""
    state, channels, burst = dma.state[0], dma.dram.channel, int(dma.dram.timing[0].burst_bytes)
    return {
        "read_bytes": int(state.bursts[READ]) * burst,
        "write_bytes": int(state.bursts[WRITE]) * burst,
        "useful_read_bytes": int(state.useful_bytes[READ]),
        **{name: int(channels[counter].sum()) * burst for name, counter in ABSORBED.items()},
        **{name: int(channels[name].sum()) for name in DRAM_COUNTERS},
    }


def _scratchpads(config: SaloConfig, plan: Program, tiles: Tiles) -> dict[str, SramTraffic]:
    """Count the bytes through the ports of each scratchpad."""
    found, layer = plan.schedule, plan.layer
    element = layer.head_dim * config.element_bytes
    rows = (found.block_rows >= 0).sum(axis=1)[found.block]
    columns = found.column_keys >= 0
    is_global = np.zeros(found.seq_len, np.bool_)
    is_global[list(layer.global_tokens)] = True
    own = columns & ~is_global[found.column_keys]
    streamed = _streamed(found, config.array.segment_cols) + own.sum(axis=1)
    private = found.row_keys.valid.any(axis=1).sum(axis=1) * int(found.private_rows)
    row_queries = found.row_keys.valid.any(axis=2).sum(axis=1)
    output = layer.head_dim * config.output_bytes
    written = int(rows[found.last].sum() + found.row_last.sum())
    loaded = _loaded(plan)
    read = {
        "query": int(rows.sum()) * element,
        "key": int(streamed.sum()) * element,
        "value": int(streamed.sum()) * element,
        "global": int(2 * private.sum() + 2 * (columns & ~own).sum() + row_queries.sum()) * element,
        "output": written * output,
    }
    write = {name: loaded[name] for name in read} | {"output": written * output * layer.heads}
    capacity = {name: getattr(config, f"{name}_scratchpad").capacity_bytes for name in read}
    return {name: SramTraffic(capacity[name], read[name] * layer.heads, write[name]) for name in read}


def _loaded(plan: Program) -> dict[str, int]:
    """Bytes that transfers bring into each scratchpad, over all heads."""
    t = plan.transfers
    size = t.size_bytes * (1 - t.is_write)
    return {kind.name.lower(): int(size[t.kind == kind].sum()) for kind in Kind}


def _streamed(found: Schedule, segment_cols: int) -> npt.NDArray[np.int64]:
    """Keys that each tile reads: chained segments read one stream together."""
    present = found.slots.keys >= 0
    tiles, segments, slots = present.shape
    chain = np.zeros((tiles, slots + (segments - 1) * segment_cols), np.bool_)
    for segment in range(segments):
        first = (segments - 1 - segment) * segment_cols
        chain[:, first : first + slots] |= present[:, segment]
    return np.where(found.split, present.sum(axis=(1, 2)), chain.sum(axis=1))


def _work(config: SaloConfig, plan: Program, cycles: int) -> SaloWork:
    found, heads = plan.schedule, plan.layer.heads
    rows = (found.block_rows >= 0).sum(axis=1)[found.block]
    return SaloWork(
        cycles=cycles,
        passes=plan.tiles,
        head_dim=plan.layer.head_dim,
        pairs=int(found.pairs.sum()) * heads,
        merged_rows=int(rows.sum() + found.row_keys.valid.any(axis=2).sum()) * heads,
        finished_rows=int(rows[found.last & ~found.spill[found.block]].sum() + found.row_last.sum()) * heads,
    )


def _notes(config: SaloConfig, ops: list[Op]) -> Iterator[str]:
    if not ops:
        raise ConfigError(f"SALO runs {KIND} ops, and the trace has none; try another machine")
    apart = any(len(op.inputs) == GLOBAL_INPUTS for op in ops)
    if apart and config.array.global_projections is GlobalProjections.SHARED:
        yield (
            "The model projects its global tokens apart, but global_projections=shared feeds them the local"
            " keys and values: cycles of another function than the model's."
        )
    wider = next((op for op in ops if Pattern.from_op(op).overhang), None)
    if wider:
        yield (
            f"The window of {shortened(printable(wider.name), LONGEST_VALUE)} reaches beyond the text: keys"
            " before the first and after the last token do not exist, and what reaches them is cut off."
        )
