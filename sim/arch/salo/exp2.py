"""The exponential of the SALO array: 2^score as an exponent and a piecewise-linear mantissa, in integers.

Obeys: SALO (arXiv 2206.14550) section 5, stage 1 of the artifact's PE: the integer part of the score
is the exponent, and 2^fraction a line in each of four segments, ``(slope*x >> slope_fraction) + intercept``.

The array computes base 2; log2(e) is folded into the query (see `sim.arch.salo.numerics`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.checks import require, require_integers
from tandemsim.sim.arch.types import Integers

MAX_SLOPE_FRACTION = 20  # assumed: 16 bits more than the published slopes have
MAX_LINE = 2**24  # of a slope or an intercept: 2.0 with 20 fraction bits, eight times over


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpConfig:
    """Formats and segments of the exponential: ``2**score ~ mantissa / 2**fraction_bits * 2**exponent``."""

    exponent_width: int = 5  # artifact: 5 b signed, here saturating
    fraction_bits: int = 8  # artifact: of the score's fraction, and of the mantissa
    slope_fraction: int = 4  # artifact: slopes are sixteenths
    slopes: tuple[int, ...] = (12, 14, 17, 20)  # artifact: (.7553, .8978, 1.0674, 1.2708) in 4 bits
    intercepts: tuple[int, ...] = (255, 246, 225, 185)  # artifact: (.9974, .9618, .8770, .7244) in 8 bits

    def __post_init__(self) -> None:
        require_integers(self, 2, "exponent_width", "fraction_bits")
        require_integers(self, 0, "slope_fraction", maximum=MAX_SLOPE_FRACTION)
        require(self.exponent_width <= 12, "ExpConfig.exponent_width must be at most 12", self.exponent_width)
        require(self.fraction_bits <= 12, "ExpConfig.fraction_bits must be at most 12", self.fraction_bits)
        segments = len(self.slopes)
        require(
            segments in (1, 2, 4, 8, 16) and segments <= 1 << self.fraction_bits,
            "ExpConfig.slopes must hold 1, 2, 4, 8 or 16 segments",
            self.slopes,
        )
        require(
            len(self.intercepts) == segments,
            f"ExpConfig.intercepts must hold one entry a segment ({segments})",
            self.intercepts,
        )
        for name in ("slopes", "intercepts"):
            for value in getattr(self, name):
                good = isinstance(value, int) and abs(value) <= MAX_LINE
                require(good, f"ExpConfig.{name} must be integers of at most {MAX_LINE}", value)
        table = self.mantissas
        require(
            table.min() > 0 and table.max() < 2 << self.fraction_bits,
            f"ExpConfig's mantissas must lie in 1..{(2 << self.fraction_bits) - 1}",
            (int(table.min()), int(table.max())),
        )

    @property
    def exponent_minimum(self) -> int:
        """Lowest exponent; scores below take it with the mantissa of fraction 0."""
        return -(1 << (self.exponent_width - 1))

    @property
    def exponent_maximum(self) -> int:
        """Highest exponent; scores above take it with the mantissa of the highest fraction."""
        return (1 << (self.exponent_width - 1)) - 1

    @property
    def segment_shift(self) -> int:
        """Right shift of the fraction that gives its segment."""
        return self.fraction_bits - (len(self.slopes).bit_length() - 1)

    def mantissa(self, fraction: int) -> int:
        """Return the mantissa of ``2**(fraction / 2**fraction_bits)``; the slope's product truncates."""
        segment = fraction >> self.segment_shift
        return (self.slopes[segment] * fraction >> self.slope_fraction) + self.intercepts[segment]

    @property
    def mantissas(self) -> Integers:
        """The mantissa of every fraction, int64 [2**fraction_bits]."""
        return np.array([self.mantissa(fraction) for fraction in range(1 << self.fraction_bits)], np.int64)

    @property
    def maximum_mantissa(self) -> int:
        """Highest mantissa; just below 2.0."""
        return int(self.mantissas.max())


PUBLISHED_EXP = ExpConfig()  # 1.5 % maximum relative error
WIDE_EXP = ExpConfig(exponent_width=7, intercepts=(256, 249, 226, 191))  # 0.35 %: refitted to the slopes
