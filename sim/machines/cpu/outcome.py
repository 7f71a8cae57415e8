"""What a run of the CPU gives: the fields of the report that only the machine knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandemsim.sim.arch.cpu.config import CpuConfig, Weights
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.machines.ant.explain import Measured, explain
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.cpu.cycles import CpuRun, core_cycles, simulate
from tandemsim.sim.machines.cpu.explain import bound, cpu_candidates
from tandemsim.sim.machines.cpu.op_reports import op_reports
from tandemsim.sim.machines.cpu.timeline import activity, timeline
from tandemsim.sim.machines.totals import energy
from tandemsim.sim.report.contract import DramTraffic, OpReport
from tandemsim.traces.schema import Op, Trace


def outcome(
    trace: Trace, ops: Sequence[Op], config: CpuConfig, options: Options, progress: Progress | None
) -> Outcome:
    """Run the ops, layer after layer."""
    if progress:
        progress("running", 0, 1)
    run = simulate(trace, ops, config, options.batch)
    reports = op_reports(run, ops, options.batch)
    total = int(run.cycles.every.sum())
    busy = int(run.cycles.work.sum())
    stalls = {name: int(counts.sum()) for name, counts in run.cycles.stalls.items()}
    read, written = int(run.cycles.read_bytes.sum()), int(run.cycles.write_bytes.sum())
    multipliers = config.cores * config.core.macs_per_cycle
    explanation: tuple[Mapping[str, Any], ...] = ()
    if options.explain:

        def rerun(more: Mapping[str, object]) -> tuple[int, Sequence[OpReport]]:
            again = simulate(trace, ops, options.configured(more), options.batch)
            return int(again.cycles.every.sum()), op_reports(again, ops, options.batch)

        macs = sum(report.macs for report in reports)
        whole = Measured(total, stalls, macs / (total * multipliers))
        explanation = explain(whole, reports, list(cpu_candidates(config)), rerun, progress, bound)
    seconds = total / config.clock_hz
    computing = float(core_cycles(run).sum()) / config.clock_hz
    actions = config.energy.actions_pj(
        computing=computing,
        waiting=max(0.0, config.cores * seconds - computing),
        seconds=seconds,
        cores=config.cores,
        read_bytes=read,
        write_bytes=written,
        channels=config.dram.channels,
        dram=dram_energy(config.dram.standard.name),
    )
    return Outcome(
        config=config,
        ops=tuple(reports),
        cycles=total,
        compute_cycles=busy,
        stall_cycles=stalls,
        multipliers=multipliers,
        dram=DramTraffic(
            read_bytes=read,
            write_bytes=written,
            useful_read_bytes=read,
            row_hits=0,
            row_misses=0,
            row_conflicts=0,
        ),
        dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
        scratchpad={},
        energy_pj=energy(actions),
        energy_actions_pj=actions,
        area_mm2=None,
        timeline=lambda: timeline(run),
        activity=lambda: activity(run, [r.macs for r in reports if "rides_on" not in r.extra]),
        notes=_notes(run),
        explanation=explanation,
    )


def _notes(run: CpuRun) -> tuple[str, ...]:
    config = run.config
    if config.weights is Weights.SERVED:
        fit, place = ("fit into", "L3") if run.alone.resident else ("do not fit into", "DRAM")
        held = f"The model has run just before: what it touches {fit} L3, so weights are read from {place}."
    else:
        held = f"Weights are in {'L3' if run.alone.resident else 'DRAM'} (weights={config.weights})."
    return (
        held,
        "Values are float32. DRAM traffic is counted in bytes, without rows and banks.",
        "Energy is an estimate: the package's design power by core and second, and the DRAM's.",
    )
