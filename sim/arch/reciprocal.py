"""The reciprocal of a positive integer as a table of lines: facts shared by the array's divider-free units.

Replaces the integer divider of the SALO artifact, whose quotients lose all their bits. The operand is
normalized by its leading one to ``x`` in [1, 2); the top bits of its fraction choose one of `segments` chords
of ``1/x``, the rest interpolate:

    1 / value  ~  mantissa * 2**-(fraction + exponent),   exponent = position of the leading one

One multiplier of 11 x 11 bits and 129 table entries of 19 bits reach 2.1e-5; a table of the rounded operand
alone would need 16,384 entries for 3.1e-5.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import require, require_integers
from tandemsim.sim.arch.types import Integers


class ReciprocalConstants(NamedTuple):
    """A `ReciprocalConfig` as a kernel takes it."""

    fraction: int
    offset_bits: int
    table: Integers  # [segments + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReciprocalConfig:
    """Widths of the reciprocal unit."""

    fraction: int = 18  # assumed: of result and operand; with it 16 times the error is below 1/2048
    segments: int = 128  # assumed: the chord's error, (1/128)^2 / 4, equals that of the fraction bits

    def __post_init__(self) -> None:
        require_integers(self, 1, "fraction", "segments")
        power = self.segments.bit_count() == 1
        rule = "ReciprocalConfig.segments must be a power of two up to 1024"
        require(power and self.segments <= 1024, rule, self.segments)
        require(
            self.segment_bits < self.fraction <= 20,
            f"ReciprocalConfig.fraction must be {self.segment_bits + 1} to 20",
            self.fraction,
        )

    @property
    def segment_bits(self) -> int:
        """Bits of the operand that choose the segment."""
        return self.segments.bit_length() - 1

    @property
    def offset_bits(self) -> int:
        """Bits of the operand that interpolate inside a segment."""
        return self.fraction - self.segment_bits

    @property
    def table(self) -> Integers:
        """1/x at the segments' ends, int64 [segments + 1]: ``2**fraction / (1 + i/segments)``, half up."""
        return np.array(_table(self.fraction, self.segments), np.int64)

    @property
    def constants(self) -> ReciprocalConstants:
        """The widths and the table, for kernels."""
        return ReciprocalConstants(self.fraction, self.offset_bits, self.table)

    def reciprocal(self, value: int) -> tuple[int, int]:
        """Return (mantissa, exponent) of 1/value for ``value >= 0``; (0, 0) for 0.

        The operand's bits below `fraction` are dropped, the interpolated step is rounded half up.
        """
        if value == 0:
            return 0, 0
        exponent = value.bit_length() - 1
        drop = exponent - self.fraction
        x = (value >> drop if drop > 0 else value << -drop) - (1 << self.fraction)
        segment, offset = x >> self.offset_bits, x & ((1 << self.offset_bits) - 1)
        high, low = _table(self.fraction, self.segments)[segment : segment + 2]
        half = 1 << (self.offset_bits - 1)
        return high - (((high - low) * offset + half) >> self.offset_bits), exponent


@functools.cache
def _table(fraction: int, segments: int) -> tuple[int, ...]:
    one = segments << fraction
    return tuple((2 * one + end) // (2 * end) for end in range(segments, 2 * segments + 1))
