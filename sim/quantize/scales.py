"""The scale of each channel: the percentage of its largest magnitude that gives the least squared error.

Obeys: ANT's artifact, `quant_modules.py`: a format's largest value is laid on i percent of the largest
magnitude, for each whole i of a range, and the first i with the least error is taken. A scale is what is
stored, so candidates are rounded to the type of the store before they are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import ConfigError, require, require_integers
from tandemsim.sim.arch.codes import CodeFormat
from tandemsim.sim.arch.types import Bools, Doubles, Integers

STORES = {"float16": 16, "float32": 32, "float64": 64}  # types that a scale is stored in, and their bits
WIDE, WIDE_LOW = 6, 95  # above so many bits the artifact begins at 95 %
# Errors from sums of sorted values carry a rounding error below this part of the sum of squares.
SLACK = 1e-9
ROWS_AT_ONCE = 1 << 20  # elements of channels that are searched together: a large tensor is not copied whole
AT_ONCE = 1 << 16  # sums that exist at a time: 512 KiB stay in a processor's cache
SORTED_ABOVE = 0.5  # elements for each value of a format from which sorting a channel pays, measured


@dataclass(frozen=True)
class Span:
    """The percentages that are tried: `low`, and every whole one up to but not including `high`."""

    low: int = 75  # the artifact's default, for weights and activations
    high: int = 150  # the same

    def __post_init__(self) -> None:
        require_integers(self, 1, "low", "high", maximum=10_000)
        least = max(self.low, WIDE_LOW)
        require(self.high > least, f"Span.high must be above {least}, the first percentage", self.high)

    def percent(self, bits: int) -> Integers:
        """Return the percentages for a format of `bits`."""
        return np.arange(WIDE_LOW if bits > WIDE else self.low, self.high, dtype=np.int64)


#: What the artifact tries unless a script says otherwise.
ARTIFACT = Span()


class Scales(NamedTuple):
    """The scales of a tensor whose channels are rows."""

    scale: Doubles  # [channels], each a number of the store; 1 for a channel of zeros
    percent: Integers  # [channels]
    mse: Doubles  # [channels], mean squared error


def rounded(values: Doubles, form: CodeFormat, scale: Doubles) -> Doubles:
    """Return what values [..., n] become, each row with its scale [...]."""
    nearest: Doubles = form.decode(form.encode(values / scale[..., None])) * scale[..., None]
    return nearest


def search(
    values: Doubles,
    form: CodeFormat,
    span: Span = ARTIFACT,
    store: str = "float32",
    by_sums: bool | None = None,
) -> Scales:
    """Return the best scale of each row of `values` [channels, n].

    `by_sums` says whether errors are first taken from sums of sorted values, which picks the same scales;
    None: where that is faster. Raises `ConfigError` for scales that the store cannot hold.
    """
    step = max(1, ROWS_AT_ONCE // max(1, values.shape[-1]))
    if len(values) > step:
        parts = [
            search(values[first : first + step], form, span, store, by_sums)
            for first in range(0, len(values), step)
        ]
        return Scales(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    percent = span.percent(form.bits)
    peaks = np.abs(values).max(axis=-1)
    candidates = _stored(peaks[:, None] * (percent / 100) / form.largest, peaks, store)
    power = np.frexp(peaks)[1]  # exact: squares of values beside 1 neither overflow nor vanish
    within, scales = np.ldexp(values, -power[:, None]), np.ldexp(candidates, -power[:, None])
    if by_sums is None:
        by_sums = values.shape[-1] > SORTED_ABOVE * form.grid.size
    keep = _promising(within, scales, form) if by_sums else np.ones(scales.shape, np.bool_)
    errors = np.full(scales.shape, np.inf)
    for place in np.flatnonzero(keep.any(axis=0)):
        rows = np.flatnonzero(keep[:, place])
        errors[rows, place] = _errors(within[rows], form, scales[rows, place])
    best = errors.argmin(axis=-1)  # the first of the least
    rows = np.arange(len(best))
    return Scales(candidates[rows, best], percent[best], np.ldexp(errors[rows, best], 2 * power))


def _stored(exact: Doubles, peaks: Doubles, store: str) -> Doubles:
    with np.errstate(over="ignore", under="ignore"):
        candidates = exact.astype(store).astype(np.float64)
    candidates[peaks == 0] = 1.0
    bad = ~np.isfinite(candidates) | (candidates <= 0)
    if bad.any():
        raise ConfigError(f"a scale must fit {store}, and {exact[bad][0]:.3g} does not")
    return candidates


def _errors(values: Doubles, form: CodeFormat, scale: Doubles) -> Doubles:
    """Return the mean squared error of each row."""
    mean: Doubles = ((rounded(values, form, scale) - values) ** 2).mean(axis=-1)
    return mean


def _promising(values: Doubles, scales: Doubles, form: CodeFormat) -> Bools:
    """Return which scales [channels, candidates] may be the best, but for rounding.

    Between two midpoints all values of a channel become one value g, so their squared error is
    sum(x^2) - 2 g sum(x) + g^2 count, and of sorted values each sum is a difference of two prefix sums.
    """
    keep = np.zeros(scales.shape, np.bool_)
    step = max(1, AT_ONCE // (scales.shape[1] * form.grid.size))
    for first in range(0, len(values), step):
        some = slice(first, first + step)
        ordered = np.sort(values[some], axis=-1)
        squares = (ordered**2).sum(axis=-1, keepdims=True)
        error = _error_sums(ordered, squares, scales[some], form)
        keep[some] = error <= error.min(axis=-1, keepdims=True) + SLACK * squares
    return keep


def _error_sums(ordered: Doubles, squares: Doubles, scales: Doubles, form: CodeFormat) -> Doubles:
    """Return the squared error of each scale [channels, candidates], summed over ascending values."""
    middle = (form.grid[:-1] + form.grid[1:]) / 2
    # a midpoint's places are looked up together: from scale to scale they are neighbors
    bounds = middle[:, None] * scales[:, None, :]
    edges = np.empty((len(ordered), form.grid.size + 1, scales.shape[1]), np.int64)
    edges[:, 0], edges[:, -1] = 0, ordered.shape[1]
    for channel, places, values in zip(ordered, edges, bounds, strict=True):
        places[1:-1] = np.searchsorted(channel, values)
    prefix = np.zeros((len(ordered), ordered.shape[1] + 1))
    np.cumsum(ordered, axis=1, out=prefix[:, 1:])
    below = np.take_along_axis(prefix, edges.reshape(len(edges), -1), axis=1).reshape(edges.shape)
    sums, counts = np.diff(below, axis=1), np.diff(edges, axis=1).astype(np.float64)
    errors: Doubles = squares - 2 * scales * (form.grid @ sums) + scales**2 * (form.grid**2 @ counts)
    return errors
