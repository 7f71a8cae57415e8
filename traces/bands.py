"""Bands of offsets: their rules, their union as a set, and its parts.

A band ``[low, high, dilation]`` of the ``window_attention`` contract is an arithmetic progression of offsets
of the key from the query, both ends included. Lengths and offsets are in tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.errors import violation

Bools = NDArray[np.bool_]

MAX_BANDS = 256  # assumed: of a pattern; published ones have three at most
MAX_OFFSETS = 2**27  # assumed: of all bands together; visiting each of them once takes about a second


class Band(NamedTuple):
    """The offsets ``low, low + dilation, ..., high``."""

    low: int
    high: int
    dilation: int

    @property
    def length(self) -> int:
        """Number of offsets."""
        return (self.high - self.low) // self.dilation + 1

    def clipped(self, first: int, last: int) -> Band | None:
        """Return the part of the band with offsets in ``first..last``, None if there is none."""
        low = self.low + max(0, -((self.low - first) // self.dilation)) * self.dilation
        high = self.high - max(0, -((last - self.high) // self.dilation)) * self.dilation
        return Band(low, high, self.dilation) if low <= high else None


class Reach(NamedTuple):
    """The offsets that a key can have from a query: `first` to `last`, both included."""

    first: int
    last: int
    length: int  # tokens, rows or columns that there are; what messages name

    @classmethod
    def of(cls, length: int) -> Reach:
        """Return the reach where queries and keys are the same `length` tokens."""
        return cls(1 - length, length - 1, length)


def as_bands(rows: Iterable[Iterable[int]]) -> tuple[Band, ...]:
    """Return rows of (low, high, dilation) as bands. Raises `TraceError` for a row of another length."""
    bands = []
    for row in rows:
        parts = list(row)
        if len(parts) != len(Band._fields):
            raise violation("bands", "must hold (low, high, dilation)", parts)
        bands.append(Band(*parts))
    return tuple(bands)


def is_integer(value: object) -> bool:
    """Tell whether a JSON value is an integer; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_band(band: Band, reach: Reach) -> None:
    """Raise `TraceError` unless `band` is a progression that meets some of the offsets in `reach`."""
    low, high, dilation = band
    if not all(map(is_integer, band)):
        raise violation("bands", "must hold integers", list(band))
    if dilation < 1:
        raise violation("bands", "must have a positive dilation", list(band))
    check_span(low, high, reach, "tokens")
    if (high - low) % dilation:
        raise violation("bands", "must step from low to high by the dilation", list(band))


def check_span(low: int, high: int, reach: Reach, unit: str) -> None:
    """Raise `TraceError` for a window that is wholly off what it slides over; it may be wider than that."""
    if not (is_integer(low) and is_integer(high)) or low > high:
        raise violation("bands", "must be integers with low <= high", [low, high])
    if low > reach.last or high < reach.first:
        raise violation("bands", f"must reach some of the {reach.length} {unit}", [low, high])


def check_bands(bands: tuple[Band, ...], reach: Reach) -> None:
    """Raise `TraceError` for more bands than are counted, or one that breaks a rule."""
    if len(bands) > MAX_BANDS:
        raise violation("bands", f"must be at most {MAX_BANDS} bands", len(bands))
    for band in bands:
        check_band(band, reach)
    offsets = sum(band.length for band in merged(bands, reach))
    if offsets > MAX_OFFSETS:
        raise violation("bands", f"must hold at most {MAX_OFFSETS} offsets in all", offsets)


def merged(bands: Iterable[Band], reach: Reach) -> list[Band]:
    """Return bands cut to a reach, sorted by dilation, residue and offset.

    Bands of one dilation that overlap or continue one another are joined.
    """
    inside = [part for band in bands if (part := band.clipped(reach.first, reach.last))]
    result: list[Band] = []
    for band in sorted(inside, key=lambda band: (band.dilation, band.low % band.dilation, band.low)):
        last = result[-1] if result else None
        if last and last.dilation == band.dilation and _continues(last, band):
            result[-1] = last._replace(high=max(last.high, band.high))
        else:
            result.append(band)
    return result


def _continues(last: Band, band: Band) -> bool:
    return (band.low - last.low) % band.dilation == 0 and band.low <= last.high + band.dilation


def union(bands: Iterable[Band], reach: Reach) -> Bools:
    """Return which offsets of a reach are in some band, bool [last - first + 1]; the first is `reach.first`."""
    met: Bools = np.zeros(reach.last - reach.first + 1, np.bool_)
    for low, high, dilation in merged(bands, reach):
        met[low - reach.first : high - reach.first + 1 : dilation] = True
    return met
