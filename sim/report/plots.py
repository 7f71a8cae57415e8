"""The plots of a report: where cycles went (the array's, and each multiplier's), roofline, time, energy.

Each function returns a matplotlib figure; `draw` returns all that a report has the numbers for. Drawn without
pyplot, so nothing touches a display, or the state of a program that uses this as a library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import percent, shortened, title
from tandemsim.sim.report.groups import OpGroup, grouped, longest
from tandemsim.sim.report.plot_energy import energy
from tandemsim.sim.report.plot_roofline import roofline
from tandemsim.sim.report.plot_style import (
    COMPUTE,
    colors,
    drawable,
    engineering,
    grid_of_bars,
    multiplier_colors,
    new_figure,
    set_title,
    style,
)
from tandemsim.sim.report.plot_time import utilization

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BARS = 36  # bars that a page holds; of more groups the longest are shown
NAME_WIDTH = 42  # characters of an op's name beside its bar
SCALES = (10, 20, 50, 100)  # ends of the axis of stalls, %: little looks little
ROOM = 0.8  # of that axis for bars; the rest is for what is written beside them


def draw(report: Report, activity: Activity | None = None) -> dict[str, Figure]:
    """Return the report's figures by the name of their file; those that have nothing to show are left out."""
    with style():
        figures = {
            "cycles": cycles(report) if report.cycles else None,
            "multipliers": multipliers(report) if any(op.multiplier_cycles for op in report.ops) else None,
            "roofline": roofline(report),
            "utilization": utilization(report, activity) if activity is not None and report.cycles else None,
            "energy": energy(report) if report.energy_pj.total else None,
        }
    return {name: figure for name, figure in figures.items() if figure is not None}


def cycles(report: Report) -> Figure:
    """Bars of compute and stall cycles for each op and, beside them, the stalls alone."""
    groups, left_out = bars_of(report)
    figure, (whole, stalls) = new_figure(1.3 + 0.24 * len(groups), 1, 2, sharey=True, width_ratios=(3, 2))
    set_title(figure, f"Where the cycles went: {report.workload} on {report.machine}")
    places = np.arange(len(groups))
    length = np.array([group.cycles for group in groups])
    computing = np.array([sum(op.compute_cycles for op in group.ops) for group in groups])
    whole.barh(places, computing, 0.72, color=COMPUTE, label="compute")
    stalled = np.zeros(len(groups), np.int64)
    for name, color in colors(list(report.stall_cycles)).items():
        stall = np.array([sum(op.stall_cycles.get(name, 0) for op in group.ops) for group in groups])
        if stall.any():
            whole.barh(places, stall, 0.72, left=computing + stalled, color=color, label=title(name))
            stalls.barh(places, 100 * stall / length, 0.72, left=100 * stalled / length, color=color)
        stalled += stall
    _name_bars(whole, groups)
    whole.set_xlabel("cycles" if not left_out else f"cycles; {left_out} shorter ops are not shown")
    whole.xaxis.set_major_formatter(engineering())
    stalls.set_xlabel("stalled, % of cycles")
    stalls.set_xlim(0, _scale((100 * stalled / length).max(initial=0)))
    for place, amount, every in zip(places, stalled.tolist(), length.tolist(), strict=True):
        beside = (100 * amount / every, place)
        stalls.annotate(percent(amount, every), beside, (4, 0), textcoords="offset points", va="center")
    grid_of_bars(whole, stalls)
    figure.legend(loc="outside lower left", ncols=7)  # of the figure: it is wider than the left axes
    return figure


def multipliers(report: Report) -> Figure:
    """A bar of 100 % for each op: what became of the cycles of its multipliers."""
    groups, left_out = bars_of(report)
    figure, (axes,) = new_figure(1.6 + 0.24 * len(groups))
    set_title(figure, f"Where the multipliers' cycles went: {report.workload} on {report.machine}")
    places = np.arange(len(groups))
    whole = np.array([sum(op.cycles * op.multipliers for op in group.ops) for group in groups])
    names = dict.fromkeys(name for op in report.ops for name in op.multiplier_cycles)
    shown = np.zeros(len(groups))
    for name, color in multiplier_colors(list(names), list(report.stall_cycles)).items():
        count = np.array([sum(op.multiplier_cycles.get(name, 0) for op in group.ops) for group in groups])
        if count.any():
            axes.barh(places, 100 * count / whole, 0.72, left=shown, color=color, label=title(name))
        shown += 100 * count / whole
    _name_bars(axes, groups)
    more = f"; {left_out} shorter ops are not shown" if left_out else ""
    axes.set_xlabel(f"% of cycles x multipliers{more}")
    axes.set_xlim(0, 100)
    grid_of_bars(axes)
    figure.legend(loc="outside lower left", ncols=5)
    return figure


def bars_of(report: Report) -> tuple[list[OpGroup], int]:
    """Return what gets a bar (ops that are alike as one), and how many ops do not."""
    groups = [group for group in longest(grouped(report.ops), MAX_BARS) if group.cycles]
    return groups, len(report.ops) - sum(len(group.ops) for group in groups)


def _scale(share: float) -> int:
    """Return the end of an axis on which a bar of `share` percent, and the text beside it, has room."""
    return next((end for end in SCALES if share <= ROOM * end), 125)


def _name_bars(axes: Axes, groups: Sequence[OpGroup]) -> None:
    axes.set_yticks(np.arange(len(groups)), [drawable(_bar_name(group)) for group in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)


def _bar_name(group: OpGroup) -> str:
    if len(group.ops) == 1:
        return shortened(group.name, NAME_WIDTH)
    count = f" (all {len(group.ops)})"
    return shortened(group.name, NAME_WIDTH - len(count)) + count
