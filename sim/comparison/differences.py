"""What differs between the configs of runs: the fields whose values are not the same in all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandemsim.sim.comparison.runs import Runs
from tandemsim.sim.report.config import flat


class _Absent:
    """The value of a field that a machine's config does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Column:
    """One config, and the places of the runs that have it."""

    runs: tuple[int, ...]
    heading: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A field by its dotted name, and its value in each column: `ABSENT` where a config does not have it."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """All configs of a comparison. `equal` counts the fields that have one value in all of them."""

    columns: tuple[Column, ...]
    fields: tuple[Difference, ...]
    equal: int


def differences_of(runs: Runs) -> Differences:
    """Return the fields that differ, in the order in which configs have them."""
    by_digest: dict[str, list[int]] = {}
    for place, report in enumerate(runs.reports):
        by_digest.setdefault(report.config_digest, []).append(place)
    columns = [Column(tuple(places), _heading(runs, places)) for places in by_digest.values()]
    configs = [dict(flat(runs.reports[column.runs[0]].config)) for column in columns]
    every = dict.fromkeys(name for config in configs for name in config)
    fields = [Difference(name, tuple(config.get(name, ABSENT) for config in configs)) for name in every]
    differing = tuple(field for field in fields if len(set(map(_exactly, field.values))) > 1)
    return Differences(tuple(columns), differing, len(fields) - len(differing))


def _exactly(value: object) -> str:
    """A value so that only equal ones of one type are equal: 1, 1.0 and true are three."""
    return "" if value is ABSENT else json.dumps(value, sort_keys=True, default=_listed)


def _listed(value: object) -> object:
    return (
        dict(value)
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, Sequence)
        else str(value)
    )


def _heading(runs: Runs, places: Sequence[int]) -> str:
    """Name a config by the labels of its runs, with their workloads where a label has several configs."""
    labels = dict.fromkeys(runs.labels[place] for place in places)
    whole = {place for place, label in enumerate(runs.labels) if label in labels}
    return ", ".join(labels) if whole == set(places) else "; ".join(runs.names[place] for place in places)
