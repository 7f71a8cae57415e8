"""Plots of the cores: where their time goes under each policy, and a second of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tandemsim.sim.capacity.plot_loads import COLORS
from tandemsim.sim.capacity.recording import Recording, busy_by_time
from tandemsim.sim.capacity.result import ServingResult
from tandemsim.sim.report.plot_style import COMPUTE, RULE, STALLS, drawable, new_figure, set_title, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Key of the row -> its color and how people read it.
USES = {
    "compute": (COMPUTE, "one-core work"),
    "efficiency": ("#7b9ccf", "lost to parallelism"),
    "stall": (STALLS[0], "stalled on memory"),
    "team": (STALLS[1], "re-forming teams"),
    "idle": (RULE, "idle"),
}
BINS = 1400  # stretches of time across the picture
ZOOM_SECONDS = 0.03
IDLE = (1.0, 1.0, 1.0)
TEAM = (0.1, 0.12, 0.15)  # ink
PALE = 0.75  # how far a core that stalls all the time is mixed with white
PALE_BLUE = "#bfdcec"  # the first color, so mixed


def core_time(result: ServingResult) -> Figure:
    """A bar for each policy at its load: what its core-seconds went to."""
    shown = [each for each in result.policies if each.at is not None]
    with style():
        figure, (axes,) = new_figure(1.3 + 0.34 * len(shown))
        set_title(figure, f"Where core time goes: {result.study.mix.name} on cpu")
        for number, each in enumerate(shown):
            assert each.at is not None
            foot = 0.0
            for key, (color, label) in USES.items():
                share = each.at["core_time"][key]
                axes.barh(
                    number, share, left=foot, color=color, height=0.7, label=label if number == 0 else None
                )
                foot += share
        names = [drawable(f"{each.label}, {each.at['load']:.3g}/s") for each in shown if each.at]
        axes.set_yticks(range(len(shown)), names)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 1)
        axes.set_xlabel("share of all core-seconds")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=5, fontsize=8)
    return figure


def occupancy(result: ServingResult, recording: Recording, cores: int, islands: int) -> Figure:
    """A row for each core: color is the tenant, black re-forming a team, pale stalled, white idle."""
    names = [tenant.name for tenant in result.study.mix.tenants]
    with style():
        figure, axes = new_figure(7.4, 2, 1)
        what = f"{recording.label} at {recording.load:.4g} queries/s"
        set_title(figure, f"Cores of {result.study.mix.name} on cpu: {what}")
        for pane, seconds in zip(axes, (recording.seconds, ZOOM_SECONDS), strict=True):
            shown = _window(recording, seconds)
            pane.imshow(
                picture(shown, cores, len(names)),
                aspect="auto",
                interpolation="nearest",
                extent=(0, seconds * 1e3, cores, 0),
            )
            for edge in np.linspace(0, cores, islands + 1)[1:-1]:
                pane.axhline(edge, color="white", linewidth=0.8)
                pane.axhline(edge, color="#5c6670", linewidth=0.35)
            pane.set_ylabel("core")
            pane.set_xlabel("ms")
        _legend(figure, names)
    return figure


def picture(
    recording: Recording, cores: int, networks: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return colors, [cores, BINS, 3]."""
    from matplotlib.colors import to_rgb

    busy = busy_by_time(recording, cores, BINS)
    palette = np.array([to_rgb(COLORS[n % len(COLORS)]) for n in range(networks)] + [IDLE])
    colors = palette[busy["network"]]
    pale = np.clip(busy["stalled"], 0, 1)[..., None] * PALE
    colors = colors * (1 - pale) + pale
    team = np.clip(busy["team"], 0, 1)[..., None]
    return np.asarray(colors * (1 - team) + np.array(TEAM) * team)


def _window(recording: Recording, seconds: float) -> Recording:
    from dataclasses import replace

    keep = recording.begin < seconds
    columns = ("core", "begin", "end", "network", "query", "layer", "version", "is_team", "stalled")
    return replace(recording, seconds=seconds, **{name: getattr(recording, name)[keep] for name in columns})


def _legend(figure: Figure, names: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=COLORS[n % len(COLORS)], label=drawable(name)) for n, name in enumerate(names)]
    patches.append(Patch(color=TEAM, label="re-forming a team"))
    patches.append(Patch(color=PALE_BLUE, label="pale: stalled"))
    patches.append(Patch(facecolor="white", edgecolor="#5c6670", linewidth=0.5, label="idle"))
    figure.legend(handles=patches, loc="outside lower left", ncols=len(patches), fontsize=8)
