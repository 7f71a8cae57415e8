"""The registers of the SALO array that saturate, with a counter of saturations for each."""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Integers

# In the order of their counters.
SATURATIONS = ("score", "exponent", "weight", "row_sum", "psum", "merge_exponent", "merge", "output")
SCORE, EXPONENT, WEIGHT, ROW_SUM, PSUM, MERGE_EXPONENT, MERGE, OUTPUT = range(len(SATURATIONS))


def no_saturations() -> Integers:
    """Return counters at zero, int64 [len(SATURATIONS)]."""
    return np.zeros(len(SATURATIONS), np.int64)
