"""One run: a trace and a config in, a report out. The only place that joins traces, machines and reports."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tandemsim.sim.arch.checks import MAX_INTEGER, require
from tandemsim.sim.arch.settings import keys_named
from tandemsim.sim.engine.kernel_cache import is_cold
from tandemsim.sim.machines.table import default_machine, machine_named
from tandemsim.sim.only import selected, with_left_out
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.timeline import Activity, Timeline
from tandemsim.sim.shell.files import printable
from tandemsim.sim.shell.stopping import interrupts_held
from tandemsim.traces import codec
from tandemsim.traces.schema import Trace

MAX_SEED = 2**63 - 1  # what every reader of a report takes for an integer

COMPILING = "compiling kernels, once (about half a minute) ..."
Progress = Callable[[str, int, int], None]  # what is being done, steps done, steps in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run. `settings` are config fields by dotted or short name, as ``--set`` takes them."""

    workload: str  # a checked-in trace's name, or a file; of `trace` its name in the report
    trace: Trace | None = None  # what to run, where it is not on disk
    only: str | None = None  # run ops whose names this regular expression matches, and leave the others out
    machine: str | None = None  # None: by what the trace holds
    preset: str | None = None  # None: the machine's first
    settings: Mapping[str, object] | None = None
    batch: int = 1
    functional: bool = False  # run values through the machine too
    tensors: Path | None = None  # of the functional run; None: N(0, 1) by `seed`
    seed: int = 0
    explain: bool = False  # say what bounds each op, and which settings would help


@dataclass(frozen=True)
class Run:
    """A report, and what its pictures are made of, when one is asked for: a timeline is by far the larger."""

    report: Report
    make_timeline: Callable[[], Timeline]
    make_activity: Callable[[], Activity]

    @cached_property
    def timeline(self) -> Timeline:
        """Every tile and every transfer."""
        return self.make_timeline()

    @cached_property
    def activity(self) -> Activity:
        """What the machine did over time."""
        return self.make_activity()


def tell_of_compilation(progress: Progress | None) -> None:
    """Call `progress` with `COMPILING` where what follows begins by compiling."""
    if progress and not os.environ.get("NUMBA_DISABLE_JIT", "0").strip("0") and is_cold():
        progress(COMPILING, 0, 1)


def workload_name(workload: str) -> str:
    """Return the name of a workload: of a file, its name without the endings."""
    return printable(Path(workload).name).removesuffix(".gz").removesuffix(".json")


def simulate(request: Request, progress: Progress | None = None) -> Run:
    """Run a request. Ctrl-C waits for the end of a layer: inside a kernel it would crash the process.

    Raises `traces.errors.TraceError` or `sim.arch.checks.UserError` for what the user must mend.
    """
    require(request.batch > 0, "the batch must be a positive integer", request.batch)
    require(request.batch <= MAX_INTEGER, f"the batch must be at most {MAX_INTEGER}", request.batch)
    require(request.seed >= 0, "the seed must be a non-negative integer", request.seed)
    require(request.seed <= MAX_SEED, f"the seed must be at most {MAX_SEED}", request.seed)
    trace = whole = request.trace or codec.load(codec.find(request.workload))
    name = request.machine
    machine = machine_named(default_machine({op.kind for op in whole.ops}) if name is None else name)
    if request.only is not None:
        trace = selected(whole, request.only, machine.runs)
    preset = next(iter(machine.presets)) if request.preset is None else request.preset
    config = machine.config(preset, request.settings or {})
    runner = importlib.import_module(machine.runner)
    tell_of_compilation(progress)
    with keys_named(config), interrupts_held() as let_go:

        def told(what: str, done: int, total: int) -> None:
            let_go()
            if progress:
                progress(what, done, total)

        run: Run = runner.run(trace, machine.name, preset, config, request, told)
    if trace is not whole:
        run = replace(run, report=with_left_out(run.report, whole, trace, machine.runs, request.batch))
    return run
