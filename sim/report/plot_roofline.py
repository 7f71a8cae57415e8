"""The roofline of a machine with its ops as points: is it the multipliers that bound them, or the DRAM?

Ops that are alike share a point. A ring is the run as a whole.

After Williams, Waterman and Patterson, "Roofline" (CACM 2009): attainable MACs per cycle are the lesser of
the multipliers and of DRAM bandwidth times intensity, the MACs done for each byte that crosses the DRAM pins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tandemsim.sim.report.contract import OpReport, Report
from tandemsim.sim.report.format import shortened
from tandemsim.sim.report.groups import grouped, longest
from tandemsim.sim.report.plot_style import COMPUTE, INK, MUTED, drawable, new_figure, set_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LABELS = 8
NAME_WIDTH = 40  # characters
FONT = 8.5  # points
CLEAR = 3  # points between a name and the roof
DOT = 3  # points from the middle to the edge
POINTS_PER_INCH = 72
# Where a name may stand, seen from its point: alignment, offset in points. Below first: the roof is above.
PLACES = (
    ("center", 0, -11),
    ("left", 6, 0),
    ("right", -6, 0),
    ("left", 5, -10),
    ("right", -5, -10),
    ("center", 0, 11),
)


def roofline(report: Report) -> Figure | None:
    """Return the plot, or None where no op both computes and uses the DRAM."""
    ops = [op for op in report.ops if op.dram_bytes and op.macs]
    if not ops:
        return None
    groups = grouped(ops)
    figure, (axes,) = new_figure(3.6)
    set_title(figure, f"Roofline: {report.workload} on {report.machine}")
    dots = np.array([_place(group.ops) for group in groups])
    intensity, speed = dots.T
    hidden = len(report.ops) - len(ops)
    axes.set_xlabel(
        "MACs per byte of DRAM traffic" + (f"; {hidden} ops without are not shown" if hidden else "")
    )
    axes.set_ylabel("MACs per cycle")
    _scales(axes)
    _roof(axes, report, intensity, speed)
    axes.scatter(intensity, speed, s=(2 * DOT) ** 2, color=COMPUTE, alpha=0.8, linewidths=0, zorder=3)
    names = {group.name: _place(group.ops) for group in longest(groups, MAX_LABELS)}
    if len(groups) > 1:
        whole = _place(ops)
        style: dict[str, Any] = {"facecolors": "none", "edgecolors": INK, "linewidths": 1.2}
        axes.scatter(*whole, s=(4 * DOT) ** 2, zorder=4, label="_run", **style)
        names["the whole run"] = whole
        dots = np.vstack((dots, whole))
    _label(axes, report, names, dots)
    return figure


def _place(ops: Sequence[OpReport]) -> tuple[float, float]:
    """MACs per byte and MACs per cycle of some ops together."""
    macs = sum(op.macs for op in ops)
    return macs / sum(op.dram_bytes for op in ops), macs / sum(op.cycles for op in ops)


def _scales(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(which="major")
    axes.tick_params(which="minor", length=0)


def _attainable(report: Report, intensity: float) -> float:
    bandwidth = report.dram_peak_bytes_per_cycle
    return report.multipliers if bandwidth is None else min(report.multipliers, bandwidth * intensity)


def _roof(axes: Axes, report: Report, intensity: np.ndarray, speed: np.ndarray) -> None:
    """Draw what no op can exceed, and name both of its parts."""
    peak, bandwidth = report.multipliers, report.dram_peak_bytes_per_cycle
    ridge = peak / bandwidth if bandwidth else intensity.min()
    low, high = min(intensity.min(), ridge) / 5, max(intensity.max(), ridge) * 4
    corners = sorted({low, ridge, high})
    axes.plot(corners, [_attainable(report, corner) for corner in corners], color=INK, linewidth=1.4)
    axes.set_xlim(low, high)
    axes.set_ylim(min(speed.min(), _attainable(report, low)) / 1.5, peak * 2)
    axes.text(high, 1.06 * peak, f"{peak:,} multipliers ", color=MUTED, ha="right", va="bottom")
    if bandwidth:
        start, text = 1.1 * low, f"DRAM, {bandwidth:.4g} B/cycle"
        along: dict[str, Any] = {"rotation_mode": "anchor", "transform_rotates_text": True}
        along["rotation"] = math.degrees(math.atan(bandwidth))
        axes.text(start, 1.1 * start * bandwidth, text, color=MUTED, va="bottom", **along)


def _label(axes: Axes, report: Report, names: Mapping[str, tuple[float, float]], dots: np.ndarray) -> None:
    """Write each name beside its point, where there is room; one without room gets none."""
    from matplotlib.transforms import Affine2D

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout is known only then
    points = Affine2D().scale(POINTS_PER_INCH / figure.dpi)
    frame = axes.get_window_extent().transformed(points)
    of_data = axes.transData + points
    taken = [Box(x - DOT, x + DOT, y - DOT, y + DOT) for x, y in of_data.transform(dots)]

    def free(box: Box) -> bool:
        """Inside the axes, under the roof (its left upper corner decides), and on no other name or point."""
        inside = frame.x0 <= box.left and box.right <= frame.x1 and frame.y0 <= box.bottom
        intensity, speed = of_data.inverted().transform((box.left - CLEAR, box.top + CLEAR))
        return inside and speed < _attainable(report, intensity) and not any(map(box.overlaps, taken))

    for name, at in names.items():
        text = drawable(shortened(name, NAME_WIDTH))
        x, y = of_data.transform(at)
        for side, dx, dy in PLACES:
            box = Box.around(x + dx, y + dy, len(text), side)
            if free(box):
                taken.append(box)
                text_style: dict[str, Any] = {"ha": side, "va": "center", "fontsize": FONT}
                axes.annotate(text, at, (dx, dy), textcoords="offset points", **text_style)
                break


class Box(NamedTuple):
    """Where a text stands, in points."""

    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, x: float, y: float, characters: int, side: str) -> Box:
        width = 0.6 * FONT * characters  # assumed, generously: DejaVu Sans averages 0.55 of its size
        left = x - {"left": 0, "center": width / 2, "right": width}[side]
        return cls(left, left + width, y - 0.65 * FONT, y + 0.65 * FONT)

    def overlaps(self, other: Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top
