"""``tandem serve``: networks that share one CPU, at one load or in search of the highest."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.shell.command_line import RUN_FAULT, Parser, add_config_options, tell_fault
from tandemsim.sim.shell.files import STDOUT, printable, standard_output
from tandemsim.sim.shell.targets import require_writable

if TYPE_CHECKING:
    from tandemsim.sim.capacity.result import ServingResult
    from tandemsim.sim.capacity.study import Study

RESULTS = Path("build", "results")  # where `make sim` writes too
DESCRIPTION = """\
Serve a mix of networks on one CPU. Queries arrive at random; a policy hands out the cores. --load shows what
becomes of them at one load, --search finds the highest load at which enough of them are in time: each policy
with its own best parameters. The same command resumes a search that was stopped. See docs/serving.md."""


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    parser = commands.add_parser(
        "serve", help="networks that share one CPU, under policies", description=DESCRIPTION
    )
    parser.set_defaults(command=run, parser=parser)
    parser.add_argument(
        "mix",
        metavar="MIX",
        help="a name from `tandem list mixes`, or tenants: TRACE[=TARGET_MS[:SHARE]],..., as in"
        " resnet50=15,my_model.json=40",
    )
    parser.add_argument(
        "--policy",
        metavar="A,B",
        required=True,
        help="names from `tandem list policies`; parameters after a colon: veltair:margin=0.8:quantum=8",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--load", metavar="QPS", type=float, help="queries a second")
    what.add_argument("--search", action="store_true", help="find the highest load of each policy")
    parser.add_argument(
        "--qos",
        metavar="SHARE",
        type=float,
        default=0.95,
        help="of the queries must be in time (default: 0.95)",
    )
    parser.add_argument("--queries", metavar="N", type=int, default=6000, help="of each seed (default: 6000)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the queries (default: 0)")
    parser.add_argument("--seeds", metavar="N", type=int, default=5, help="sequences of queries (default: 5)")
    parser.add_argument(
        "--arrivals",
        metavar="poisson|bursty|FILE.csv",
        default="poisson",
        help="how queries arrive (default: poisson); a file has lines of seconds,network, and is its own load"
        " unless another is given",
    )
    parser.add_argument(
        "--as-set",
        action="store_true",
        help="search with the parameters as they are set, and do not tune them first",
    )
    parser.add_argument(
        "--placement",
        metavar="NAME",
        default="aligned",
        help="of threads: aligned (bound to few islands of L3; the default) or scattered",
    )
    add_config_options(parser)
    parser.add_argument("--workers", metavar="N", type=int, help="processes (default: one for each CPU)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write serving.json, serving.html, plots, timelines (default of a search:"
        f" {RESULTS}/serve-MIX-DIGEST)",
    )
    parser.add_argument("--json", metavar="FILE|-", help="write the results as JSON; with - to stdout, alone")
    parser.add_argument("--quiet", action="store_true", help="print no table and no progress")


def run(chosen: argparse.Namespace) -> None:
    """Serve, and write what was asked for. Raises `UserError`."""
    from tandemsim.sim.capacity.folder import FILES, write_folder, write_json
    from tandemsim.sim.capacity.serve import plain, serve
    from tandemsim.sim.commands.progress import progress
    from tandemsim.sim.sweep.point_run import SweepError

    study = study_of(chosen)
    out = chosen.out
    if out is None and study.load is None:
        text = json.dumps(plain(study), sort_keys=True)
        name = "mix" if "=" in study.mix.name or "," in study.mix.name else study.mix.name
        out = str(RESULTS / f"serve-{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    require_writable({"--json": chosen.json}, out, FILES)
    warn_of_workers(chosen.workers)
    try:
        with progress(chosen.quiet, unit="runs") as callback:
            result = serve(
                study,
                workers=chosen.workers,
                out=out if study.load is None else None,
                progress=callback,
            )
            if out is not None:
                write_folder(out, result, callback)
    except SweepError as fault:
        tell_fault("tandem", str(fault))
        raise SystemExit(RUN_FAULT) from None
    if chosen.json is not None:
        write_json(chosen.json, result)
    if not chosen.quiet and chosen.json != STDOUT:
        show(result, out)


def study_of(chosen: argparse.Namespace) -> Study:
    """Return the study that the options ask for. Raises `ConfigError`."""
    from tandemsim.sim.arch.cpu.family import CPU_FAMILY
    from tandemsim.sim.capacity.study import Study
    from tandemsim.sim.capacity.variants import variants_named
    from tandemsim.sim.serving.mixes import mix_named
    from tandemsim.sim.shell.settings_files import NOTHING, combined, settings_from_file

    file = NOTHING if chosen.config is None else settings_from_file(chosen.config)
    if file.machine not in (None, CPU_FAMILY.name):
        raise ConfigError(f"--config must be of the machine {CPU_FAMILY.name}, not of {file.machine}")
    preset, settings = combined(CPU_FAMILY, file, chosen.preset, chosen.settings)
    mix = mix_named(chosen.mix)
    load = chosen.load
    if load is None and not chosen.search:
        load = load_of_file(chosen.arrivals, [tenant.name for tenant in mix.tenants])
    return Study(
        mix=mix,
        policies=tuple(variants_named(chosen.policy)),
        load=load,
        in_time=chosen.qos,
        queries=chosen.queries,
        seed=chosen.seed,
        seeds=chosen.seeds,
        arrivals=chosen.arrivals,
        tunes=not chosen.as_set,
        preset=preset,
        settings=settings,
        placement=chosen.placement,
    )


def load_of_file(arrivals: str, names: list[str]) -> float:
    """Return the load of a file of queries, where neither --load nor --search is given."""
    from tandemsim.sim.capacity.point_run import BURSTY, POISSON
    from tandemsim.sim.serving.queries import replayed

    if arrivals in (POISSON, BURSTY):
        raise ConfigError("serve needs --load QPS or --search")
    return replayed(Path(arrivals), names)[1]


def warn_of_workers(workers: int | None) -> None:
    """Say on stderr that more processes than CPUs share them."""
    from tandemsim.sim.sweep.runner import cpus

    there = cpus()
    if workers is not None and workers > there and sys.stderr:
        share = f"{workers} workers share {there} {'CPU' if there == 1 else 'CPUs'}"
        print(f"tandem: warning: {share}; more of them than CPUs gain nothing", file=sys.stderr)


def show(result: ServingResult, folder: str | None) -> None:
    """Print the table."""
    from tandemsim.sim.capacity.text import result_text
    from tandemsim.sim.report.text import print_text

    with standard_output() as out:
        print_text(result_text(result), out)
        if folder is not None:
            hint = "open serving.html, or a timeline in ui.perfetto.dev"
            print_text(f"\nwritten to {printable(folder)}: {hint}\n", out)
