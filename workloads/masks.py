"""Reads the pattern of an attention out of a mask whose values are known.

What is read is checked against the mask, pair by pair, so a pattern is right or it is None.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import MAX_BANDS, Band
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Pattern

Bools = NDArray[np.bool_]

DENIED = (
    -1e4
)  # a summand of at most this denies a pair: published masks have -1e4, -65504 or the least number
ROWS = 512  # that are compared at once


def allowed_pairs(mask: NDArray[Any]) -> Bools | None:
    """Return which pairs a mask allows, bool [queries, keys]; None where it says more than that.

    A mask of booleans allows where it is true; one of numbers allows where it is 0 and denies where it is
    very negative. Leading axes must all say the same.
    """
    if mask.ndim < 2:
        mask = mask.reshape(1, -1)
    if mask.dtype == np.bool_:
        allowed: Bools = mask
    else:
        allowed = mask == 0
        if not (allowed | (mask <= DENIED)).all():
            return None
    allowed = allowed.reshape(-1, *mask.shape[-2:])
    return allowed[0] if (allowed == allowed[:1]).all() else None


def pattern_of(allowed: Bools) -> Pattern | None:
    """Return the pattern that allows exactly these pairs, bool [queries, keys]; None if none is found.

    With fewer queries than keys the queries are the last tokens, as in a step with a cache.
    """
    queries, keys = allowed.shape
    if queries > keys:
        return None
    offset = keys - queries
    for read in (_bands, _with_global_tokens, _with_sinks):
        try:
            pattern = read(allowed, offset)
        except TraceError:
            continue
        if pattern is not None and _equal(pattern, allowed):
            return pattern
    return None


def is_causal(allowed: Bools) -> bool:
    """Whether each query sees itself and every key before it, with as many queries as keys."""
    queries, keys = allowed.shape
    if queries != keys:
        return False
    below = np.arange(1, queries + 1)
    return bool((allowed.sum(1) == below).all()) and all(
        allowed[row, : row + 1].all() for row in range(queries)
    )


def _bands(allowed: Bools, offset: int) -> Pattern | None:
    return _pattern(allowed, offset, _offsets(allowed, np.ones(allowed.shape[1], np.bool_)))


def _with_global_tokens(allowed: Bools, offset: int) -> Pattern | None:
    """Tokens that see all and are seen by all, beside bands."""
    if offset:
        return None
    tokens: Bools = np.asarray(allowed.all(0) & allowed.all(1))
    if not tokens.any():
        return None
    met = _offsets(allowed & ~tokens[:, None], ~tokens)
    return _pattern(allowed, offset, met, global_tokens=tuple(np.flatnonzero(tokens).tolist()))


def _with_sinks(allowed: Bools, offset: int) -> Pattern | None:
    """The first keys are seen by all queries that come after them, beside causal bands."""
    last = allowed[-1]
    count = int(np.argmin(last)) if not last.all() else 0
    if not count:
        return None
    sinks = np.arange(allowed.shape[1]) < count
    rest: Bools = allowed & ~sinks[None, :]
    bands = _offsets(rest, ~sinks)
    return _pattern(allowed, offset, bands, causal=True, sink_tokens=tuple(range(count)))


def _offsets(allowed: Bools, counted: Bools) -> set[int]:
    """Return the offsets, key minus query, that the first and the last query see among counted keys."""
    queries = allowed.shape[0]
    rows = {0, queries // 2, queries - 1}
    return {int(key) - row for row in rows for key in np.flatnonzero(allowed[row] & counted)}


def _pattern(allowed: Bools, offset: int, met: set[int], **more: Any) -> Pattern | None:
    """Return bands of these offsets; between the extremes they are progressions of one step."""
    queries, keys = allowed.shape
    bands = _progressions(sorted(number - offset for number in met))
    if len(bands) > MAX_BANDS or not bands:
        return None
    if queries != keys:
        more |= {"q_len": queries, "q_offset": offset}
    return Pattern(seq_len=keys, bands=bands, **more)


def _progressions(numbers: list[int]) -> tuple[Band, ...]:
    """Return sorted numbers as few progressions: each as long as its first step continues."""
    bands: list[Band] = []
    start = 0
    while start < len(numbers):
        step = numbers[start + 1] - numbers[start] if start + 1 < len(numbers) else 1
        end = start
        while end + 1 < len(numbers) and numbers[end + 1] - numbers[end] == step:
            end += 1
        if end == start + 1 and step > 1:  # two numbers apart are no progression yet
            end = start
        bands.append(Band(numbers[start], numbers[end], step if end > start else 1))
        start = end + 1
    return tuple(bands)


def _equal(pattern: Pattern, allowed: Bools) -> bool:
    queries = allowed.shape[0]
    rows = (np.arange(first, min(first + ROWS, queries)) for first in range(0, queries, ROWS))
    return all((pattern.mask(chunk) == allowed[chunk]).all() for chunk in rows)
