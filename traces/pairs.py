"""Exact numbers of (query, key) pairs, without the mask of all of them.

The pairs of a pattern are those of the window, plus the columns of keys that every query sees, plus the rows
of queries that see every key, each pair once. So the window's pairs that touch a row or a column are
subtracted first (inclusion and exclusion over query and key), then rows and columns are added. Time and
memory are linear in the numbers of queries, keys, global tokens and blocks, except for many bands with many
global tokens, which have a limit (`traces.window_bands.MAX_MEETINGS`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.cuts import Cuts
from tandemsim.traces.windows import Window

Ints = NDArray[np.int64]

AT_ONCE = 2**18  # queries or keys in one step, which keeps it at some megabytes


def count_pairs(window: Window, cuts: Cuts, rows: Ints, cols: Ints) -> int:
    """Return the distinct pairs of a window, of the query tokens `rows` and of the keys `cols`, both sorted.

    Raises `TraceError` for more than can be counted.
    """
    pairs = sum(_of_window(window, cuts, tokens) for tokens in _steps(cuts.first, cuts.last))
    pairs -= sum(_of_window(window, cuts, part) for part in _parts(rows))
    pairs -= sum(int(window.queries(part, *cuts.queries(part)).sum()) for part in _parts(cols))
    if len(rows) and len(cols):
        pairs += window.among(rows, cols, *cuts.keys(rows))
    return pairs + _of_rows(cuts, rows) + _of_cols(cuts, rows, cols)


def find_empty(window: Window, cuts: Cuts, rows: Ints, cols: Ints, limit: int | None) -> Ints:
    """Return the first `limit` query tokens, in their order, that see no key; None: all of them."""
    last = cuts.last
    if len(cols):  # who comes at the first of these or later sees it, and without causality everybody does
        last = min(last, int(cols[0]) - 1) if cuts.causal else cuts.first - 1
    found: list[Ints] = [np.empty(0, np.int64)]
    for tokens in _steps(cuts.first, last):
        others = _without(tokens, rows)
        found.append(others[window.keys(others, *cuts.keys(others)) == 0])
        if limit is not None and sum(map(len, found)) >= limit:
            break
    return np.concatenate(found)[:limit]


def _steps(first: int, last: int) -> Iterator[Ints]:
    """Yield the tokens `first` to `last`, some at once."""
    for start in range(first, last + 1, AT_ONCE):
        yield np.arange(start, min(start + AT_ONCE, last + 1))


def _without(tokens: Ints, rows: Ints) -> Ints:
    """Return tokens that follow one another without those that are in the sorted `rows`."""
    start, stop = np.searchsorted(rows, (tokens[0], tokens[-1] + 1))
    return np.delete(tokens, rows[start:stop] - tokens[0])


def _parts(tokens: Ints) -> Iterator[Ints]:
    for start in range(0, len(tokens), AT_ONCE):
        yield tokens[start : start + AT_ONCE]


def _of_window(window: Window, cuts: Cuts, tokens: Ints) -> int:
    return int(window.keys(tokens, *cuts.keys(tokens)).sum())


def _of_rows(cuts: Cuts, rows: Ints) -> int:
    """Pairs of the query tokens that see every key."""
    if cuts.causal:
        return int(np.clip(rows + 1, 0, cuts.seq_len).sum())
    return len(rows) * cuts.seq_len


def _of_cols(cuts: Cuts, rows: Ints, cols: Ints) -> int:
    """Pairs of the keys that every query sees, but for those of `rows`."""
    if not cuts.causal:
        return len(cols) * (cuts.last - cuts.first + 1 - len(rows))
    queries = np.maximum(cuts.last + 1 - np.maximum(cols, cuts.first), 0)
    return int(queries.sum() - (len(rows) - np.searchsorted(rows, cols)).sum())
