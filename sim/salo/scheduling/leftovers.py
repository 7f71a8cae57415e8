"""Leftover keys: a window that is a little wider than whole passes, narrowed to fit them.

Longformer's window of 513 keys needs sixteen passes of 32 columns and one column of a seventeenth. A run of
keys that lies in the window of *every* query of the block can be taken out of the stream: the keys above it
move down, each query's window is again one contiguous band, and the run goes through the global column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tandemsim.sim.salo.scheduling.blocks import NO_TAG, StreamBand

if TYPE_CHECKING:
    from tandemsim.sim.arch.salo.config import SaloArray
    from tandemsim.sim.salo.scheduling.chunks import Sequence
    from tandemsim.sim.salo.scheduling.packing import BlockTable


class Skip(NamedTuple):
    """A run of keys taken out of a stream."""

    at: int  # position of the first
    length: int


NOTHING_SKIPPED = Skip(2**40, 0)  # beyond every position


def narrowed(band: StreamBand, skip: Skip) -> StreamBand:
    """Return what a band is once the run is gone."""
    return band._replace(high=band.high - skip.length)


def skipped_run(block: int, table: BlockTable, array: SaloArray, sequence: Sequence) -> Skip:
    """Return the run that would save the block a pass, nearest to its middle row; `NOTHING_SKIPPED` where
    none can.

    The run must lie in the sequence and in every row's window, and hold no global key, for that one has its
    own way. The window of an image row has none: it is narrower than its band, and the global column compares
    no tags.
    """
    group = table.group[block]
    if len(group.bands) != 1 or group.bands[0].image_row != NO_TAG:
        return NOTHING_SKIPPED
    band = group.bands[0]
    width = band.high - band.low + 1
    length = width % array.cols
    if length == 0 or width < array.cols:
        return NOTHING_SKIPPED
    rows = np.flatnonzero(table.rows[block] >= 0) + table.position[block]
    lowest = max(int(rows[-1]) + band.low, 0)
    highest = min(int(rows[0]) + band.high, int(table.lengths[band.stream]) - 1) - length + 1
    if lowest > highest:
        return NOTHING_SKIPPED
    starts = np.arange(lowest, highest + 1)
    stream = sequence.tokens[table.starts[band.stream] :][: table.lengths[band.stream]]
    globals_before = np.concatenate(([0], np.cumsum(sequence.is_global[stream])))
    free = starts[globals_before[starts + length] == globals_before[starts]]
    if len(free) == 0:
        return NOTHING_SKIPPED
    middle = table.position[block] + array.rows // 2
    return Skip(int(free[np.argmin(np.abs(free - middle))]), length)
