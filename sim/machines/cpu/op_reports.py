"""The report of each op of a run of the CPU: its version, its cycles, what it waited for and moved."""

from __future__ import annotations

from collections.abc import Sequence

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.cpu.layers import Layer
from tandemsim.sim.cpu.versions import versions_of
from tandemsim.sim.machines.cpu.cycles import CpuRun
from tandemsim.sim.report.contract import OpReport
from tandemsim.traces.schema import Op


def version_name(layer: Layer, row: int, config: CpuConfig) -> str:
    """Return how a version of a layer cuts it: rows x columns of a chunk, and which loop is the outer one."""
    kept = versions_of(layer.shape, config, config.versions).tilings
    shape = layer.shape
    rows, cols = -(-shape.m // int(kept.row_parts[row])), -(-shape.n // int(kept.col_parts[row]))
    if shape.passes:
        return f"{rows} rows"
    order = "columns" if kept.weights_once[row] else "rows"
    groups = -(-shape.groups // int(kept.group_parts[row]))
    many = f" x {groups} groups" if groups > 1 else ""
    return f"{rows} x {cols}{many}, {order} outermost"


def op_reports(run: CpuRun, ops: Sequence[Op], batch: int) -> list[OpReport]:
    """Return a report for each op, in order. What rides on another's results takes no cycles."""
    places = {layer.op.id: place for place, layer in enumerate(run.layers.layers)}
    return [
        _riding(run, op, batch) if op.id in run.layers.rides_on else _layer(run, op, places[op.id], batch)
        for op in ops
    ]


def _layer(run: CpuRun, op: Op, place: int, batch: int) -> OpReport:
    cycles, times, tables = run.cycles, run.alone.times, run.alone.tables
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
        multipliers=run.config.cores * run.config.core.macs_per_cycle,
        tiles=int(tables.chunks[row]),
        dram_read_bytes=int(cycles.read_bytes[place]),
        dram_write_bytes=int(cycles.write_bytes[place]),
        extra={
            "version": version_name(run.layers.layers[place], row - first, run.config),
            "versions": int(tables.first_version[place + 1]) - first,
            "l3_bytes": int(tables.past_l2_bytes[row]),
            "other_island_bytes": int(times.other_bytes[place]),
        },
    )


def _riding(run: CpuRun, op: Op, batch: int) -> OpReport:
    host = run.layers.layers[run.layers.rides_on[op.id]].op
    return OpReport(
        name=op.name,
        kind=op.kind,
        cycles=0,
        compute_cycles=0,
        stall_cycles={},
        macs=op.macs * batch,
        multipliers=run.config.cores * run.config.core.macs_per_cycle,
        tiles=0,
        extra={"rides_on": host.name},
    )
