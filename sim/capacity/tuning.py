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

TUNING, SEARCHES = "tuning searches", "searches for the highest load"


@dataclass(frozen=True, slots=True)
class Job:
    """One policy of one study, on one of the scenarios of the runs."""

    study: Study
    variant: Variant
    scenario: int = 0


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

    @property
    def load(self) -> float:
        """The load that it carried while it was tuned; 0 where it was not."""
        return max((trial.load for trial in self.trials), default=0.0)


def tuned(runs: Runs, jobs: Sequence[Job]) -> list[Tuned]:
    """Return each policy with the parameters that carry most; of equal ones the first of its grid."""
    grids: list[list[dict[str, Any]]] = [
        job.variant.grid(job.study.margins) if job.study.tunes else [{}] for job in jobs
    ]
    points = [
        job.study.tuning_point(job.variant.with_settings(settings), seed, job.scenario)
        for job, grid in zip(jobs, grids, strict=True)
        if len(grid) > 1
        for settings in grid
        for seed in job.study.tuning_seeds()
    ]
    loads = iter([row["max_load"] for row in runs.rows(TUNING, points)] if points else [])
    found = []
    for job, grid in zip(jobs, grids, strict=True):
        if len(grid) == 1:
            found.append(Tuned(job.variant.with_settings(grid[0])))
            continue
        seeds = job.study.tuning_seeds()
        trials = tuple(Trial(settings, estimate([next(loads) for _ in seeds]).mean) for settings in grid)
        best = max(trials, key=lambda trial: trial.load)
        found.append(Tuned(job.variant.with_settings(best.settings), trials))
    return found


def max_loads(runs: Runs, jobs: Sequence[Job], found: Sequence[Tuned]) -> list[list[float]]:
    """Return the highest load of each tuned policy, by seed."""
    points = [
        job.study.search_point(each.variant, seed, job.scenario, each.load)
        for job, each in zip(jobs, found, strict=True)
        for seed in job.study.reported_seeds()
    ]
    loads = iter([row["max_load"] for row in runs.rows(SEARCHES, points)])
    return [[next(loads) for _ in job.study.reported_seeds()] for job in jobs]
