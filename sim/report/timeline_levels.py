"""Slices of a timeline, and how neighbors become one where a run has more than a viewer opens quickly.

Joined slices lose their borders and keep their sums: bytes, stalled cycles, and as `joined` their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer[Any]]
JOINED = "joined"  # argument: slices that have become this one
SUMS = ("bytes", "stalled", JOINED)  # arguments that add up; of others the first stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Slices of one track in columns of one length n, times in cycles; see `sim.report.timeline.Timeline`."""

    label: Integers
    start: Integers
    end: Integers
    arguments: Mapping[str, Integers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.start)

    def at(self, cycle: int) -> Slices:
        """Return the slices as they are when what they belong to starts in `cycle`."""
        moved = {"start": self.start + cycle, "end": self.end + cycle}
        return Slices(label=self.label, arguments=self.arguments, **moved)

    def chosen(self, rows: npt.NDArray[Any]) -> Slices:
        """Return some of them."""
        arguments = {name: column[rows] for name, column in self.arguments.items()}
        return Slices(label=self.label[rows], start=self.start[rows], end=self.end[rows], arguments=arguments)


def concatenated(parts: Sequence[Slices]) -> Slices:
    """Return slices of the same arguments one after the other."""
    names = parts[0].arguments if parts else {}
    return Slices(
        label=_column([part.label for part in parts]),
        start=_column([part.start for part in parts]),
        end=_column([part.end for part in parts]),
        arguments={name: _column([part.arguments[name] for part in parts]) for name in names},
    )


def _column(parts: Sequence[Integers]) -> Integers:
    return np.concatenate([np.array([], np.int64), *parts])


def join_runs(slices: Slices, new: npt.NDArray[np.bool_]) -> Slices:
    """Make one of each run of slices; `new` says of each whether it begins one, the first always does."""
    if not len(slices):
        return slices
    first = np.flatnonzero(new)
    count = np.diff(np.append(first, len(slices)))
    arguments = {
        name: np.add.reduceat(column, first) if name in SUMS else column[first]
        for name, column in slices.arguments.items()
    }
    return Slices(
        label=slices.label[first],
        start=slices.start[first],
        end=np.maximum.reduceat(slices.end, first),
        arguments={JOINED: count} | arguments,
    )


def join_each(slices: Slices, size: int) -> Slices:
    """Join each `size` slices of one label that follow each other; return them in the order of starts."""
    if size == 1 or not len(slices):
        return slices
    parts = []
    for label in np.unique(slices.label):
        mine = slices.chosen(np.flatnonzero(slices.label == label))
        mine = mine.chosen(np.argsort(mine.start, kind="stable"))
        parts.append(join_runs(mine, np.arange(len(mine)) % size == 0))
    joined = concatenated(parts)
    return joined.chosen(np.argsort(joined.start, kind="stable"))


def size_for(every: Sequence[tuple[Slices, int]], most: int) -> int:
    """Return the least power of two of slices to join, so that at most `most` are left, or one of each label.

    `every` has slices that repeat, each with how often.
    """
    counts = [
        (count, times)
        for slices, times in every
        for count in np.unique(slices.label, return_counts=True)[1].tolist()
    ]
    size = 1
    while sum(-(-count // size) * times for count, times in counts) > most:
        if all(count <= size for count, _ in counts):
            break
        size *= 2
    return size
