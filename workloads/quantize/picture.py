"""How weights lie on their grids: a histogram of each, in steps of its scales, with the grid's values.

The share of a bin is logarithmic, so that the few weights far out are seen: they decide about the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tandemsim.sim.arch.blocks import BlockFormat
from tandemsim.sim.arch.types import Doubles
from tandemsim.sim.report.format import shortened
from tandemsim.sim.report.plot_style import COMPUTE, INK, MUTED, STALLS, drawable, new_figure, set_title
from tandemsim.workloads.quantize.quantizing import QuantizedLayer
from tandemsim.workloads.quantize.rows import in_decibels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS, COLUMNS = 6, 2
MOST_BINS, LEAST_BINS = 200, 24
BEYOND = 1.25  # times the largest value of the grid are shown; what lies further is in the outermost bins


def histograms(model: str, layers: Sequence[QuantizedLayer]) -> Figure:
    """Draw the weights with the least signal to noise, at most six, worst first. Call within `style`."""
    chosen = sorted(layers, key=lambda each: -each.weight.relative_error)[:PANELS]
    columns = min(COLUMNS, len(chosen))
    count = -(-len(chosen) // columns)
    figure, panels = new_figure(0.7 + 1.9 * count, count, columns)
    set_title(figure, f"Weights on their grids: {model}")
    for axes, each in zip(panels, chosen, strict=False):
        _draw(axes, each)
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    return figure


def _draw(axes: Axes, each: QuantizedLayer) -> None:
    found, grid = each.weight, each.weight.element.grid
    bound = BEYOND * float(np.abs(grid).max())
    scaled = np.clip(in_units(each), -bound, bound)
    bins = int(np.clip(2 * np.sqrt(scaled.size), LEAST_BINS, MOST_BINS))
    counts, edges = np.histogram(scaled, bins, (-bound, bound))
    least = 0.5 / scaled.size  # below one weight: logarithms have no zero
    axes.stairs(counts / scaled.size, edges, baseline=least, fill=True, color=COMPUTE, alpha=0.75)
    for value in grid:
        axes.axvline(value, color=STALLS[3], linewidth=0.6, alpha=0.8, zorder=0)
    across, bottom = axes.get_xaxis_transform(), np.zeros(grid.size)
    axes.plot(grid, bottom, "|", color=STALLS[3], markersize=8, clip_on=False, transform=across)
    axes.set_yscale("log")
    axes.set_ylim(bottom=least)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.minorticks_off()
    axes.locator_params(axis="x", integer=True)
    axes.spines["left"].set_visible(False)
    axes.set_title(drawable(shortened(found.name, 44)), color=INK)
    axes.set_xlabel(f"{found.form.name}, {in_decibels(found.sqnr_db)}; steps of the scale", color=MUTED)


def in_units(each: QuantizedLayer) -> Doubles:
    """Return the weights divided by the scale that each has."""
    found, weight = each.weight, np.asarray(each.layer.weight, np.float64)
    if isinstance(found.form, BlockFormat):
        inner = np.moveaxis(np.atleast_2d(weight), 1, -1)
        rows = inner.reshape(inner.shape[0], -1)
        steps = np.repeat(
            found.form.steps(found.scales.astype(np.int64), found.tensor_scale), found.form.length, axis=-1
        )
        steps = steps[:, : rows.shape[1]]
        return np.divide(rows, steps, out=np.zeros_like(rows), where=steps > 0).ravel()
    scales = found.scales.astype(np.float64).reshape(-1, *[1] * (weight.ndim - 1))
    units: Doubles = (weight / scales).ravel()
    return units
