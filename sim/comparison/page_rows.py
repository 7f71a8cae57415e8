"""The table of one group on the page: a row for each figure, a column for each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tandemsim.sim.comparison.metrics import (
    AREA,
    CYCLES,
    DRAM,
    ENERGY,
    SECONDS,
    STALLED,
    UTILIZATION,
    Metric,
    causes,
    stall_metric,
)
from tandemsim.sim.comparison.runs import Group, Runs
from tandemsim.sim.comparison.words import SPEEDUP, factor
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import PJ, si, title
from tandemsim.sim.report.glossary import cycles_word, energy_word, word


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure."""

    text: str
    best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of each run. `part` rows are parts of the row above them."""

    name: str
    meaning: str
    cells: tuple[Cell, ...]
    part: bool = False


def figures_of(runs: Runs, group: Group) -> Iterator[Row]:
    """Yield the rows from top to bottom."""
    reports = [runs.reports[place] for place in group.runs]
    yield _measured(runs, group, CYCLES)
    yield _measured(runs, group, SECONDS)
    if len(reports) > 1:
        yield Row(
            "speedup", f"Speedup: {SPEEDUP}.", tuple(Cell(_speedup(runs, group, p)) for p in group.runs)
        )
    yield _measured(runs, group, UTILIZATION)
    yield _measured(runs, group, STALLED)
    for cause in causes(reports):
        if any(report.stall_cycles.get(cause) for report in reports):
            yield _measured(runs, group, stall_metric(cause), cycles_word(cause).meaning, part=True)
    yield _measured(runs, group, DRAM)
    yield _plain(
        "read", word("DRAM", "read_bytes").meaning, reports, lambda run: si(run.dram.read_bytes, "B")
    )
    yield _plain(
        "written", word("DRAM", "write_bytes").meaning, reports, lambda run: si(run.dram.write_bytes, "B")
    )
    yield _measured(runs, group, ENERGY)
    for part in reports[0].energy_pj.parts:
        yield _plain(title(part), energy_word(part).meaning, reports, _energy_of(part))
    power = word("run", "power_w").meaning
    yield _plain("power", power, reports, lambda run: si(run.power_w, "W"), part=False)
    yield _measured(runs, group, AREA)


def _measured(runs: Runs, group: Group, metric: Metric, meaning: str = "", part: bool = False) -> Row:
    best = runs.best(metric)
    cells = []
    for place in group.runs:
        value = metric.value(runs.reports[place])
        cells.append(Cell("—" if value is None else metric.shown(value), place in best))
    return Row(metric.title, meaning or word("run", metric.word).meaning, tuple(cells), part)


def _plain(
    name: str, meaning: str, reports: Sequence[Report], shown: Callable[[Report], str], part: bool = True
) -> Row:
    return Row(name, meaning, tuple(Cell(shown(report)) for report in reports), part)


def _energy_of(part: str) -> Callable[[Report], str]:
    return lambda report: si(report.energy_pj.parts[part] * PJ, "J")


def _speedup(runs: Runs, group: Group, place: int) -> str:
    ratio = runs.ratio_or_none(SECONDS.key, group.runs[0], place)
    return "—" if ratio is None else factor(ratio)
