"""What to serve and what to find out: a mix, policies, a load or a search; checked before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandemsim.sim.arch.checks import ConfigError, Rules, require
from tandemsim.sim.capacity.point_run import BURSTY, POISSON, RUN, SEARCH
from tandemsim.sim.capacity.scenario import Scenario, scenario_of
from tandemsim.sim.capacity.variants import MARGINS, Variant
from tandemsim.sim.serving.mixes import Mix

MOST_LOAD = 1e9  # queries a second; assumed
LEAST_QUERIES = 1000  # of a search; shorter runs flatter by more than 3 %
MOST_QUERIES = 10**7  # of a run; assumed
WARM_UP = 500  # queries that find an emptier machine than the others; of short runs a tenth
SEEDS_APART = 1000  # one `seed` of a study stands for so many of queries
TUNING = 500  # the first of them that is for tuning, so that what is reported was tuned on other queries
MOST_SEEDS = 100
TUNING_SHARE = 0.5  # of the queries of a reported run
TUNING_TOLERANCE = 0.02
TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One question. Raises `ConfigError` where it makes no sense."""

    mix: Mix
    policies: tuple[Variant, ...]
    load: float | None = None  # queries a second; None: search for the highest
    in_time: float = 0.95  # share of the queries that must be in time
    queries: int = 6000  # of each seed
    seed: int = 0
    seeds: int = 5
    arrivals: str = POISSON  # or BURSTY, or a CSV file of queries, whose own load is the default
    tunes: bool = True  # a search gives each policy its best parameters first, those that are not set
    margins: tuple[float, ...] = MARGINS  # that are tried
    tuned_on: int = 2  # sequences of queries
    preset: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    placement: str = "aligned"

    def __post_init__(self) -> None:
        with Rules() as rules:
            good = self.load is None or (math.isfinite(self.load) and 0 < self.load <= MOST_LOAD)
            rules.require(
                good,
                f"the load must be a positive number of queries a second up to {MOST_LOAD:,.0f}",
                self.load,
            )
            rules.require(0 < self.in_time < 1, "--qos must lie between 0 and 1", self.in_time)
            least = LEAST_QUERIES if self.load is None else 1
            rule = f"the queries must be an integer in {least:,}...{MOST_QUERIES:,}"
            rules.require(least <= self.queries <= MOST_QUERIES, rule, self.queries)
            rules.require(
                0 <= self.seed < 2**40, "the seed must be a non-negative integer below 2**40", self.seed
            )
            rule = f"the seeds must be an integer in 1...{MOST_SEEDS}"
            rules.require(1 <= self.seeds <= MOST_SEEDS, rule, self.seeds)
        require(bool(self.policies), "a study must have a policy", [])
        if self.replays and not Path(self.arrivals).exists():
            known = f"{POISSON}, {BURSTY} or a CSV file of queries"
            raise ConfigError(f"--arrivals must be {known}; there is no file {self.arrivals!r}")

    @property
    def replays(self) -> bool:
        """Whether the queries come from a file; then all seeds would be the same, and there is one."""
        return self.arrivals not in (POISSON, BURSTY)

    @property
    def warm_up(self) -> int:
        """Queries at the start of each run that are not counted."""
        return min(WARM_UP, self.queries // 10)

    @property
    def scenario(self) -> Scenario:
        """What is served, and on what."""
        return scenario_of(
            self.mix, preset=self.preset, settings=dict(self.settings), placement=self.placement
        )

    def reported_seeds(self) -> list[int]:
        """Seeds of the queries that figures are reported of."""
        return [self.seed * SEEDS_APART + number for number in range(1 if self.replays else self.seeds)]

    def tuning_seeds(self) -> list[int]:
        """Seeds of the queries that parameters are chosen on."""
        return [self.seed * SEEDS_APART + TUNING + number for number in range(self.tuned_on)]

    def search_point(
        self, variant: Variant, seed: int, scenario: int = 0, near: float = 0.0
    ) -> dict[str, Any]:
        """Return the search for the highest load of a policy on the queries of a seed.

        near: a load near it, where one is known.
        """
        return self._point(SEARCH, variant, seed, scenario) | {"tolerance": TOLERANCE, "near": near}

    def tuning_point(self, variant: Variant, seed: int, scenario: int = 0) -> dict[str, Any]:
        """Return a shorter and coarser search."""
        queries = max(LEAST_QUERIES, round(TUNING_SHARE * self.queries))
        shorter = {
            "queries": queries,
            "warm_up": min(WARM_UP, queries // 10),
            "tolerance": TUNING_TOLERANCE,
            "near": 0.0,
        }
        return self._point(SEARCH, variant, seed, scenario) | shorter

    def run_point(
        self, variant: Variant, seed: int, load: float, scenario: int = 0, detail: bool = False
    ) -> dict[str, Any]:
        """Return the run of a policy at a load."""
        return self._point(RUN, variant, seed, scenario) | {"load": load, "detail": detail}

    def _point(self, kind: str, variant: Variant, seed: int, scenario: int) -> dict[str, Any]:
        return {
            "kind": kind,
            "scenario": scenario,
            "policy": variant.name,
            "settings": dict(variant.settings),
            "queries": self.queries,
            "warm_up": self.warm_up,
            "seed": seed,
            "arrivals": self.arrivals,
            "in_time": self.in_time,
        }
