"""The report of each op of a run of engines: how long its engine worked for it, and what it waited for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tandemsim.sim.ant.layers import Attention, Beside, Conversion, Layer, Passes
from tandemsim.sim.ant.loop import Engine
from tandemsim.sim.ant.planned import LayerPlan
from tandemsim.sim.ant.simulation import AntRun
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.machines.ant.waits import Chains, Wait, Waits, causes
from tandemsim.sim.machines.riding import riding_report
from tandemsim.sim.report.contract import OpReport
from tandemsim.traces.schema import Op

SCRATCHPAD = "scratchpad"  # conflicts of its banks
WRITE_BACK = "write_back"  # after the last task of all engines
WAITING = (Engine.ARRAY, Engine.ATTENTION)  # engines whose waits ops are told; the vector unit serves them


@dataclass(frozen=True, slots=True)
class AttentionArray:
    """What an array for attention tells of its ops, by id."""

    pes: int
    macs: Mapping[int, int]  # useful


def engine_of(layer: Layer) -> Engine:
    """Return the engine that a layer occupies."""
    if isinstance(layer, Passes | Conversion):
        return Engine.VECTOR
    return Engine.ATTENTION if isinstance(layer, Beside) else Engine.ARRAY


class Account:
    """The cycles of a run by engine and layer."""

    def __init__(self, run: AntRun) -> None:
        self.run = run
        self._engines = [e for e in Engine if run.program.first[e] < run.program.first[e + 1]]
        chains = Chains(run.program, run.plan.times)
        self._waits = {engine: chains.of(engine) for engine in WAITING}

    def worked(self, engine: Engine) -> Integers:
        """Return the cycles in which an engine works for each layer, [layers]."""
        program, tasks = self.run.program, self._tasks(engine)
        counts = np.bincount(program.task_layer[tasks], program.tasks.cycles[tasks], len(program.layers))
        return counts.astype(np.int64) - self._conflicts(engine)

    def waited(self, engine: Engine) -> dict[str, Integers]:
        """Return the cycles in which an engine waits for each layer, [layers], by cause."""
        waits, conflicts = self._waits[engine], self._conflicts(engine)
        found = self._by_cause(waits, self.run.program.task_layer[waits.task], engine)
        return found | ({SCRATCHPAD: conflicts} if conflicts.any() else {})

    def begun(self, engine: Engine) -> Integers:
        """Return the cycle from which an engine works, or waits, for each layer, [layers]."""
        program, tasks = self.run.program, self._tasks(engine)
        begun = np.full(len(program.layers), self.run.cycles, np.int64)
        np.minimum.at(begun, program.task_layer[tasks], self.run.plan.times.start[tasks])
        if engine in self._waits:
            waits = self._waits[engine]
            np.minimum.at(begun, program.task_layer[waits.task], waits.start)
        return begun

    def totals(self, engine: Engine) -> tuple[int, dict[str, int]]:
        """Return the cycles in which an engine works, and why it does not in the others."""
        end = self.run.plan.times.end
        stalls = {name: int(counts.sum()) for name, counts in self.waited(engine).items()}
        done = sorted((int(end[self._tasks(other)].max(initial=0)), other) for other in self._engines)
        last = int(end[self._tasks(engine)].max(initial=0))  # it has nothing more to do
        for ended, other in done:
            if ended > last:
                stalls[other.name.lower()] += ended - last
                last = ended
        stalls[WRITE_BACK] = self.run.cycles - last
        return int(self.worked(engine).sum()), stalls

    def busy(self) -> dict[str, int]:
        """Return the cycles in which each engine works."""
        return {engine.name.lower(): int(self.worked(engine).sum()) for engine in self._engines}

    def _conflicts(self, engine: Engine) -> Integers:
        """Return the cycles of tasks in which an engine waits for banks, [layers]."""
        of_array = [plan.conflicts for plan in self.run.program.layers]
        return np.array(of_array, np.int64) * (engine == Engine.ARRAY)

    def _tasks(self, engine: Engine) -> slice:
        return slice(int(self.run.program.first[engine]), int(self.run.program.first[engine + 1]))

    def _by_cause(self, waits: Waits, place: Integers, engine: Engine) -> dict[str, Integers]:
        names, places = causes(Engine), len(self.run.program.layers)
        counts = np.bincount(place * len(names) + waits.cause, waits.end - waits.start, places * len(names))
        table = counts.astype(np.int64).reshape(places, len(names))
        mine = {len(Wait) + other for other in self._engines if other != engine} | set(Wait)
        return {name: table[:, cause] for cause, name in enumerate(names) if cause in mine}


def op_reports(
    account: Account,
    ops: Sequence[Op],
    array: AntArray,
    batch: int,
    attention: AttentionArray | None = None,
) -> list[OpReport]:
    """Return a report for each op, in order. What rides on another's results takes no cycles."""
    program = account.run.program
    tiles = np.bincount(program.task_layer, minlength=len(program.layers))
    worked = {engine: account.worked(engine) for engine in Engine}
    waited = {engine: account.waited(engine) for engine in WAITING}
    begun = {engine: account.begun(engine) for engine in Engine}
    read, written = _moved(account.run)
    places: dict[int, list[int]] = {}
    for place, plan in enumerate(program.layers):
        places.setdefault(plan.layer.op.id, []).append(place)
    reports = []
    for op in ops:
        if op.id not in places:
            reports.append(_riding(op, account.run, array, batch))
            continue
        first = places[op.id][0]
        plan = program.layers[first]
        engine = engine_of(plan.layer)
        stalls = {name: int(counts[first]) for name, counts in waited.get(engine, {}).items()}
        busy = int(worked[engine][first])
        beside = attention if engine is Engine.ATTENTION else None
        reports.append(
            OpReport(
                name=op.name,
                kind=op.kind,
                start_cycle=int(begun[engine][first]),
                cycles=busy + sum(stalls.values()),
                compute_cycles=busy,
                stall_cycles=stalls,
                macs=beside.macs[op.id] if beside else _macs(plan, op, batch),
                multipliers=beside.pes if beside else _multipliers(plan, array),
                tiles=sum(int(tiles[place]) for place in places[op.id]),
                dram_read_bytes=sum(int(read[place]) for place in places[op.id]),
                dram_write_bytes=sum(int(written[place]) for place in places[op.id]),
                extra={"vector_cycles": sum(int(worked[Engine.VECTOR][place]) for place in places[op.id])},
            )
        )
    return reports


def _moved(run: AntRun) -> tuple[Integers, Integers]:
    """Return the bytes that are read and written for each layer."""
    program = run.program
    moved = program.transfers.rows * program.transfers.row_bytes
    is_write, layers = program.transfers.is_write, len(program.layers)
    read = np.bincount(program.transfer_layer, moved * (1 - is_write), layers)
    written = np.bincount(program.transfer_layer, moved * is_write, layers)
    return read.astype(np.int64), written.astype(np.int64)


def _riding(op: Op, run: AntRun, array: AntArray, batch: int) -> OpReport:
    host = run.lowering.layers[run.lowering.rides_on[op.id]].op
    return riding_report(op, host, batch, array.pes)


def _macs(plan: LayerPlan, op: Op, batch: int) -> int:
    """Return the useful MACs: of attention those that the trace states and the array computes."""
    return min(op.macs * batch, plan.macs) if isinstance(plan.layer, Attention) else op.macs * batch


def _multipliers(plan: LayerPlan, array: AntArray) -> int:
    """Return the array's multipliers for the op's widths: an 8-bit one is four of 4 bits."""
    layer = plan.layer
    if isinstance(layer, Passes | Beside | Conversion):
        return array.pes
    return array.pes // math.prod(layer.bits.operands)
