"""``tandem calibrate``: this machine measured as a CPU, or the CPU's model beside measured layers."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandemsim.sim.arch.checks import require
from tandemsim.sim.shell.command_line import Parser
from tandemsim.sim.shell.files import refusals, standard_output, written
from tandemsim.sim.shell.targets import require_writable

if TYPE_CHECKING:
    from tandemsim.sim.arch.cpu.config import CpuConfig
    from tandemsim.sim.cpu.layer_profile import MeasuredLayer

PUBLISHED = "veltair"  # the name of the profile that is in the tree
SPLITS, SEED = 20, 1
FEWEST_SHAPES = 8  # that are split into halves
TOLERANCE = 0.2  # of repeats, where --tolerance does not say


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to those of `tandem`."""
    parser = commands.add_parser(
        "calibrate",
        help="measure this machine as a CPU, or hold the CPU's model to measured layers",
        description="Measure this machine and write the preset this-machine; with --profile, show how far the"
        " model of a CPU is from measured layers.",
    )
    parser.set_defaults(command=run, parser=parser)
    parser.add_argument(
        "--profile",
        metavar="FILE.csv",
        help=f"times of layers by cores; {PUBLISHED}: the published one of ResNet-50",
    )
    parser.add_argument("--preset", metavar="NAME", help="the CPU that is held to the profile")
    parser.add_argument("--plot", metavar="FILE.png", help="draw a dot a layer (with --profile)")
    parser.add_argument("--json", metavar="FILE|-", help="write the figures as JSON; with - to stdout, alone")
    parser.add_argument("--out", metavar="FILE.json", help="where to write what was measured here")
    parser.add_argument(
        "--tolerance",
        metavar="SHARE",
        type=float,
        default=TOLERANCE,
        help=f"by which repeats may differ (default: {TOLERANCE})",
    )
    parser.add_argument("--quiet", action="store_true", help="print no table and no progress")


def run(options: argparse.Namespace) -> None:
    """Measure, or compare. Raises `UserError`."""
    rule = "--plot must be asked of a profile; give --profile"
    require(options.plot is None or options.profile is not None, rule, options.plot)
    require(options.plot is None or options.plot.endswith(".png"), "--plot must be a .png file", options.plot)
    require(options.tolerance > 0, "--tolerance must be a positive number", options.tolerance)
    if options.profile is None:
        measure_here(options)
    else:
        compare(options)


def measure_here(options: argparse.Namespace) -> None:
    """Measure this machine, and write the preset. Raises `ConfigError` where repeats differ too much."""
    from tandemsim.sim.arch.cpu.presets import THREADRIPPER_3990X
    from tandemsim.sim.arch.cpu.this_machine import SCHEMA, measured_path, with_measured
    from tandemsim.sim.commands.progress import progress
    from tandemsim.sim.cpu.measure import document, measure, require_steady, settings_of

    target = Path(options.out) if options.out else measured_path()
    require_writable({"--out": options.out, "--json": options.json})
    with progress(options.quiet) as callback:
        every = measure(lambda name: callback(f"measuring the {name}", 0, 1) if callback else None)
    require_steady(every, options.tolerance)
    settings = settings_of(every, THREADRIPPER_3990X.rates.whole_rows)
    with_measured(THREADRIPPER_3990X, settings)  # raises for what no config can have
    text = json.dumps(document(every, settings, SCHEMA), indent=1) + "\n"
    if options.out is None:
        with refusals(target):
            target.parent.mkdir(parents=True, exist_ok=True)
    with written(target) as stream:
        stream.write(text.encode())
    if options.json is not None:
        with written(options.json) as stream:
            stream.write(text.encode())
    if not options.quiet and options.json != "-":
        with standard_output() as out:
            for one in every:
                print(f"{one.name:28} {one.value:.3g} {one.unit}, repeats within {one.spread:.0%}", file=out)
            print(f"written to {target}: --preset this-machine", file=out)


