"""Cycles and energies of accelerators on networks, their ratios and means: what rows and chart show."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from tandemsim.sim.papers.ant.cost_model import Result

REFERENCE = "adafloat"
# The networks that the authors show of an accelerator, where they do not show all.
SHOWN = {"biscaled": ("vgg16", "resnet50")}


class Figures(NamedTuple):
    """One network on one accelerator."""

    cycles: float
    energy: float  # mJ


Table = Mapping[tuple[str, str], Figures]  # by (accelerator, network)


def figures_of(results: Mapping[tuple[str, str], Result]) -> Table:
    """Return the figures of the cost model's results."""
    return {pair: Figures(found.total.cycles, found.energy.total / 1e6) for pair, found in results.items()}


def figure(table: Table, accelerator: str, network: str, what: str) -> float | None:
    """Return ``cycles`` or ``energy`` of a network, None where the table has none."""
    found = table.get((accelerator, network))
    return None if found is None else float(getattr(found, what))


def ratio(table: Table, accelerator: str, other: str, network: str, what: str) -> float | None:
    """Return an accelerator's figure over another's, None where the table lacks one of the two."""
    one, two = figure(table, accelerator, network, what), figure(table, other, network, what)
    return None if one is None or two is None else one / two


def mean(
    how: Callable[[list[float]], float],
    table: Table,
    accelerator: str,
    other: str,
    networks: Iterable[str],
    what: str,
) -> float | None:
    """Return the mean of the ratios over networks, None where one is missing."""
    ratios = [ratio(table, accelerator, other, network, what) for network in networks]
    known = [found for found in ratios if found is not None]
    return how(known) if known and len(known) == len(ratios) else None


ARITHMETIC: Callable[[list[float]], float] = statistics.fmean
GEOMETRIC: Callable[[list[float]], float] = statistics.geometric_mean
