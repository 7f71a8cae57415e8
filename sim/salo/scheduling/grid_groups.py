"""Groups of an image: a 2-D window is one narrow band for each image row that it spans.

Step 1 of docs/salo.md, "The schedule". Offsets are ``dy * width + [low_x, high_x]``, row-major.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Tokens
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockGroup, StreamBand
from tandemsim.sim.salo.scheduling.sequence_groups import everyone_sees
from tandemsim.sim.salo.scheduling.streams import Streams
from tandemsim.traces.pattern import Pattern


def box_groups(pattern: Pattern, streams: Streams) -> list[BlockGroup]:
    """Return the group of a window that is cut off at the edges of the image.

    A band also meets keys of the neighboring image rows, where it runs over the edge; the image-row tags mask
    them, which one bit can do as long as a band does not reach beyond the next row: hence the clip of `low_x`
    and `high_x`.
    """
    assert pattern.grid is not None and pattern.window_2d is not None
    height, width = pattern.grid
    (low_y, high_y), (low_x, high_x) = pattern.window_2d
    low_x, high_x = max(low_x, 1 - width), min(high_x, width - 1)
    rows = range(max(low_y, 1 - height), min(high_y, height - 1) + 1)
    tokens = _image(pattern)
    stream = streams.add(tokens)
    bands = tuple(
        StreamBand(stream, dy * width + low_x, dy * width + high_x, dy) for dy in rows if low_x <= high_x
    )
    return [BlockGroup(0, 1, bands, tokens, 0)]


def clamped_box_groups(pattern: Pattern, streams: Streams, rows: int) -> list[BlockGroup]:
    """Return the groups of a window that is moved inward at the edges of the image.

    Away from the left and the right edge it is made of bands, which never run over an edge; those of an image
    row near the top or the bottom are at other distances. Near the left or the right edge the queries of an
    image row all see the same keys.
    """
    assert pattern.grid is not None and pattern.window_2d is not None
    height, width = pattern.grid
    (low_y, high_y), (low_x, high_x) = pattern.window_2d
    tall, wide = high_y - low_y + 1, high_x - low_x + 1
    tokens = _image(pattern)
    stream = streams.add(tokens)
    left, right = _inner(low_x, wide, width)
    top, bottom = _inner(low_y, tall, height)
    groups = []
    for y in range(height):
        first_row = min(max(y + low_y, 0), height - tall)
        inside = top <= y < bottom
        if not inside or y == top:
            bands = tuple(
                StreamBand(stream, dy * width + low_x, dy * width + high_x, NO_TAG)
                for dy in range(first_row - y, first_row - y + tall)
            )
            # Queries of the edges are missing among those of the image rows that share their bands.
            some = np.arange(y * width, (bottom if inside else y + 1) * width)
            some = some[left:]
            column = some % width
            queries = np.where((left <= column) & (column < right), some + pattern.outside, -1)
            groups.append(BlockGroup(0, 1, bands, queries.astype(np.int32), y * width + left))
        for start, end, first in ((0, left, 0), (right, width, width - wide)):
            box = np.arange(first_row, first_row + tall)[:, None] * width + np.arange(first, first + wide)
            keys = streams.add(box.ravel() + pattern.outside)
            here = BlockGroup(0, 1, (), tokens[y * width + start : y * width + end], 0)
            groups += everyone_sees(here, keys, 0, box.size, rows)
    return [group for group in groups if (group.queries >= 0).any()]


def _inner(low: int, length: int, side: int) -> tuple[int, int]:
    """Return the first place of a side whose window is not moved, and the one after the last."""
    first = min(max(-low, 0), side)
    return first, max(first, min(side - length - low + 1, side))


def _image(pattern: Pattern) -> Tokens:
    return np.arange(pattern.outside, pattern.seq_len, dtype=np.int32)
