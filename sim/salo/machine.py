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

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloConfig
from tandemsim.sim.arch.salo.energy import SaloWork
from tandemsim.sim.engine.beside import compile_beside
from tandemsim.sim.engine.deadlock import Outcome, Wait, check_progress, waits
from tandemsim.sim.engine.queue import new_queue
from tandemsim.sim.engine.resource import Resources, new_resources
from tandemsim.sim.engine.stats import named, new_counters
from tandemsim.sim.memory.dma import DmaFullError
from tandemsim.sim.memory.dma_state import MAX_PLACES, Dma, bytes_over_time, is_at_end_of_time, new_dma
from tandemsim.sim.memory.dram.state import READ, WRITE
from tandemsim.sim.salo.layer.account import dram_tensors, multiplier_cycles
from tandemsim.sim.salo.layer.banks import cycles_per_step
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.loop import PAUSED, STATE, Port, Record, Stall, Tiles, Timing, new_state, run
from tandemsim.sim.salo.layer.needs import granules
from tandemsim.sim.salo.layer.program import Program, program
from tandemsim.sim.salo.layer.size import check_size
from tandemsim.sim.salo.layer.transfers import PHASES, Integers, Kind, Phase
from tandemsim.sim.salo.scheduling.schedule import Schedule, schedule
from tandemsim.traces.errors import LONGEST_VALUE, printable, shortened
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Trace

KIND = "window_attention"
DRAM_COUNTERS = ("row_hits", "row_misses", "row_conflicts", "activates", "refreshes")
ABSORBED = {"forwarded_bytes": "forwarded", "merged_bytes": "merged"}  # by the write queue, off the pins
TILES_AT_A_TIME = 1 << 14  # some hundredths of a second of the loop
PLANNING_STEPS = 3
GLOBAL_INPUTS = 6  # query, key, value, and those of the global projections


Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One attention layer. Cycles are of the array's clock, bytes of all heads."""

    program: Program
    steps: Integers  # [T, 2] cycles that a scratchpad takes for one of QK, of PV; 1 without bank conflicts
    record: Record  # when tiles and transfers happened, counted from the layer's start
    cycles: int
    stalls: dict[str, int]
    dram: dict[str, int]
    scratchpads: dict[str, SramTraffic]
    work: SaloWork
    traffic: tuple[Integers, Integers]  # edges in cycles [n + 1], bytes over the DRAM pins between them [n]
    multiplier_cycles: dict[str, int]  # by what became of them; their sum is cycles times multipliers
    tensors: dict[str, dict[str, int]]  # bytes of DRAM by tensor, see `sim.salo.layer.account`

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


def simulate(trace: Trace, config: SaloConfig, batch: int = 1, progress: Progress | None = None) -> SaloRun:
    """Run every window attention of `trace`; `progress` hears of what is done: (what, done, in all).

    Raises `ConfigError` when the machine cannot hold a layer.
    """
    ours = [op for op in trace.ops if op.kind == KIND]
    layers: list[RunLayer] = []
    known: dict[object, LayerResult] = {}
    start = 0
    for index, op in enumerate(ours):
        case = _case(op, batch)
        if case not in known:
            known[case] = simulate_op(op, config, batch, progress)
        layers.append(RunLayer(op, start, known[case]))
        start += known[case].cycles
        if progress:
            progress("layers", index + 1, len(ours))
    others = tuple(op for op in trace.ops if op.kind != KIND)
    return SaloRun(tuple(layers), others, tuple(_notes(config, ours)))


