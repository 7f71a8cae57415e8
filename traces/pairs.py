"""Exact numbers of (query, key) pairs, without the n × n mask.

The pairs of a pattern are those of the window, plus the rows and columns of the global tokens, each pair
once. So the window's pairs that touch a global token are subtracted first (inclusion and exclusion over query
and key), then ``2 G n - G²`` are added. Time and memory are linear in the sequence length and in the number
of global tokens, except for many bands with many global tokens, which have a limit (`MAX_MEETINGS`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Band, Bools, union
from tandemsim.traces.disjoint import disjoint
from tandemsim.traces.errors import violation

Ints = NDArray[np.int64]

AT_ONCE = 2**20  # offsets or pairs in one step, which keeps it at some megabytes
FEW = 2**12  # global tokens of which all pairs are looked at, one by one
MAX_MEETINGS = 2**24  # assumed: bands without common offsets × global tokens beyond `FEW`; about two seconds


def sequence_pairs(seq_len: int, bands: Iterable[Band], global_tokens: Iterable[int]) -> int:
    """Return the distinct pairs of `bands` and of `global_tokens` on a sequence.

    Raises `TraceError` for more bands and global tokens than can be counted.
    """
    bands = tuple(bands)
    tokens = np.array(sorted(global_tokens), np.int64)
    met = union(bands, seq_len)
    window = _all_pairs(met, seq_len)
    if len(tokens):
        window -= _touching(met, tokens, seq_len)
        window += _among(met, tokens) if len(tokens) <= FEW else _among_many(bands, tokens, seq_len)
    return window + _global_pairs(len(tokens), seq_len)


def grid_pairs(
    seq_len: int, grid: tuple[int, int], window: tuple[Band, Band], global_tokens: Iterable[int]
) -> int:
    """Return the distinct pairs of a box `window` (rows, columns) on a grid that ends the sequence."""
    height, width = grid
    rows, cols = (_reach(band, side) for band, side in zip(window, grid, strict=True))
    outside = seq_len - height * width
    tokens = np.array(sorted(global_tokens), np.int64)
    y, x = np.divmod(tokens[tokens >= outside] - outside, width)
    pairs = _box_pairs(rows, height) * _box_pairs(cols, width)
    if len(y):
        pairs -= int((_keys(rows, y, height) * _keys(cols, x, width)).sum())
        pairs -= int((_keys(_mirrored(rows), y, height) * _keys(_mirrored(cols), x, width)).sum())
        pairs += _among_boxes(grid, rows, cols, y, x)
    return pairs + _global_pairs(len(tokens), seq_len)


def _global_pairs(count: int, seq_len: int) -> int:
    return 2 * count * seq_len - count * count


def _all_pairs(met: Bools, length: int) -> int:
    """Pairs at the offsets that are met: ``length - |offset|`` at each."""
    pairs = 0
    for start in range(0, len(met), AT_ONCE):
        offsets = np.flatnonzero(met[start : start + AT_ONCE]) + (start - length + 1)
        pairs += len(offsets) * length - int(np.abs(offsets).sum())
    return pairs


def _touching(met: Bools, tokens: Ints, length: int) -> int:
    """Pairs whose query is one of the sorted `tokens`, plus those whose key is."""
    keys = _summed_before(met, 2 * length - 1 - tokens[::-1]) - _summed_before(met, length - 1 - tokens[::-1])
    queries = _summed_before(met, tokens + length) - _summed_before(met, tokens)
    return keys + queries


def _summed_before(met: Bools, places: Ints) -> int:
    """Sum, over sorted places, the number of true values before each."""
    total = before = 0
    for start in range(0, len(met), AT_ONCE):
        part = met[start : start + AT_ONCE]
        first, last = np.searchsorted(places, (start, start + len(part)))
        counts = np.concatenate(([0], np.cumsum(part)))
        total += int(counts[places[first:last] - start].sum()) + before * int(last - first)
        before += int(counts[-1])
    return total + before * int((places >= len(met)).sum())


def _among(met: Bools, tokens: Ints) -> int:
    """Pairs of a few `tokens` at an offset that is met."""
    middle, rows = len(met) // 2, max(1, AT_ONCE // len(tokens))
    parts = (tokens[start : start + rows, None] for start in range(0, len(tokens), rows))
    return sum(int(met[tokens - part + middle].sum()) for part in parts)


def _among_many(bands: tuple[Band, ...], tokens: Ints, seq_len: int) -> int:
    """Pairs of many sorted `tokens` at an offset of the bands, one band after the other."""
    parts = disjoint(bands, seq_len)
    if len(parts) * len(tokens) > MAX_MEETINGS:
        rule = f"must split into at most {MAX_MEETINGS // len(tokens)} bands without common offsets"
        raise violation("bands", f"{rule} beside {len(tokens)} global tokens", len(parts))
    return sum(_at_band(band, tokens, seq_len) for band in parts)


def _at_band(band: Band, tokens: Ints, seq_len: int) -> int:
    """Pairs (query, key) of sorted `tokens` whose offset is in a band.

    Tokens in the order of their residues, then of themselves, are sorted numbers again: each query's keys are
    a run of them.
    """
    low, high, dilation = band
    keys = np.sort(tokens % dilation * seq_len + tokens)
    line = (tokens + low) % dilation * seq_len
    first = np.searchsorted(keys, line + np.clip(tokens + low, 0, seq_len), side="left")
    last = np.searchsorted(keys, line + np.clip(tokens + high, -1, seq_len - 1), side="right")
    return int(np.maximum(last - first, 0).sum())


def _reach(band: Band, length: int) -> tuple[int, int]:
    """Return the lowest and the highest offset of a band that two places of a side can have."""
    return max(band.low, 1 - length), min(band.high, length - 1)


def _mirrored(reach: tuple[int, int]) -> tuple[int, int]:
    return -reach[1], -reach[0]


def _box_pairs(reach: tuple[int, int], length: int) -> int:
    return int(_keys(reach, np.arange(length), length).sum())


def _keys(reach: tuple[int, int], places: Ints, length: int) -> Ints:
    """Keys that a query at each of `places` meets along one side."""
    last = np.minimum(places + reach[1], length - 1)
    count: Ints = np.maximum(last - np.maximum(places + reach[0], 0) + 1, 0)
    return count


def _among_boxes(
    grid: tuple[int, int], rows: tuple[int, int], cols: tuple[int, int], y: Ints, x: Ints
) -> int:
    """Pairs of the places (y, x) within one another's boxes: each counts places in a rectangle.

    Places above and left of a corner are summed once (a summed-area table); a rectangle has four corners.
    """
    height, width = grid
    table = np.zeros((height + 1, width + 1), np.int32)  # at most 2**24 places
    table[y + 1, x + 1] = 1
    np.cumsum(table, axis=0, out=table)
    np.cumsum(table, axis=1, out=table)
    top, bottom = np.clip(y + rows[0], 0, height), np.clip(y + rows[1] + 1, 0, height)
    left, right = np.clip(x + cols[0], 0, width), np.clip(x + cols[1] + 1, 0, width)
    corners = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    return int(corners.sum(dtype=np.int64))
