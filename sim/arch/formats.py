"""Fixed-point number formats, and the two roundings that the arrays use when they drop fraction bits.

A raw value is the integer that a register holds; it stands for ``raw / 2**fraction``. All formats are signed,
two's complement. Nothing wraps: what does not fit takes the nearest bound, and whoever narrows counts it.

The two roundings are here as definitions. Models (`sim.salo`) and circuits (`rtl.lib.fixed`) have them in
their own forms, and the tests hold those to these.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.checks import require_integers
from tandemsim.sim.arch.types import Doubles, Integers

MAX_WIDTH = 62  # what an int64 holds with room for the half that rounding adds


class Rounding(enum.Enum):
    """How dropped fraction bits are rounded."""

    HALF_UP = "half_up"  # a tie goes up: one adder, and a bias of half a unit when few bits are dropped
    HALF_EVEN = "half_even"  # a tie goes to the even neighbor: no bias


@dataclass(frozen=True, slots=True)
class Fixed:
    """A signed fixed-point format: `width` bits in all, `fraction` of them behind the binary point."""

    width: int
    fraction: int

    def __post_init__(self) -> None:
        require_integers(self, 2, "width", maximum=MAX_WIDTH)
        require_integers(self, 0, "fraction", maximum=MAX_WIDTH)

    @property
    def minimum(self) -> int:
        """Lowest raw value."""
        return -(1 << (self.width - 1))

    @property
    def maximum(self) -> int:
        """Highest raw value."""
        return (1 << (self.width - 1)) - 1

    @property
    def scale(self) -> int:
        """Raw value of 1.0."""
        return 1 << self.fraction

    @property
    def integer_bits(self) -> int:
        """Bits before the binary point, without the sign: ``-2**integer_bits <= value < 2**integer_bits``."""
        return self.width - 1 - self.fraction

    def quantize(self, values: npt.ArrayLike) -> tuple[Integers, int]:
        """Return (raw values, how many of them saturated); rounds half to even.

        Raises `ValueError` for values that are not finite.
        """
        scaled = np.rint(np.asarray(values, np.float64) * self.scale)
        if not np.isfinite(scaled).all():
            raise ValueError("only finite values can be quantized")
        saturated = np.count_nonzero((scaled < self.minimum) | (scaled > self.maximum))
        return np.clip(scaled, self.minimum, self.maximum).astype(np.int64), int(saturated)

    def dequantize(self, raw: npt.ArrayLike) -> Doubles:
        """Return the values that `raw` stands for."""
        return np.asarray(raw, np.float64) / self.scale

    def __str__(self) -> str:
        return f"{self.width}b/{self.fraction}f"


def shift_half_up(raw: npt.ArrayLike, shift: int) -> Integers:
    """Return ``raw / 2**shift`` rounded to the nearest, ties up; a negative `shift` shifts left."""
    values = np.asarray(raw, np.int64)
    if shift <= 0:
        return values << -shift
    return (values + (1 << (shift - 1))) >> shift


def shift_half_even(raw: npt.ArrayLike, shift: int) -> Integers:
    """Return ``raw / 2**shift`` rounded to the nearest, ties to even; a negative `shift` shifts left."""
    values = np.asarray(raw, np.int64)
    if shift <= 0:
        return values << -shift
    return (values + (1 << (shift - 1)) - 1 + ((values >> shift) & 1)) >> shift
