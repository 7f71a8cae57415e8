"""The command line: ``python -m sim``, or ``tandem``. Obeys docs/design.md, "The commands".

Wrong input is one line on stderr and exit code 2; a fault inside a run is exit code 1. Results go to stdout,
progress and messages to stderr. Heavy libraries are imported by the command that needs them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sim import __version__
from sim.arch.checks import ConfigError, UserError, nearest, settings_from_arguments, settings_from_toml
from traces.errors import TraceError

if TYPE_CHECKING:
    from sim.run import Progress, Request, Run

EXAMPLES = """\
examples:
  tandem run longformer                                  Longformer's attention on SALO, as text
  tandem run vil-medium-wide --out build/vil             and report.html, plots, Parquet, timeline
  tandem run longformer --preset salo-dac22 --json -     the published machine, as JSON alone
  tandem run longformer --set rows=16 --set dram.channels=2 --set memory=hbm2
  tandem run my_model.json --functional my_tensors.npz   values through the fixed-point array
  tandem list presets
  tandem reproduce salo                                  paper | published cost model | ours
"""
RESULT_FAULT = 1
USER_FAULT = 2


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USER_FAULT, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        code: int = chosen.command(chosen)
    except (UserError, TraceError) as error:
        print(f"tandem: {error}", file=sys.stderr)
        return USER_FAULT
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has gone: not an error, and nothing is left to say
        return 0
    except KeyboardInterrupt:
        print("tandem: stopped", file=sys.stderr)
        return RESULT_FAULT
    return code


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tandem",
        description="Cycle-level simulator of DNN hardware whose circuit ships with it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tandemsim {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_list(commands)
    _add_reproduce(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[Parser]) -> None:
    run = commands.add_parser(
        "run", help="run a workload on a machine", description="Run a workload on a machine."
    )
    run.set_defaults(command=_run)
    run.add_argument(
        "workload", metavar="WORKLOAD|TRACE.json", help="a name from `tandem list workloads`, or a file"
    )
    run.add_argument("--machine", metavar="NAME", help="default: the machine for what the trace holds")
    run.add_argument(
        "--preset", metavar="NAME", help="default: the machine's first; see `tandem list presets`"
    )
    run.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="set a config field, dotted"
        " (array.rows=16) or by short name (rows, cols, memory, numerics, schedule); may be repeated",
    )
    run.add_argument(
        "--config", metavar="FILE.toml", type=Path, help="config fields as TOML; --set goes before it"
    )
    run.add_argument("--batch", metavar="N", type=int, default=1, help="inputs at once (default: 1)")
    run.add_argument(
        "--out", metavar="DIR", help="write report.json, report.html, plots, ops.parquet, timeline.json.gz"
    )
    run.add_argument("--json", metavar="FILE|-", help="write the report as JSON; with - to stdout, alone")
    run.add_argument(
        "--timeline", metavar="FILE", help="write the timeline (.json or .json.gz; opens in Perfetto)"
    )
    run.add_argument(
        "--functional",
        metavar="FILE.npz",
        nargs="?",
        const="",
        help="run values through the machine's number formats"
        " and compare with float64: Q, K, V from a file, or N(0, 1)",
    )
    run.add_argument("--seed", metavar="N", type=int, default=0, help="of random tensors (default: 0)")
    run.add_argument("--quiet", action="store_true", help="print no report and no progress")


def _add_list(commands: argparse._SubParsersAction[Parser]) -> None:
    listing = commands.add_parser(
        "list", help="what there is to run, and on what", description="Say what there is."
    )
    listing.set_defaults(command=_list)
    listing.add_argument("what", nargs="?", metavar="machines|presets|workloads", help="default: all three")


def _add_reproduce(commands: argparse._SubParsersAction[Parser]) -> None:
    reproduce = commands.add_parser(
        "reproduce",
        help="a paper's figures beside ours",
        description="Show a paper's figures, its published cost model and ours, with the reason of each gap.",
    )
    reproduce.set_defaults(command=_reproduce)
    reproduce.add_argument("paper", metavar="PAPER", help="salo")
    reproduce.add_argument("--json", metavar="FILE|-", help="write the rows as JSON; with - to stdout, alone")
    reproduce.add_argument("--quiet", action="store_true", help="print no table and no progress")


def _run(chosen: argparse.Namespace) -> int:
    from sim.files import require_writable_file, require_writable_folder

    for target in (chosen.json, chosen.timeline):
        if target:
            require_writable_file(target)
    if chosen.out:
        require_writable_folder(chosen.out)
    request = _request(chosen)
    from sim.run import simulate

    with _progress(chosen.quiet) as progress:
        done = simulate(request, progress)
    _write(chosen, done)
    return 0


def _request(chosen: argparse.Namespace) -> Request:
    from sim.run import Request

    settings: dict[str, object] = {**settings_from_toml(chosen.config)} if chosen.config else {}
    settings |= settings_from_arguments(chosen.settings)
    return Request(
        workload=chosen.workload,
        machine=chosen.machine,
        preset=chosen.preset,
        settings=settings,
        batch=chosen.batch,
        functional=chosen.functional is not None,
        tensors=Path(chosen.functional) if chosen.functional else None,
        seed=chosen.seed,
    )


def _write(chosen: argparse.Namespace, done: Run) -> None:
    """Write what was asked for; the text last, so that it can say what was written."""
    if chosen.json:
        from sim.report_folder import write_json

        write_json(chosen.json, done.report)
    if chosen.timeline:
        from sim.timeline import write_timeline

        write_timeline(chosen.timeline, done.report, done.timeline, done.activity)
    if chosen.out:
        from sim.report_folder import write_folder

        write_folder(chosen.out, done.report, done.timeline, done.activity)
    if not chosen.quiet and chosen.json != "-":
        from sim.report_text import print_report

        print_report(done.report, sys.stdout)
        if chosen.out:
            print(f"\nwritten to {chosen.out}: open report.html, or timeline.json.gz in ui.perfetto.dev")


def _list(chosen: argparse.Namespace) -> int:
    from sim.machines import MACHINES, PRESET_LINES

    sections = {
        "machines": {name: machine.line for name, machine in MACHINES.items()},
        "presets": {
            name: f"{machine.name}: {PRESET_LINES[name]}"
            for machine in MACHINES.values()
            for name in machine.presets
        },
        "workloads": _workload_lines(),
    }
    if chosen.what and chosen.what not in sections:
        raise ConfigError(nearest("list", chosen.what, sections))
    for title in [chosen.what] if chosen.what else sections:
        if not chosen.what:
            print(f"{title}:")
        width = max(len(name) for name in sections[title])
        for name, line in sections[title].items():
            print(f"  {name:<{width}}  {line}")
    return 0


def _workload_lines() -> dict[str, str]:
    from traces import codec

    lines = {}
    for name in codec.names():
        trace = codec.load(codec.find(name))
        lengths = [op.dim("seq_len") for op in trace.ops if op.kind == "window_attention"]
        windows = f", {len(lengths)} window attentions of up to {max(lengths)} tokens" if lengths else ""
        lines[name] = f"{len(trace.ops)} ops, {trace.macs / 1e9:.1f} GMAC{windows}"
    return lines


def _reproduce(chosen: argparse.Namespace) -> int:
    from sim.files import require_writable_file
    from sim.reproduce_command import PAPERS, reproduce

    if chosen.paper not in PAPERS:
        raise ConfigError(nearest("paper", chosen.paper, PAPERS))
    if chosen.json:
        require_writable_file(chosen.json)
    with _progress(chosen.quiet) as progress:
        reproduce(chosen.paper, chosen.json, show=not chosen.quiet and chosen.json != "-", progress=progress)
    return 0


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress | None]:
    """Yield a progress callback that draws bars on a terminal's stderr, or None."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)  # type: ignore[arg-type]

        yield advance


if __name__ == "__main__":
    sys.exit(main())
