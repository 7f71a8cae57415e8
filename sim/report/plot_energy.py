"""Where the energy went: a bar for each part of the machine and, below it, one for each action in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tandemsim.sim.report.contract import Report
from tandemsim.sim.report.format import PJ, percent, si, title
from tandemsim.sim.report.plot_style import (
    COMPUTE,
    INK,
    MUTED,
    engineering,
    grid_of_bars,
    new_figure,
    set_title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIGHT = 0.45  # opacity of an action, which is part of the bar above it


def energy(report: Report) -> Figure:
    """Draw the bars; actions that took nothing have none."""
    rows = rows_of(report)
    amounts = np.array([amount for _, amount, _ in rows])
    total = report.energy_pj.total
    figure, (axes,) = new_figure(1.0 + 0.25 * len(rows))
    per_mac = f", {si(total / report.macs * PJ, 'J')} per MAC" if report.macs else ""
    set_title(figure, f"Energy: {si(total * PJ, 'J')}{per_mac}, {report.workload} on {report.machine}")
    places = np.arange(len(rows))
    bars = axes.barh(places, amounts * PJ, 0.68, color=COMPUTE)
    for bar, place, (_, amount, is_part) in zip(bars, places, rows, strict=True):
        bar.set_alpha(None if is_part else LIGHT)
        text = f"{si(amount * PJ, 'J')}, {percent(amount, total)}"
        axes.annotate(text, (amount * PJ, place), (5, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [name for name, _, _ in rows])
    for label, (_, _, is_part) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(weight="bold" if is_part else "normal", color=INK if is_part else MUTED)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.22 * amounts.max() * PJ)  # room for the text beside the longest bar
    axes.xaxis.set_major_formatter(engineering("J"))
    grid_of_bars(axes)
    return figure


def rows_of(report: Report) -> list[tuple[str, float, bool]]:
    """Return (name, pJ, whether it is a part) from top to bottom."""
    rows: list[tuple[str, float, bool]] = []
    for part, spent in report.energy_pj.parts.items():
        rows.append((title(part), spent, True))
        for name, amount in report.energy_actions_pj.items():
            if name.startswith(f"{part}.") and amount:
                rows.append((title(name.removeprefix(f"{part}.")), amount, False))
    return rows
