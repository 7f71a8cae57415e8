"""The chart of ``tandem calibrate --profile``: measured times against the model's, a dot a layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tandemsim.sim.arch.cpu.config import CpuConfig
from tandemsim.sim.cpu.calibration import fitted, predictor
from tandemsim.sim.cpu.layer_profile import MeasuredLayer
from tandemsim.sim.report.plot_style import COMPUTE, INK, STALLS, new_figure, set_title, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

US = 1e6
TICKS = (20, 50, 100, 200, 500, 1000, 2000, 5000)  # microseconds
DOT: Any = {"marker": "o", "markersize": 3.0, "linestyle": "", "alpha": 0.7}


def chart(layers: Sequence[MeasuredLayer], cores: Sequence[int], config: CpuConfig, seed: int) -> Figure:
    """Fit half of the shapes, and draw them and the half that the fit has not seen."""
    shapes = list(dict.fromkeys(layer.shape for layer in layers))
    order = np.random.default_rng(seed).permutation(len(shapes))
    seen = {shapes[number] for number in order[: math.ceil(len(shapes) / 2)]}
    predict = predictor(fitted([layer for layer in layers if layer.shape in seen], cores, config))
    from matplotlib.ticker import FixedLocator, NullLocator

    with style():
        figure, (axes,) = new_figure(4.6)
        set_title(figure, "Layers on 8 to 56 cores: measured times, and the model's")
        halves = (("in the fit", True, COMPUTE), ("not in the fit", False, STALLS[0]))
        for label, is_seen, color in halves:
            some = [each for each in layers if (each.shape in seen) == is_seen]
            points = [
                (US * each.seconds[count], US * predict(each.shape, count))
                for each in some
                for count in cores
            ]
            axes.plot(*zip(*points, strict=True), color=color, label=label, **DOT)
        ends = [US * min(min(each.seconds.values()) for each in layers)]
        ends.append(US * max(max(each.seconds.values()) for each in layers))
        axes.plot(ends, ends, color=INK, linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="measured, µs", ylabel="model, µs")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(FixedLocator(TICKS))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_locator(NullLocator())
        axes.legend()
    return figure
