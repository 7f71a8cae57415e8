"""``tandem reproduce``: runs our machine for a paper's comparison, and shows the rows."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tandemsim.sim.arch.checks import ConfigError, nearest, require
from tandemsim.sim.commands.paper_runs import at_once, chosen, one_by_one
from tandemsim.sim.shell.command_line import RUN_FAULT, Parser, tell_fault
from tandemsim.sim.shell.files import standard_output, written
from tandemsim.sim.shell.targets import require_writable

if TYPE_CHECKING:
    from tandemsim.sim.arch.types import Progress
    from tandemsim.sim.papers.comparison import Ours, Paper, Row
    from tandemsim.sim.papers.cpu_baseline import CpuBaseline
    from tandemsim.sim.papers.veltair.paper import ServedPaper

PAPERS = ("salo", "ant", "veltair")


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
    parser.add_argument("--plot", metavar="FILE.png", help="draw the paper's chart (ant, veltair)")
    parser.add_argument(
        "--only",
        metavar="REGEX",
        help="fill the column of our machine only with runs in whose names, such as resnet18/bitfusion, the"
        " regular expression is found (ant; all take minutes)",
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, help="runs at once of ant and veltair (default: one for each CPU)"
    )
    parser.add_argument("--quick", action="store_true", help="the headline in a minute and a half (veltair)")
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


def run(options: argparse.Namespace) -> None:
    """Compare with a paper and write what was asked for. Raises `UserError`."""
    from tandemsim.sim.commands.progress import progress
    from tandemsim.sim.sweep.point_run import SweepError

    if options.plot is not None:
        require(options.plot.endswith(".png"), "--plot must be a file named .png", options.plot)
    if options.paper == "veltair":
        require(options.only is None, "--only must be asked of ant", options.paper)
        run_served(options)
        return
    require(not options.quick, "--quick must be asked of veltair", options.paper)
    paper = paper_named(options.paper)
    if options.plot is not None:
        require(paper.chart is not None, "--plot must be asked of a paper with a chart", options.paper)
    for option, value in (("--only", options.only), ("--workers", options.workers)):
        rule = f"{option} must be asked of a paper whose runs are long"
        require(value is None or paper.is_long, rule, options.paper)
    require_writable({"--json": options.json, "--plot": options.plot})
    runs = chosen(paper, options.only) if paper.is_long else None
    try:
        with progress(options.quiet, unit="points" if paper.is_long else "") as callback:
            if runs is None:
                ours = one_by_one(paper, callback)
            else:
                ours = at_once(paper, runs, options.workers, callback)
            rows = compared(paper, ours, callback)
    except SweepError as fault:
        tell_fault("tandem", str(fault))
        raise SystemExit(RUN_FAULT) from None
    show(paper.title, rows, options.json, is_shown=not options.quiet and options.json != "-")
    if options.plot is not None:
        draw(paper, rows, options.plot)


def run_served(options: argparse.Namespace) -> None:
    """Compare with VELTAIR. Raises `UserError`."""
    from tandemsim.sim.commands.progress import progress
    from tandemsim.sim.commands.veltair_runs import answers
    from tandemsim.sim.papers.veltair.paper import VELTAIR
    from tandemsim.sim.sweep.point_run import SweepError

    require_writable({"--json": options.json, "--plot": options.plot})
    try:
        with progress(options.quiet, unit="runs") as callback:
            effort = VELTAIR.quick() if options.quick else VELTAIR.whole()
            rows = VELTAIR.rows(answers(effort, options.workers, callback))
    except SweepError as fault:
        tell_fault("tandem", str(fault))
        raise SystemExit(RUN_FAULT) from None
    show(VELTAIR.title, rows, options.json, is_shown=not options.quiet and options.json != "-")
    if options.plot is not None:
        draw(VELTAIR, rows, options.plot)


def draw(paper: Paper | ServedPaper, rows: Sequence[Row], target: str) -> None:
    """Write the paper's chart as a PNG."""
    from tandemsim.sim.report.plot_style import png

    assert paper.chart is not None
    picture = png(paper.chart(rows))
    with written(target) as stream:
        stream.write(picture)


def compared(paper: Paper, ours: Ours, progress: Progress | None) -> list[Row]:
    """Return the rows of a comparison."""
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
    return paper.rows(ours, cpu)


def show(title: str, rows: Sequence[Row], target: str | None, *, is_shown: bool) -> None:
    """Write the rows as JSON to `target`, and show them as a table if `is_shown`."""
    from tandemsim.sim.papers.comparison import document, print_table

    if target is not None:
        text = json.dumps(document(title, rows), indent=1, ensure_ascii=False) + "\n"
        with written(target) as stream:
            stream.write(text.encode())
    if is_shown:
        with standard_output() as out:
            print_table(title, rows, out)
