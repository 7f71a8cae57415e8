"""Query blocks: the queries that lie on the rows together, and the bands of keys that they need.

Step 1 of docs/salo.md, "The schedule". Obeys: SALO (DAC 2022) section 4, reordering.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Bools, Integers, Tokens
from tandemsim.traces.pattern import Band, Pattern

NO_TAG = -(2**31)  # image-row distance of a band that carries no image-row tag


class StreamBand(NamedTuple):
    """A contiguous band of keys: offsets ``low..high``, both inclusive, from the position of the query."""

    stream: int
    low: int
    high: int
    image_row: int  # rows of the image between query and key; NO_TAG in 1-D


class BlockGroup(NamedTuple):
    """The queries of one stream in one sweep: they share their bands."""

    sweep: int
    dilation: int
    stream: int
    bands: tuple[StreamBand, ...]


class Layout(NamedTuple):
    """All streams and groups of a pattern."""

    streams: tuple[Tokens, ...]
    groups: tuple[BlockGroup, ...]
    sweeps: int


def layout(pattern: Pattern) -> Layout:
    """Return the streams of `pattern` and the bands that each of them needs."""
    if pattern.grid is not None:
        return _grid_layout(pattern)
    sweeps = _bands_by_dilation(pattern)
    streams: list[Tokens] = []
    groups: list[BlockGroup] = []
    for sweep, (dilation, bands) in enumerate(sweeps.items()):
        first = len(streams)
        classes = min(dilation, pattern.seq_len)
        streams += [np.arange(r, pattern.seq_len, dilation, dtype=np.int32) for r in range(classes)]
        for residue in range(classes):
            shifted = (_in_class(band, residue, dilation, first, classes) for band in bands)
            groups.append(
                BlockGroup(sweep, dilation, first + residue, tuple(b for b in shifted if b is not None))
            )
    return Layout(tuple(streams), tuple(groups), len(sweeps))


def _bands_by_dilation(pattern: Pattern) -> dict[int, list[Band]]:
    """Group the disjoint bands of the pattern by dilation.

    A band of a single offset fits any dilation, so it joins a group and takes no sweep of its own.
    """
    disjoint = pattern.disjoint_bands()
    spread = [band for band in disjoint if band.high > band.low]
    single = [band for band in disjoint if band.high == band.low]
    sweeps: dict[int, list[Band]] = {}
    for band in spread:
        sweeps.setdefault(band.dilation, []).append(band)
    home = min(sweeps, default=1)
    if single or not sweeps:
        sweeps.setdefault(home, []).extend(Band(band.low, band.high, home) for band in single)
    return {dilation: sorted(sweeps[dilation]) for dilation in sorted(sweeps)}


def _in_class(band: Band, residue: int, dilation: int, first: int, classes: int) -> StreamBand | None:
    """Return `band` as the queries of one residue class see it; None if its keys are outside the sequence."""
    key_class = (residue + band.low) % dilation
    if key_class >= classes:
        return None
    low = (residue + band.low - key_class) // dilation
    return StreamBand(first + key_class, low, low + (band.high - band.low) // dilation, NO_TAG)


def _grid_layout(pattern: Pattern) -> Layout:
    """Return a 2-D pattern as one band per image row: offsets ``dy * width + [low_x, high_x]``, row-major.

    The band also meets keys of the neighboring image rows, where it runs over the edge; the image-row tags
    mask them, which one bit can do as long as a band does not reach beyond the next row: hence the clip of
    `low_x` and `high_x`.
    """
    assert pattern.grid is not None and pattern.window_2d is not None
    height, width = pattern.grid
    (low_y, high_y), (low_x, high_x) = pattern.window_2d
    low_x, high_x = max(low_x, 1 - width), min(high_x, width - 1)
    rows = range(max(low_y, 1 - height), min(high_y, height - 1) + 1)
    bands = tuple(
        StreamBand(0, dy * width + low_x, dy * width + high_x, dy) for dy in rows if low_x <= high_x
    )
    grid_tokens = np.arange(pattern.outside, pattern.seq_len, dtype=np.int32)
    return Layout((grid_tokens,), (BlockGroup(0, 1, 0, bands),), 1)


class BlockTable(NamedTuple):
    """The query blocks of a layout."""

    rows: Tokens  # [blocks, rows] query tokens, -1 = no query
    group: list[BlockGroup]  # of each block
    position: list[int]  # stream position of each block's first row
    starts: Integers  # of each stream in the token table
    lengths: Integers  # of each stream


def block_table(layout: Layout, is_global: Bools, rows: int) -> BlockTable:
    """Cut the streams into blocks of `rows` queries; blocks of nothing but global queries are left out.

    `is_global` is bool [seq_len].
    """
    lengths = np.array([len(stream) for stream in layout.streams], np.int64)
    starts = np.cumsum(lengths) - lengths
    table: list[Tokens] = []
    groups: list[BlockGroup] = []
    positions: list[int] = []
    for group in layout.groups:
        stream = layout.streams[group.stream]
        padded = np.full(-(-len(stream) // rows) * rows, -1, np.int32)
        padded[: len(stream)] = np.where(is_global[stream], -1, stream)
        for index, block in enumerate(padded.reshape(-1, rows)):
            if (block >= 0).any():
                table.append(block)
                groups.append(group)
                positions.append(index * rows)
    return BlockTable(np.array(table, np.int32).reshape(-1, rows), groups, positions, starts, lengths)
