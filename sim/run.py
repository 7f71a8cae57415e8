"""One run: a trace and a config in, a report out. The only place that joins traces, machines and reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from tandemsim.sim.arch.checks import MAX_INTEGER, ConfigError, require, to_dict
from tandemsim.sim.arch.settings import keys_named
from tandemsim.sim.arch.types import Progress
from tandemsim.sim.engine.kernel_cache import is_cold
from tandemsim.sim.machines.contract import NOT_CHOSEN, OPTIONS, Machine, Options, Outcome, Values
from tandemsim.sim.machines.table import NO_OPS, machine_for, machine_named
from tandemsim.sim.only import selected
from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import NotRun
from tandemsim.sim.report.result import Report
from tandemsim.sim.report.rules import check
from tandemsim.sim.report.timeline import Timeline, timeline_of_ops
from tandemsim.sim.shell.files import printable
from tandemsim.sim.shell.stopping import interrupts_held
from tandemsim.sim.shell.version import __version__
from tandemsim.traces import codec
from tandemsim.traces.schema import Op, Trace

MAX_SEED = 2**63 - 1  # what every reader of a report takes for an integer

COMPILING = "compiling kernels, once (about half a minute) ..."
WAITING = "waiting for a worker of the cluster ..."
NOTES = (COMPILING, WAITING)  # of what progress is told, what has no steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run. `settings` are config fields by dotted or short name, as ``--set`` takes them."""

    workload: str  # a checked-in trace's name, or a file; of `trace` its name in the report
    trace: Trace | None = None  # what to run, where it is not on disk
    name: str | None = None  # what the report calls it; None: as `workload` without folder and ending
    only: str | None = None  # run ops whose names this regular expression matches, and leave the others out
    machine: str | None = None  # None: by what the trace holds
    preset: str | None = None  # None: the machine's first
    config: Any = None  # a config of the machine's family, in place of the preset's
    settings: Mapping[str, object] | None = None
    batch: int = 1
    bits: str | None = None  # whose list of operand widths; None: the machine's own
    functional: bool = False  # run values through the machine too
    tensors: Path | None = None  # of the functional run; None: N(0, 1) by `seed`
    seed: int = 0
    explain: bool = False  # say what bounds each op, and which settings would help


def bits_named(bits: object) -> str | None:
    """Return `Request.bits` of a name or a number; of None None. Raises `ConfigError` for another type."""
    good = bits is None or (isinstance(bits, (str, int)) and not isinstance(bits, bool))
    require(good, "bits must be a text or an integer", bits)
    return None if bits is None else str(bits)


@dataclass(frozen=True)
class Run:
    """A report, and the (large) data for its plots, computed on first use."""

    report: Report
    make_timeline: Callable[[], Timeline]
    make_activity: Callable[[], Activity] | None

    @cached_property
    def timeline(self) -> Timeline:
        """Every tile and every transfer."""
        return self.make_timeline()

    @cached_property
    def activity(self) -> Activity | None:
        """What the machine did over time; None where the machine does not say."""
        return self.make_activity() if self.make_activity else None

    def save(self, folder: str | Path) -> None:
        """Write all that ``--out`` writes to `folder`. Raises `FileError`, and leaves it as it was then."""
        from tandemsim.sim.report.folder import write_folder

        write_folder(folder, self.report, self.timeline, self.activity)

    def __repr__(self) -> str:
        return repr(self.report).replace("<Report:", "<Run:", 1)

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def tell_of_compilation(progress: Progress | None) -> None:
    """Call `progress` with `COMPILING` where what follows begins by compiling."""
    if progress and not os.environ.get("NUMBA_DISABLE_JIT", "0").strip("0") and is_cold():
        progress(COMPILING, 0, 1)


def workload_name(workload: str) -> str:
    """Return the name of a workload: of a file, its name without the endings."""
    return printable(Path(workload).name).removesuffix(".gz").removesuffix(".json")


class Prepared(NamedTuple):
    """A request that a machine can be asked to run."""

    machine: Machine
    trace: Trace
    wanted: Set[int]  # ids of the ops that --only leaves
    ops: list[Op]  # those of them of a kind that the machine runs
    config: Any
    options: Options


def check_request(request: Request) -> None:
    """Raise the error of `simulate`, where it shows before anything takes long."""
    machine, trace, _, ops, config, options = _prepared(request)
    with keys_named(config):
        machine.check(trace, ops, config, options)


def simulate(request: Request, progress: Progress | None = None) -> Run:
    """Run a request. Ctrl-C waits until the machine says what it does: inside a kernel it would crash.

    Raises `traces.errors.TraceError` or `sim.arch.checks.UserError` for what the user must mend.
    """
    machine, trace, wanted, ops, config, options = _prepared(request)
    tell_of_compilation(progress)
    with keys_named(config), interrupts_held() as let_go:

        def advance(what: str, done: int, total: int) -> None:
            let_go()
            if progress:
                progress(what, done, total)

        outcome = machine.run(trace, ops, config, options, advance)
    not_run = _not_run(machine, trace, wanted, outcome, request.batch)
    report = _report(request, machine, trace, options, outcome, not_run)
    return Run(report, outcome.timeline or (lambda: timeline_of_ops(report)), outcome.activity)


