"""What a run of ANT gives: the fields of the report that only the machine knows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tandemsim.sim.ant.loop import Cause, Engine
from tandemsim.sim.ant.lowering import ATTENTIONS, Attention, Passes, Product
from tandemsim.sim.ant.planned import LayerPlan
from tandemsim.sim.ant.simulation import AntRun, simulate
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.ant.energy import AntWork, ant_energy
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.dram.energy import DramTraffic as DramEvents
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.ant.bits import chosen, widths
from tandemsim.sim.machines.ant.scope import selected
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.totals import energy
from tandemsim.sim.memory.dma_state import Dma
from tandemsim.sim.memory.dram.state import READ, WRITE
from tandemsim.sim.report.contract import DramTraffic, OpReport, ScratchpadTraffic
from tandemsim.traces.schema import Op, Trace

STALLS = {Cause.LOAD: "dram", Cause.TASK: "vector", Cause.WRITE: "output"}
WRITE_BACK = "write_back"  # after the array's last task: the vector unit, and writes


def outcome(
    trace: Trace, given: Sequence[Op], config: AntConfig, options: Options, progress: Progress | None
) -> Outcome:
    """Run those of the `given` ops that ANT runs. Raises `UserError` for what does not fit."""
    name = chosen(trace, options.bits, ANT_FAMILY.preset(options.preset).bits)
    bits = widths(trace, given, config.array, name)
    ops, left_out = selected(given, config, bits)
    run = simulate(trace, ops, config, bits, options.batch, progress)
    reports = _op_reports(run, ops, config, options.batch)
    busy, stalls = _totals(run)
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
        notes=_notes(run, config, name),
        extra={"bits": name},
    )


def _op_reports(run: AntRun, ops: Sequence[Op], config: AntConfig, batch: int) -> list[OpReport]:
    """Return a report for each op, in order. What rides on another's results takes no cycles."""
    program, times = run.program, run.plan.times
    last = int(program.first[1])
    start, end = times.start[:last], times.end[:last]
    idle = start - np.concatenate([[0], end[:-1]]) if last else np.zeros(0, np.int64)
    layer_of = program.task_layer[:last]
    compute = np.bincount(layer_of, program.tasks.cycles[:last], len(program.layers)).astype(np.int64)
    stalls = {
        name: np.bincount(layer_of, idle * (times.cause[:last] == cause), len(program.layers)).astype(
            np.int64
        )
        for cause, name in STALLS.items()
    }
    unknown = np.bincount(layer_of, idle * (times.cause[:last] < 0), len(program.layers)).astype(np.int64)
    stalls["dram"] += unknown
    begun = np.full(len(program.layers), run.cycles, np.int64)
    np.minimum.at(begun, layer_of, start - idle)
    moved = program.transfers.rows * program.transfers.row_bytes
    read = np.bincount(program.transfer_layer, moved * (1 - program.transfers.is_write), len(program.layers))
    written = np.bincount(program.transfer_layer, moved * program.transfers.is_write, len(program.layers))
    place_of = {layer.layer.op.id: place for place, layer in enumerate(program.layers)}
    reports = []
    for op in ops:
        place = place_of.get(op.id)
        if place is None:
            reports.append(_riding(op, run, config, batch))
            continue
        plan = program.layers[place]
        waits = {name: int(counts[place]) for name, counts in stalls.items()}
        worked = int(compute[place]) or _vector_cycles(run, plan)
        has_tasks = plan.first[Engine.ARRAY] < plan.last[Engine.ARRAY]
        reports.append(
            OpReport(
                name=op.name,
                kind=op.kind,
                start_cycle=int(begun[place]) if has_tasks else _vector_start(run, plan),
                cycles=worked + sum(waits.values()),
                compute_cycles=worked,
                stall_cycles=waits,
                macs=_macs(plan, op, batch),
                multipliers=_multipliers(plan, config),
                tiles=sum(plan.last) - sum(plan.first),
                dram_read_bytes=int(read[place]),
                dram_write_bytes=int(written[place]),
                extra={"vector_cycles": _vector_cycles(run, plan)},
            )
        )
    return reports


def _totals(run: AntRun) -> tuple[int, dict[str, int]]:
    """Return the cycles in which the array works, and why it does not in the others."""
    program, times = run.program, run.plan.times
    last = int(program.first[1])
    if not last:
        return 0, {STALLS[Cause.TASK]: run.cycles}
    start, end = times.start[:last], times.end[:last]
    idle = start - np.concatenate([[0], end[:-1]])
    causes = np.where(times.cause[:last] < 0, Cause.LOAD, times.cause[:last])
    stalls = {name: int(idle[causes == cause].sum()) for cause, name in STALLS.items()}
    stalls[WRITE_BACK] = run.cycles - int(end[-1])
    return int(program.tasks.cycles[:last].sum()), stalls


def _riding(op: Op, run: AntRun, config: AntConfig, batch: int) -> OpReport:
    host = run.lowering.layers[run.lowering.rides_on[op.id]].op
    return OpReport(
        name=op.name,
        kind=op.kind,
        cycles=0,
        compute_cycles=0,
        stall_cycles={},
        macs=op.macs * batch,
        multipliers=config.array.pes,
        tiles=0,
        extra={"rides_on": host.name},
    )


def _macs(plan: LayerPlan, op: Op, batch: int) -> int:
    """Return the useful MACs: of attention those that the trace states and the array computes."""
    return min(op.macs * batch, plan.macs) if isinstance(plan.layer, Attention) else op.macs * batch


def _multipliers(plan: LayerPlan, config: AntConfig) -> int:
    """Return the array's multipliers for the op's widths: an 8-bit one is four of 4 bits."""
    layer, array = plan.layer, config.array
    if isinstance(layer, Passes):
        return array.pes
    return array.pes // math.prod(layer.bits.operands)


def _vector_start(run: AntRun, plan: LayerPlan) -> int:
    first = int(run.program.first[1]) + plan.first[Engine.VECTOR]
    return int(run.plan.times.start[first])


def _vector_cycles(run: AntRun, plan: LayerPlan) -> int:
    offset = int(run.program.first[1])
    first, last = offset + plan.first[Engine.VECTOR], offset + plan.last[Engine.VECTOR]
    return int(run.program.tasks.cycles[first:last].sum())


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
    by_queue = [
        int(moved[program.queues[queue] : program.queues[queue + 1]].sum())
        for queue in range(len(program.queues) - 1)
    ]
    weight, activation, operand, output, result = by_queue
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
