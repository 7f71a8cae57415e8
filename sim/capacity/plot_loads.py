"""Plots over the load: latencies with targets and highest loads; conflicts and lengths of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tandemsim.sim.capacity.result import PolicyResult, ServingResult
from tandemsim.sim.report.plot_style import (
    COMPUTE,
    INK,
    MUTED,
    STALLS,
    drawable,
    engineering,
    new_figure,
    set_title,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MS = 1e-3
COLORS = (COMPUTE, *STALLS[:5])
DASHES = ("-", "--", ":")
MARKERS = ("o", "s", "D")
TOP = 2.2  # times the largest target, where the axis of latencies ends
LEGEND = 4  # entries in a row


def looks(labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return a color and a kind of line for each policy."""
    return [
        {
            "color": COLORS[number % len(COLORS)],
            "linestyle": DASHES[number // len(COLORS) % len(DASHES)],
            "marker": MARKERS[number // len(COLORS) % len(MARKERS)],
            "markersize": 3,
            "linewidth": 1.3,
        }
        for number, _ in enumerate(labels)
    ]


def latency(result: ServingResult) -> Figure:
    """Mean, 95th and 99th percentile of the latency against the load; bars mark the highest loads."""
    targets = sorted({tenant.target_ms for tenant in result.study.mix.tenants})
    with style():
        figure, axes = new_figure(3.9, 1, 3, sharey=True)
        set_title(figure, f"Latency against load: {result.study.mix.name} on cpu")
        for pane, (key, title) in zip(axes, _LATENCIES.items(), strict=True):
            lines(pane, result.policies, key, 1 / MS)
            for target in targets:
                pane.axhline(target, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
            pane.set_title(title)
            pane.set_xlabel("queries/s")
            pane.set_ylim(0, TOP * targets[-1])
            pane.grid(axis="y")
        for target in targets:
            axes[0].annotate(
                f"target {target:g} ms",
                (0.02, target),
                xycoords=("axes fraction", "data"),
                va="bottom",
                fontsize=7.5,
                color=MUTED,
            )
        axes[0].set_ylabel("latency, ms")
        _mark_highest(axes[0], result.policies)
        _legend(figure, axes[0], result.policies)
    return figure


_LATENCIES = {"mean": "mean", "p95": "95th percentile", "p99": "99th percentile"}


def conflicts(result: ServingResult) -> Figure:
    """Conflicts and mean length of a unit against the load."""
    with style():
        figure, axes = new_figure(3.4, 1, 2)
        set_title(figure, f"Conflicts and blocks: {result.study.mix.name} on cpu")
        panes = {
            "conflict_rate": "grants of fewer cores than wanted",
            "block_layers": "layers of a unit, mean",
        }
        for pane, (key, label) in zip(axes, panes.items(), strict=True):
            lines(pane, result.policies, key)
            pane.set_ylabel(label)
            pane.set_xlabel("queries/s")
            pane.grid(axis="y")
        axes[0].set_ylim(bottom=0)
        axes[1].set_yscale("log")
        plain_log(axes[1].yaxis, "")
        _legend(figure, axes[0], result.policies)
    return figure


def plain_log(axis: Any, unit: str) -> None:
    """Have a logarithmic axis of few decades marked at 1, 2, 5, 10 ..., with SI prefixes."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(engineering(unit))
    axis.set_minor_formatter(NullFormatter())


def lines(axes: Axes, policies: Sequence[PolicyResult], key: str, factor: float = 1.0) -> None:
    """Draw a line for each policy."""
    for each, look in zip(policies, looks([p.label for p in policies]), strict=True):
        if each.curve:
            loads = [row["load"] for row in each.curve]
            axes.plot(
                loads, [_value(row, key) * factor for row in each.curve], label=drawable(each.label), **look
            )
    axes.set_xlim(left=0)


def _value(row: Mapping[str, Any], key: str) -> float:
    return float(row[key])


def _mark_highest(axes: Axes, policies: Sequence[PolicyResult]) -> None:
    """Mark the highest load of each policy, with its interval, at the top of the pane."""
    top = axes.get_ylim()[1]
    for number, (each, look) in enumerate(zip(policies, looks([p.label for p in policies]), strict=True)):
        found = each.max_load
        if found is None or not found.mean:
            continue
        height = top * (0.96 - 0.045 * number)
        axes.plot(found.mean, height, marker="|", markersize=8, markeredgewidth=2, color=look["color"])
        if found.low is not None and found.high is not None:
            axes.plot([found.low, found.high], [height, height], color=look["color"], linewidth=1.3)
    axes.annotate(
        "highest loads", (0.02, 0.955), xycoords="axes fraction", va="center", fontsize=7.5, color=INK
    )


def _legend(figure: Figure, axes: Axes, policies: Sequence[PolicyResult]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower left", ncols=min(LEGEND, len(policies)), fontsize=8)
