"""Tuning: each policy gets the parameters with which it carries most, found by the search that is reported.

A baseline that is left untuned makes a false gain. The queries of tuning are others than those reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tandemsim.sim.capacity.runs import Runs
from tandemsim.sim.capacity.study import Study
from tandemsim.sim.capacity.variants import Variant
from tandemsim.sim.serving.estimates import estimate

TUNING = "tuning searches"


@dataclass(frozen=True, slots=True)
class Trial:
    """Parameters that were tried, and the load that the policy carried with them."""

    settings: dict[str, Any]
    load: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """A policy with its best parameters, and all that were tried."""

    variant: Variant
    trials: tuple[Trial, ...] = ()


def tuned(runs: Runs, study: Study, variants: Sequence[Variant], scenario: int = 0) -> list[Tuned]:
    """Return each variant with the parameters that carry most; of equal ones the first of its grid."""
    grids: list[list[dict[str, Any]]] = [variant.grid() if study.tunes else [{}] for variant in variants]
    seeds = study.tuning_seeds()
    points = [
        study.tuning_point(variant.with_settings(settings), seed, scenario)
        for variant, grid in zip(variants, grids, strict=True)
        if len(grid) > 1
        for settings in grid
        for seed in seeds
    ]
    loads = iter([row["max_load"] for row in runs.rows(TUNING, points)] if points else [])
    found = []
    for variant, grid in zip(variants, grids, strict=True):
        if len(grid) == 1:
            found.append(Tuned(variant.with_settings(grid[0])))
            continue
        trials = tuple(Trial(settings, estimate([next(loads) for _ in seeds]).mean) for settings in grid)
        best = max(trials, key=lambda trial: trial.load)
        found.append(Tuned(variant.with_settings(best.settings), trials))
    return found
