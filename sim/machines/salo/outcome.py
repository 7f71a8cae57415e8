"""SALO's results as a report: what `sim.run` calls for the machine `salo`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tandemsim import __version__
from tandemsim.sim.arch.checks import to_dict
from tandemsim.sim.arch.dram.config import BufferConfig
from tandemsim.sim.arch.dram.energy import DramTraffic as DramEvents
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.energy import area_mm2, salo_actions, salo_energy, sum_actions
from tandemsim.sim.machines.salo.explain import explain
from tandemsim.sim.machines.salo.notes import notes
from tandemsim.sim.machines.salo.timeline import activity, timeline
from tandemsim.sim.machines.salo.values import given_tensors, run_values, unchecked
from tandemsim.sim.machines.table import machine_named
from tandemsim.sim.report.contract import (
    DramTraffic,
    Energy,
    NotRun,
    OpReport,
    Report,
    ScratchpadTraffic,
    TensorTraffic,
)
from tandemsim.sim.run import Progress, Request, Run, workload_name
from tandemsim.sim.salo.layer.program import global_bytes_held
from tandemsim.sim.salo.machine import ABSORBED, KIND, LayerResult, RunLayer, SaloRun, simulate
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Trace
from tandemsim.traces.summary import describe

GLOBAL_PAD = "global_scratchpad.capacity_bytes"
REASON = "SALO computes window attention only"
ROW_EVENTS = ("row_hits", "row_misses", "row_conflicts")


def run(
    trace: Trace, machine: str, preset: str, config: SaloConfig, request: Request, progress: Progress | None
) -> Run:
    """Run a trace on SALO and report it."""
    settings = machine_named(machine).stated(config, request.settings or {})
    config = _with_room_for_globals(config, settings, trace)

    def configured(changed: Mapping[str, object]) -> SaloConfig:
        made = machine_named(machine).config(preset, changed)
        return _with_room_for_globals(made, changed, trace)

    given = given_tensors(trace, request.tensors) if request.tensors else None
    done = simulate(trace, config, request.batch, progress)
    extra = {}
    if request.functional:
        extra["functional"] = [run_values(done, config, given, request.seed, progress, request.batch)]
    found = explain(done, machine, configured, request, progress) if request.explain else ()
    report = _report(trace, machine, preset, config, request, done, settings, found, extra)
    return Run(report, lambda: timeline(done, config), lambda: activity(done))


def _with_room_for_globals(config: SaloConfig, settings: Mapping[str, object], trace: Trace) -> SaloConfig:
    """Return the config with a global scratchpad that holds the global tokens of every op of `trace`, unless
    its capacity is set.
    """
    if GLOBAL_PAD in settings:
        return config
    patterns = [Pattern.from_op(op) for op in trace.ops if op.kind == KIND]
    row_bytes = config.array.head_dim * config.element_bytes
    shares = 2 * 2 * config.array.cols * row_bytes  # keys and values, at work and on their way
    held = max((global_bytes_held(p.global_tokens, p.outside, row_bytes) for p in patterns), default=0)
    capacity = max(config.global_scratchpad.capacity_bytes, held + shares)
    return replace(config, global_scratchpad=BufferConfig(capacity_bytes=capacity))


def _report(
    trace: Trace,
    machine: str,
    preset: str,
    config: SaloConfig,
    request: Request,
    done: SaloRun,
    settings: Mapping[str, Any],
    explanation: tuple[Mapping[str, Any], ...],
    extra: dict[str, Any],
) -> Report:
    results = [layer.result for layer in done.layers]
    dram = _summed(result.dram for result in results)
    pads = {name: _sum_traffic(results, name) for name in results[0].scratchpads}
    actions = _energy_actions(config, done, dram, pads)
    tensors = _tensors(results)
    return Report(
        workload=workload_name(request.workload),
        machine=machine,
        preset=preset,
        settings=settings,
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
        energy_pj=_energy(actions),
        energy_actions_pj=actions,
        multiplier_cycles=_summed(result.multiplier_cycles for result in results),
        dram_tensors=tensors,
        explanation=explanation,
        area_mm2=area_mm2(config.array, config.numerics),
        ops=tuple(_op_report(layer, config, request.batch) for layer in done.layers),
        not_run=tuple(
            NotRun(name=op.name, kind=op.kind, macs=op.macs * request.batch, reason=REASON)
            for op in done.not_run
        ),
        notes=(*done.notes, *unchecked(extra.get("functional", ())), *notes(config, preset, tensors)),
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
        multiplier_cycles=result.multiplier_cycles,
        dram_tensors=_tensors([result]),
        extra={
            "pattern": describe(pattern),
            "heads": op.dim("heads") * batch,
            "head_dim": op.dim("head_dim"),
            "seq_len": pattern.seq_len,
            "tiles_per_head": found.tiles,
            "global_projections": feed,
        },
    )


def _energy_actions(
    config: SaloConfig, done: SaloRun, dram: dict[str, int], pads: dict[str, SramTraffic]
) -> dict[str, float]:
    actions = sum_actions(salo_actions(config.array, layer.result.work) for layer in done.layers)
    read, written = dram["read_bytes"] - dram["forwarded_bytes"], dram["write_bytes"] - dram["merged_bytes"]
    events = DramEvents(read, written, dram["activates"], config.dram.channels)
    standard = dram_energy(config.dram.standard.name)
    return salo_energy(
        config.energy, config.array, config.numerics, actions, pads, events, standard, config.clock_hz
    )


def _energy(actions: Mapping[str, float]) -> Energy:
    parts = ("array", "scratchpad", "dram", "static")
    spent = {part: [pj for name, pj in actions.items() if name.startswith(f"{part}.")] for part in parts}
    return Energy(**{part: math.fsum(amounts) for part, amounts in spent.items()})


def _tensors(results: list[LayerResult]) -> dict[str, TensorTraffic]:
    names = dict.fromkeys(name for result in results for name in result.tensors)
    found = {name: _summed(result.tensors.get(name, {}) for result in results) for name in names}
    return {name: TensorTraffic(**counts) for name, counts in found.items()}


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
