"""Running from Python: what ``tandem run`` does, with objects in place of words.

A path, a name, a trace or a pattern becomes a `sim.run.Request`, and `sim.run.simulate` does the rest, as
for the command line. A wrong value is a `ConfigError`, `TraceError` or `FileError` in the words of the
command line; an argument of the wrong type is a `TypeError` that says what is accepted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandemsim.sim.arch.checks import TEXT, ConfigError, is_text, require, shown
from tandemsim.sim.arch.families import FAMILIES
from tandemsim.sim.commands.progress import progress as bars
from tandemsim.sim.pattern_trace import trace_of
from tandemsim.sim.report.contract import Report
from tandemsim.sim.run import Request, Run, bits_named, simulate
from tandemsim.sim.serving.joint import joint_trace
from tandemsim.sim.serving.mixes import MIXES
from tandemsim.traces import codec
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_words import describe
from tandemsim.traces.schema import Trace

if TYPE_CHECKING:
    from tandemsim.sim.comparison.comparison import Comparison
    from tandemsim.sim.sweep.result import SweepResult
    from tandemsim.sim.sweep.study import Study

MODULE = "; of a module make a trace: tandemsim.trace(module, inputs)"
NEEDS_TORCH = "tandemsim.trace needs PyTorch, which is not installed: pip install 'tandemsim[models]'"


def run(
    workload: str | os.PathLike[str] | Trace | Pattern,
    *,
    machine: str | None = None,
    preset: str | None = None,
    config: Any = None,
    settings: Mapping[str, object] | None = None,
    batch: int = 1,
    bits: int | str | None = None,
    only: str | None = None,
    heads: int | None = None,
    head_dim: int | None = None,
    kv_heads: int | None = None,
    global_projections: bool | None = None,
    functional: bool | str | os.PathLike[str] = False,
    seed: int = 0,
    explain: bool = False,
    name: str | None = None,
    progress: bool | Callable[[str, int, int], None] = False,
) -> Run:
    """Run `workload` on a machine and return its `Run`, with ``.report`` and ``.save(folder)``.

    - `workload`: the name of a checked-in trace (`workload_names`) or of a mix (``medium``: one query of each
      of its networks at once on the CPU), a trace file, a `Trace`, or a `Pattern`:
      one attention of `heads` (1) heads of `head_dim` (64) elements, which share the keys and values of
      `kv_heads` (as many). `global_projections` says that the model projects its global tokens apart, as
      Longformer does.
    - `machine`: by its name in `machines`; None: what suits the trace.
    - `preset`: by its name in `presets`; None: the machine's first. Or `config`: a config of your own, say
      ``dataclasses.replace(presets["salo"], clock_hz=500_000_000)``.
    - `settings`: fields on top, by dotted or short name: ``{"rows": 16, "memory": "hbm2"}``.
    - `batch`: inputs at once. `only`: a regular expression; ops whose names it does not match are left out.
    - `bits`: operand widths as ``--bits`` takes them, ``8`` or ``"mxfp4"``; None: the preset's.
    - `functional`: also run values through the machine's number formats, random ones by `seed` or those of an
      ``.npz``. `explain`: say what bounds each op, and which settings would help.
    - `name`: what the report calls the workload. `progress`: bars on a terminal, or who is told of
      (what is done, steps done, steps in all).

    Raises `ConfigError`, `TraceError` or `FileError` for a value, `TypeError` for a type.
    """
    _check_settings(settings)
    attention: dict[str, Any] = {"heads": heads, "head_dim": head_dim, "kv_heads": kv_heads}
    numbers = {"batch": batch, "seed": seed, **attention}
    for what, value in numbers.items():
        if value is not None or what in ("batch", "seed"):
            _check_type(what, value, int, "an integer")
    _check_type("global_projections", global_projections, (bool, type(None)), "True, False or None")
    if bits is not None and not isinstance(bits, str):
        _check_type("bits", bits, int, "an integer, a string or None")
    _check_type("explain", explain, bool, "True or False")
    _check_progress(progress)
    _check_type("functional", functional, (bool, str, os.PathLike), "True, False or a path")
    for what, text in (("machine", machine), ("preset", preset), ("only", only), ("name", name)):
        _check_type(what, text, (str, type(None)), "a string or None")
    require(name is None or is_text(name), f"name must be {TEXT}", name)
    attention["global_projections"] = global_projections
    arguments = {key: value for key, value in attention.items() if value is not None}
    own, called = _trace(workload, arguments, name)
    if config is not None:
        own_machine = _machine_of(config)
        machine = own_machine if machine is None else machine
        if preset is not None:
            raise ConfigError("only one of preset and config may be given")
    request = Request(
        workload=called,
        trace=own,
        name=called if name is not None or isinstance(workload, (Trace, Pattern)) else None,
        only=only,
        machine=machine,
        preset=preset,
        config=config,
        settings=settings,
        batch=batch,
        bits=bits_named(bits),
        functional=functional is not False,
        tensors=None if isinstance(functional, bool) else Path(functional),
        seed=seed,
        explain=explain,
    )
    if callable(progress):
        return simulate(request, progress)
    with bars(quiet=not progress) as callback:
        return simulate(request, callback)


def compare(runs: Iterable[Run | Report], labels: Sequence[str] | None = None) -> Comparison:
    """Put finished runs, or their reports, side by side: the first of each scope is what ratios are over.

    Without `labels` each run is named by what is its own: machine, preset, settings, batch, operand widths.
    Raises `ComparisonError` for fewer than 2 runs or too many and for labels that do not fit, `TypeError` for
    what is not a run or not a label.
    """
    from tandemsim.sim.comparison.comparison import compare as compared

    _check_type("runs", runs, Iterable, "runs or reports, such as a list of them")
    if labels is not None:
        _check_labels(labels)
    reports = [value.report if isinstance(value, Run) else value for value in runs]
    for value in reports:
        _check_type("what is compared", value, Report, "runs or reports")
    return compared(reports, labels)


def sweep(
    study: Study | str | os.PathLike[str] | Mapping[str, Any],
    *,
    workers: int | None = None,
    cluster: str | None = None,
    point_timeout: float | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[str, int, int], None] = False,
) -> SweepResult:
    """Run all points of a study that `out` has no outcome of yet, and return the outcomes of all.

    - `study`: a TOML file as docs/sweep.md describes it, or a mapping of the same form.
    - `workers`: processes; None: one for each CPU. Or `cluster`: the address of a Dask scheduler, or
      ``"slurm"``.
    - `point_timeout`: seconds after which a point is given up; None: never.
    - `out`: a folder that keeps each outcome as it comes, so that the same call resumes a sweep that was
      stopped, and in the end what `SweepResult.save` writes.
    - `progress`: bars on a terminal, or who is told of (what is done, steps done, steps in all).

    Raises `UserError` for a value, `TypeError` for a type, and `RuntimeError` where processes do not start or
    a cluster is lost.
    """
    from tandemsim.sim.sweep.runner import sweep as run_sweep
    from tandemsim.sim.sweep.study import Study

    _check_type("study", study, (Study, str, os.PathLike, Mapping), "a file or a mapping")
    if workers is not None:
        _check_type("workers", workers, int, "an integer or None")
    _check_type("cluster", cluster, (str, type(None)), "a string or None")
    number = isinstance(point_timeout, (int, float)) and not isinstance(point_timeout, bool)
    if point_timeout is not None and not number:
        raise TypeError(f"point_timeout must be a number or None, not {shown(point_timeout)}")
    _check_type("out", out, (str, os.PathLike, type(None)), "a path or None")
    _check_progress(progress)
    options: dict[str, Any] = {"workers": workers, "cluster": cluster, "point_timeout": point_timeout}
    if callable(progress):
        return run_sweep(study, out=out, progress=progress, **options)
    with bars(quiet=not progress, unit="points") as callback:
        return run_sweep(study, out=out, progress=callback, **options)


def load_trace(workload: str | os.PathLike[str]) -> Trace:
    """Read and check the trace of that name or in that file. Raises `TraceError`."""
    _check_type("workload", workload, (str, os.PathLike), "a name or a path")
    return codec.load(codec.find(os.fspath(workload)))


def workload_names() -> list[str]:
    """Return the names of the checked-in traces."""
    return codec.names()


def trace(module: Any, *inputs: Any, name: str | None = None) -> Trace:
    """Return the trace of ``module(*inputs)``: its shapes alone matter, and no arithmetic is done.

    `module` is a ``torch.nn.Module``, which is left as it is. An input is a tensor, or a shape as ``--input``
    of `workloads.export` takes it: ``"1x128:int64"``. `name` is the model's in reports; None: its class.
    Raises `ConfigError` for what a trace cannot say, and `ModuleNotFoundError` without PyTorch.
    """
    try:
        from tandemsim.workloads.modules import trace_module
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(NEEDS_TORCH, name="torch") from None
    return trace_module(module, inputs, name)


def _trace(workload: object, attention: dict[str, Any], name: str | None) -> tuple[Trace, str]:
    """Return the trace to run, and what the report calls it; `attention` are arguments of `trace_of`."""
    if isinstance(workload, Pattern):
        called = describe(workload) if name is None else name
        return trace_of(workload, called, **attention), called
    for argument in attention:
        raise ConfigError(f"{argument} goes with a Pattern, not with {shown(workload)}")
    if isinstance(workload, Trace):
        return workload, workload.source.model if name is None else name
    if isinstance(workload, str) and workload in MIXES:
        return joint_trace(MIXES[workload]), workload if name is None else name
    if isinstance(workload, (str, os.PathLike)):
        return load_trace(workload), os.fspath(workload) if name is None else name
    more = MODULE if hasattr(workload, "named_parameters") else ""
    raise TypeError(f"workload must be a name, a path, a Trace or a Pattern, not {shown(workload)}{more}")


def _machine_of(config: object) -> str:
    """Return the machine that `config` is of."""
    for name, family in FAMILIES.items():
        if any(type(config) is type(own) for own in family.configs.values()):
            return name
    first = next(iter(FAMILIES.values())).default_preset
    raise TypeError(f"config must be a machine's, such as tandemsim.presets[{first!r}], not {shown(config)}")


def _check_settings(settings: object) -> None:
    _check_type("settings", settings, (Mapping, type(None)), "a mapping, such as {'rows': 16}")
    for key in settings or ():  # type: ignore[attr-defined]
        _check_type("a key of settings", key, str, "a string")


def _check_progress(progress: object) -> None:
    if not callable(progress):
        _check_type("progress", progress, bool, "True, False or a function")


def _check_labels(labels: object) -> None:
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Sequence):
        raise TypeError(f"labels must be a list of strings, not {shown(labels)}")
    for label in labels:
        _check_type("a label", label, str, "a string")


def _check_type(what: str, value: object, kinds: Any, accepted: str) -> None:
    if not isinstance(value, kinds) or (kinds is int and isinstance(value, bool)):
        raise TypeError(f"{what} must be {accepted}, not {shown(value)}")
