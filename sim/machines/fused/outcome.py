"""What a run of both arrays gives: the fields of the report that only the machine knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.loop import Engine, Queue
from tandemsim.sim.ant.lowering import ATTENTIONS
from tandemsim.sim.arch.ant.energy import ant_energy
from tandemsim.sim.arch.dram.energy_table import dram_energy
from tandemsim.sim.arch.energy import SramTraffic
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.fused.family import FUSED_FAMILY
from tandemsim.sim.arch.salo.energy import salo_actions, salo_energy, sum_actions
from tandemsim.sim.arch.types import Integers, Progress
from tandemsim.sim.fused.program import keys_of
from tandemsim.sim.fused.simulation import FusedRun, simulate
from tandemsim.sim.machines.ant.bits import chosen, widths
from tandemsim.sim.machines.ant.counts import DramCounts, reported, scratchpads, work_of
from tandemsim.sim.machines.ant.explain import Measured, Settings, ant_candidates, explain
from tandemsim.sim.machines.ant.op_reports import Account, AttentionArray, op_reports
from tandemsim.sim.machines.ant.timeline import activity, timeline
from tandemsim.sim.machines.contract import Options, Outcome
from tandemsim.sim.machines.fused.fitted import fitted
from tandemsim.sim.machines.fused.scope import WINDOWS, selected, windows
from tandemsim.sim.machines.totals import energy, summed
from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import OpReport
from tandemsim.sim.report.format import percent
from tandemsim.sim.salo.layer.traffic import layer_work, scratchpad_traffic
from tandemsim.traces.schema import Op, Trace

ARRAYS = (Engine.ARRAY, Engine.ATTENTION)
OUTPUT = "attention_output"  # SALO's output scratchpad; the ANT array has one, too


class Work(NamedTuple):
    """What runs, and in which operand widths."""

    name: str  # of these widths
    rest: int  # bits of an operand for which the trace states none
    ops: list[Op]
    left_out: Mapping[int, str]  # why, by id


def given_work(trace: Trace, given: Sequence[Op], config: FusedConfig, options: Options) -> Work:
    """Return what a run has to do. Raises `UserError` for what does not fit, before anything takes long."""
    defaults = FUSED_FAMILY.preset(options.preset).bits
    name, rest = chosen(trace, options.bits, defaults), int(defaults[-1])
    of_products = _widths(trace, [op for op in given if op.kind != WINDOWS], config, name, rest)
    return Work(name, rest, *selected(given, config, of_products))


def outcome(
    trace: Trace, given: Sequence[Op], config: FusedConfig, options: Options, progress: Progress | None
) -> Outcome:
    """Run those of the `given` ops that the machine runs. Raises `UserError` for what does not fit."""
    name, rest, ops, left_out = given_work(trace, given, config, options)
    config = fitted(options, ops).configured({})
    beside, elsewhere = windows(ops, config.salo_config)
    bits = _widths(trace, _others(ops, beside), config, name, rest)
    run = simulate(trace, ops, [op.id for op in beside], config, bits, options.batch, progress)
    account = Account(run.ant)
    reports = op_reports(account, ops, config.ant.array, options.batch, _attention(run, config))
    busy, stalls = account.totals(Engine.ARRAY)
    explanation: tuple[Mapping[str, Any], ...] = ()
    if options.explain:
        whole = Measured(run.ant.cycles, stalls, _used(config, reports, beside, ops) / run.ant.cycles)
        again = _Again(trace, ops, name, rest, options)
        explanation = explain(whole, reports, list(_candidates(config)), again.run, progress)
    dram, pads = DramCounts(run.ant.dma), _scratchpads(run, config)
    actions = _energy(run, config, dram, pads)
    return Outcome(
        config=config,
        ops=tuple(reports),
        left_out=left_out,
        useful_macs={
            op.id: report.macs for op, report in zip(ops, reports, strict=True) if op.kind in ATTENTIONS
        },
        cycles=run.ant.cycles,
        compute_cycles=busy,
        stall_cycles=stalls,
        multipliers=config.ant.array.pes + config.salo.array.pes,
        dram=dram.traffic(),
        dram_peak_bytes_per_cycle=config.dram.peak_bytes_per_second / config.clock_hz,
        scratchpad=reported({name: pad for part in pads for name, pad in part.items()}),
        energy_pj=energy(actions),
        energy_actions_pj=actions,
        area_mm2=None,
        timeline=lambda: timeline(run.ant.program, run.ant.plan.times, Engine, Queue),
        activity=lambda: _activity(run, ops, reports),
        notes=tuple(_notes(run, account, name, beside, elsewhere)),
        explanation=explanation,
        extra={"bits": name},
    )


def _others(ops: Sequence[Op], beside: Sequence[Op]) -> list[Op]:
    attentions = {op.id for op in beside}
    return [op for op in ops if op.id not in attentions]


def _widths(trace: Trace, ops: Sequence[Op], config: FusedConfig, name: str, rest: int) -> Mapping[int, Bits]:
    """Return the widths of what runs on the ANT array."""
    with keys_of("ant."):
        return widths(trace, ops, config.ant.array, name, rest)


@dataclass(frozen=True, slots=True)
class _Again:
    """The same run with further settings."""

    trace: Trace
    ops: Sequence[Op]
    bits: str
    rest: int  # bits of an operand that states none
    options: Options

    def run(self, more: Settings) -> tuple[int, Sequence[OpReport]]:
        """Return the cycles and the reports of the ops. Raises `ConfigError` for what is refused."""
        config, batch = fitted(self.options, self.ops).configured(more), self.options.batch
        beside, _ = windows(self.ops, config.salo_config)
        bits = _widths(self.trace, _others(self.ops, beside), config, self.bits, self.rest)
        run = simulate(self.trace, self.ops, [op.id for op in beside], config, bits, batch)
        attention = _attention(run, config)
        return run.ant.cycles, op_reports(Account(run.ant), self.ops, config.ant.array, batch, attention)


def _used(config: FusedConfig, reports: Sequence[OpReport], beside: Sequence[Op], ops: Sequence[Op]) -> float:
    """Return the useful cycles of all multipliers over their number: an 8-bit MAC takes four of 4 bits."""
    pes, windowed = (config.ant.array.pes, config.salo.array.pes), {op.id for op in beside}
    used = sum(
        report.macs * (1 if op.id in windowed else pes[0] // report.multipliers)
        for op, report in zip(ops, reports, strict=True)
    )
    return used / sum(pes)


def _candidates(config: FusedConfig) -> Iterator[Settings]:
    """Yield settings of both arrays, one thing each."""
    for settings in ant_candidates(config.ant_config):
        yield {name if name.startswith("dram.") else f"ant.{name}": settings[name] for name in settings}
    yield {"salo.array.rows": 2 * config.salo.array.rows}
    for pad in ("key", "value"):
        held = getattr(config.salo, f"{pad}_scratchpad").capacity_bytes
        yield {f"salo.{pad}_scratchpad.capacity_bytes": 2 * held}


def _attention(run: FusedRun, config: FusedConfig) -> AttentionArray:
    macs = {}
    for place, layer in run.windows.items():
        size = layer.program.layer
        pairs = layer_work(layer.program, 0).pairs
        macs[run.ant.program.layers[place].layer.op.id] = (size.head_dim + size.value_dim) * pairs
    return AttentionArray(config.salo.array.pes, macs)


def _scratchpads(run: FusedRun, config: FusedConfig) -> tuple[dict[str, SramTraffic], dict[str, SramTraffic]]:
    """Return the traffic of the scratchpads of ANT and of SALO."""
    salo = config.salo_config
    parts = [scratchpad_traffic(salo, layer.program) for layer in run.windows.values()]
    names = {name: OUTPUT if name == "output" else name for part in parts for name in part}
    attention = {
        shown: SramTraffic(
            parts[0][name].capacity_bytes,
            sum(part[name].read_bytes for part in parts),
            sum(part[name].write_bytes for part in parts),
        )
        for name, shown in names.items()
    }
    return scratchpads(run.ant, config.ant_config), attention


def _energy(
    run: FusedRun,
    config: FusedConfig,
    dram: DramCounts,
    pads: tuple[dict[str, SramTraffic], dict[str, SramTraffic]],
) -> dict[str, float]:
    """Return picojoules by action; those that both arrays have are sums."""
    events, standard = dram.events(config.dram.channels), dram_energy(config.dram.standard.name)
    ant, salo, cycles = config.ant_config, config.salo_config, run.ant.cycles
    work = work_of(run.ant, ant)
    spent = ant_energy(config.energy, ant.array, work, pads[0], events, standard, config.clock_hz)
    done = [salo_actions(salo.array, layer_work(layer.program, 0)) for layer in run.windows.values()]
    actions = sum_actions(done)._replace(cycles=cycles)
    beside = salo_energy(
        config.energy, salo.array, salo.numerics, actions, pads[1], events, standard, config.clock_hz
    )
    for name, picojoules in beside.items():
        if not name.startswith("dram."):
            spent[name] = spent.get(name, 0.0) + picojoules
    return spent


def _activity(run: FusedRun, ops: Sequence[Op], reports: Sequence[OpReport]) -> Activity:
    macs = {op.id: report.macs for op, report in zip(ops, reports, strict=True)}
    program = run.ant.program
    by_layer = [macs[plan.layer.op.id] for plan in program.layers]
    return activity(
        program, run.ant.plan.times, run.ant.dma, run.ant.cycles, by_layer, Engine, multiplying=ARRAYS
    )


def _notes(
    run: FusedRun, account: Account, bits: str, beside: Sequence[Op], elsewhere: Mapping[int, str]
) -> Iterator[str]:
    yield (f"Operand widths: {bits} on the ANT array; windows have those of salo.numerics on the SALO array.")
    if beside:
        both, cycles = _overlap(run), run.ant.cycles
        busy = account.busy()
        yield (
            f"The SALO array runs {len(beside)} of {len(beside) + len(elsewhere)} window attentions: it works"
            f" {percent(busy['attention'], cycles)} of the time, and in {percent(both, busy['attention'])}"
            " of that the ANT array works, too."
        )
    for why, count in summed({why: 1} for why in elsewhere.values()).items():
        yield f"Window attentions that run on the ANT array: {count}, as {why}."


def _overlap(run: FusedRun) -> int:
    """Return the cycles in which both arrays work."""
    program, times = run.ant.program, run.ant.plan.times
    spans = [slice(int(program.first[each]), int(program.first[each + 1])) for each in ARRAYS]
    (start, end), (begin, stop) = ((times.start[span], times.end[span]) for span in spans)
    edges = np.unique(np.concatenate([start, end, begin, stop]))
    busy = [_busy_at(edges[:-1], *each) for each in ((start, end), (begin, stop))]
    return int((np.diff(edges) * busy[0] * busy[1]).sum())


def _busy_at(cycles: Integers, start: Integers, end: Integers) -> Integers:
    """Return for each cycle whether one of the tasks, which follow one another, runs: 0 or 1."""
    place = np.searchsorted(start, cycles, side="right")
    ends = np.concatenate(([0], end))  # before the first task there is none
    return (cycles < ends[place]).astype(np.int64)
