"""Utilization and DRAM traffic over the time of the run, with the ops and heads to which it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tandemsim.sim.report.activity import Activity
from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import exact
from tandemsim.sim.report.plot_style import COMPUTE, INK, MUTED, drawable, engineering, new_figure, set_title
from tandemsim.sim.report.rules import ratio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_MARKS = 120  # heads that a page can tell apart
CHARACTERS = 118  # of small print that fit beside each other into the axes; measured at 8 inches
SMALL = 7.5  # points


def utilization(report: Report, activity: Activity) -> Figure:
    """Draw both over time, and of several engines when each works.

    A line begins each op, and a tick at the top each head.
    """
    figure, (used, dram, *engines) = _axes(len(activity.busy))
    set_title(figure, f"Utilization over time: {report.workload} on {report.machine}")
    edges = np.append(activity.starts(), report.cycles) / report.clock_hz
    macs = activity.per_cycle(activity.macs, report.cycles) / report.multipliers
    _steps(used, edges, macs, report.utilization)
    used.set_ylim(0, 1)
    used.set_ylabel("utilization")
    _marks(used, dram, report, activity)
    rate = activity.per_cycle(activity.dram_bytes, report.cycles)
    moved = report.dram.read_bytes + report.dram.write_bytes
    _steps(dram, edges, rate, ratio(moved, report.cycles))
    peak = report.dram_peak_bytes_per_cycle
    dram.set_ylim(0, 1.08 * (peak or max(rate.max(), 1)))  # so that a line at the peak is seen
    if peak:
        dram.axhline(peak, color=INK, linewidth=1.1)
        if ratio(moved, report.cycles) < 0.8 * peak:  # else the two texts would meet
            _beside(dram, peak, f"peak {peak:.4g}", "center")
    dram.set_ylabel("DRAM, B/cycle")
    for axes in engines:
        _busy(axes, edges, report, activity)
    last = engines[-1] if engines else dram
    last.set_xlabel(f"time at {exact(report.clock_hz, 'Hz')}")
    last.xaxis.set_major_formatter(engineering("s"))
    last.set_xlim(0, edges[-1])
    figure.align_ylabels()
    return figure


def _axes(engines: int) -> tuple[Figure, list[Axes]]:
    """Return axes for utilization, for DRAM, and if there are `engines` for those."""
    heights = (3.0, 2.0, *([0.65 * engines] if engines else []))
    return new_figure(
        3.8 + (0.3 + 0.35 * engines if engines else 0), len(heights), 1, sharex=True, height_ratios=heights
    )


def _busy(axes: Axes, edges: np.ndarray, report: Report, activity: Activity) -> None:
    """Draw a row for each engine, as high as the share of each bin in which it works."""
    for place, (name, cycles) in enumerate(activity.busy.items()):
        share = activity.per_cycle(cycles, report.cycles)
        base = -1.25 * place
        axes.stairs(base + share, edges, baseline=base, fill=True, color=COMPUTE, alpha=0.6, label=f"_{name}")
        axes.axhline(base, color=MUTED, linewidth=0.6)
        _beside(axes, base + 0.5, f"mean {ratio(float(cycles.sum()), report.cycles):.3g}", "center")
    axes.set_yticks([0.5 - 1.25 * place for place in range(len(activity.busy))], list(activity.busy))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-1.25 * (len(activity.busy) - 1), 1.05)
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("busy")


def _marks(used: Axes, dram: Axes, report: Report, activity: Activity) -> None:
    """Lines where ops begin, with their names where those fit and else their numbers, and ticks for heads."""
    spans = [(op.name, op.start_cycle, op.cycles) for op in report.ops if op.cycles]
    names = [name for name, _, cycles in spans if len(name) < CHARACTERS * cycles / report.cycles]
    named = len(names) == len(spans)
    for number, (name, start, cycles) in enumerate(spans, 1):
        for axes in (used, dram):
            axes.axvline(start / report.clock_hz, color=MUTED, linewidth=0.7, alpha=0.6, label="_op")
        text = drawable(name) if named else str(number)
        if len(text) + 1 < CHARACTERS * cycles / report.cycles:
            middle = (start + cycles / 2) / report.clock_hz
            place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            used.annotate(text, (middle, 1), (0, 6), ha="center", fontsize=SMALL, color=MUTED, **place)
    if 0 < len(activity.heads) <= MAX_MARKS:
        ticks = activity.heads / report.clock_hz
        above = used.get_xaxis_transform()
        used.vlines(
            ticks, 1, 1.025, transform=above, color=MUTED, linewidth=0.8, clip_on=False, label="_heads"
        )


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
