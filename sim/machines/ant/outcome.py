"""What a run of ANT gives: the fields of the report that only the machine knows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.lowering import ATTENTIONS, Attention, Passes, Product
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.energy import AntWork, ant_energy
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.dram.energy import DramTraffic as DramEvents
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.ant.bits import chosen, widths
from tandemsim.sim.machines.ant.op_reports import Account, op_reports
from tandemsim.sim.machines.ant.scope import selected
from tandemsim.sim.machines.ant.timeline import activity, timeline
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.totals import energy
from tandemsim.sim.memory.dma_state import Dma
from tandemsim.sim.memory.dram.state import READ, WRITE
from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import DramTraffic, OpReport, ScratchpadTraffic
from tandemsim.traces.schema import Op, Trace


def outcome(
    trace: Trace, given: Sequence[Op], config: AntConfig, options: Options, progress: Progress | None
) -> Outcome:
    """Run those of the `given` ops that ANT runs. Raises `UserError` for what does not fit."""
    name = chosen(trace, options.bits, ANT_FAMILY.preset(options.preset).bits)
    bits = widths(trace, given, config.array, name)
    ops, left_out = selected(given, config, bits)
    run = simulate(trace, ops, config, bits, options.batch, progress)
    account = Account(run)
    reports = op_reports(account, ops, config.array, options.batch)
    busy, stalls = account.totals(Engine.ARRAY)
    counts = _dram_counts(run.dma)
    pads = _scratchpads(run, config)
    work = AntWork(run.cycles, *_work(run, config))
    events = DramEvents(
        counts["read_bytes"] - counts["forwarded"],
        counts["write_bytes"] - counts["merged"],
        counts["activates"],
        config.dram.channels,
    )
    standard = dram_energy(config.dram.standard.name)
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
        dram=DramTraffic(
            read_bytes=counts["read_bytes"],
            write_bytes=counts["write_bytes"],
            useful_read_bytes=counts["useful_read_bytes"],
            row_hits=counts["row_hits"],
            row_misses=counts["row_misses"],
            row_conflicts=counts["row_conflicts"],
            extra={"activates": counts["activates"], "refreshes": counts["refreshes"]},
        ),
        dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
        scratchpad={
            name: ScratchpadTraffic(
                read_bytes=pad.read_bytes,
                write_bytes=pad.write_bytes,
                extra={"capacity_bytes": pad.capacity_bytes},
            )
            for name, pad in pads.items()
        },
        energy_pj=energy(actions),
        energy_actions_pj=actions,
        area_mm2=None,
        timeline=lambda: timeline(run.program, run.plan.times, Engine, Queue),
        activity=lambda: _activity(run, ops, reports),
        notes=_notes(run, config, name),
        extra={"bits": name},
    )


def _activity(run: AntRun, ops: Sequence[Op], reports: Sequence[OpReport]) -> Activity:
    macs = {op.id: report.macs for op, report in zip(ops, reports, strict=True)}
    by_layer = [macs[plan.layer.op.id] for plan in run.program.layers]
    return activity(
        run.program, run.plan.times, run.dma, run.cycles, by_layer, Engine, multiplying=(Engine.ARRAY,)
    )


def _dram_counts(dma: Dma) -> dict[str, int]:
    state, channels, burst = dma.state[0], dma.dram.channel, int(dma.dram.timing[0].burst_bytes)
    names = ("row_hits", "row_misses", "row_conflicts", "activates", "refreshes")
    return {
        "read_bytes": int(state.bursts[READ]) * burst,
        "write_bytes": int(state.bursts[WRITE]) * burst,
        "useful_read_bytes": int(state.useful_bytes[READ]),
        "forwarded": int(channels["forwarded"].sum()) * burst,
        "merged": int(channels["merged"].sum()) * burst,
        **{name: int(channels[name].sum()) for name in names},
    }


def _scratchpads(run: AntRun, config: AntConfig) -> dict[str, SramTraffic]:
    """Return what passed through each scratchpad: loads and results write it, engines read it."""
    program = run.program
    moved = program.transfers.rows * program.transfers.row_bytes
    weight, activation, operand, output, result = (
        int(moved[program.queues[queue] : program.queues[queue + 1]].sum())
        for queue in (Queue.WEIGHT, Queue.ACTIVATION, Queue.OPERAND, Queue.OUTPUT, Queue.RESULT)
    )
    streamed = {name: [0, 0] for name in ("activation", "weight", "accumulator")}
    for plan in program.layers:
        for name, (read, written) in plan.scratchpad.items():
            streamed[name][0] += read
            streamed[name][1] += written
    return {
        "activation": SramTraffic(
            config.activation_scratchpad.capacity_bytes, streamed["activation"][0], activation
        ),
        "weight": SramTraffic(config.weight_scratchpad.capacity_bytes, streamed["weight"][0], weight),
        "accumulator": SramTraffic(config.accumulator_scratchpad.capacity_bytes, *streamed["accumulator"]),
        "output": SramTraffic(config.output_scratchpad.capacity_bytes, output, output),
        "vector": SramTraffic(config.vector_scratchpad.capacity_bytes, operand + result, operand + result),
    }


def _work(run: AntRun, config: AntConfig) -> tuple[int, int, int]:
    """Return PEs' multiplications, sums that reached the foot, and elements times passes."""
    multiplies = sums = elements = 0
    for plan in run.program.layers:
        layer = plan.layer
        if isinstance(layer, Passes):
            elements += layer.rows * layer.elements * layer.passes
        if not isinstance(layer, Product | Attention):
            continue
        multiplies += plan.macs * math.prod(layer.bits.operands)
        words = plan.scratchpad.get("accumulator", [0, 0])[1]
        sums += words // (config.array.foot_width // 8 or 1)
    return multiplies, sums, elements


def _notes(run: AntRun, config: AntConfig, bits: str) -> tuple[str, ...]:
    products = [plan.layer for plan in run.program.layers if isinstance(plan.layer, Product)]
    packed = [layer for layer in products if layer.share < 1]
    attention = config.array.widest
    notes = [f"Operand widths: {bits}, {attention} in attention; which format they have changes no cycle."]
    if packed:
        lost = 1 - math.fsum(layer.share for layer in packed) / len(packed)
        notes.append(
            f"Tiles hold several groups of {len(packed)} grouped convolutions,"
            f" and {lost:.0%} of their products are of no group."
        )
    return tuple(notes)
