"""Bands of offsets, and how overlapping ones are taken apart.

A band ``[low, high, dilation]`` of the ``window_attention`` contract is an arithmetic progression of offsets
of the key from the query, both ends included. Lengths and offsets are in tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traces.errors import violation

Bools = NDArray[np.bool_]


class Band(NamedTuple):
    """The offsets ``low, low + dilation, ..., high``."""

    low: int
    high: int
    dilation: int

    def clipped(self, first: int, last: int) -> Band | None:
        """Return the part of the band with offsets in ``first..last``, None if there is none."""
        low = self.low + max(0, -((self.low - first) // self.dilation)) * self.dilation
        high = self.high - max(0, -((last - self.high) // self.dilation)) * self.dilation
        return Band(low, high, self.dilation) if low <= high else None


def is_integer(value: object) -> bool:
    """Tell whether a JSON value is an integer; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def check_band(band: Band, seq_len: int) -> None:
    """Raise `TraceError` unless `band` is a progression that belongs to a sequence of `seq_len` tokens."""
    low, high, dilation = band
    if not all(map(is_integer, band)):
        raise violation("bands", "must hold integers", list(band))
    if dilation < 1:
        raise violation("bands", "must have a positive dilation", list(band))
    check_span(low, high, seq_len, "tokens")
    if (high - low) % dilation:
        raise violation("bands", "must step from low to high by the dilation", list(band))


def check_span(low: int, high: int, length: int, unit: str) -> None:
    """Raise `TraceError` for a window that is wider than twice what it slides over, or wholly off it."""
    if not (is_integer(low) and is_integer(high)) or low > high:
        raise violation("bands", "must be integers with low <= high", [low, high])
    if high - low + 1 > 2 * length:
        raise violation("bands", f"must be at most twice as wide as the {length} {unit}", high - low + 1)
    if low >= length or high <= -length:
        raise violation("bands", f"must reach some of the {length} {unit}", [low, high])


@lru_cache(maxsize=256)
def disjoint(bands: tuple[Band, ...], seq_len: int) -> tuple[Band, ...]:
    """Return bands that share no offset and hold those of `bands` that two of `seq_len` tokens can have.

    Sorted by dilation, then offset. Small dilations come first and stay whole, because a contiguous band is
    the cheap one on an array; what they leave of a wider dilation is cut into the longest progressions, which
    may step by a multiple of the given dilation. A single offset has dilation 1. No two bands of one dilation
    continue one another.
    """
    reach = seq_len - 1
    inside = [part for band in bands if (part := band.clipped(-reach, reach))]
    taken: Bools = np.zeros(2 * seq_len - 1, np.bool_)
    result: list[Band] = []
    dilations = sorted({band.dilation for band in inside})
    for position, dilation in enumerate(dilations):
        wanted = np.zeros_like(taken)
        for band in inside:
            if band.dilation == dilation:
                wanted[band.low + reach : band.high + reach + 1 : dilation] = True
        wanted &= ~taken
        taken |= wanted
        steps = sorted({math.lcm(dilation, other) for other in dilations[: position + 1]})
        result += [Band(low - reach, high - reach, step) for low, high, step in _progressions(wanted, steps)]
    return tuple(sorted(_joined(result), key=lambda band: (band.dilation, band.low)))


def _progressions(wanted: Bools, steps: Sequence[int]) -> list[tuple[int, int, int]]:
    """Cut the true places into ``(first, last, step)``, the longest first; `wanted` is used up."""
    found: list[tuple[int, int, int]] = []
    while wanted.any():
        length, step, first = max((_longest_run(wanted, step) for step in steps), key=lambda run: run[0])
        if length == 1:
            return found + [(int(place), int(place), 1) for place in np.flatnonzero(wanted)]
        last = first + (length - 1) * step
        wanted[first : last + 1 : step] = False
        found.append((first, last, step))
    return found


def _joined(bands: Sequence[Band]) -> list[Band]:
    """Join bands that continue one another: single offsets left over here and there may do so."""
    result: list[Band] = []
    for band in sorted(bands, key=lambda band: (band.dilation, band.low % band.dilation, band.low)):
        if result and result[-1].dilation == band.dilation and result[-1].high + band.dilation == band.low:
            result[-1] = result[-1]._replace(high=band.high)
        else:
            result.append(band)
    return result


def _longest_run(wanted: Bools, step: int) -> tuple[int, int, int]:
    """Return (length, step, first place) of the longest run of true places that are `step` apart."""
    columns = min(step, len(wanted))
    rows = -(-len(wanted) // columns)
    padded = np.zeros(rows * columns, np.int8)
    padded[: len(wanted)] = wanted
    # One line for each residue class, with a false place after each line to end its runs.
    lines = np.zeros((columns, rows + 1), np.int8)
    lines[:, :rows] = padded.reshape(rows, columns).T
    edges = np.diff(lines.ravel(), prepend=np.int8(0))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    best = int(np.argmax(ends - starts))
    residue, row = divmod(int(starts[best]), rows + 1)
    return int(ends[best] - starts[best]), step, row * columns + residue
