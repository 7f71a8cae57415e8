"""SALO's results as a report: what `sim.run` calls for the machine `salo`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim import __version__
from sim.arch.checks import require, to_dict
from sim.arch.dram_energy import DramTraffic as DramEvents
from sim.arch.dram_energy_table import dram_energy
from sim.arch.energy import SramTraffic
from sim.arch.salo import SaloArray, SaloConfig
from sim.arch.salo_energy import (
    PUBLISHED_AREA_MM2,
    PUBLISHED_POWER_W,
    PUBLISHED_SYNTHESIS_HZ,
    area_mm2,
    is_published,
    salo_actions,
    salo_energy,
    sum_actions,
)
from sim.arch.salo_gates import array_mm2
from sim.arch.salo_numerics import PUBLISHED
from sim.machines import machine_named
from sim.report import DramTraffic, Energy, NotRun, OpReport, Report, ScratchpadTraffic
from sim.run import Progress, Request, Run, workload_name
from sim.run_salo_functional import given_tensors, run_values, unchecked
from sim.salo.machine import ABSORBED, KIND, LayerResult, RunLayer, SaloRun, simulate
from sim.salo.transfers import Kind
from sim.timeline import NONE, Activity, Timeline
from traces.pattern import Pattern
from traces.schema import Op, Trace
from traces.summary import describe

MAX_TILES = 2**26  # of an op; assumed: at some 100 bytes a tile, what a workstation holds
BINS = 512  # of the plots over time: about one a pixel
REASON = "SALO computes window attention only"
TRACKS = ("array", "DMA reads", "DMA writes")
ROW_EVENTS = ("row_hits", "row_misses", "row_conflicts")


def run(
    trace: Trace, machine: str, preset: str, config: SaloConfig, request: Request, progress: Progress | None
) -> Run:
    """Run a trace on SALO and report it."""
    _check_size([op for op in trace.ops if op.kind == KIND], config, request.batch)
    given = given_tensors(trace, request.tensors) if request.tensors else None
    told = (lambda done, count: progress("layers", done, count)) if progress else None
    done = simulate(trace, config, request.batch, told)
    extra = {}
    if request.functional:
        extra["functional"] = [run_values(done, config, given, request.seed, progress, request.batch)]
    report = _report(trace, machine, preset, config, request, done, extra)
    return Run(report, lambda: _timeline(done), lambda: _activity(done))


def _check_size(ops: Sequence[Op], config: SaloConfig, batch: int) -> None:
    """Raise `ConfigError` for what would fill the memory, before it does: tiles are planned all at once."""
    for op in ops:
        pattern, heads = Pattern.from_op(op), batch * op.dim("batch") * op.dim("heads")
        tiles = heads * max(pattern.pairs() // config.array.pes, pattern.seq_len // config.array.rows)
        rule = f"op {op.name!r} must take at most {MAX_TILES} tiles, with all heads and a batch of {batch}"
        require(tiles <= MAX_TILES, rule, tiles)


def _report(
    trace: Trace,
    machine: str,
    preset: str,
    config: SaloConfig,
    request: Request,
    done: SaloRun,
    extra: dict[str, Any],
) -> Report:
    results = [layer.result for layer in done.layers]
    dram = _summed(result.dram for result in results)
    pads = {name: _sum_traffic(results, name) for name in results[0].scratchpads}
    return Report(
        workload=workload_name(request.workload),
        machine=machine,
        preset=preset,
        settings=machine_named(machine).stated(config, request.settings or {}),
        config=to_dict(config),
        trace_digest=trace.digest,
        version=__version__,
        clock_hz=config.clock_hz,
        cycles=done.cycles,
        compute_cycles=sum(result.compute_cycles for result in results),
        stall_cycles=_summed(result.stalls for result in results),
        multipliers=config.array.pes,
        dram=DramTraffic(
            **{name: dram[name] for name in ("read_bytes", "write_bytes", "useful_read_bytes", *ROW_EVENTS)},
            extra={name: dram[name] for name in (*ABSORBED, "activates", "refreshes")},
        ),
        dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
        scratchpad={name: _traffic(pad) for name, pad in pads.items()},
        energy_pj=_energy(config, done, dram, pads),
        area_mm2=area_mm2(config.array, config.numerics),
        ops=tuple(_op_report(layer, config, request.batch) for layer in done.layers),
        not_run=tuple(
            NotRun(name=op.name, kind=op.kind, macs=op.macs * request.batch, reason=REASON)
            for op in done.not_run
        ),
        notes=(*done.notes, *unchecked(extra.get("functional", ())), *_caveats(config)),
        extra={"batch": request.batch, "seed": request.seed, **extra},
    )


def _op_report(layer: RunLayer, config: SaloConfig, batch: int) -> OpReport:
    result, op = layer.result, layer.op
    found = result.program.schedule
    pattern = Pattern.from_op(op)
    feed = config.array.global_projections.value if found.separate_rows else "shared"
    return OpReport(
        name=op.name,
        kind=op.kind,
        start_cycle=layer.start,
        cycles=result.cycles,
        compute_cycles=result.compute_cycles,
        stall_cycles=result.stalls,
        macs=result.macs,
        multipliers=config.array.pes,
        tiles=result.program.tiles,
        dram_read_bytes=result.dram["read_bytes"],
        dram_write_bytes=result.dram["write_bytes"],
        extra={
            "pattern": describe(pattern),
            "heads": op.dim("heads") * batch,
            "head_dim": op.dim("head_dim"),
            "seq_len": pattern.seq_len,
            "tiles_per_head": found.tiles,
            "global_projections": feed,
        },
    )


def _energy(config: SaloConfig, done: SaloRun, dram: dict[str, int], pads: dict[str, SramTraffic]) -> Energy:
    actions = sum_actions(salo_actions(config.array, layer.result.work) for layer in done.layers)
    read, written = dram["read_bytes"] - dram["forwarded_bytes"], dram["write_bytes"] - dram["merged_bytes"]
    events = DramEvents(read, written, dram["activates"], config.dram.channels)
    standard = dram_energy(config.dram.standard.name)
    spent = salo_energy(
        config.energy, config.array, config.numerics, actions, pads, events, standard, config.clock_hz
    )
    return Energy(**spent)


def _caveats(config: SaloConfig) -> Iterator[str]:
    if config.clock_hz != PUBLISHED_SYNTHESIS_HZ:
        yield (
            f"Time and power here are both at {config.clock_hz / 1e6:.0f} MHz. The published synthesis"
            f" ({PUBLISHED_POWER_W * 1000:.2f} mW, array alone) is at {PUBLISHED_SYNTHESIS_HZ / 1e6:.0f} MHz:"
            " do not put that power beside this time."
        )
    yield "Energy is an estimate: actions counted, at constants of 40 and 45 nm libraries (docs/energy.md)."
    area = area_mm2(config.array, config.numerics)
    if area is not None and not is_published(config.array, config.numerics):
        yield (
            "Area is an estimate: the gates of our array, without scratchpads, cells alone"
            " (docs/synthesis.md); power is of the whole machine. Do not put the area"
            f" beside the published {PUBLISHED_AREA_MM2} mm²: counted like this, that array takes"
            f" {array_mm2(SaloArray(), PUBLISHED):.3g} mm²."
        )
    yield "Each layer starts with an idle array and its tensors in DRAM: its projections run elsewhere."


def _summed(parts: Any) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total


def _sum_traffic(results: list[LayerResult], name: str) -> SramTraffic:
    read = sum(result.scratchpads[name].read_bytes for result in results)
    write = sum(result.scratchpads[name].write_bytes for result in results)
    return SramTraffic(results[0].scratchpads[name].capacity_bytes, read, write)


def _traffic(pad: SramTraffic) -> ScratchpadTraffic:
    return ScratchpadTraffic(
        read_bytes=pad.read_bytes, write_bytes=pad.write_bytes, extra={"capacity_bytes": pad.capacity_bytes}
    )


def _timeline(done: SaloRun) -> Timeline:
    """One slice for each tile and each transfer, layer after layer."""
    columns: list[list[npt.NDArray[np.int64]]] = []
    for layer in done.layers:
        record, transfers, start = layer.result.record, layer.result.program.transfers, layer.start
        tiles = np.arange(len(record.tile_start))
        none = np.full_like(tiles, NONE)
        spent = record.tile_end - record.tile_start
        columns.append([none * 0, none * 0, record.tile_start + start, spent, tiles, none])
        begun = _served(record.transfer_issued, record.transfer_end)
        size = transfers.size_bytes
        spent = record.transfer_end - begun
        no_tile = np.full_like(size, NONE)
        columns.append([1 + transfers.is_write, 1 + transfers.kind, begun + start, spent, no_tile, size])
    track, label, begin, duration, tile, size = (
        np.concatenate(parts) for parts in zip(*columns, strict=True)
    )
    labels = ("tile", *(kind.name.lower() for kind in Kind))
    return Timeline(
        tracks=TRACKS,
        labels=labels,
        track=track,
        label=label,
        start=begin,
        duration=duration,
        arguments={"tile": tile, "bytes": size},
    )


def _served(issued: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return when the DMA turned to each transfer: when it was issued, or when those before it had ended."""
    before = np.concatenate(([0], np.maximum.accumulate(end)[:-1]))
    return np.minimum(np.maximum(issued, before), end)


def _activity(done: SaloRun) -> Activity:
    """Useful multiply-accumulates and DRAM bytes over time."""
    bin_cycles = max(1, -(-done.cycles // BINS))
    bins = -(-done.cycles // bin_cycles)
    edges = np.arange(bins + 1) * bin_cycles
    macs, moved = np.zeros(bins), np.zeros(bins)
    for layer in done.layers:
        record, plan = layer.result.record, layer.result.program
        work = np.tile(plan.schedule.pairs, plan.layer.heads) * 2 * plan.layer.head_dim
        macs += _spread(work, record.tile_start + layer.start, record.tile_end + layer.start, edges)
        at, size = layer.result.traffic
        moved += _spread(size, at[:-1] + layer.start, at[1:] + layer.start, edges)
    return Activity(bin_cycles=bin_cycles, macs=macs, dram_bytes=moved)


def _spread(
    amounts: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
    edges: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Share amounts, each done evenly from start to end and one after the other, among bins."""
    total = np.cumsum(amounts)
    times = np.maximum.accumulate(np.stack((start, end), axis=1).ravel())
    return np.diff(np.interp(edges, times, np.stack((total - amounts, total), axis=1).ravel()))
