"""``tandem run``: from its options to a request, and from what it found to files and text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tandemsim.sim.arch.checks import ConfigError, shown
from tandemsim.sim.arch.families import family_named
from tandemsim.sim.arch.family import Family
from tandemsim.sim.commands.progress import progress
from tandemsim.sim.serving.mixes import MIXES, is_mix
from tandemsim.sim.shell.command_line import Parser, add_config_options
from tandemsim.sim.shell.files import STDOUT, printable, standard_output
from tandemsim.sim.shell.settings_files import (
    NOTHING,
    FileSettings,
    as_toml,
    combined,
    settings_from_file,
)
from tandemsim.sim.shell.targets import require_writable

if TYPE_CHECKING:
    from tandemsim.sim.run import Request, Run
    from tandemsim.traces.schema import Trace


#: What goes with --pattern, by the names of `sim.pattern_trace.pattern_trace`.
PATTERN_OPTIONS = {
    "heads": "heads (default: 1)",
    "head_dim": "elements of a query or a key of one head (default: 64)",
    "kv_heads": "heads of keys and values, which the heads share in groups (default: each has its own)",
    "global_tokens": "so many first tokens are global (default: its own)",
    "sink_tokens": "so many first tokens are keys that every query sees (default: 0)",
    "queries": "only so many last tokens are queries (default: all)",
}


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    parser = commands.add_parser(
        "run", help="run a workload on a machine", description="Run a workload on a machine."
    )
    parser.set_defaults(command=run, parser=parser)
    parser.add_argument(
        "workload",
        metavar="WORKLOAD|TRACE.json",
        nargs="?",
        help="a name from `tandem list workloads` or `tandem list mixes`, or a file",
    )
    parser.add_argument(
        "--pattern",
        metavar="KIND:NUMBERS",
        help="instead of a workload, one attention: longformer:TOKENS,WINDOW (512 keys and the token's own),"
        " sliding:TOKENS,WINDOW, dilated:TOKENS,WINDOW,DILATION, vil:HEIGHT,WIDTH,WINDOW,"
        " strided_sparse:TOKENS,LOCAL,STRIDE, causal:TOKENS,WINDOW (the token and those right before it),"
        " chunked:TOKENS,SIZE, neighborhood:HEIGHT,WIDTH,WINDOW (moved inward at the edges), dense:TOKENS",
    )
    for name, text in PATTERN_OPTIONS.items():
        parser.add_argument(_option(name), metavar="N", type=int, help=f"of --pattern: {text}")
    parser.add_argument(
        "--only", metavar="REGEX", help="run only ops in whose names the regular expression is found"
    )
    parser.add_argument("--machine", metavar="NAME", help="default: the machine for what the trace holds")
    add_config_options(parser)
    parser.add_argument(
        "--dump-config",
        action="store_true",
        help="print the config, whole, as TOML for --config, and stop",
    )
    parser.add_argument("--batch", metavar="N", type=int, default=1, help="inputs at once (default: 1)")
    parser.add_argument(
        "--bits",
        metavar="NAME",
        help="operand widths, of a machine with several: 4, 6, 8, a block format (mxfp4, mxfp6-e2m3,"
        " mxfp6-e3m2, mxint8, nvfp4), trace (as it states them), or a list of ANT's evaluation: ant,"
        " bitfusion, olaccel; of another network: ant:bert-cola (default: by preset)",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="write report.json, report.html, plots, ops.parquet, timeline.json.gz"
    )
    parser.add_argument("--json", metavar="FILE|-", help="write the report as JSON; with - to stdout, alone")
    parser.add_argument(
        "--timeline", metavar="FILE", help="write the timeline (.json or .json.gz; opens in Perfetto)"
    )
    parser.add_argument(
        "--functional",
        metavar="FILE.npz",
        nargs="?",
        default=False,
        const=None,  # so: False without the option, None without a file
        help="run values through the machine's number formats"
        " and compare with float64: tensors from a file, or N(0, 1)",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of random tensors (default: 0)")
    parser.add_argument(
        "--explain", action="store_true", help="say what bounds each op, and which settings would help most"
    )
    parser.add_argument("--quiet", action="store_true", help="print no report and no progress")


def run(chosen: argparse.Namespace) -> None:
    """Run a workload and write what was asked for. Raises `UserError` and `TraceError`."""
    from tandemsim.sim.report.folder import FILES

    require_writable({"--json": chosen.json, "--timeline": chosen.timeline}, chosen.out, FILES)
    if chosen.dump_config:
        _dump(chosen)
        return
    request = _request(chosen)
    from tandemsim.sim.run import simulate

    with progress(chosen.quiet) as callback:
        finished = simulate(request, callback)
    _write(chosen, finished)


def _request(chosen: argparse.Namespace) -> Request:
    from tandemsim.sim.machines.table import machine_for
    from tandemsim.sim.run import Request
    from tandemsim.traces import codec

    file = _file(chosen)
    trace = _trace(chosen)
    name = file.machine if chosen.machine is None else chosen.machine
    preset = file.preset if chosen.preset is None else chosen.preset
    if name is None:
        trace = trace or codec.load(codec.find(chosen.workload))
        name = machine_for(trace, preset)
    return Request(
        workload=chosen.pattern or chosen.workload,
        trace=trace,
        only=chosen.only,
        machine=name,
        preset=preset,
        settings=_settings(chosen, file, family_named(name)),
        batch=chosen.batch,
        bits=chosen.bits,
        functional=chosen.functional is not False,
        tensors=Path(chosen.functional) if isinstance(chosen.functional, str) else None,
        seed=chosen.seed,
        explain=chosen.explain,
    )


def _trace(chosen: argparse.Namespace) -> Trace | None:
    """Return the trace that --pattern or a mix means; None where a workload is named."""
    if (chosen.pattern is None) == (chosen.workload is None):
        excess = f"only one of --pattern and a workload may be given, not also {shown(chosen.workload)}"
        raise ConfigError(excess if chosen.pattern else "a workload is missing: a name, a file or --pattern")
    options = {name: getattr(chosen, name) for name in PATTERN_OPTIONS}
    arguments = {name: value for name, value in options.items() if value is not None}
    if chosen.workload is not None and is_mix(chosen.workload):
        from tandemsim.sim.serving.joint import joint_trace

        return joint_trace(MIXES[chosen.workload])
    if chosen.pattern is not None:
        from tandemsim.sim.pattern_trace import pattern_trace

        return pattern_trace(chosen.pattern, **arguments)
    for name in arguments:
        raise ConfigError(f"{_option(name)} goes with --pattern")
    return None


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _dump(chosen: argparse.Namespace) -> None:
    """Print the config that a run would have; without a machine, of the first."""
    file = _file(chosen)
    family = family_named(file.machine if chosen.machine is None else chosen.machine)
    preset = file.preset if chosen.preset is None else chosen.preset
    preset = family.default_preset if preset is None else preset
    settings = _settings(chosen, file, family)
    config = family.config(preset, settings)
    with standard_output() as out:
        out.write(as_toml(family.name, preset, family.stated(config, settings), config))


def _file(chosen: argparse.Namespace) -> FileSettings:
    return settings_from_file(chosen.config) if chosen.config is not None else NOTHING


def _settings(chosen: argparse.Namespace, file: FileSettings, family: Family) -> dict[str, object]:
    """Return the settings of --config, and on top those of --set."""
    return combined(family, file, chosen.preset, chosen.settings)[1]


def _write(chosen: argparse.Namespace, done: Run) -> None:
    """Write what was asked for, standard output last: a reader that closes the pipe ends the command."""
    outputs = {"json": chosen.json, "timeline": chosen.timeline, "out": chosen.out}
    for what in sorted(outputs, key=lambda what: outputs[what] == STDOUT):
        if outputs[what] is not None:
            _WRITERS[what](outputs[what], done)
    if not chosen.quiet and STDOUT not in (chosen.json, chosen.timeline):
        _print_report(chosen.out, done)


def _write_json(path: str, done: Run) -> None:
    from tandemsim.sim.report.folder import write_json

    write_json(path, done.report)


def _write_timeline(path: str, done: Run) -> None:
    from tandemsim.sim.report.timeline import write_timeline

    write_timeline(path, done.report, done.timeline, done.activity)


def _write_folder(path: str, done: Run) -> None:
    done.save(path)


_WRITERS = {"json": _write_json, "timeline": _write_timeline, "out": _write_folder}


def _print_report(folder: str | None, done: Run) -> None:
    from tandemsim.sim.report.text import print_report, print_text

    with standard_output() as out:
        print_report(done.report, out)
        if folder is not None:
            hint = "open report.html, or timeline.json.gz in ui.perfetto.dev"
            print_text(f"\nwritten to {printable(folder)}: {hint}\n", out)
