"""The plots of a comparison: where the cycles and where the energy went, a bar for each run.

Runs of different scope have axes of their own, so that no eye measures one against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tandemsim.sim.comparison.metrics import causes
from tandemsim.sim.comparison.runs import Group, Runs
from tandemsim.sim.comparison.words import heading
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import PJ, shortened, si, title
from tandemsim.sim.report.plot_style import (
    COMPUTE,
    STALLS,
    colors,
    drawable,
    engineering,
    grid_of_bars,
    new_figure,
    set_title,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME_WIDTH = 42  # characters of a label beside its bar
BAR = 0.27  # inches that a bar takes
AROUND = 0.62  # inches that axes take beside their bars
ROOM = 1.16  # of the axis for bars; the rest is for the figure beside the longest

Parts = Mapping[str, float]
PartsOf = Callable[[Report], Parts]


def draw(runs: Runs) -> dict[str, Figure]:
    """Return the figures by the name of their file; those that have nothing to show are left out."""
    stall_colors = {"compute": COMPUTE, **colors(causes(runs.reports))}
    parts = list(runs.reports[0].energy_pj.parts)
    energy_colors = dict(zip(parts, (COMPUTE, *STALLS), strict=False))
    with style():
        figures = {
            "cycles": _bars(
                runs, "Where the cycles went", _cycles, stall_colors, "cycles", lambda n: f"{n:,.0f}"
            ),
            "energy": _bars(runs, "Where the energy went", _energy, energy_colors, "J", lambda n: si(n, "J")),
        }
    return {name: figure for name, figure in figures.items() if figure is not None}


def _cycles(report: Report) -> Parts:
    return {"compute": report.compute_cycles, **report.stall_cycles}


def _energy(report: Report) -> Parts:
    return {part: spent * PJ for part, spent in report.energy_pj.parts.items()}


def _bars(
    runs: Runs,
    said: str,
    parts_of: PartsOf,
    color_of: Mapping[str, str],
    unit: str,
    shown: Callable[[float], str],
) -> Figure | None:
    """Stacked bars, axes for each group of runs; None where no run has anything to stack."""
    if not any(sum(parts_of(report).values()) for report in runs.reports):
        return None
    bars = [len(group.runs) for group in runs.groups]
    height = 0.9 + AROUND * len(bars) + BAR * sum(bars)
    figure, every = new_figure(height, len(bars), 1, height_ratios=bars)  # all bars equally thick
    set_title(figure, f"{said}: {heading(runs)}")
    drawn: set[str] = set()
    for axes, group in zip(every, runs.groups, strict=True):
        drawn |= _group(axes, runs, group, parts_of, color_of, shown)
        axes.xaxis.set_major_formatter(engineering("" if unit == "cycles" else unit))
        axes.set_title(drawable(_title(runs, group)))
        grid_of_bars(axes)
    every[-1].set_xlabel(unit if unit == "cycles" else "energy")
    from matplotlib.patches import Patch

    patches = [Patch(color=color, label=title(name)) for name, color in color_of.items() if name in drawn]
    figure.legend(handles=patches, loc="outside lower left", ncols=7)
    return figure


def _group(
    axes: Axes,
    runs: Runs,
    group: Group,
    parts_of: PartsOf,
    color_of: Mapping[str, str],
    shown: Callable[[float], str],
) -> set[str]:
    """Draw the bars of one group; return the parts that are not nothing."""
    found = [parts_of(runs.reports[place]) for place in group.runs]
    places = np.arange(len(found))
    left = np.zeros(len(found))
    drawn = set()
    for name, color in color_of.items():
        amounts = np.array([parts.get(name, 0) for parts in found], float)
        if amounts.any():
            axes.barh(places, amounts, 0.7, left=left, color=color)
            drawn.add(name)
        left += amounts
    for place, total in zip(places, left, strict=True):
        axes.annotate(shown(total), (total, place), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [drawable(shortened(runs.labels[place], NAME_WIDTH)) for place in group.runs])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, ROOM * (left.max() or 1))
    return drawn


def _title(runs: Runs, group: Group) -> str:
    """The workload, where there is more than one group, and its share where it has several."""
    if len(runs.groups) == 1:
        return ""
    report = runs.reports[group.runs[0]]
    several = any(group in section.groups and len(section.groups) > 1 for section in runs.sections)
    share = f", {100 * report.macs_share:.1f} % of its MACs" if several else ""
    return f"{report.workload}{share}"
