"""What a run of SALO gives: the fields of the report that only the machine knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tandemsim.sim.arch.dram.energy import DramTraffic as DramEvents
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.energy import area_mm2, salo_actions, salo_energy, sum_actions
from tandemsim.sim.arch.salo.gates import array_mm2
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.salo.explain import explain
from tandemsim.sim.machines.salo.fitted import fitted
from tandemsim.sim.machines.salo.notes import notes
from tandemsim.sim.machines.salo.scope import selected
from tandemsim.sim.machines.salo.timeline import activity, timeline
from tandemsim.sim.machines.salo.values import FileTensors, given_tensors, run_values, unchecked
from tandemsim.sim.machines.totals import energy, summed, tensor_traffic
from tandemsim.sim.report.contract import AREA_ESTIMATE, DramTraffic, OpReport, ScratchpadTraffic
from tandemsim.sim.report.format import si
from tandemsim.sim.salo.layer.simulation import LayerResult
from tandemsim.sim.salo.layer.traffic import ABSORBED
from tandemsim.sim.salo.machine import ATTENTION, RunLayer, SaloRun, simulate
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_words import describe
from tandemsim.traces.schema import Op

ROW_EVENTS = ("row_hits", "row_misses", "row_conflicts")


class Work(NamedTuple):
    """What a run has to do."""

    ops: list[Op]
    left_out: Mapping[int, str]  # why, by id
    file: FileTensors | None  # where values of a file run


def given_work(given: Sequence[Op], config: SaloConfig, options: Options) -> Work:
    """Return what a run has to do. Raises `UserError` for what does not fit, before anything takes long."""
    ops, left_out = selected(given, config)
    path = options.values.tensors if options.values else None
    return Work(ops, left_out, given_tensors(ops, path) if path else None)


def outcome(given: Sequence[Op], config: SaloConfig, options: Options, progress: Progress | None) -> Outcome:
    """Run those of the `given` ops that SALO runs.

    Raises `sim.arch.checks.UserError` for what does not fit.
    """
    ops, left_out, file = given_work(given, config, options)
    options = fitted(options, ops)
    config = options.configured({})
    run = simulate(ops, config, options.batch, progress)
    checked = []
    if options.values:
        checked = [run_values(run, config, file, options.values.seed, progress, options.batch)]
    explanation = explain(run, options, progress) if options.explain else ()
    results = [layer.result for layer in run.layers]
    dram = summed(result.dram for result in results)
    pads = {name: _sum_traffic(results, name) for name in results[0].scratchpads}
    actions = _energy_actions(config, run, dram, pads)
    traffic = tensor_traffic(result.tensors for result in results)
    return Outcome(
        config=config,
        ops=tuple(_op_report(layer, config, options.batch) for layer in run.layers),
        left_out=left_out,
        useful_macs={layer.op.id: layer.result.macs for layer in run.layers if layer.op.kind == ATTENTION},
        cycles=run.cycles,
        compute_cycles=sum(result.compute_cycles for result in results),
        stall_cycles=summed(result.stalls for result in results),
        multipliers=config.array.pes,
        dram=DramTraffic(
            **{name: dram[name] for name in ("read_bytes", "write_bytes", "useful_read_bytes", *ROW_EVENTS)},
            extra={name: dram[name] for name in (*ABSORBED, "activates", "refreshes")},
        ),
        dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
        scratchpad={name: _traffic(pad) for name, pad in pads.items()},
        energy_pj=energy(actions),
        area_mm2=area_mm2(config.array, config.numerics),
        timeline=lambda: timeline(run, config),
        activity=lambda: activity(run),
        notes=(
            *run.notes,
            *_causal(run, options.batch),
            *unchecked(checked),
            *notes(config, options.preset, traffic),
        ),
        multiplier_cycles=summed(result.multiplier_cycles for result in results),
        dram_tensors=traffic,
        energy_actions_pj=actions,
        explanation=explanation,
        extra={
            AREA_ESTIMATE: array_mm2(config.array, config.numerics),
            **({"functional": checked} if checked else {}),
        },
    )


def _causal(run: SaloRun, batch: int) -> Iterator[str]:
    """Say how the MACs of causal attention are counted."""
    causal = [layer for layer in run.layers if layer.op.attrs.get("causal") and layer.op.kind == ATTENTION]
    if causal:
        useful = si(sum(layer.result.macs for layer in causal), "MAC")
        stated = si(sum(layer.op.macs for layer in causal) * batch, "MAC")
        yield (
            f"Causal attention counts the pairs that it lets in: {useful} of the {stated} that the trace"
            " states for it, masked ones included."
        )


def _op_report(layer: RunLayer, config: SaloConfig, batch: int) -> OpReport:
    result, op = layer.result, layer.op
    tiling = result.program.schedule
    pattern = layer.pattern
    feed = config.array.global_projections.value if tiling.separate_rows else "shared"
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
        dram_tensors=tensor_traffic([result.tensors]),
        extra={
            "pattern": describe(pattern),
            **_pattern_numbers(pattern),
            "heads": op.dim("heads") * batch,
            "head_dim": op.dim("head_dim"),
            "seq_len": pattern.seq_len,
            **_grown(op, pattern),
            "tiles_per_head": tiling.tiles,
            "global_projections": feed,
        },
    )


def _pattern_numbers(pattern: Pattern) -> dict[str, object]:
    """Return what `describe` says, as numbers: the window by offsets, and how many tokens are global."""
    if pattern.grid is None or pattern.window_2d is None:
        window: dict[str, object] = {"bands": [list(band) for band in pattern.bands]}
    else:
        window = {"grid": list(pattern.grid), "window": [list(side) for side in pattern.window_2d]}
    return {**window, "global_tokens": len(pattern.global_tokens)}


def _grown(op: Op, pattern: Pattern) -> dict[str, object]:
    """Return the sizes of an attention that are left out where they are those of the others."""
    sizes = {
        "kv_heads": (op.dim("kv_heads"), op.dim("heads")),
        "v_dim": (op.dim("v_dim"), op.dim("head_dim")),
        "q_len": (pattern.q_len, pattern.seq_len),
        "q_offset": (pattern.q_offset, 0),
        "causal": (pattern.causal, False),
        "sink_tokens": (len(pattern.sink_tokens), 0),
    }
    return {name: size for name, (size, default) in sizes.items() if size != default}


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


def _sum_traffic(results: list[LayerResult], name: str) -> SramTraffic:
    read = sum(result.scratchpads[name].read_bytes for result in results)
    write = sum(result.scratchpads[name].write_bytes for result in results)
    return SramTraffic(results[0].scratchpads[name].capacity_bytes, read, write)


def _traffic(pad: SramTraffic) -> ScratchpadTraffic:
    return ScratchpadTraffic(
        read_bytes=pad.read_bytes, write_bytes=pad.write_bytes, extra={"capacity_bytes": pad.capacity_bytes}
    )
