"""The highest load that a policy carries: bracketed by steps, then bisected on a logarithmic scale.

A load is carried if enough queries are in time. On one sample of queries that is not quite monotone in the
load, so what is found is a border: a load that is carried, and one little higher that is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

STEP = 1.3  # of the bracket
TOLERANCE = 0.01  # of the border
NONE = 0.0


def highest(
    carries: Callable[[float], bool],
    start: float,
    least: float,
    most: float,
    tolerance: float = TOLERANCE,
) -> float:
    """Return a load that `carries`, such that one higher by `tolerance` does not, or is above `most`.

    The search begins at `start`. 0 where no load from `least` on is carried. All are positive.
    """
    low, high = start, start
    if carries(start):
        while high < most:
            high = min(low * STEP, most)
            if not carries(high):
                break
            low = high
    else:
        low = start / STEP
        while not carries(low):
            if low < least:
                return NONE
            low, high = low / STEP, low
    while high > low * (1 + tolerance):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if carries(middle) else (low, middle)
    return low
