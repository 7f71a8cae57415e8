"""Pareto fronts: the points that no other point beats, among those that can be compared.

A point is on the front unless another one is at least as good in every objective and better in one. Only
points of the same work are compared: the same workload at the same batch, with the same multiply-accumulates
run, for a machine that leaves half of a model out is not fast.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

Values = Sequence[float]  # two or three objectives, the less the better


def front(points: Sequence[Values]) -> list[int]:
    """Return the places of the points on the front, in order of their values. Equal points are all on it.

    In O(n log n): points come in order of their first value, and a staircase of the others' best is kept.
    """
    order = sorted(range(len(points)), key=lambda place: tuple(points[place]))
    found: list[int] = []
    stairs = _Stairs()
    last: tuple[float, ...] | None = None
    kept = False
    for place in order:
        values = tuple(points[place])
        if values != last:
            second, third = values[1], values[2] if len(values) > 2 else 0.0
            kept = not stairs.covers(second, third)
            if kept:
                stairs.add(second, third)
            last = values
        if kept:
            found.append(place)
    return found


class _Stairs:
    """Pairs of which none is at most another in both: `ys` rise, `zs` fall."""

    def __init__(self) -> None:
        self.ys: list[float] = []
        self.zs: list[float] = []

    def covers(self, y: float, z: float) -> bool:
        """Whether a pair is at most (y, z) in both."""
        place = bisect_right(self.ys, y)
        return place > 0 and self.zs[place - 1] <= z

    def add(self, y: float, z: float) -> None:
        """Put a pair in that is not covered; those that it covers go."""
        first = end = bisect_left(self.ys, y)
        while end < len(self.ys) and self.zs[end] >= z:
            end += 1
        self.ys[first:end], self.zs[first:end] = [y], [z]
