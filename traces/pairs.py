"""Exact numbers of (query, key) pairs, without the n × n mask.

The pairs of a pattern are the window's, plus the rows and columns of the global tokens, each pair once. So
the window's pairs that touch a global token are taken off first (inclusion and exclusion over query and key),
then ``2 G n - G²`` are added. Time and memory are linear in the sequence length and in the number of global
tokens; on a grid, the time in its square.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from traces.bands import Band

Ints = NDArray[np.int64]
ROWS_AT_ONCE = 1024  # global tokens compared at a time, which keeps a comparison at some megabytes


def sequence_pairs(seq_len: int, bands: Iterable[Band], global_tokens: Iterable[int]) -> int:
    """Return the distinct pairs of `bands`, which share no offset, and of `global_tokens` on a sequence."""
    tokens = np.array(sorted(global_tokens), np.int64)
    window = 0
    for band in bands:
        window += _all_pairs(band, seq_len)
        window -= int(_keys(band, tokens, seq_len).sum() + _queries(band, tokens, seq_len).sum())
        window += _pairs_among(band, tokens)
    return window + _global_pairs(len(tokens), seq_len)


def grid_pairs(
    seq_len: int, grid: tuple[int, int], window: tuple[Band, Band], global_tokens: Iterable[int]
) -> int:
    """Return the distinct pairs of a box `window` (rows, columns) on a grid that ends the sequence."""
    height, width = grid
    rows, cols = window
    outside = seq_len - height * width
    tokens = np.array(sorted(global_tokens), np.int64)
    y, x = np.divmod(tokens[tokens >= outside] - outside, width)
    pairs = _all_pairs(rows, height) * _all_pairs(cols, width)
    pairs -= int((_keys(rows, y, height) * _keys(cols, x, width)).sum())
    pairs -= int((_queries(rows, y, height) * _queries(cols, x, width)).sum())
    for start in range(0, len(y), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        dy, dx = y - y[part, None], x - x[part, None]
        pairs += int(((rows.low <= dy) & (dy <= rows.high) & (cols.low <= dx) & (dx <= cols.high)).sum())
    return pairs + _global_pairs(len(tokens), seq_len)


def _global_pairs(count: int, seq_len: int) -> int:
    return 2 * count * seq_len - count * count


def _all_pairs(band: Band, length: int) -> int:
    """Pairs at the band's offsets: ``length - |offset|`` at each."""
    offsets = np.abs(np.arange(band.low, band.high + 1, band.dilation, dtype=np.int64))
    return int(np.maximum(length - offsets, 0).sum())


def _keys(band: Band, places: Ints, length: int) -> Ints:
    """Keys that a query at each of `places` meets."""
    return _offsets_within(band, -places, length - 1 - places)


def _queries(band: Band, places: Ints, length: int) -> Ints:
    """Queries that meet the key at each of `places`."""
    return _offsets_within(band, places - (length - 1), places)


def _offsets_within(band: Band, first: Ints, last: Ints) -> Ints:
    """Number of the band's offsets in ``first..last``, element by element."""
    begin = np.maximum(-((band.low - first) // band.dilation), 0)
    end = np.minimum(last - band.low, band.high - band.low) // band.dilation
    count: Ints = np.maximum(end - begin + 1, 0)
    return count


def _pairs_among(band: Band, tokens: Ints) -> int:
    """Pairs (query, key) of the sorted `tokens` whose offset is in the band."""
    pairs = 0
    query_class, key_class = tokens % band.dilation, (tokens - band.low) % band.dilation
    for residue in np.unique(query_class):
        queries, keys = tokens[query_class == residue], tokens[key_class == residue]
        above = np.searchsorted(keys, queries + band.high, side="right")
        pairs += int((above - np.searchsorted(keys, queries + band.low, side="left")).sum())
    return pairs
