"""The paper's chart, drawn of its cost model: cycles and the four parts of energy, over AdaFloat's.

A dot is what the authors committed for the same bar, a diamond what our machine gives. Means are arithmetic,
as the authors take them.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tandemsim.sim.papers.ant.cost_model import Result, simulate_all
from tandemsim.sim.papers.ant.figures import REFERENCE, SHOWN
from tandemsim.sim.papers.ant.hardware import ACCELERATORS
from tandemsim.sim.papers.ant.networks import NETWORKS
from tandemsim.sim.papers.ant.published import MEAN, PARTS, committed
from tandemsim.sim.papers.comparison import Row
from tandemsim.sim.report.plot_style import COMPUTE, INK, MUTED, STALLS, new_figure, set_title, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL = "mean over the networks"
TITLES = {
    "vgg16": "VGG16",
    "resnet18": "ResNet18",
    "resnet50": "ResNet50",
    "inceptionv3": "Inception\nV3",
    "vit": "ViT",
    "bert-mnli": "BERT\nMNLI",
    "bert-cola": "BERT\nCoLA",
    "bert-sst2": "BERT\nSST-2",
    MEAN: "arithmetic\nmean",
}
SHADES = {"core": 1.0, "buffer": 0.7, "dram": 0.45, "static": 0.22}  # of a color, from the foot of a bar
PART_TITLES = {"core": "core", "buffer": "scratchpads", "dram": "DRAM", "static": "DRAM background"}
COLORS = dict(zip(ACCELERATORS, (COMPUTE, *STALLS), strict=False))
RING: Any = {"marker": "D", "markersize": 3.4, "color": INK, "fillstyle": "none", "linestyle": ""}
DOT: Any = {"marker": "o", "markersize": 2.2, "color": INK, "linestyle": ""}
BAR = 0.9 / len(ACCELERATORS)  # of the distance between two networks


def ant_chart(rows: Sequence[Row] = ()) -> Figure:
    """Draw the bars of eight networks and of the authors' mean; of `rows`, what our machine makes of them."""
    ours = {(row.workload, row.figure): row.ours for row in rows if row.ours is not None}
    results = simulate_all()
    with style():
        figure, (time, energy) = new_figure(6.2, 2, 1)
        set_title(figure, "ANT's published cost model: eight networks, batch 64")
        for place, network in enumerate(TITLES):
            for number, name in enumerate(ACCELERATORS):
                where = place + (number - (len(ACCELERATORS) - 1) / 2) * BAR
                cycles, parts = bar_of(results, name, network)
                _stack(time, where, [(cycles, COLORS[name])])
                _stack(energy, where, [(parts[part], tint(COLORS[name], SHADES[part])) for part in SHADES])
                for axes, what in ((time, "cycles"), (energy, "energy")):
                    stated = committed(name, network, what)
                    if stated is not None:
                        axes.plot(where, stated, **DOT)
                    measured = ours.get(figure_of(network, what, ACCELERATORS[name].title))
                    if measured is not None:
                        axes.plot(where, measured, **RING)
        has_ours = bool(ours)
        titles = {each.title: COLORS[name] for name, each in ACCELERATORS.items()}
        _label(time, "cycles over AdaFloat's", titles, has_ours)
        _label(
            energy,
            "energy over AdaFloat's",
            {PART_TITLES[part]: tint(MUTED, SHADES[part]) for part in SHADES},
            has_ours,
        )
    return figure


def figure_of(network: str, what: str, title: str) -> tuple[str, str]:
    """Return the workload and the name of the row that a bar stands for."""
    mean = ", arithmetic" if network == MEAN else ""
    return ALL if network == MEAN else network, f"{what} over AdaFloat's, {title}{mean}"


def tint(color: str, shade: float) -> tuple[float, ...]:
    """Return a color mixed with white: 1 is the color itself. Transparency would show the grid."""
    from matplotlib.colors import to_rgb

    return tuple(1 - shade * (1 - part) for part in to_rgb(color))


def bar_of(
    results: Mapping[tuple[str, str], Result], name: str, network: str
) -> tuple[float, dict[str, float]]:
    """Return the cycles and the parts of the energy, over AdaFloat's cycles and total energy."""
    if network == MEAN:
        cycles = statistics.fmean(bar_of(results, name, known)[0] for known in NETWORKS)
        shown = [bar_of(results, name, known)[1] for known in SHOWN.get(name, tuple(NETWORKS))]
        return cycles, {part: statistics.fmean(bar[part] for bar in shown) for part in PARTS}
    found, reference = results[name, network], results[REFERENCE, network]
    energies = found.energy._asdict()
    total = reference.energy.total
    return found.total.cycles / reference.total.cycles, {part: energies[part] / total for part in PARTS}


def _stack(axes: Axes, where: float, pieces: Iterable[tuple[float, Any]]) -> None:
    foot = 0.0
    for height, color in pieces:
        axes.bar(where, height, BAR, foot, color=color, edgecolor="white", linewidth=0.4)
        foot += height


def _label(axes: Axes, label: str, colors: Mapping[str, Any], has_ours: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes.set_ylabel(label)
    axes.set_xticks(range(len(TITLES)), list(TITLES.values()))
    axes.set_xlim(-0.6, len(TITLES) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y")
    handles = [Patch(color=color, label=title) for title, color in colors.items()]
    marks = [Line2D([], [], label="committed by the authors", **DOT)]
    if has_ours:
        marks.append(Line2D([], [], label="ours", **RING))
    axes.legend(
        handles=[*handles, *marks],
        ncols=len(handles) + len(marks),
        columnspacing=1.2,
        loc="lower left",
        bbox_to_anchor=(0, 1.02),
        fontsize=8,
    )