def compare(options: argparse.Namespace) -> None:
    """Hold a CPU's model to measured layers, and show the two-constant fit beside it."""
    from tandemsim.sim.arch.cpu.family import CPU_FAMILY
    from tandemsim.sim.cpu.layer_profile import VELTAIR, read_profile

    path = VELTAIR if options.profile == PUBLISHED else Path(options.profile)
    config = CPU_FAMILY.config(options.preset, {})
    layers = read_profile(path)
    require_writable({"--json": options.json, "--plot": options.plot})
    found = figures(layers, config)
    if options.json is not None:
        with written(options.json) as stream:
            stream.write((json.dumps(found, indent=1) + "\n").encode())
    if not options.quiet and options.json != "-":
        with standard_output() as out:
            print("\n".join(lines(found)), file=out)
    if options.plot is not None:
        from tandemsim.sim.commands.calibration_chart import chart
        from tandemsim.sim.report.plot_style import png

        with written(options.plot) as stream:
            stream.write(png(chart(layers, cores_of(layers, config), config, SEED)))


def cores_of(layers: list[MeasuredLayer], config: CpuConfig) -> list[int]:
    """Return the numbers of cores that are compared: those of the profile, less all cores of the machine."""
    return [count for count in layers[0].seconds if count < config.cores]


def figures(layers: list[MeasuredLayer], config: CpuConfig) -> dict[str, Any]:
    """Return how far the preset, refits on half of the shapes, and two constants are from a profile."""
    from tandemsim.sim.cpu.calibration import fidelity, fitted, held_out, predictor, two_constants

    cores = cores_of(layers, config)
    require(
        bool(cores), f"a profile must have times at fewer than {config.cores} cores", [*layers[0].seconds]
    )
    shapes = len({layer.shape for layer in layers})
    ours, others = (fidelity(layers, cores, each) for each in (predictor(config), two_constants))
    found: dict[str, Any] = {
        "schema": "tandem-calibration/1",
        "layers": len(layers),
        "shapes": shapes,
        "model": {"median_error": ours.median, "totals": {str(k): v for k, v in ours.totals.items()}},
        "two_constants": {
            "median_error": others.median,
            "totals": {str(k): v for k, v in others.totals.items()},
        },
    }
    if shapes >= FEWEST_SHAPES:
        fit = fitted(layers, cores, config)
        seen, plain = held_out(layers, cores, config, splits=SPLITS, seed=SEED)
        found["held_out"] = {
            "splits": SPLITS,
            "median_error": sum(seen) / len(seen),
            "worst": max(seen),
            "two_constants": sum(plain) / len(plain),
        }
        found["fit"] = {
            "team.thread_seconds": fit.team.thread_seconds,
            **{f"rates.{name}": getattr(fit.rates, name) for name in ("efficiency", "whole_rows", "strided")},
        }
    return found


def lines(found: dict[str, Any]) -> list[str]:
    """Return the figures as a table."""
    model, plain = found["model"], found["two_constants"]
    rows = [
        ("", "model", "two constants"),
        ("median error of a layer", f"{model['median_error']:.1%}", f"{plain['median_error']:.1%}"),
    ]
    if "held_out" in found:
        apart = found["held_out"]
        title = f"of shapes not fitted, {apart['splits']} splits"
        rows.append((title, f"{apart['median_error']:.1%}", f"{apart['two_constants']:.1%}"))
    for count, ratio in model["totals"].items():
        other = plain["totals"][count]
        rows.append((f"all layers, {count} cores", f"{ratio - 1:+.1%}", f"{other - 1:+.1%}"))
    text = [f"{found['layers']} layers of {found['shapes']} shapes: model over measured time"]
    text += [f"  {name:36}{ours:>8}{others:>16}" for name, ours, others in rows]
    if "fit" in found:
        best = " ".join(f"{name}={value:.4g}" for name, value in found["fit"].items())
        text.append(f"best fit: {best}")
    return text
