"""The plots of a report: where the cycles went, roofline, utilization over time, energy.

Each function returns a matplotlib figure; `draw` returns all that a report has the numbers for. Drawn without
pyplot, so nothing touches a display, or the state of a program that uses this as a library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.plot_roofline import roofline
from sim.plot_style import COMPUTE, MUTED, colours, engineering, new_figure, set_title, style
from sim.report import Report
from sim.report_format import PJ, exact, percent, shortened, si, title
from sim.report_groups import OpGroup, grouped, longest
from sim.report_rules import ratio
from sim.timeline import Activity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BARS = 36  # bars that a page holds; networks with more ops show groups, or the longest of them
NAME_WIDTH = 42  # characters of an op's name beside its bar


def draw(report: Report, activity: Activity | None = None) -> dict[str, Figure]:
    """Return the report's figures by the name of their file; those that have nothing to show are left out."""
    with style():
        figures = {
            "cycles": cycles(report) if report.cycles else None,
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
    done = np.array([sum(op.compute_cycles for op in group.ops) for group in groups])
    whole.barh(places, done, 0.72, color=COMPUTE, label="compute")
    stalled = np.zeros(len(groups), np.int64)
    for name, colour in colours(list(report.stall_cycles)).items():
        stall = np.array([sum(op.stall_cycles.get(name, 0) for op in group.ops) for group in groups])
        if stall.any():
            whole.barh(places, stall, 0.72, left=done + stalled, color=colour, label=title(name))
            stalls.barh(places, 100 * stall / length, 0.72, left=100 * stalled / length, color=colour)
        stalled += stall
    whole.set_yticks(places, [shortened(_bar_name(group), NAME_WIDTH) for group in groups])
    whole.set_ylim(len(groups) - 0.5, -0.5)
    whole.set_xlabel("cycles" if not left_out else f"cycles; {left_out} shorter ops are not shown")
    whole.xaxis.set_major_formatter(engineering())
    stalls.set_xlabel("stalled, % of cycles")
    _grid_of_bars(whole, stalls)
    figure.legend(loc="outside lower left", ncols=7)  # of the figure: it is wider than the left axes
    return figure


def utilization(report: Report, activity: Activity) -> Figure:
    """Utilization and DRAM traffic over the time of the run."""
    figure, (busy, dram) = new_figure(3.6, 2, 1, sharex=True, height_ratios=(3, 2))
    set_title(figure, f"Utilization over time: {report.workload} on {report.machine}")
    edges = np.append(activity.starts(), report.cycles) / report.clock_hz
    used = activity.per_cycle(activity.macs, report.cycles) / report.multipliers
    _steps(busy, edges, used, report.utilization)
    busy.set_ylim(0, 1)
    busy.set_ylabel("utilization")
    rate = activity.per_cycle(activity.dram_bytes, report.cycles)
    moved = report.dram.read_bytes + report.dram.write_bytes
    _steps(dram, edges, rate, ratio(moved, report.cycles))
    peak = report.dram_peak_bytes_per_cycle
    dram.set_ylim(0, peak or 1.1 * max(rate.max(), 1))
    if peak and ratio(moved, report.cycles) < 0.8 * peak:  # else the two texts would meet
        _beside(dram, peak, f"peak {peak:.4g}", "top")
    dram.set_ylabel("DRAM, B/cycle")
    dram.set_xlabel(f"time at {exact(report.clock_hz, 'Hz')}")
    dram.xaxis.set_major_formatter(engineering("s"))
    dram.set_xlim(0, edges[-1])
    figure.align_ylabels()
    return figure


def energy(report: Report) -> Figure:
    """A bar for each place where energy was spent."""
    names = ("array", "scratchpad", "dram", "static")
    amounts = np.array([getattr(report.energy_pj, name) for name in names])
    total = report.energy_pj.total
    figure, (axes,) = new_figure(2.0)
    per_mac = f", {si(total / report.macs * PJ, 'J')} per MAC" if report.macs else ""
    set_title(figure, f"Energy: {si(total * PJ, 'J')}{per_mac}, {report.workload} on {report.machine}")
    places = np.arange(len(names))
    axes.barh(places, amounts * PJ, 0.68, color=COMPUTE)
    for place, amount in zip(places, amounts, strict=True):
        text = f"{si(amount * PJ, 'J')}, {percent(amount, total)}"
        axes.annotate(text, (amount * PJ, place), (5, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [title(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.22 * amounts.max() * PJ)  # room for the text beside the longest bar
    axes.xaxis.set_major_formatter(engineering("J"))
    _grid_of_bars(axes)
    return figure


def bars_of(report: Report) -> tuple[list[OpGroup], int]:
    """Return what gets a bar (ops, or groups where there are too many), and how many ops do not."""
    if len(report.ops) <= MAX_BARS:
        groups = [OpGroup(op.name, (op,)) for op in report.ops]
    else:
        groups = longest(grouped(report.ops), MAX_BARS)
    groups = [group for group in groups if group.cycles]
    return groups, len(report.ops) - sum(len(group.ops) for group in groups)


def _bar_name(group: OpGroup) -> str:
    return group.name if len(group.ops) == 1 else f"{group.name} (all {len(group.ops)})"


def _steps(axes: Axes, edges: np.ndarray, values: np.ndarray, mean: float) -> None:
    axes.stairs(values, edges, fill=True, color=COMPUTE, alpha=0.25)
    axes.stairs(values, edges, baseline=None, color=COMPUTE, linewidth=0.9)
    axes.axhline(mean, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    _beside(axes, mean, f"mean {mean:.3g}", "center")
    axes.grid(axis="y")


def _beside(axes: Axes, value: float, text: str, side: str) -> None:
    """Write `text` to the right of the axes, at the height of `value`."""
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    axes.annotate(text, (1, value), (5, 0), va=side, color=MUTED, **place)


def _grid_of_bars(*every: Axes) -> None:
    for axes in every:
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
