"""The report of each op of a run of the CPU: its version, its cycles, what it waited for and moved."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.cpu.tiles import version_name
from tandemsim.sim.cpu.versions import versions_of
from tandemsim.sim.machines.cpu.cycles import CpuRun
from tandemsim.sim.machines.riding import riding_report
from tandemsim.sim.report.contract import OpReport
from tandemsim.traces.schema import Op


def op_reports(run: CpuRun, ops: Sequence[Op], batch: int) -> list[OpReport]:
    """Return a report for each op, in order. What rides on another's results takes no cycles."""
    places = {layer.op.id: place for place, layer in enumerate(run.layers.layers)}
    return [
        _riding(run, op, batch) if op.id in run.layers.rides_on else _layer(run, op, places[op.id], batch)
        for op in ops
    ]


def _layer(run: CpuRun, op: Op, place: int, batch: int) -> OpReport:
    cycles, times, tables = run.cycles, run.alone.times, run.alone.tables
    config, shape = run.config, run.layers.layers[place].shape
    row = int(times.version[place])
    first = int(tables.first_version[place])
    stalls = {name: int(counts[place]) for name, counts in cycles.stalls.items()}
    work = int(cycles.work[place])
    return OpReport(
        name=op.name,
        kind=op.kind,
        start_cycle=int(cycles.start[place]),
        cycles=work + sum(stalls.values()),
        compute_cycles=work,
        stall_cycles=stalls,
        macs=op.macs * batch,
        multipliers=config.cores * config.core.macs_per_cycle,
        tiles=int(tables.chunks[row]),
        dram_read_bytes=int(cycles.read_bytes[place]),
        dram_write_bytes=int(cycles.write_bytes[place]),
        extra={
            "version": version_name(shape, versions_of(shape, config, config.versions).tilings, row - first),
            "versions": int(tables.first_version[place + 1]) - first,
            "l3_bytes": int(tables.past_l2_bytes[row]),
            "other_island_bytes": int(times.other_bytes[place]),
        },
    )


def _riding(run: CpuRun, op: Op, batch: int) -> OpReport:
    host = run.layers.layers[run.layers.rides_on[op.id]].op
    return riding_report(op, host, batch, run.config.cores * run.config.core.macs_per_cycle)
