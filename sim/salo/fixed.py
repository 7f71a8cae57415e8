"""Integer arithmetic of the SALO array: the jitted scalars that all of its units are made of.

Obeys: `sim.arch.formats`. Arguments are raw values held in int64 (or Python integers with the JIT off);
nothing here wraps, and every value that saturates is counted under the name of its register.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tandemsim.sim.engine.jit import jit

# Registers that saturate, in the order of their counters.
SATURATIONS = ("score", "exponent", "weight", "row_sum", "psum", "merge_exponent", "merge", "output")
SCORE, EXPONENT, WEIGHT, ROW_SUM, PSUM, MERGE_EXPONENT, MERGE, OUTPUT = range(len(SATURATIONS))

FAR = 62  # a right shift of this many bits or more leaves nothing of any value here, not even its rounding

Counters = npt.NDArray[np.int64]


def no_saturations() -> Counters:
    """Return counters at zero, int64 [len(SATURATIONS)]."""
    return np.zeros(len(SATURATIONS), np.int64)


@jit
def saturate(value, minimum, maximum):
    """Return the value of minimum..maximum that is nearest to `value`; the caller counts a difference."""
    return max(minimum, min(maximum, value))


@jit
def shift_half_up(value, shift):
    """Return ``value / 2**shift`` rounded to the nearest integer, ties up; a negative `shift` shifts left."""
    if shift <= 0:
        return value << -shift
    if shift >= FAR:
        return 0
    return (value + (1 << (shift - 1))) >> shift


@jit
def shift_half_even(value, shift):
    """Return ``value / 2**shift`` rounded to the nearest, ties to even; a negative `shift` shifts left."""
    if shift <= 0:
        return value << -shift
    return (value + (1 << (shift - 1)) - 1 + ((value >> shift) & 1)) >> shift
