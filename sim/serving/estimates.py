"""Confidence intervals of positive figures from a few seeds, and of their ratios on common random numbers.

Max loads vary by a factor, so means and intervals are those of the logarithm: Student's t over the seeds. The
ratio of two policies is taken seed by seed, where both saw the same queries; most of what varies cancels.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

# The 0.975 quantile of Student's t for 1, 2, 3 ... degrees of freedom; beyond them the normal one is near.
T_975 = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
NORMAL_975 = 1.9600


class Estimate(NamedTuple):
    """A geometric mean, and its 95 % interval; of a single seed the interval is not known."""

    mean: float
    low: float | None
    high: float | None

    @property
    def spread(self) -> float | None:
        """Half of the interval, as a share of the mean: 0.02 is 2 %."""
        if self.low is None or self.high is None or not self.mean:
            return None
        return math.sqrt(self.high / self.low) - 1


def estimate(values: Sequence[float]) -> Estimate:
    """Return the geometric mean of positive values; if any of them is 0, all is 0."""
    if min(values) <= 0:
        return Estimate(0.0, 0.0, 0.0)
    logs = [math.log(value) for value in values]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return Estimate(math.exp(mean), None, None)
    half = t_975(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return Estimate(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def ratio(values: Sequence[float], others: Sequence[float]) -> Estimate | None:
    """Return values over others, seed by seed; None where the others carry nothing in some seed."""
    if min(others) <= 0:
        return None
    return estimate([value / other for value, other in zip(values, others, strict=True)])


def t_975(freedom: int) -> float:
    """Return the 0.975 quantile of Student's t."""
    return T_975[freedom - 1] if freedom <= len(T_975) else NORMAL_975