def simulate_op(op: Op, config: SaloConfig, batch: int = 1, progress: Progress | None = None) -> LayerResult:
    """Run one window attention from an idle machine."""
    pattern, layer, apart = _case(op, batch)
    try:
        return simulate_layer(config, pattern, layer, global_projections=apart, progress=progress)
    except ConfigError as error:
        raise ConfigError(f"op {op.name!r}: {error}") from None


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
    progress: Progress | None = None,
) -> LayerResult:
    """Run one attention layer from an idle machine."""
    config.check_head(layer.head_dim)
    check_size(config, pattern, layer.heads)
    told = progress or _nobody
    memory = compile_beside("sim.memory.warm")
    told("planning", 0, PLANNING_STEPS)
    found = schedule(pattern, config.array, config.scheduling, global_projections=global_projections)
    told("planning", 1, PLANNING_STEPS)
    plan = program(config, found, layer)
    told("planning", 2, PLANNING_STEPS)
    tiles = _tiles(config, plan)
    told("planning", PLANNING_STEPS, PLANNING_STEPS)
    stalls = new_counters(Stall)
    record = _record(plan)
    dma = new_dma(config.dram, config.cycle_ps)
    memory.wait()
    cycles = _run(config, plan, dma, tiles, stalls, record, told)
    by_cause = named(Stall, stalls)
    return LayerResult(
        program=plan,
        steps=tiles.steps,
        record=record,
        cycles=cycles,
        stalls=by_cause,
        dram=_dram_counts(dma),
        scratchpads=_scratchpads(config, plan, tiles),
        work=_work(config, plan, cycles),
        traffic=bytes_over_time(dma),
        multiplier_cycles=multiplier_cycles(config, plan, by_cause),
        tensors=dram_tensors(config, plan),
    )


def _run(
    config: SaloConfig,
    plan: Program,
    dma: Dma,
    tiles: Tiles,
    stalls: Integers,
    record: Record,
    progress: Progress,
) -> int:
    """Run the planned layer and return its cycles; what happened is in `dma`, `stalls` and `record`.

    The loop pauses every so many tiles, so that progress can be shown and a signal be heard.
    """
    layer, timing, count = plan.layer, config.array.timing, plan.tiles
    state, queue = new_state(), new_queue(_pending_events(config, layer))
    staging = new_resources([plan.staging_buffers], 1)
    phases = Timing(layer.head_dim, timing.between, timing.gap, timing.drain + timing.merge, timing.output)
    cycles, outcome = 0, PAUSED
    while outcome == PAUSED:
        pause = min(int(state[STATE.tile]) + TILES_AT_A_TIME, count + 1)
        try:
            cycles, outcome = run(
                state, queue, dma, plan.transfers, tiles, staging, phases, stalls, record, pause
            )
        except DmaFullError:
            rule = f"at most {MAX_PLACES:,} transfers can be on their way at once"
            raise ConfigError(f"{rule}, not more; smaller scratchpads have fewer") from None
        progress("tiles", int(state[STATE.tile]), count)
    if outcome != Outcome.FINISHED and is_at_end_of_time(dma):
        raise ConfigError("the run must end within 2^62 ps (53 days) of its own time: the DRAM is too slow")
    check_progress(outcome, cycles, _waits(tiles, record, staging))
    return int(cycles)


def _nobody(what: str, done: int, total: int) -> None:
    """Hear of progress and do nothing."""


def _pending_events(config: SaloConfig, layer: Layer) -> int:
    """Return the most events that wait at a time: the present tile's, and outputs of the tiles before it."""
    timing, tile_cycles = config.array.timing, config.array.pass_cycles(layer.head_dim)
    return 2 + timing.output // (tile_cycles + timing.gap) + 1


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
    return Record(*(np.full(count, -1, np.int64) for count in (*[tiles] * 4, *[transfers] * 3)))


def _waits(tiles: Tiles, record: Record, staging: Resources) -> Iterator[Wait]:
    """Say what a run that made no progress waits for."""
    yield from waits(staging, lambda tile: f"tile {tile}", Port)
    for tile in np.flatnonzero(record.tile_end < 0)[:1]:
        for phase in (Phase.QK, Phase.PV):
            if tiles.awaited[tile, phase]:
                since = int(record.tile_end[tile - 1]) if tile else 0
                yield Wait(f"tile {tile}", f"{tiles.awaited[tile, phase]} transfers for {phase.name}", since)
    for transfer in np.flatnonzero((record.transfer_end < 0) & (record.transfer_issued >= 0)):
        yield Wait(f"transfer {transfer}", "the DRAM", int(record.transfer_issued[transfer]))


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
