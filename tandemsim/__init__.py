"""Tandem: a cycle-level simulator of DNN hardware whose circuit ships with it. ::

    import tandemsim as ts

    ts.run("longformer").report

Contents:

- Running: `run`, `Run`, `Report`
- What runs: `Band`, `Pattern`, `Trace`, `load_trace`, `trace`, `workload_names`
- On what: `machines`, `presets`
- Many runs: `compare`, `Comparison`, `sweep`, `SweepResult`
- Networks that share a CPU: `serve`, `Serving`
- Errors, each a `UserError`: `ConfigError`, `FileError`, `TraceError`, `ComparisonError`, `StudyError`

docs/python.md teaches all of it. Each name is imported when it is first used, so that ``import tandemsim``
costs next to nothing.

In a checkout the packages `sim`, `rtl`, `traces` and `workloads` lie at the top of the repository, beside
this folder; the wheel holds them inside it. Either way they are imported as ``tandemsim.sim`` and so on: a
bare ``import sim`` would load a second copy of each module.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tandemsim.listings import machines, presets
    from tandemsim.running import compare, load_trace, run, sweep, trace, workload_names
    from tandemsim.serving import serve
    from tandemsim.sim.arch.checks import ConfigError, UserError
    from tandemsim.sim.capacity.serving import Serving
    from tandemsim.sim.comparison.comparison import Comparison
    from tandemsim.sim.comparison.runs import ComparisonError
    from tandemsim.sim.report.result import Report
    from tandemsim.sim.run import Run
    from tandemsim.sim.shell.files import FileError
    from tandemsim.sim.shell.version import __version__
    from tandemsim.sim.sweep.origin import StudyError
    from tandemsim.sim.sweep.result import SweepResult
    from tandemsim.traces.bands import Band
    from tandemsim.traces.errors import TraceError
    from tandemsim.traces.pattern import Pattern
    from tandemsim.traces.schema import Trace

__all__ = [
    "Band",
    "Comparison",
    "ComparisonError",
    "ConfigError",
    "FileError",
    "Pattern",
    "Report",
    "Run",
    "Serving",
    "StudyError",
    "SweepResult",
    "Trace",
    "TraceError",
    "UserError",
    "__version__",
    "compare",
    "load_trace",
    "machines",
    "presets",
    "run",
    "serve",
    "sweep",
    "trace",
    "workload_names",
]

_ROOT = Path(__file__).resolve().parent.parent
if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "sim").is_dir():
    __path__.append(str(_ROOT))

# Where each name comes from.
_HOMES = {
    "__version__": "sim.shell.version",
    "Band": "traces.bands",
    "Comparison": "sim.comparison.comparison",
    "ComparisonError": "sim.comparison.runs",
    "ConfigError": "sim.arch.checks",
    "FileError": "sim.shell.files",
    "Pattern": "traces.pattern",
    "Report": "sim.report.result",
    "Run": "sim.run",
    "Serving": "sim.capacity.serving",
    "StudyError": "sim.sweep.origin",
    "SweepResult": "sim.sweep.result",
    "Trace": "traces.schema",
    "TraceError": "traces.errors",
    "UserError": "sim.arch.checks",
    "compare": "running",
    "load_trace": "running",
    "machines": "listings",
    "presets": "listings",
    "run": "running",
    "serve": "serving",
    "sweep": "running",
    "trace": "running",
    "workload_names": "running",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
