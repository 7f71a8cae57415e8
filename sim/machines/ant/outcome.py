"""What a run of ANT gives: the fields of the report that only the machine knows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tandemsim.sim.ant.layers import Bits, Product
from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.lowering import ATTENTIONS
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.energy import ant_energy
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.ant.gates import array_mm2
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.ant.bits import chosen, widths
from tandemsim.sim.machines.ant.counts import DramCounts, reported, scratchpads, work_of
from tandemsim.sim.machines.ant.explain import Measured, Settings, ant_candidates, explain
from tandemsim.sim.machines.ant.op_reports import Account, op_reports
from tandemsim.sim.machines.ant.scope import selected
from tandemsim.sim.machines.ant.timeline import activity, timeline
from tandemsim.sim.machines.ant.values import checked, given_tensors
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.totals import energy
from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import OpReport
from tandemsim.traces.schema import Op, Trace


class Work(NamedTuple):
    """What runs, and in which operand widths."""

    name: str  # of these widths
    rest: int  # bits of an operand for which the trace states none
    bits: Mapping[int, Bits]  # of the ops that run, by id
    ops: list[Op]
    left_out: Mapping[int, str]  # why, by id
    tensors: Tensors | None  # where values run


def given_work(trace: Trace, given: Sequence[Op], config: AntConfig, options: Options) -> Work:
    """Return what a run has to do. Raises `UserError` for what does not fit, before anything takes long."""
    defaults = ANT_FAMILY.preset(options.preset).bits
    name, rest = chosen(trace, options.bits, defaults), int(defaults[-1])
    bits = widths(trace, given, config.array, name, rest)
    ops, left_out = selected(given, config, bits)
    bits = {op.id: bits[op.id] for op in ops if op.id in bits}
    return Work(name, rest, bits, ops, left_out, given_tensors(trace, options.values))


def outcome(
    trace: Trace, given: Sequence[Op], config: AntConfig, options: Options, progress: Progress | None
) -> Outcome:
    """Run those of the `given` ops that ANT runs. Raises `UserError` for what does not fit."""
    name, rest, bits, ops, left_out, tensors = given_work(trace, given, config, options)
    run = simulate(trace, ops, config, bits, options.batch, progress)
    values = checked(trace, config, bits, left_out, tensors, options, progress)
    account = Account(run)
    reports = values.beside(ops, op_reports(account, ops, config.array, options.batch))
    busy, stalls = account.totals(Engine.ARRAY)
    explanation: tuple[Mapping[str, Any], ...] = ()
    if options.explain:
        pes = config.array.pes
        used = sum(report.macs * pes // report.multipliers for report in reports)  # an 8-bit MAC takes four
        whole = Measured(run.cycles, stalls, used / (run.cycles * pes))

        def rerun(more: Settings) -> tuple[int, Sequence[OpReport]]:
            other: AntConfig = options.configured(more)
            again = simulate(trace, ops, other, widths(trace, ops, other.array, name, rest), options.batch)
            return again.cycles, op_reports(Account(again), ops, other.array, options.batch)

        explanation = explain(whole, reports, list(ant_candidates(config)), rerun, progress)
    dram, pads = DramCounts(run.dma), scratchpads(run, config)
    events, standard = dram.events(config.dram.channels), dram_energy(config.dram.standard.name)
    work = work_of(run, config)
    actions = ant_energy(config.energy, config.array, work, pads, events, standard, config.clock_hz)
    return Outcome(
        config=config,
        ops=tuple(reports),
        left_out=left_out,
        useful_macs={
            op.id: report.macs for op, report in zip(ops, reports, strict=True) if op.kind in ATTENTIONS
        },
        cycles=run.cycles,
        compute_cycles=busy,
        stall_cycles=stalls,
        multipliers=config.array.pes,
        dram=dram.traffic(),
        dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
        scratchpad=reported(pads),
        energy_pj=energy(actions),
        energy_actions_pj=actions,
        area_mm2=array_mm2(config),
        timeline=lambda: timeline(run.program, run.plan.times, Engine, Queue),
        activity=lambda: _activity(run, ops, reports),
        notes=(*_notes(run, config, name), *values.notes),
        explanation=explanation,
        extra={"bits": name, **values.extra},
    )


def _activity(run: AntRun, ops: Sequence[Op], reports: Sequence[OpReport]) -> Activity:
    macs = {op.id: report.macs for op, report in zip(ops, reports, strict=True)}
    by_layer = [macs[plan.layer.op.id] for plan in run.program.layers]
    return activity(
        run.program, run.plan.times, run.dma, run.cycles, by_layer, Engine, multiplying=(Engine.ARRAY,)
    )


def _notes(run: AntRun, config: AntConfig, bits: str) -> tuple[str, ...]:
    products = [plan.layer for plan in run.program.layers if isinstance(plan.layer, Product)]
    padded = [layer for layer in products if layer.image and layer.image.padding]
    packed = [layer for layer in products if layer.share < 1 and not (layer.image and layer.image.padding)]
    attention = config.array.widest
    blocks = any(layer.bits.blocks[0] for layer in products)
    told = "which format they have changes no cycle"
    told = "every block has a scale in memory and in the scratchpads" if blocks else told
    notes = [f"Operand widths: {bits}, {attention} in attention; {told}."]
    if array_mm2(config) is not None:
        notes.append("Area is an estimate from our gate counts: cells alone, no wires, no scratchpads.")
    if padded:
        notes.append(
            f"In {len(padded)} convolutions zeros fill tiles: the channels of a pixel end within a block."
        )
    if packed:
        lost = 1 - math.fsum(layer.share for layer in packed) / len(packed)
        notes.append(
            f"Tiles hold several groups of {len(packed)} grouped convolutions,"
            f" and {lost:.0%} of their products are of no group."
        )
    return tuple(notes)
