"""Runs under labels, in groups of equal scope: which run is best, and the ratios that there are."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tandemsim.sim.arch.checks import TEXT, UserError, is_text, nearest, shown
from tandemsim.sim.comparison.labels import labels_of
from tandemsim.sim.comparison.metrics import CYCLES, Metric, metrics_of
from tandemsim.sim.comparison.scope import scope_of, why_apart
from tandemsim.sim.report.contract import Report

MAX_RUNS = 64  # assumed: what a reader can take in on one page


class ComparisonError(UserError, ValueError):
    """Runs that cannot be compared, or a ratio that does not exist."""


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one scope, by their places. `apart` says why no ratio leads to the section's first group."""

    runs: tuple[int, ...]
    apart: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """All runs of one trace. It has one name, unless its file was renamed between the runs."""

    workload: str
    groups: tuple[Group, ...]

    @property
    def runs(self) -> tuple[int, ...]:
        return tuple(place for group in self.groups for place in group.runs)


@dataclass(frozen=True)
class Runs:
    """Finished runs in the order in which they are shown, and a label for each."""

    reports: tuple[Report, ...]
    labels: tuple[str, ...]

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The runs by trace, those by scope, both in the order of their first runs."""
        traces: dict[str, list[int]] = {}
        for place, report in enumerate(self.reports):
            traces.setdefault(report.trace_digest, []).append(place)
        return tuple(Section(self._title(places), self._groups(places)) for places in traces.values())

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups of all sections."""
        return tuple(group for section in self.sections for group in section.groups)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """What these runs are compared by."""
        return metrics_of(self.reports)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The label of each run, with its workload where there are several. No two are equal."""
        several = len({report.workload for report in self.reports}) > 1
        pairs = zip(self.reports, self.labels, strict=True)
        return tuple(f"{report.workload}, {label}" if several else label for report, label in pairs)

    def metric(self, key: str) -> Metric:
        """Return a metric by its key. Raises `ComparisonError`, which names the nearest."""
        if not isinstance(key, str):
            raise TypeError(f"metric must be a string, not {shown(key)}")
        for metric in self.metrics:
            if metric.key == key:
                return metric
        raise ComparisonError(nearest("metric", key, [metric.key for metric in self.metrics]))

    def place(self, run: int | str) -> int:
        """Return the place of a run, given by its place or its name. Raises `ComparisonError`."""
        if isinstance(run, str):
            if run not in self.names:
                raise ComparisonError(nearest("run", run, self.names))
            return self.names.index(run)
        try:
            run = operator.index(None if isinstance(run, bool) else run)  # type: ignore[arg-type]
        except TypeError:
            raise TypeError(f"a run must be given by its place or its name, not {shown(run)}") from None
        if not 0 <= run < len(self.reports):
            raise ComparisonError(f"a run must be one of 0 to {len(self.reports) - 1}, not {run}")
        return run

    def best(self, metric: Metric) -> frozenset[int]:
        """Return the places of the runs that are best in their group; of equal ones all.

        In a group of one, where all are equal, and where one run does not know its figure, none is. Nor is
        one where cycles are counted by clocks that differ: fewer of them need not take less time.
        """
        groups = [group for group in self.groups if metric.unit != CYCLES.unit or self.have_one_clock(group)]
        return best_places(groups, [metric.value(report) for report in self.reports], metric)

    def have_one_clock(self, group: Group) -> bool:
        """Whether a cycle is as long in all runs of the group."""
        return len({self.reports[place].clock_hz for place in group.runs}) == 1

    def ratio(self, key: str, run: int | str, to: int | str) -> float:
        """Return a figure of `run` over that of `to`. Raises `ComparisonError` where their scopes differ."""
        metric, one, other = self.metric(key), self.place(run), self.place(to)
        between = f"there is no ratio between {self.names[one]!r} and {self.names[other]!r}"
        if reason := why_apart(self.reports[one], self.reports[other]):
            raise ComparisonError(f"{between}: {reason}")
        value, base = metric.value(self.reports[one]), metric.value(self.reports[other])
        if value is None or base is None:
            raise ComparisonError(f"{between}: {metric.key} is not known of both")
        if base == 0:
            raise ComparisonError(f"{between}: {metric.key} of the second is 0")
        return value / base

    def ratio_or_none(self, key: str, run: int, to: int) -> float | None:
        """Return the same, and None where there is no such ratio."""
        try:
            return self.ratio(key, run, to)
        except ComparisonError:
            return None

    def _title(self, places: Sequence[int]) -> str:
        return ", ".join(dict.fromkeys(self.reports[place].workload for place in places))

    def _groups(self, places: Sequence[int]) -> tuple[Group, ...]:
        scopes: dict[object, list[int]] = {}
        for place in places:
            scopes.setdefault(scope_of(self.reports[place]), []).append(place)
        first = self.reports[places[0]]
        return tuple(Group(tuple(runs), why_apart(first, self.reports[runs[0]])) for runs in scopes.values())


def best_places(
    groups: Iterable[Group], values: Sequence[int | float | None], metric: Metric
) -> frozenset[int]:
    """Return the places of the best values in each group, as `Runs.best` says."""
    best: set[int] = set()
    for group in groups:
        known = {place: value for place in group.runs if (value := values[place]) is not None}
        if len(known) < len(group.runs) or len(set(known.values())) < 2:
            continue
        top = min(known.values()) if metric.better == "lower" else max(known.values())
        best |= {place for place, value in known.items() if value == top}
    return frozenset(best)


def runs_of(reports: Iterable[Report], labels: Sequence[str] | None = None) -> Runs:
    """Return finished runs ready to be compared. Without `labels` each is named by what is its own.

    Raises `ComparisonError` for fewer than two runs, more than `MAX_RUNS`, and labels that do not fit.
    """
    reports = tuple(reports)
    if len(reports) < 2:
        raise ComparisonError(f"a comparison must be of at least 2 runs, not {len(reports)}")
    if len(reports) > MAX_RUNS:
        raise ComparisonError(f"a comparison must be of at most {MAX_RUNS} runs, not {len(reports)}")
    if labels is not None and len(labels) != len(reports):
        raise ComparisonError(f"there must be a label for each of {len(reports)} runs, not {len(labels)}")
    for label in labels or ():
        if not is_text(label):
            raise ComparisonError(f"a label must be {TEXT}, not {shown(label)}")
    runs = Runs(reports, tuple(labels) if labels is not None else labels_of(reports))
    for place, name in enumerate(runs.names):
        if name in runs.names[:place]:
            raise ComparisonError(f"the labels of runs must differ, not be {name!r} twice")
    return runs
