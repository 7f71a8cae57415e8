"""Special keys, global and sink tokens: which of them each query block takes through the global column.

Step 4 of docs/salo.md, "The schedule". A key in the global column reaches every row of a block. Causal, it
must not reach a row whose query comes before it: such a key streams with its neighbors, as a key of the
block's bands, or the block is cut before it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Bools, Integers
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockGroup, BlockTable, row_tokens
from tandemsim.sim.salo.scheduling.streams import Streams
from tandemsim.traces.pattern import Pattern


class SpecialKeys(NamedTuple):
    """The keys that queries see whatever the window: global tokens first, then sinks."""

    tokens: tuple[int, ...]
    is_special: Bools  # [seq_len]
    causal: bool


class BlockKeys(NamedTuple):
    """The special keys of a block."""

    column: tuple[int, ...]  # tokens that every row needs, through the global column or streamed to all rows
    # Special keys among these tokens stream in the bands of the block, as other keys do.
    streamed_from: int
    streamed_to: int


def special_keys(pattern: Pattern) -> SpecialKeys:
    """Return the special keys of a pattern."""
    tokens = tuple(dict.fromkeys((*pattern.global_tokens, *pattern.sink_tokens)))
    is_special = np.zeros(pattern.seq_len, np.bool_)
    is_special[list(tokens)] = True
    return SpecialKeys(tokens, is_special, pattern.causal)


def cut_before_keys(
    group: BlockGroup, special: SpecialKeys, q_offset: int, rows: int, streams: Streams
) -> list[BlockGroup]:
    """Cut a causal group before each special key that its bands do not show to every row that needs it."""
    if group.sweep or not len(group.queries):
        return [group]  # the first sweep sees the special keys
    first, step = int(group.queries[0]) + q_offset, group.dilation
    cuts = []
    for key in sorted(special.tokens):
        index = -((first - key) // step)  # of the first query that sees it
        if 0 < index < len(group.queries) and not _is_streamed(group, key, index, rows, streams):
            cuts.append(index)
    return group.parts(sorted(set(cuts)))


def _is_streamed(group: BlockGroup, key: int, index: int, rows: int, streams: Streams) -> bool:
    """Whether a band shows `key` to the query at `index` and to those of a block of `rows` after it."""
    position = group.position + index
    for band in group.bands:
        stream = streams[band.stream]
        at = int(np.searchsorted(stream, key))
        if at < len(stream) and stream[at] == key and band.first <= at < band.end:
            return band.low <= at - (position + rows - 1) and at - position <= band.high
    return False


def block_keys(table: BlockTable, special: SpecialKeys, q_offset: int) -> list[BlockKeys]:
    """Return the special keys of each block, of which as few as possible stream."""
    found = []
    for group, (first, last) in zip(table.group, row_tokens(table, q_offset).tolist(), strict=True):
        if group.sweep:
            found.append(BlockKeys((), 0, 0))  # later sweeps merge with the first, which has seen them
        elif special.causal:
            column = tuple(token for token in special.tokens if token <= first)
            found.append(BlockKeys(column, first + 1, last + 1))
        else:
            found.append(BlockKeys(special.tokens, 0, 0))
    return found


def with_window_streamed(
    keys: list[BlockKeys], table: BlockTable, q_offset: int, whole_stream: int
) -> list[BlockKeys]:
    """Return `keys` where special keys in the window of every row stream, too: a long prefix, say.

    Only of blocks of one band over neighboring tokens.
    """
    found = []
    ends: Integers = row_tokens(table, q_offset)
    for own, group, (first, last) in zip(keys, table.group, ends.tolist(), strict=True):
        band = group.bands[0] if len(group.bands) == 1 else None
        if not own.column or band is None or band.stream != whole_stream or band.image_row != NO_TAG:
            found.append(own)
            continue
        start = max(last + band.low, band.first)
        end = min(first + band.high + 1, band.end)
        if own.streamed_to > own.streamed_from and end == own.streamed_from:
            end = own.streamed_to
        if start >= end:
            found.append(own)
            continue
        column = tuple(token for token in own.column if not start <= token < end)
        found.append(BlockKeys(column, start, end) if len(column) < len(own.column) else own)
    return found
