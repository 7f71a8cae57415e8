"""Runs of our machine for a paper's comparison: one after the other, or long ones at once, as a sweep."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tandemsim.sim.arch.checks import ConfigError

if TYPE_CHECKING:
    from tandemsim.sim.arch.types import Progress
    from tandemsim.sim.papers.comparison import Ours, Paper
    from tandemsim.sim.report.contract import Report

FIGURES = ("cycles", "compute_cycles", "tiles", "utilization", "seconds", "energy_pj")


@dataclass(frozen=True, slots=True)
class Asked:
    """One run that the rows of a paper ask for."""

    workload: str
    preset: str
    settings: tuple[tuple[str, str], ...]
    bits: str | None
    batch: int

    @property
    def name(self) -> str:
        """What ``--only`` is looked for in: ``resnet18/bitfusion``."""
        return f"{self.workload}/{self.preset}"

    def point(self, paper: Paper) -> dict[str, Any]:
        """Return the run as a point of a sweep."""
        trace = paper.workloads[self.workload][0]
        what = {"workload": trace, "machine": paper.machine, "preset": self.preset}
        bits = {} if self.bits is None else {"bits": self.bits}
        return {**what, **bits, "batch": self.batch, **dict(self.settings)}


def asked(paper: Paper) -> list[Asked]:
    """Return the runs that the rows ask for, which they say before anything has run."""
    found: list[Asked] = []

    def nothing(
        workload: str, preset: str, settings: Mapping[str, str], bits: str | None = None, batch: int = 1
    ) -> Mapping[str, float]:
        found.append(Asked(workload, preset, tuple(settings.items()), bits, batch))
        return dict.fromkeys(FIGURES, 1.0)

    paper.rows(nothing, "")
    return found


def one_by_one(paper: Paper, progress: Progress | None) -> Ours:
    """Return the function that runs a workload of the comparison on our machine."""
    runs, total = 0, len(asked(paper))

    def ours(
        workload: str, preset: str, settings: Mapping[str, str], bits: str | None = None, batch: int = 1
    ) -> Mapping[str, float]:
        nonlocal runs
        report = run_one(paper, workload, preset, settings, bits, batch)
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


def run_one(
    paper: Paper,
    workload: str,
    preset: str,
    settings: Mapping[str, str],
    bits: str | None = None,
    batch: int = 1,
) -> Report:
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
        bits=bits,
        batch=batch,
    )
    return simulate(request).report


def chosen(paper: Paper, only: str | None) -> list[Asked]:
    """Return the runs in whose names a regular expression is found, all of them if None.

    Raises `ConfigError` for another text, and for one that is found nowhere.
    """
    runs = asked(paper)
    if only is None:
        return runs
    try:
        found = [run for run in runs if re.search(only, run.name)]
    except re.error as error:
        raise ConfigError(f"--only must be a regular expression: {error}, not {only!r}") from None
    if not found:
        raise ConfigError(f"--only must be found in a run, such as {runs[0].name}, not {only!r}")
    return found


def at_once(paper: Paper, runs: Sequence[Asked], workers: int | None, progress: Progress | None) -> Ours:
    """Make runs in several processes (None: one for each CPU); return what gives their figures.

    What was not run has no figures. Raises `SweepError` for a run that did not end well.
    """
    from tandemsim.sim.sweep.runner import SweepError, sweep

    points = {tuple(run.point(paper).items()): run.point(paper) for run in runs}
    table = sweep({"list": list(points.values())}, workers=workers, progress=progress).table
    figures: dict[tuple[tuple[str, Any], ...], Mapping[str, float]] = {}
    for point, row in zip(points, table.to_pylist(), strict=True):
        if row["status"] != "ok":
            raise SweepError(f"{dict(point)}: {row['reason']}")
        figures[point] = {name: row[name] for name in FIGURES if name in row}
    known = {run: figures[tuple(run.point(paper).items())] for run in runs}

    def ours(
        workload: str, preset: str, settings: Mapping[str, str], bits: str | None = None, batch: int = 1
    ) -> Mapping[str, float]:
        return known.get(Asked(workload, preset, tuple(settings.items()), bits, batch), {})

    return ours
