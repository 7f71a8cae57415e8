"""A run of the ANT machine: lowered, planned, run through the event loop, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.loop import NONE, PAUSED, Engine, Plan, new_plan, run
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.planned import Program
from tandemsim.sim.ant.program import program
from tandemsim.sim.arch.ant.config import AntConfig
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.engine.beside import compile_beside
from tandemsim.sim.engine.deadlock import LoopEnd, Wait, check_progress
from tandemsim.sim.engine.queue import new_queue
from tandemsim.sim.memory.dma import DmaFullError
from tandemsim.sim.memory.dma_state import MAX_PLACES, Dma, is_at_end_of_time, new_dma
from tandemsim.traces.schema import Op, Trace

EVENTS_AT_A_TIME = 1 << 12  # some hundredths of a second of the loop
PENDING = 1 << 12  # events that wait at a time: ends of tasks, and results on their way


@dataclass(frozen=True, slots=True)
class AntRun:
    """What a run gives."""

    lowering: Lowering
    program: Program
    plan: Plan
    dma: Dma
    cycles: int


def simulate(
    trace: Trace,
    ops: Sequence[Op],
    config: AntConfig,
    bits: Mapping[int, Bits],
    batch: int = 1,
    progress: Progress | None = None,
) -> AntRun:
    """Run `ops` of a trace. Raises `ConfigError` where a memory does not hold what it must."""
    report = progress or _nobody
    memory = compile_beside("tandemsim.sim.memory.warm")
    report("planning", 0, 1)
    lowering = Lowering(trace, ops, bits, batch, config.array)
    plan = program(config, lowering, report)
    memory.wait()
    return run_program(lowering, plan, config.dram, config.cycle_ps, report)


def run_program(
    lowering: Lowering, plan: Program, dram: DramConfig, cycle_ps: int, report: Progress
) -> AntRun:
    """Run what was planned, of this machine or of one with a further array. Errors as of `simulate`."""
    state = new_plan(plan.tasks, plan.first, plan.transfers, plan.queues, plan.writes, new_queue(PENDING))
    dma = new_dma(dram, cycle_ps)
    cycles = _run(state, dma, plan, report)
    return AntRun(lowering, plan, state, dma, cycles)


def _nobody(what: str, done: int, total: int) -> None:
    """Take a report of progress and do nothing."""


def _run(state: Plan, dma: Dma, plan: Program, report: Progress) -> int:
    cycles, outcome, count = 0, PAUSED, len(plan.tasks.cycles)
    while outcome == PAUSED:
        try:
            cycles, outcome = run(state, dma, plan.transfers, plan.queues, EVENTS_AT_A_TIME)
        except DmaFullError:
            raise ConfigError(
                f"at most {MAX_PLACES:,} transfers can be on their way at once, not more"
            ) from None
        report("tasks", int(state.state[0].finished), count)
    if outcome != LoopEnd.FINISHED and is_at_end_of_time(dma):
        raise ConfigError("the run must end within 2^62 ps (53 days) of its own time: the DRAM is too slow")
    check_progress(outcome, cycles, _waits(state, plan))
    return int(cycles)


def _waits(state: Plan, plan: Program) -> Iterator[Wait]:
    """Yield what a run that made no progress waits for."""
    for engine in Engine:
        task = int(state.state[0].next[engine])
        if task < plan.first[engine + 1]:
            name = plan.layers[plan.task_layer[task]].layer.op.name
            yield Wait(f"{engine.name.lower()} ({name})", f"{int(state.tasks.awaited[task])} things", 0)
    for queue in range(len(plan.queues) - 1):
        head = int(state.state[0].head[queue])
        if head < plan.queues[queue + 1] and int(state.times.issued[head]) == NONE:
            yield Wait(f"queue {queue}", f"transfer {head}", 0)
