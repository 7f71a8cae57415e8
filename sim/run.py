"""One run: a trace and a config in, a report out. The only place that joins traces, machines and reports."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.arch.checks import require
from sim.machines import default_machine, machine_named
from sim.report import Report
from sim.timeline import Activity, Timeline
from traces import codec

Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run. `settings` are config fields by dotted or short name, as ``--set`` takes them."""

    workload: str  # a checked-in trace's name, or a file
    machine: str | None = None  # None: by what the trace holds
    preset: str | None = None  # None: the machine's first
    settings: Mapping[str, object] | None = None
    batch: int = 1
    functional: bool = False  # run values through the machine too
    tensors: Path | None = None  # of the functional run; None: N(0, 1) by `seed`
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """A report, with what its pictures are made of."""

    report: Report
    timeline: Timeline
    activity: Activity


def workload_name(workload: str) -> str:
    """Return the name of a workload: of a file, its name without the endings."""
    return Path(workload).name.removesuffix(".gz").removesuffix(".json")


def simulate(request: Request, progress: Progress | None = None) -> Run:
    """Run a request.

    Raises `traces.errors.TraceError` or `sim.arch.checks.UserError` for what the user must mend.
    """
    require(request.batch > 0, "the batch must be a positive integer", request.batch)
    trace = codec.load(codec.find(request.workload))
    name = request.machine or default_machine({op.kind for op in trace.ops})
    machine = machine_named(name)
    config = machine.config(request.preset, request.settings or {})
    preset = request.preset or next(iter(machine.presets))
    runner = importlib.import_module(machine.runner)
    run: Run = runner.run(trace, machine.name, preset, config, request, progress)
    return run
