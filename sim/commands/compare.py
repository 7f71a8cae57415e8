"""``tandem compare``: runs every combination of what is given, and shows the runs side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tandemsim.sim.arch.types import Progress
    from tandemsim.sim.commands.combinations import Combination
    from tandemsim.sim.comparison.comparison import Comparison
    from tandemsim.sim.report.contract import Report
    from tandemsim.sim.shell.command_line import Parser

RUNS = "runs"  # the bar of a terminal that counts them


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    compare = commands.add_parser(
        "compare",
        help="runs side by side",
        description="Run workloads on machines, presets and settings, each with each, and compare the runs.",
    )
    compare.set_defaults(command=run, parser=compare)
    compare.add_argument(
        "workloads", metavar="WORKLOAD", nargs="+", help="names from `tandem list workloads`, or files"
    )
    compare.add_argument(
        "--machines", metavar="A,B,C", help="default: for each workload the machine for what it holds"
    )
    compare.add_argument("--presets", metavar="A,B", help="default: the machine's first")
    compare.add_argument(
        "--configs",
        metavar="A.toml,B.toml",
        help="files as `tandem run --config` takes them: TOML or reports",
    )
    compare.add_argument(
        "--vary",
        metavar="KEY=V1,V2",
        action="append",
        default=[],
        help="values of a config field, as `tandem run --set` takes them; may be repeated: each with each."
        " A single value holds for all runs",
    )
    compare.add_argument(
        "--bits", metavar="A,B", help="operand widths, as `tandem run --bits` takes them (default: by preset)"
    )
    compare.add_argument(
        "--batch", metavar="N", type=int, default=1, help="inputs at once, of all runs (default: 1)"
    )
    compare.add_argument(
        "--out", metavar="DIR", help="write comparison.json, comparison.html, comparison.parquet, plots"
    )
    compare.add_argument(
        "--json", metavar="FILE|-", help="write the comparison as JSON; with - to stdout, alone"
    )
    compare.add_argument("--quiet", action="store_true", help="print no table and no progress")


def run(chosen: argparse.Namespace) -> None:
    """Compare, and write what was asked for. Raises `UserError` and `TraceError`."""
    from tandemsim.sim.commands.combinations import Lists, combinations, listed, once, varied
    from tandemsim.sim.commands.progress import progress
    from tandemsim.sim.comparison.comparison import compare
    from tandemsim.sim.comparison.folder import FILES
    from tandemsim.sim.comparison.labels import numbered
    from tandemsim.sim.comparison.runs import MAX_RUNS
    from tandemsim.sim.shell.targets import require_writable

    require_writable({"--json": chosen.json}, chosen.out, FILES)
    lists = Lists(
        workloads=once("the list of workloads", chosen.workloads),
        machines=listed("--machines", chosen.machines),
        presets=listed("--presets", chosen.presets),
        configs=listed("--configs", chosen.configs),
        vary=tuple(varied(chosen.vary)),
        bits=listed("--bits", chosen.bits),
        batch=chosen.batch,
    )
    planned = combinations(lists, MAX_RUNS)
    with progress(chosen.quiet) as callback:
        reports = list(_simulated(planned, callback))
    labels = [combination.label for combination in planned]
    told_apart = numbered(labels, [report.workload for report in reports])  # files may have one name
    _write(chosen, compare(reports, told_apart if all(labels) else None))


def _simulated(planned: list[Combination], progress: Progress | None) -> Iterator[Report]:
    """Yield the report of each combination."""
    from tandemsim.sim.arch.checks import ConfigError, UserError
    from tandemsim.sim.run import simulate

    for done, combination in enumerate(planned):
        if progress:
            progress(RUNS, done, len(planned))
        try:
            yield simulate(combination.request, progress).report
        except UserError as error:
            raise ConfigError(f"{combination.name}: {error}") from error


def _write(chosen: argparse.Namespace, comparison: Comparison) -> None:
    """Write what was asked for, standard output last: a reader that closes the pipe ends the command."""
    from tandemsim.sim.comparison.folder import write_json
    from tandemsim.sim.shell.files import STDOUT

    if chosen.out is not None:
        comparison.save(chosen.out)
    if chosen.json is not None:
        write_json(chosen.json, comparison.runs)
    if not chosen.quiet and chosen.json != STDOUT:
        _print(chosen.out, comparison)


def _print(folder: str | None, comparison: Comparison) -> None:
    import shutil

    from tandemsim.sim.report.text import MAX_WIDTH, print_text
    from tandemsim.sim.shell.files import printable, standard_output

    with standard_output() as out:
        print_text(comparison.table(shutil.get_terminal_size((MAX_WIDTH, 0)).columns), out)
        if folder is not None:
            print_text(f"\nwritten to {printable(folder)}: open comparison.html\n", out)
