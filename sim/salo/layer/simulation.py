"""One attention layer from an idle machine: planned, run through the event loop, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.energy import SaloWork
from tandemsim.sim.arch.types import Integers, Progress
from tandemsim.sim.engine.beside import compile_beside
from tandemsim.sim.engine.deadlock import LoopEnd, Wait, check_progress, waits
from tandemsim.sim.engine.queue import new_queue
from tandemsim.sim.engine.resource import new_resources
from tandemsim.sim.engine.stats import named, new_counters
from tandemsim.sim.memory.dma import DmaFullError
from tandemsim.sim.memory.dma_state import MAX_PLACES, Dma, bytes_over_time, is_at_end_of_time, new_dma
from tandemsim.sim.salo.layer.account import dram_tensors, multiplier_cycles
from tandemsim.sim.salo.layer.banks import cycles_per_step
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.loop import PAUSED, Loop, Port, Stall, Tiles, Times, Timing, new_state, run
from tandemsim.sim.salo.layer.program import Program, program
from tandemsim.sim.salo.layer.size import check_size
from tandemsim.sim.salo.layer.traffic import dram_counts, layer_work, scratchpad_traffic
from tandemsim.sim.salo.layer.transfers import PHASES, Phase, Transfers
from tandemsim.sim.salo.scheduling.schedule import schedule
from tandemsim.traces.pattern import Pattern

TILES_AT_A_TIME = 1 << 14  # some hundredths of a second of the loop
PLANNING_STEPS = 3


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One attention layer. Cycles are of the array's clock, bytes of all heads."""

    program: Program
    steps: Integers  # [T, 2] cycles that a scratchpad takes for one of QK, of PV; 1 without bank conflicts
    times: Times  # of tiles and transfers, counted from the start of the layer
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
        layer = self.program.layer
        return (layer.head_dim + layer.value_dim) * self.work.pairs


def simulate_layer(
    config: SaloConfig,
    pattern: Pattern,
    layer: Layer,
    *,
    global_projections: bool = False,
    progress: Progress | None = None,
) -> LayerResult:
    """Run one attention layer from an idle machine.

    `global_projections`: the model projects its global tokens separately. Raises `ConfigError` when the
    machine cannot hold the layer.
    """
    report = progress or _nobody
    memory = compile_beside("tandemsim.sim.memory.warm")
    plan, tiles = planned(config, pattern, layer, global_projections=global_projections, report=report)
    dma = new_dma(config.dram, config.cycle_ps)
    loop = _loop(config, plan, tiles)
    memory.wait()
    cycles = _run(loop, dma, plan.transfers, report)
    stalls = named(Stall, loop.stalls)
    return LayerResult(
        program=plan,
        steps=tiles.steps,
        times=loop.times,
        cycles=cycles,
        stalls=stalls,
        dram=dram_counts(dma),
        scratchpads=scratchpad_traffic(config, plan),
        work=layer_work(plan, cycles),
        traffic=bytes_over_time(dma),
        multiplier_cycles=multiplier_cycles(config, plan, stalls),
        tensors=dram_tensors(config, plan),
    )


def _nobody(what: str, done: int, total: int) -> None:
    """Take a report of progress and do nothing."""


def planned(
    config: SaloConfig,
    pattern: Pattern,
    layer: Layer,
    *,
    global_projections: bool,
    report: Progress = _nobody,
) -> tuple[Program, Tiles]:
    """Plan a layer: its transfers, and the tiles of all heads. Arguments, errors as of `simulate_layer`."""
    config.check_head(layer.head_dim, layer.value_dim)
    check_size(config, pattern, layer.heads)
    report("planning", 0, PLANNING_STEPS)
    tiling = schedule(pattern, config.array, config.scheduling, global_projections=global_projections)
    report("planning", 1, PLANNING_STEPS)
    plan = program(config, tiling, layer)
    report("planning", 2, PLANNING_STEPS)
    tiles = _tiles(config, plan)
    report("planning", PLANNING_STEPS, PLANNING_STEPS)
    return plan, tiles


