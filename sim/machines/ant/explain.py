"""`sim run --explain` on engines that overlap: what bounds the run and each op, and what would help.

Each candidate changes one thing of the machine as it was run, and the whole run is repeated with it: ops that
overlap cannot be tried by themselves. What the machine cannot be built with, or cannot run the model with, is
left out; so is what helps an op and slows the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tandemsim.sim.arch.ant.config import AntArray, AntConfig, Dataflow, Schedule
from tandemsim.sim.arch.ant.widths import with_sign
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.report.contract import OpReport
from tandemsim.sim.report.format import percent

RUN = "the whole run"  # in place of an op's name
SHOWN = 3
LEAST_GAIN = 0.001  # assumed: a tenth of a per cent is not worth a change
STALLED = 0.05  # assumed: above it the stalls are what to look at first
SCRATCHPADS = ("activation", "weight", "accumulator", "residual", "output", "vector")
WORDS = {
    "dram": "operands from DRAM",
    "output": "room for outputs",
    "scratchpad": "banks of a scratchpad that several rows of the array need",
    "fill": "weights and results on their way through the array",
    "array": "the array",
    "vector": "the vector unit",
    "attention": "the attention array",
    "write_back": "the last outputs",
}

Settings = Mapping[str, object]


class Measured(NamedTuple):
    """What a run, or one of its ops, takes."""

    cycles: int
    stall_cycles: Mapping[str, int]
    utilization: float | None  # None: it has no multiply-accumulates


def of_op(report: OpReport) -> Measured:
    """Return what an op takes."""
    return Measured(report.cycles, report.stall_cycles, report.utilization if report.macs else None)


def explain(
    run: Measured,
    reports: Sequence[OpReport],
    candidates: Sequence[Settings],
    rerun: Callable[[Settings], tuple[int, Sequence[OpReport]]],
    progress: Progress | None,
    says: Callable[[Measured], str] | None = None,
) -> tuple[Mapping[str, Any], ...]:
    """Return for the run, and for each op that takes cycles, what bounds it and what saves most of them.

    `says`: names the bound (None: `bound`, of an array).
    `rerun` gives the cycles with further settings, and the reports of the same ops; it raises `ConfigError`
    for settings that are refused.
    """
    tried: list[tuple[Settings, int, list[int]]] = []
    for place, candidate in enumerate(candidates):
        if progress:
            progress("explaining", place, len(candidates))
        try:
            cycles, after = rerun(candidate)
        except ConfigError:
            continue
        tried.append((candidate, cycles, [report.cycles for report in after]))
    if progress:
        progress("explaining", len(candidates), len(candidates))
    says = says or bound
    entries = [_entry(RUN, run, [(candidate, cycles) for candidate, cycles, _ in tried], says)]
    harmless = [each for each in tried if each[1] <= run.cycles * (1 + LEAST_GAIN)]
    for place, report in enumerate(reports):
        if report.cycles:
            mine = [(candidate, cycles[place]) for candidate, _, cycles in harmless]
            entries.append(_entry(report.name, of_op(report), mine, says))
    return tuple(entries)


def _entry(
    name: str,
    before: Measured,
    tried: Sequence[tuple[Settings, int]],
    says: Callable[[Measured], str],
) -> dict[str, Any]:
    helpful = sorted(tried, key=lambda each: each[1])[:SHOWN]
    settings = [
        {
            "set": " ".join(f"{key}={value}" for key, value in candidate.items()),
            "cycles": cycles,
            "gain": 1 - cycles / before.cycles,
        }
        for candidate, cycles in helpful
        if 1 - cycles / before.cycles >= LEAST_GAIN
    ]
    return {"op": name, "bound": says(before), "settings": settings}


def bound(measured: Measured) -> str:
    """Say in a sentence where most of what is not useful went."""
    if measured.utilization is None:
        return "the vector unit"
    useful = f"{percent(measured.utilization, 1)} of the multipliers' cycles are useful"
    stalls = measured.stall_cycles
    if sum(stalls.values()) > STALLED * measured.cycles:
        worst = max(stalls, key=stalls.__getitem__)
        return (
            f"waiting for {WORDS[worst]} ({percent(stalls[worst], measured.cycles)} of its cycles); {useful}"
        )
    if measured.utilization > 1 - STALLED:
        return f"the array; {useful}"
    return f"the array; {useful}, most of the rest goes to tiles that do not fill it"


def ant_candidates(config: AntConfig) -> Iterator[Settings]:
    """Yield settings of ANT, one thing each: twice as much of a resource, or another way to work."""
    array = config.array
    if config.dram.bandwidth_bytes_per_second:
        yield {"dram.bandwidth_bytes_per_second": 2 * config.dram.bandwidth_bytes_per_second}
    else:
        yield {"dram.channels": 2 * config.dram.channels}
    yield {"vector.lanes": 2 * config.vector.lanes}
    for name in SCRATCHPADS:
        pad = getattr(config, f"{name}_scratchpad")
        yield {f"{name}_scratchpad.capacity_bytes": 2 * pad.capacity_bytes}
    yield _taller(array)
    yield {"array.cols": 2 * array.cols}
    for dataflow in Dataflow:
        if dataflow is not array.dataflow:
            yield {"array.dataflow": dataflow.value}
    if array.schedule is not Schedule.PIPELINED:
        yield {"array.schedule": Schedule.PIPELINED.value}


def _taller(array: AntArray) -> Settings:
    """Return twice as many rows; a column of so many products may need a wider sum."""
    forms = array.code_formats
    sides = forms, with_sign(forms)
    needed, _ = array.widest_sum(*(sides[::-1] if array.dataflow is Dataflow.INPUT_STATIONARY else sides))
    rows: Settings = {"array.rows": 2 * array.rows}
    if array.stationary and needed >= array.accumulator_width:
        return {**rows, "array.accumulator_width": needed + 1}
    return rows
