"""Pareto fronts as plots, a pane for each pair of objectives: points pale, those on the front in color."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from tandemsim.sim.report.format import shortened
from tandemsim.sim.report.plot_style import COMPUTE, INK, drawable, engineering, new_figure, set_title, style
from tandemsim.sim.sweep.fronts import Front, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_FRONTS = 6  # in one figure
MAX_OTHERS = 3000  # points that are drawn beside the front; more are a cloud anyway
WIDE = 12  # ratio of largest to least, from which an axis is logarithmic
UNITS = {
    "cycles": ("cycles", "", 1.0),
    "time": ("time", "s", 1.0),
    "energy": ("energy", "J", 1e-12),
    "area": ("area, mm²", "", 1.0),
}
UNITS["bytes"] = ("DRAM traffic", "B", 1.0)
PALE = "#aab4bd"


def draw(fronts: Sequence[Front], title: str) -> Figure:
    """Return a figure with a row for each front; those after the first `MAX_FRONTS` are left out."""
    shown = fronts[:MAX_FRONTS]
    pairs = list(combinations(range(len(shown[0].objectives)), 2))
    with style():
        figure, axes = new_figure(
            0.5 + (3.4 if len(pairs) == 1 else 2.6) * len(shown), len(shown), len(pairs)
        )
        set_title(figure, title)
        for row, front in enumerate(shown):
            panes = axes[row * len(pairs) : (row + 1) * len(pairs)]
            for pane, (x, y) in zip(panes, pairs, strict=True):
                _pane(pane, front, x, y)
            if len(shown) > 1:
                panes[0].set_title(drawable(shortened(front.title, 60)))
        if len(fronts) > len(shown):
            figure.supxlabel(
                f"not shown: the fronts of {counted(len(fronts) - len(shown), 'more workload')}", fontsize=9
            )
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2)
    return figure


def _pane(axes: Axes, front: Front, x: int, y: int) -> None:
    best = set(front.best)
    others = [place for place in range(len(front.points)) if place not in best]
    step = max(1, -(-len(others) // MAX_OTHERS))
    kind = [UNITS[front.objectives[which]] for which in (x, y)]

    def at(places: Sequence[int]) -> tuple[list[float], list[float]]:
        xs, ys = ([front.values[p][which] * kind[n][2] for p in places] for n, which in enumerate((x, y)))
        return xs, ys

    axes.scatter(*at(others[::step]), s=10, color=PALE, linewidths=0, zorder=2, label="other points")
    if len(front.objectives) == 2:  # of three, the front is a surface, and a line would mean nothing
        axes.plot(*at(front.best), color=COMPUTE, linewidth=1.0, drawstyle="steps-post", zorder=3)
    axes.scatter(*at(front.best), s=22, color=COMPUTE, linewidths=0, zorder=4, label="Pareto front")
    _name_best(axes, front, (x, y), at)
    _scales(axes, front, (x, y), kind)


def _name_best(axes: Axes, front: Front, which: tuple[int, int], at: Callable[..., Any]) -> None:
    """Write the number of its point beside the best in each objective of the pane."""
    places = [min(front.best, key=lambda p: (front.values[p][o], front.values[p])) for o in which]
    xs = [values[which[0]] for values in front.values]
    for place, height in zip(dict.fromkeys(places), (5, -11), strict=False):
        (left,), (low,) = at([place])
        is_right = 2 * front.values[place][which[0]] > min(xs) + max(xs)  # the text goes where there is room
        axes.annotate(
            f"point {front.points[place]}",
            (left, low),
            (-5 if is_right else 5, height),
            textcoords="offset points",
            ha="right" if is_right else "left",
            fontsize=8,
            color=INK,
        )


def _scales(axes: Axes, front: Front, which: tuple[int, int], kind: Sequence[tuple[str, str, float]]) -> None:
    from matplotlib.ticker import NullFormatter

    for axis, objective, (label, unit, _) in zip((axes.xaxis, axes.yaxis), which, kind, strict=True):
        amounts = [values[objective] for values in front.values]
        axis.set_label_text(label)
        if min(amounts) > 0 and max(amounts) > WIDE * min(amounts):
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(engineering(unit))
    axes.margins(0.09, 0.14)
    axes.grid(which="major")
