"""Fixed-point arithmetic for kernels: saturation, and right shifts that round.

The roundings are those of `sim.arch.formats`. Arguments are raw values in int64 (Python integers with the JIT
off). Nothing here wraps, and nothing counts: a caller that narrows a value compares it with the result.
"""

from __future__ import annotations

from tandemsim.sim.engine.jit import jit

FAR = 62  # a right shift by this many bits or more leaves nothing of any value here, not even its rounding


@jit
def saturate(value: int, minimum: int, maximum: int) -> int:
    """Return the value of minimum..maximum that is nearest to `value`."""
    return max(minimum, min(maximum, value))


@jit
def shift_half_up(value: int, shift: int) -> int:
    """Return ``value / 2**shift`` rounded to the nearest integer, ties up; a negative `shift` shifts left."""
    if shift <= 0:
        return value << -shift
    if shift >= FAR:
        return 0
    return (value + (1 << (shift - 1))) >> shift


@jit
def shift_half_even(value: int, shift: int) -> int:
    """Return ``value / 2**shift`` rounded to the nearest, ties to even; a negative `shift` shifts left."""
    if shift <= 0:
        return value << -shift
    return (value + (1 << (shift - 1)) - 1 + ((value >> shift) & 1)) >> shift
