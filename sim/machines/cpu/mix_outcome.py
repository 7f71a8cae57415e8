"""What a run of a mix gives: the fields of the report that only the machine knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.cpu.tiles import version_name
from tandemsim.sim.cpu.versions import versions_of
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.cpu.mix_run import MS, POLICY, LayerRun, MixRun, run_mix
from tandemsim.sim.machines.cpu.spans import covered
from tandemsim.sim.machines.riding import riding_report
from tandemsim.sim.machines.totals import energy
from tandemsim.sim.report.contract import DramTraffic, OpReport
from tandemsim.sim.report.timeline import Timeline
from tandemsim.sim.serving.world import Phase, Slice
from tandemsim.traces.schema import Op, Trace

STALLS = ("dram", "l3", "team")
TEAM = "re-forming a team"


def mix_outcome(trace: Trace, ops: Sequence[Op], config: CpuConfig, options: Options) -> Outcome:
    """Run a mix."""
    run = run_mix(trace, ops, config, options.batch)
    total = max(each.end for each in run.runs)
    computing = [(r.end - r.work - r.dram - r.l3, r.end - r.dram - r.l3) for r in run.runs]
    forming = [(r.start, r.start + r.team) for r in run.runs]
    busy = covered(computing)
    team = covered(computing + forming) - busy
    seconds = total / config.clock_hz
    used = run.served.core_seconds
    working = used["compute"] + used["efficiency"]
    moved = run.served.dram_utilization * config.constants.dram_bytes_per_second * run.served.seconds
    actions = config.energy.actions_pj(
        computing=working,
        waiting=max(0.0, config.cores * seconds - working),
        seconds=seconds,
        cores=config.cores,
        read_bytes=int(moved),
        write_bytes=0,
        channels=config.dram.channels,
        dram=dram_energy(config.dram.standard.name),
    )
    return Outcome(
        config=config,
        ops=tuple(_op_reports(run, ops, options.batch, moved)),
        cycles=total,
        compute_cycles=busy,
        stall_cycles={"dram": total - busy - team, "l3": 0, "team": team},
        multipliers=config.cores * config.core.macs_per_cycle,
        dram=DramTraffic(
            read_bytes=int(moved),
            write_bytes=0,
            useful_read_bytes=int(moved),
            row_hits=0,
            row_misses=0,
            row_conflicts=0,
        ),
        dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
        scratchpad={},
        energy_pj=energy(actions),
        energy_actions_pj=actions,
        area_mm2=None,
        timeline=lambda: _timeline(run),
        notes=_notes(run),
        extra={"latency_ms": dict(zip(run.service.names, _latencies(run), strict=True))},
    )


def _op_reports(run: MixRun, ops: Sequence[Op], batch: int, moved: float) -> Iterator[OpReport]:
    """Yield a report for each op; the DRAM's bytes are shared out by the cores that waited for it."""
    places: dict[int, int] = {}
    hosts: dict[int, Op] = {}
    for some in run.layers:
        first = len(places)
        places |= {layer.op.id: first + number for number, layer in enumerate(some.layers)}
        hosts |= {op: some.layers[place].op for op, place in some.rides_on.items()}
    waits = np.array([each.dram * each.cores for each in run.runs], float)
    bytes_read = np.floor(moved * waits / max(1.0, waits.sum())).astype(np.int64)
    layers = [layer for some in run.layers for layer in some.layers]
    multipliers = run.config.cores * run.config.core.macs_per_cycle
    for op in ops:
        if op.id in hosts:
            yield riding_report(op, hosts[op.id], batch, multipliers)
            continue
        place = places[op.id]
        each, tables = run.runs[place], run.service.tables
        shape = layers[place].shape
        row = each.version - int(tables.first_version[place])
        yield OpReport(
            name=op.name,
            kind=op.kind,
            start_cycle=each.start,
            cycles=each.end - each.start,
            compute_cycles=each.work,
            stall_cycles={name: _stall(each, name) for name in STALLS},
            macs=op.macs * batch,
            multipliers=multipliers,
            tiles=int(tables.chunks[each.version]),
            dram_read_bytes=int(bytes_read[place]),
            extra={
                "version": version_name(
                    shape, versions_of(shape, run.config, run.config.versions).tilings, row
                ),
                "cores": each.cores,
            },
        )


def _stall(each: LayerRun, name: str) -> int:
    return int(getattr(each, name))


def _latencies(run: MixRun) -> list[float]:
    return [round(float(seconds) / MS, 6) for seconds in run.served.latency_seconds]


def _notes(run: MixRun) -> tuple[str, ...]:
    latencies = zip(run.service.names, _latencies(run), run.service.targets, strict=True)
    told = ", ".join(f"{name} {took:.3g} ms of {target / MS:.4g}" for name, took, target in latencies)
    return (
        f"One query of each network at once, under {POLICY.name} with a margin of {POLICY.margin:g}: {told}.",
        "Layers of different networks overlap. DRAM bytes are counted for the machine, and shared out"
        " among layers by their waits; weights are where the long run of the mix leaves them.",
        "Energy is an estimate: the package's design power by core and second, and the DRAM's.",
    )


def _timeline(run: MixRun) -> Timeline:
    """A row for each core; a slice is a layer on it, or the wait until its team is formed."""
    slices, cores = run.slices, run.served.slice_cores
    counts = slices[:, Slice.CORES]
    row = np.repeat(np.arange(len(slices)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    names = [layer.op.name for some in run.layers for layer in some.layers]
    is_team = slices[row, Slice.PHASE] == Phase.TEAM
    start, end = slices[row, Slice.START], slices[row, Slice.END]
    return Timeline(
        tracks=tuple(f"core {number}" for number in range(run.config.cores)),
        labels=(*names, TEAM),
        track=cores[slices[row, Slice.FIRST_CORE] + within],
        label=np.where(is_team, len(names), slices[row, Slice.LAYER]),
        start=start,
        duration=end - start,
    )
