"""Leftover keys: a run of keys that is taken out of a stream, so that a window fits in whole passes.

Step 3 of docs/salo.md, "The schedule".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.types import Bools
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockTable, StreamBand
from tandemsim.sim.salo.scheduling.streams import Streams


class Skip(NamedTuple):
    """A run of keys taken out of a stream."""

    at: int  # position of the first
    length: int


NOTHING_SKIPPED = Skip(2**40, 0)  # beyond every position


def narrowed(band: StreamBand, skip: Skip) -> StreamBand:
    """Return the band without the run: narrower by its length."""
    return band._replace(high=band.high - skip.length)


def skipped_run(block: int, table: BlockTable, array: SaloArray, streams: Streams, is_special: Bools) -> Skip:
    """Return the run that would save the block a pass, nearest to its middle row; else `NOTHING_SKIPPED`.

    The run must lie in the sequence and in the window of every row, and hold no special key, since those
    reach the rows through the global column anyway. 2-D patterns have no such run: the window of an image row
    is narrower than its band, and the global column compares no image-row tags.
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
    stream = streams[band.stream]
    lowest = max(int(rows[-1]) + band.low, band.first)
    highest = min(int(rows[0]) + band.high, band.end - 1, len(stream) - 1) - length + 1
    if lowest > highest:
        return NOTHING_SKIPPED
    starts = np.arange(lowest, highest + 1)
    special_before = np.concatenate(([0], np.cumsum(is_special[stream])))
    free = starts[special_before[starts + length] == special_before[starts]]
    if len(free) == 0:
        return NOTHING_SKIPPED
    middle = table.position[block] + array.rows // 2
    return Skip(int(free[np.argmin(np.abs(free - middle))]), length)
