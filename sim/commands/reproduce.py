"""``tandem reproduce``: runs our machine for a paper's comparison, and shows the rows."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tandemsim.sim.arch.checks import ConfigError, nearest, require
from tandemsim.sim.shell.command_line import Parser
from tandemsim.sim.shell.files import standard_output, written
from tandemsim.sim.shell.targets import require_writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tandemsim.sim.arch.types import Progress
    from tandemsim.sim.papers.comparison import Ours, Paper
    from tandemsim.sim.papers.cpu_baseline import CpuBaseline
    from tandemsim.sim.report.contract import Report

PAPERS = ("salo", "ant")


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    parser = commands.add_parser(
        "reproduce",
        help="a paper's figures beside ours",
        description="Show a paper's figures, its published cost model and ours, with the reason of each gap.",
    )
    parser.set_defaults(command=run, parser=parser)
    parser.add_argument("paper", metavar="PAPER", help=", ".join(PAPERS))
    parser.add_argument("--json", metavar="FILE|-", help="write the rows as JSON; with - to stdout, alone")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the paper's chart (ant)")
    parser.add_argument("--quiet", action="store_true", help="print no table and no progress")


def paper_named(name: str) -> Paper:
    """Return a paper by its name on the command line; `ConfigError` names the nearest otherwise."""
    if name not in PAPERS:
        raise ConfigError(nearest("paper", name, PAPERS))
    if name == "ant":
        from tandemsim.sim.papers.ant.rows import ANT

        return ANT
    from tandemsim.sim.papers.salo.rows import SALO

    return SALO


def run(chosen: argparse.Namespace) -> None:
    """Compare with a paper and write what was asked for. Raises `UserError`."""
    from tandemsim.sim.commands.progress import progress

    paper = paper_named(chosen.paper)
    if chosen.plot is not None:
        require(chosen.plot.endswith(".png"), "--plot must be a file named .png", chosen.plot)
        require(paper.chart is not None, "--plot must be asked of a paper with a chart", chosen.paper)
    require_writable({"--json": chosen.json, "--plot": chosen.plot})
    with progress(chosen.quiet) as callback:
        reproduce(
            paper,
            chosen.json,
            show=not chosen.quiet and chosen.json != "-",
            progress=callback,
        )
    if paper.chart is not None and chosen.plot is not None:
        draw(paper.chart, chosen.plot)


def draw(chart: Callable[[], Figure], target: str) -> None:
    """Write the paper's chart as a PNG."""
    from tandemsim.sim.report.plot_style import png

    picture = png(chart())
    with written(target) as stream:
        stream.write(picture)


def reproduce(paper: Paper, target: str | None, *, show: bool, progress: Progress | None) -> None:
    """Compare; write the rows as JSON to `target`, and show them as a table if `show`."""
    from tandemsim.sim.papers.comparison import document, print_table
    from tandemsim.sim.papers.cpu_baseline import measure_cpu
    from tandemsim.sim.run import tell_of_compilation

    cpu: CpuBaseline | str = ""
    if paper.measures_cpu:
        if progress:
            progress("this machine's CPU", 0, 1)
        cpu = measure_cpu()
        if progress:
            progress("this machine's CPU", 1, 1)
    tell_of_compilation(progress)
    rows = paper.rows(_runs(paper, progress), cpu)
    if target is not None:
        text = json.dumps(document(paper.title, rows), indent=1, ensure_ascii=False) + "\n"
        with written(target) as stream:
            stream.write(text.encode())
    if show:
        with standard_output() as out:
            print_table(paper.title, rows, out)


def _runs(paper: Paper, progress: Progress | None) -> Ours:
    """Return the function that runs a workload of the comparison on our machine."""
    runs, total = 0, _count_runs(paper)

    def ours(workload: str, preset: str, settings: Mapping[str, str]) -> Mapping[str, float]:
        nonlocal runs
        report = run_one(paper, workload, preset, settings)
        runs += 1
        if progress:
            progress("runs", runs, total)
        return {
            "cycles": report.cycles,
            "compute_cycles": report.compute_cycles,
            "tiles": report.ops[0].tiles,
            "utilization": report.utilization,
            "seconds": report.seconds,
            "energy_pj": report.energy_pj.total,
        }

    return ours


def _count_runs(paper: Paper) -> int:
    """Return how often the rows ask for a run, which they say before anything has run."""
    asked = 0

    def nothing(workload: str, preset: str, settings: Mapping[str, str]) -> Mapping[str, float]:
        nonlocal asked
        asked += 1
        return dict.fromkeys(
            ("cycles", "compute_cycles", "tiles", "utilization", "seconds", "energy_pj"), 1.0
        )

    paper.rows(nothing, "")
    return asked


def run_one(paper: Paper, workload: str, preset: str, settings: Mapping[str, str]) -> Report:
    """Run one of the paper's workloads: one op by itself, or all that the machine runs."""
    from tandemsim.sim.machines.table import machine_named
    from tandemsim.sim.run import Request, simulate
    from tandemsim.traces import codec

    name, place = paper.workloads[workload]
    trace = codec.load(codec.find(name))
    only = None
    if place is not None:
        ops = [op for op in trace.ops if op.kind in machine_named(paper.machine).runs]
        only = f"^{re.escape(ops[place].name)}$"
    request = Request(
        workload=name,
        trace=trace,
        only=only,
        machine=paper.machine,
        preset=preset,
        settings=settings,
    )
    return simulate(request).report