def _prepared(request: Request) -> Prepared:
    require(request.batch > 0, "the batch must be a positive integer", request.batch)
    require(request.batch <= MAX_INTEGER, f"the batch must be at most {MAX_INTEGER}", request.batch)
    require(request.seed >= 0, "the seed must be a non-negative integer", request.seed)
    require(request.seed <= MAX_SEED, f"the seed must be at most {MAX_SEED}", request.seed)
    trace = request.trace or codec.load(codec.find(request.workload))
    name = request.machine
    if not trace.ops:
        raise ConfigError(NO_OPS)
    if name is None:
        name = machine_for(trace, request.preset)
    machine = machine_named(name)
    wanted = {op.id for op in trace.ops}
    if request.only is not None:
        wanted = selected(trace.ops, request.only, machine.runs)
    ops = [op for op in trace.ops if op.id in wanted and op.kind in machine.runs]
    config, options = _configured(machine, request)
    _refuse_options(machine, options)
    if not ops:
        kinds = ", ".join(sorted(machine.runs))
        rule = f"{machine.family.name} runs {kinds} ops, and the trace has none"
        raise ConfigError(f"{rule}; try another machine")
    return Prepared(machine, trace, wanted, ops, config, options)


def _configured(machine: Machine, request: Request) -> tuple[Any, Options]:
    """Return the config of a request, and what else it asks of the machine."""
    family, settings, preset = machine.family, dict(request.settings or {}), request.preset
    if request.config is None:
        preset = family.default_preset if preset is None else preset
        config = start = family.config(preset, settings)
        stated = family.stated(config, settings)
        whole = {family.short_names.get(key, key): value for key, value in settings.items()}

        def configured(more: Mapping[str, object]) -> Any:
            return family.config(preset, {**whole, **more})
    else:
        config = start = family.changed(request.config, settings)
        preset = family.closest(config) if preset is None else preset
        stated = family.stated(config, family.differences(preset, config))

        def configured(more: Mapping[str, object]) -> Any:
            return family.changed(start, more)

    options = Options(
        preset=preset,
        settings=stated,
        configured=configured,
        batch=request.batch,
        bits=request.bits,
        values=Values(tensors=request.tensors, seed=request.seed) if request.functional else None,
        explain=request.explain,
    )
    return config, options


def _refuse_options(machine: Machine, options: Options) -> None:
    for name, (option, asked) in OPTIONS.items():
        if asked(options) and name not in machine.takes:
            takes = ", ".join(OPTIONS[other][0] for other in OPTIONS if other in machine.takes)
            refusal = f"{machine.family.name} does not take {option} ({option.lstrip('-')}= in Python)"
            raise ConfigError(f"{refusal}; it takes {takes}" if takes else refusal)


def _not_run(
    machine: Machine, trace: Trace, wanted: Set[int], outcome: Outcome, batch: int
) -> tuple[NotRun, ...]:
    """Return what of the trace did not run, in its order; `wanted` are the ids that --only leaves.

    Raises `InvariantError` for an op that the machine was given and that its outcome does not account for.
    """
    reasons = dict(outcome.left_out)
    for op in trace.ops:
        if op.id not in wanted:
            reasons[op.id] = NOT_CHOSEN
        elif op.kind not in machine.runs:
            reasons[op.id] = machine.reason(op)
    useful = outcome.useful_macs
    ran = [
        (op.name, op.kind, min(op.macs * batch, useful.get(op.id, op.macs * batch)))
        for op in trace.ops
        if op.id not in reasons
    ]
    reported = [(op.name, op.kind, op.macs) for op in outcome.ops]
    name = machine.family.name
    check(ran == reported, f"{name} reports {len(reported)} ops of the {len(ran)} that it ran")
    return tuple(
        NotRun(name=op.name, kind=op.kind, macs=op.macs * batch, reason=reasons[op.id])
        for op in trace.ops
        if op.id in reasons
    )


def _report(
    request: Request,
    machine: Machine,
    trace: Trace,
    options: Options,
    outcome: Outcome,
    not_run: tuple[NotRun, ...],
) -> Report:
    return Report(
        workload=workload_name(request.workload) if request.name is None else printable(request.name),
        machine=machine.family.name,
        preset=options.preset,
        settings=options.settings,
        config=to_dict(outcome.config),
        trace_digest=trace.digest,
        version=__version__,
        clock_hz=outcome.config.clock_hz,
        cycles=outcome.cycles,
        compute_cycles=outcome.compute_cycles,
        stall_cycles=outcome.stall_cycles,
        multipliers=outcome.multipliers,
        dram=outcome.dram,
        dram_peak_bytes_per_cycle=outcome.dram_peak_bytes_per_cycle,
        scratchpad=outcome.scratchpad,
        energy_pj=outcome.energy_pj,
        energy_actions_pj=outcome.energy_actions_pj,
        multiplier_cycles=outcome.multiplier_cycles,
        dram_tensors=outcome.dram_tensors,
        explanation=outcome.explanation,
        area_mm2=outcome.area_mm2,
        ops=outcome.ops,
        not_run=not_run,
        notes=outcome.notes,
        extra={"batch": request.batch, "seed": request.seed, **outcome.extra},
    )
