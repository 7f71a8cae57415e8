"""How many cycles some spans cover together: what several networks do at once counts once."""

from __future__ import annotations

from collections.abc import Iterable


def covered(spans: Iterable[tuple[int, int]]) -> int:
    """Return the cycles that lie in any of the spans, [start, end); time and memory follow their number."""
    cycles, reached = 0, 0
    for start, end in sorted(spans):
        cycles += max(0, end - max(start, reached))
        reached = max(reached, end)
    return cycles
