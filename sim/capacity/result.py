"""What became of each policy: figures over the seeds, from which document, table and plots are made."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandemsim.sim.capacity.study import Study
from tandemsim.sim.capacity.tuning import Tuned
from tandemsim.sim.capacity.variants import Variant
from tandemsim.sim.serving.estimates import Estimate, estimate, ratio
from tandemsim.sim.serving.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """One policy. `at` is the mean of its runs over the seeds, `curve` has such means by load."""

    variant: Variant
    tuned: Tuned
    max_loads: tuple[float, ...] = ()  # by seed; of a study without a search none
    at: Mapping[str, Any] | None = None  # None: it carries no load
    curve: tuple[Mapping[str, Any], ...] = ()
    in_target_by_seed: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        """The policy as it was asked for."""
        return self.variant.label

    @property
    def max_load(self) -> Estimate | None:
        """The highest load that it carries, in queries a second."""
        return estimate(self.max_loads) if self.max_loads else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Max load over max load, seed by seed on the same queries; None where the other carries nothing."""

    policy: str
    over: str
    estimate: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingResult:
    """A study and what it found."""

    study: Study
    policies: tuple[PolicyResult, ...]
    preset: str
    config: Mapping[str, Any]
    trace_digests: Mapping[str, str]
    capacity: float  # queries a second, `sim.serving.search.capacity`
    alone_seconds: Mapping[str, float]  # by tenant, `sim.serving.search.least_latencies`
    service: Service
    layers: tuple[str, ...]  # names, numbered through as in the tables of the service

    def ratios(self) -> list[Ratio]:
        """Return the paired ratio of each policy to each other one."""
        found = [each for each in self.policies if each.max_loads]
        return [
            Ratio(policy=one.label, over=other.label, estimate=ratio(one.max_loads, other.max_loads))
            for one in found
            for other in found
            if one is not other
        ]


def mean_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means of the numbers of some rows, in mappings too; lists are added up."""
    first = rows[0]
    return {key: _joined([row[key] for row in rows]) for key in first}


def _joined(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Mapping):
        return mean_row(values)
    if isinstance(first, list):
        return [sum(column) for column in zip(*values, strict=True)]
    return statistics.fmean(values)
