"""A run of both arrays: lowered, planned, run through the event loop of `sim.ant.loop`, and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.lowering import Lowering
from tandemsim.sim.ant.simulation import AntRun, run_program
from tandemsim.sim.arch.fused.config import FusedConfig
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.engine.beside import compile_beside
from tandemsim.sim.fused.program import program
from tandemsim.sim.fused.windows import Windows
from tandemsim.traces.schema import Op, Trace


@dataclass(frozen=True, slots=True)
class FusedRun:
    """What a run gives: that of the ANT machine with a third engine, and the windows by layer."""

    ant: AntRun
    windows: Mapping[int, Windows]


def simulate(
    trace: Trace,
    ops: Sequence[Op],
    beside: Sequence[int],
    config: FusedConfig,
    bits: Mapping[int, Bits],
    batch: int = 1,
    progress: Progress | None = None,
) -> FusedRun:
    """Run `ops` of a trace, those whose ids are in `beside` on the attention array.

    Raises `ConfigError` where a memory does not hold what it must.
    """
    report = progress or _nobody
    memory = compile_beside("tandemsim.sim.memory.warm")
    report("planning", 0, 1)
    salo = config.salo_config
    widths = 8 * salo.element_bytes, 8 * salo.output_bytes
    lowering = Lowering(trace, ops, bits, batch, config.ant.array, dict.fromkeys(beside, widths))
    plan, windows = program(config, lowering, report)
    memory.wait()
    return FusedRun(run_program(lowering, plan, config.dram, config.cycle_ps, report), windows)


def _nobody(what: str, done: int, total: int) -> None:
    """Take a report of progress and do nothing."""