def _tiles(config: SaloConfig, plan: Program) -> Tiles:
    awaited = np.zeros((plan.tiles, 2), np.int64)
    reads = plan.transfers.is_write == 0
    np.add.at(awaited, (plan.transfers.tile[reads], plan.transfers.phase[reads]), 1)
    scratchpads = config.key_scratchpad, config.value_scratchpad
    steps = [
        cycles_per_step(plan.schedule, plan.order, residency, plan.partition, scratchpad)
        for residency, scratchpad in zip(plan.residencies, scratchpads, strict=True)
    ]
    finished = np.zeros(plan.tiles, np.bool_)
    triggers = plan.transfers.trigger[plan.transfers.trigger % PHASES == Phase.OUTPUT]
    finished[triggers // PHASES] = True
    return Tiles(awaited, np.stack(steps, axis=1), plan.staging[plan.order.tile], finished)


def _loop(config: SaloConfig, plan: Program, tiles: Tiles) -> Loop:
    """Return the loop of a run that has not begun."""
    timing, layer = config.array.timing, plan.layer
    ends = timing.drain + timing.merge
    return Loop(
        state=new_state(),
        queue=new_queue(_pending_events(config, plan.layer)),
        tiles=tiles,
        staging=new_resources([plan.staging_buffers], 1),
        timing=Timing(layer.head_dim, layer.value_dim, timing.between, timing.gap, ends, timing.output),
        stalls=new_counters(Stall),
        times=_no_times(plan.tiles, len(plan.transfers.base)),
    )


def _pending_events(config: SaloConfig, layer: Layer) -> int:
    """Return the most events that wait at a time: the present tile's, and outputs of the tiles before it."""
    timing, tile_cycles = config.array.timing, config.array.pass_cycles(layer.head_dim, layer.value_dim)
    return 2 + timing.output // (tile_cycles + timing.gap) + 1


def _no_times(tiles: int, transfers: int) -> Times:
    never = [np.full(count, -1, np.int64) for count in (*[tiles] * 4, *[transfers] * 3)]
    return Times(*never)


def _run(loop: Loop, dma: Dma, transfers: Transfers, progress: Progress) -> int:
    """Run the planned layer and return its cycles.

    The loop pauses every so many tiles, so that progress can be shown and a signal be heard.
    """
    count = len(loop.tiles.steps)
    cycles, outcome = 0, PAUSED
    while outcome == PAUSED:
        pause = min(int(loop.state[0].tile) + TILES_AT_A_TIME, count + 1)
        try:
            cycles, outcome = run(loop, dma, transfers, pause)
        except DmaFullError:
            rule = f"at most {MAX_PLACES:,} transfers can be on their way at once"
            raise ConfigError(f"{rule}, not more; smaller scratchpads have fewer") from None
        progress("tiles", int(loop.state[0].tile), count)
    if outcome != LoopEnd.FINISHED and is_at_end_of_time(dma):
        raise ConfigError("the run must end within 2^62 ps (53 days) of its own time: the DRAM is too slow")
    check_progress(outcome, cycles, _waits(loop))
    return int(cycles)


def _waits(loop: Loop) -> Iterator[Wait]:
    """Yield what a run that made no progress waits for."""
    tiles, times = loop.tiles, loop.times
    yield from waits(loop.staging, lambda tile: f"tile {tile}", Port)
    for tile in np.flatnonzero(times.tile_end < 0)[:1]:
        for phase in (Phase.QK, Phase.PV):
            if tiles.awaited[tile, phase]:
                since = int(times.tile_end[tile - 1]) if tile else 0
                yield Wait(f"tile {tile}", f"{tiles.awaited[tile, phase]} transfers for {phase.name}", since)
    for transfer in np.flatnonzero((times.transfer_end < 0) & (times.transfer_issued >= 0)):
        yield Wait(f"transfer {transfer}", "the DRAM", int(times.transfer_issued[transfer]))
