"""The pattern of a mask whose values are known: which bands, chunks, sinks or blocks its pairs are.

What is guessed from a few rows is then compared with the whole mask, element by element. So a pattern that is
returned has exactly the mask's pairs, and a mask without one stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Band
from tandemsim.traces.errors import TraceError
from tandemsim.traces.pattern import Blocks, Chunks, Pattern

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: More bands than this are not called a pattern.
MAX_BANDS = 32

#: Sides of square blocks that are tried, the largest first.
BLOCK_SIDES = (256, 128, 64, 32, 16)

_ROWS = 256  # that are compared at once: any number gives the same result


class Whole(Enum):
    """Masks that are not sparse patterns."""

    DENSE = "every query sees every key"
    CAUSAL = "query i sees the keys 0 to i"


def pattern_of_mask(mask: Mask) -> Pattern | Whole | None:
    """Return what a mask [queries, keys] is, True where a query sees a key; None if it has no pattern.

    Where there are fewer queries than keys, the queries stand at the last tokens. A mask in which a query
    sees nothing has none: what its softmax gives depends on how the pairs are denied.
    """
    if not mask.any(axis=1).all():
        return None
    if mask.all():
        return Whole.DENSE
    queries, keys = mask.shape
    offset = max(keys - queries, 0)
    is_lower = not any(row[place + offset + 1 :].any() for place, row in enumerate(mask))
    if is_lower and queries == keys and mask.sum() == keys * (keys + 1) // 2:
        return Whole.CAUSAL
    for guess in _GUESSES:
        for pattern in guess(mask, offset, is_lower):
            if _is_exactly(pattern, mask):
                return pattern
    return None


def _stated(**fields: Any) -> Iterator[Pattern]:
    """Yield the pattern of these fields, unless such a pattern cannot be stated."""
    try:
        yield Pattern(**fields)
    except TraceError:
        return


def _bands(mask: Mask, offset: int, causal: bool) -> Iterator[Pattern]:
    """Offsets of the first and the last query, which together are all that any query can have."""
    yield from _with_tokens(mask, offset, causal, (), ())


def _tokens(mask: Mask, offset: int, causal: bool) -> Iterator[Pattern]:
    """Bands beside keys that every query sees; those whose queries see every key are global tokens."""
    queries, keys = mask.shape
    seen = mask.sum(axis=0)
    possible = np.full(keys, queries)
    if causal:
        possible = np.clip(queries + offset - np.arange(keys), 0, queries)
    everywhere = np.flatnonzero((seen == possible) & (seen > 1))
    if not len(everywhere):
        return
    both = np.intersect1d(everywhere, np.flatnonzero(mask.all(axis=1)) + offset)
    if len(both) and not causal:
        sinks = np.setdiff1d(everywhere, both)
        yield from _with_tokens(mask, offset, False, tuple(both.tolist()), tuple(sinks.tolist()))
    for sinks in (_leading(everywhere), everywhere):
        yield from _with_tokens(mask, offset, causal, (), tuple(sinks.tolist()))


def _with_tokens(
    mask: Mask, offset: int, causal: bool, everything: tuple[int, ...], sinks: tuple[int, ...]
) -> Iterator[Pattern]:
    queries, keys = mask.shape
    ordinary = np.setdiff1d(np.arange(keys), [*everything, *sinks])
    rows = np.setdiff1d(np.arange(queries), np.array(everything, np.int64) - offset)
    if not len(ordinary) or not len(rows):
        return
    chosen = {int(rows[0]), int(rows[-1]), *(int(row) for row in rows[:: max(len(rows) // 4, 1)])}
    found = [ordinary[mask[row, ordinary]] - (row + offset) for row in chosen]
    offsets = np.unique(np.concatenate(found))
    for choice in [_widened(offsets, 1 - queries - offset), offsets] if sinks else [offsets]:
        bands = as_few_bands(choice)
        if len(bands) <= MAX_BANDS and (bands or sinks or everything):
            yield from _stated(
                seq_len=keys, bands=bands, global_tokens=everything, q_len=queries, q_offset=offset,
                causal=causal and bool(sinks), sink_tokens=sinks,
            )  # fmt: skip


def _widened(offsets: Ints, lowest: int) -> Ints:
    """Extend a run of offsets to the lowest that exists: that it ends before may be because sinks hide it."""
    is_run = len(offsets) > 0 and len(offsets) == offsets[-1] - offsets[0] + 1
    return np.arange(min(lowest, offsets[0]), offsets[-1] + 1) if is_run else offsets


def _chunks(mask: Mask, offset: int, causal: bool) -> Iterator[Pattern]:
    """Chunks of one size, found where the first key that a query sees jumps ahead by it."""
    queries, keys = mask.shape
    first = mask.argmax(axis=1)
    jumps = np.flatnonzero(np.diff(first)) + 1
    sizes = np.diff(first)[jumps - 1]
    if not len(jumps) or sizes[0] < 2 or (sizes[1:] != (size := int(sizes[-1]))).any():
        return
    token = int(jumps[-1]) + offset  # the first one of a chunk
    phase = -token % size
    before = (token + phase) // size - (int(first[jumps[-1]]) + phase) // size
    last = keys - 1 - mask[:, ::-1].argmax(axis=1)
    ahead = (last + phase) // size - (np.arange(queries) + offset + phase) // size
    after = max(int(ahead.max()), 0)
    high = 0 if causal else size * (after + 1) - 1
    band = Band(1 - size * (before + 1), high, 1)
    chunks = Chunks(size, before, after, phase)
    yield from _stated(seq_len=keys, bands=(band,), chunks=chunks, q_len=queries, q_offset=offset)


def _blocks(mask: Mask, offset: int, causal: bool) -> Iterator[Pattern]:
    """Square blocks that are seen as a whole or not at all."""
    queries, keys = mask.shape
    for side in BLOCK_SIDES:
        if queries % side or keys % side or queries == keys == side:
            continue
        tiles = mask.reshape(queries // side, side, keys // side, side)
        seen = tiles[:, 0, :, 0]
        if (tiles == seen[:, None, :, None]).all():
            rows = tuple(tuple(np.flatnonzero(row).tolist()) for row in seen)
            blocks = Blocks(side, side, rows)
            yield from _stated(seq_len=keys, q_len=queries, q_offset=offset, blocks=blocks)
            return


_GUESSES: tuple[Callable[[Mask, int, bool], Iterator[Pattern]], ...] = (_bands, _tokens, _chunks, _blocks)


def as_few_bands(offsets: Ints) -> tuple[Band, ...]:
    """Return bands of exactly these offsets, sorted and without repeats: runs, and steps of one length."""
    bands: list[Band] = []
    start = 0
    while start < len(offsets):
        if start + 1 == len(offsets):
            bands.append(Band(int(offsets[start]), int(offsets[start]), 1))
            break
        steps = np.diff(offsets[start:])
        step = int(steps[0])
        breaks = np.flatnonzero(steps != step)
        end = start + (int(breaks[0]) if len(breaks) else len(steps))
        if step > 1 and end == start + 1 and end + 1 < len(offsets):
            end, step = start, 1  # a pair alone is rather two bands, so that a run after it stays whole
        bands.append(Band(int(offsets[start]), int(offsets[end]), step))
        start = end + 1
    return tuple(bands)


def _leading(tokens: Ints) -> Ints:
    """Return those of the sorted tokens that are the first of the sequence, without a gap."""
    return tokens[tokens == np.arange(len(tokens))]


def _is_exactly(pattern: Pattern, mask: Mask) -> bool:
    expected = _by_offsets(pattern)
    for start in range(0, len(mask), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(mask)))
        if not np.array_equal(expected(rows), mask[rows[0] : rows[-1] + 1]):
            return False
    return True


def _by_offsets(pattern: Pattern) -> Callable[[Ints], Mask]:
    """Return what gives rows of a pattern's mask: of bands, each row is a part of one line of offsets."""
    if pattern.chunks is not None or pattern.blocks is not None:
        return pattern.mask
    queries, keys, first = pattern.q_len, pattern.seq_len, pattern.q_offset
    offsets = np.arange(1 - queries, keys) - first  # of the last query's first key to the first one's last
    line = np.zeros(len(offsets), np.bool_)
    for low, high, dilation in pattern.bands:
        line |= (low <= offsets) & (offsets <= high) & ((offsets - low) % dilation == 0)
    near = np.lib.stride_tricks.sliding_window_view(line, keys)[::-1]
    before = np.lib.stride_tricks.sliding_window_view(offsets <= 0, keys)[::-1]
    always = np.array([*pattern.sink_tokens, *pattern.global_tokens], np.int64)

    def expected(rows: Ints) -> Mask:
        block = near[rows]
        block[:, always] = True
        block[np.isin(rows + first, pattern.global_tokens)] = True
        return block & before[rows] if pattern.causal else block

    return expected
