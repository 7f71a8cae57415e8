"""Confidence intervals of a mean, from independent runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

WHOLE = os.environ.get("TANDEM_SERVING") == "all"
RUNS, QUERIES = (40, 1_000_000) if WHOLE else (20, 20_000)  # each run has so many queries
# Student's t at 99 %, two-sided, for 39 and 19 degrees of freedom, as tables of it have it.
T_99 = 2.708 if WHOLE else 2.861
MOST = 0.01 if WHOLE else 0.2  # half-width of an interval over its middle


def interval(runs: Sequence[float]) -> tuple[float, float]:
    """Return the mean of independent runs, and half the width of its 99 % interval."""
    assert len(runs) == RUNS
    return float(np.mean(runs)), T_99 * float(np.std(runs, ddof=1)) / RUNS**0.5
