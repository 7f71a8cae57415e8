"""Versions of three layers, by parallelism and bytes, and how often each ran under each policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tandemsim.sim.capacity.plot_loads import COLORS, plain_log
from tandemsim.sim.capacity.result import ServingResult
from tandemsim.sim.report.format import shortened
from tandemsim.sim.report.plot_style import INK, MUTED, drawable, new_figure, set_title, style
from tandemsim.sim.serving.service import Service

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAYERS = 3
NAME_WIDTH = 34  # characters of a layer above its pane
LARGEST = 260.0  # area of a mark whose version always runs
LEAST = 12.0


def layers_shown(service: Service) -> list[int]:
    """Return the three layers that are shown: of those with several versions, spread over their work."""
    tables = service.tables
    several = np.flatnonzero(np.diff(tables.first_version) > 1)
    order = several[np.argsort(tables.macs[several], kind="stable")]
    places = np.linspace(0.5, 1.0, LAYERS) * (len(order) - 1)
    return [int(order[round(place)]) for place in places] if len(order) else []


def versions(result: ServingResult, service: Service) -> Figure | None:
    """Marks for the versions of three layers; the area is how often each ran under a policy that picks."""
    policies = [each for each in result.policies if each.at is not None and each.variant.policy.versions]
    shown = layers_shown(service)
    if not shown:
        return None
    with style():
        figure, axes = new_figure(3.6, 1, len(shown))
        set_title(figure, f"Versions of three layers: {result.study.mix.name} on cpu")
        for pane, layer in zip(axes, shown, strict=True):
            _pane(pane, service, layer, result.layers[layer])
            for number, each in enumerate(policies):
                assert each.at is not None
                _ran(pane, service, layer, each.at["versions_ran"], COLORS[number % len(COLORS)], each.label)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=4, fontsize=8)
    return figure


def _pane(axes: Axes, service: Service, layer: int, name: str) -> None:
    tables = service.tables
    network = int(np.searchsorted(tables.first_layer, layer, side="right")) - 1
    span = slice(int(tables.first_version[layer]), int(tables.first_version[layer + 1]))
    axes.set_title(drawable(shortened(f"{service.names[network]}: {name}", NAME_WIDTH)))
    axes.plot(
        tables.chunks[span],
        tables.past_l2_bytes[span],
        "x",
        color=INK,
        markersize=5,
        zorder=5,
        label="a version",
    )
    ship = int(tables.shipped[layer])
    axes.plot(
        tables.chunks[ship],
        tables.past_l2_bytes[ship],
        "o",
        markersize=11,
        fillstyle="none",
        color=MUTED,
        linestyle="",
        zorder=4,
        label="the one that ships",
    )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    plain_log(axes.yaxis, "B")
    axes.set_xlabel("chunks (parallelism)")
    if layer == layers_shown(service)[0]:
        axes.set_ylabel("bytes past L2 (locality)")
    axes.margins(0.2)
    axes.grid(which="major")


def _ran(axes: Axes, service: Service, layer: int, ran: list[int], color: str, label: str) -> None:
    tables = service.tables
    span = slice(int(tables.first_version[layer]), int(tables.first_version[layer + 1]))
    counts = np.array(ran[span], float)
    areas = np.where(counts > 0, LEAST + LARGEST * counts / max(1.0, counts.sum()), 0.0)
    axes.scatter(
        tables.chunks[span],
        tables.past_l2_bytes[span],
        s=areas,
        color=color,
        alpha=0.55,
        linewidths=0,
        zorder=3,
        label=drawable(f"ran under {label}, by area"),
    )
