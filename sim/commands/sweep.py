"""``tandem sweep``: the points of a study, run on this machine or on a cluster, and their Pareto fronts."""

from __future__ import annotations

import argparse
from pathlib import Path

from tandemsim.sim.shell.command_line import RUN_FAULT, Parser, tell_fault
from tandemsim.sim.shell.files import printable, standard_output

RESULTS = Path("build", "results")  # where `make sim` writes too
DESCRIPTION = """\
Run every point of a study: grids, lists and random samples over workloads, machines, presets and config
fields. The same command resumes a sweep that was stopped. docs/sweep.md describes the file."""


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    sweep = commands.add_parser("sweep", help="many runs from one study", description=DESCRIPTION)
    sweep.set_defaults(command=run, parser=sweep)
    sweep.add_argument("study", metavar="STUDY.toml", type=Path, help="which points to run")
    sweep.add_argument("--workers", metavar="N", type=int, help="processes (default: one for each CPU)")
    sweep.add_argument(
        "--cluster",
        metavar="ADDRESS|slurm",
        help="instead of processes of this machine: a Dask scheduler (tcp://host:8786), or jobs of Slurm",
    )
    sweep.add_argument(
        "--point-timeout",
        metavar="S",
        type=float,
        help="give a point up after so many seconds (default: never)",
    )
    sweep.add_argument(
        "--out", metavar="DIR", help=f"folder of the results (default: {RESULTS}/<name of the file>)"
    )
    sweep.add_argument("--quiet", action="store_true", help="print no table and no progress")


def run(chosen: argparse.Namespace) -> None:
    """Run the sweep, and print how it ended and the Pareto front. Raises `UserError`."""
    from tandemsim.sim.commands.progress import progress
    from tandemsim.sim.report.text import print_text
    from tandemsim.sim.sweep.runner import SweepError, sweep
    from tandemsim.sim.sweep.text import result_text

    out = RESULTS / chosen.study.name.removesuffix(".toml") if chosen.out is None else chosen.out
    try:
        with progress(chosen.quiet, unit="points") as callback:
            result = sweep(
                chosen.study,
                workers=chosen.workers,
                cluster=chosen.cluster,
                point_timeout=chosen.point_timeout,
                out=out,
                progress=callback,
            )
    except SweepError as fault:
        tell_fault("tandem", str(fault))
        raise SystemExit(RUN_FAULT) from None
    if not chosen.quiet:
        with standard_output() as stream:
            print_text(result_text(result), stream)
            print_text(f"\nwritten to {printable(out)}: points.parquet; open pareto.html\n", stream)
