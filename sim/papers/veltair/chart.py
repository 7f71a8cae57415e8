"""The chart of VELTAIR's comparison, of its rows alone: ladder, parts of the gain, and sensitivity.

The ladder goes from the paper's gain down to ours under fairer and fairer comparisons: each loss has a
name. The tornado has the gain over a Planaria-like policy, with the default in the middle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tandemsim.sim.papers.comparison import Row
from tandemsim.sim.papers.veltair.experiments import AT_ONE, MIXES, OWN, SENSITIVE_MIX, UNDER_LOAD, VARIED
from tandemsim.sim.report.plot_style import (
    COMPUTE,
    INK,
    MUTED,
    RULE,
    STALLS,
    drawable,
    grid_of_bars,
    new_figure,
    set_title,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Figure of the row -> color and what the legend says.
STEPS: Mapping[str, tuple[str, str]] = {
    f"veltair over layer_wise, {AT_ONE}": (COMPUTE, "over layer-wise, all at margin 1"),
    f"veltair over layer_wise, {OWN}": (STALLS[4], "over layer-wise, own margins"),
    f"veltair over planaria, {OWN}": (STALLS[0], "over Planaria-like, own margins"),
    f"veltair over planaria, {UNDER_LOAD}": (STALLS[1], "the same, version tuned under load"),
}
PARTS: Mapping[str, tuple[str, str]] = {
    "part: planaria over layer_wise": (MUTED, "slack and spare cores (Planaria-like)"),
    "part: adaptive_blocks over layer_wise": (COMPUTE, "scheduling alone"),
    "part: adaptive_compilation over layer_wise": (STALLS[0], "compilation alone"),
    "veltair over layer_wise": (STALLS[2], "both (VELTAIR)"),
    "part: planaria_versions over layer_wise": (STALLS[5], "versions without blocks"),
    "part: priced_versions over layer_wise": (STALLS[3], "versions, blocks by price"),
}
PAPER = "the paper"
LIMIT = 180.0  # percent, where bars are cut
LOWEST = -60.0  # and where wide intervals are


def veltair_chart(rows: Sequence[Row]) -> Figure:
    """Draw the chart of the rows; panes without any are left empty."""
    by_figure = {(row.workload, row.figure): row for row in rows}
    varied = [name for name in VARIED if (f"sensitivity, {SENSITIVE_MIX}", _tornado(name)) in by_figure]
    with style():
        figure, axes = new_figure(
            7.2 + 0.19 * len(varied), 3, 1, height_ratios=(3, 3, 1 + 0.19 * len(varied))
        )
        set_title(figure, "VELTAIR: what the paper says, and where ours comes from")
        _groups(axes[0], by_figure, STEPS, "", "more requests, %", with_paper=True)
        _groups(axes[1], by_figure, PARTS, f", {OWN}", "over layer-wise, %", with_paper=False)
        _sensitivity(axes[2], by_figure, varied)
    return figure


def _groups(
    axes: Axes,
    rows: Mapping[tuple[str, str], Row],
    bars: Mapping[str, tuple[str, str]],
    ending: str,
    label: str,
    *,
    with_paper: bool,
) -> None:
    """A group of bars for each mix, first the paper's."""
    width = 0.85 / (len(bars) + with_paper)
    handles: dict[str, Any] = {}  # by what the legend says
    for place, mix in enumerate(MIXES):
        shown = [rows.get((mix, f"{name}{ending}")) for name in bars]
        paper = next((row.paper for row in shown if row is not None and row.paper is not None), None)
        if with_paper and paper is not None:
            handles[PAPER] = axes.bar(place - 0.425, paper, width, align="edge", color=INK)
        for number, (row, (color, title)) in enumerate(zip(shown, bars.values(), strict=True)):
            if row is None or row.ours is None:
                continue
            left = place - 0.425 + width * (number + with_paper)
            handles[title] = axes.bar(left, min(row.ours, LIMIT), width, align="edge", color=color)
            if row.half is not None and row.ours < LIMIT:
                axes.errorbar(left + width / 2, row.ours, row.half, color=INK, linewidth=0.9, capsize=2)
            if row.ours >= LIMIT:
                axes.annotate(
                    f"{row.ours:.0f}", (left + width / 2, LIMIT), ha="center", va="bottom", fontsize=7
                )
    axes.set_xticks(range(len(MIXES)), MIXES)
    axes.tick_params(axis="x", length=0)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_ylim(bottom=max(axes.get_ylim()[0], LOWEST), top=min(axes.get_ylim()[1], 1.1 * LIMIT))
    axes.set_ylabel(label)
    axes.grid(axis="y")
    if handles:
        axes.legend(
            list(handles.values()),
            list(handles),
            ncols=3,
            loc="lower left",
            bbox_to_anchor=(0, 1.01),
            fontsize=7.5,
        )


def _tornado(name: str) -> str:
    return f"{name}, veltair over planaria"


def _sensitivity(axes: Axes, rows: Mapping[tuple[str, str], Row], varied: Sequence[str]) -> None:
    default = rows.get((SENSITIVE_MIX, f"veltair over planaria, {OWN}"))
    axes.set_title(f"gain over Planaria-like on the {SENSITIVE_MIX} mix, %, if ...")
    if default is None or default.ours is None or not varied:
        axes.annotate("not run", (0.02, 0.5), xycoords="axes fraction", color=MUTED)
        return
    found = {name: rows[f"sensitivity, {SENSITIVE_MIX}", _tornado(name)] for name in varied}
    gains = {name: LIMIT if row.ours is None else row.ours for name, row in found.items()}
    order = sorted(varied, key=lambda name: abs(gains[name] - default.ours))  # type: ignore[operator]
    for place, name in enumerate(order):
        gain = min(gains[name], LIMIT)
        axes.barh(place, gain - default.ours, left=default.ours, color=COMPUTE, height=0.7)
        half = found[name].half
        if half is not None:
            axes.errorbar(gain, place, xerr=half, color=INK, linewidth=0.8, capsize=1.5)
    axes.axvline(default.ours, color=INK, linewidth=1)
    if default.half is not None:
        axes.axvspan(default.ours - default.half, default.ours + default.half, color=RULE, zorder=0)
    axes.set_yticks(range(len(order)), [drawable(name) for name in order], fontsize=7.5)
    axes.set_ylim(-0.7, len(order) - 0.3)
    grid_of_bars(axes)
