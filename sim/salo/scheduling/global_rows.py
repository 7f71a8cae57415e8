"""Global rows: which keys a global query meets in which tile.

A global query needs every key once. Fed from the stream, its row takes those of the keys leaving the bottom
of the array that it has not taken before (first seen, first taken), so it needs no pass of its own as long as
the local rows stream the whole sequence past it. Keys that the local rows use have precedence, for they are
fetched anyway. Fed by private ports it takes the sequence in order, spread evenly over the tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.scheduling.tiles import bottom_slot


class GlobalRows(NamedTuple):
    """The part of the global rows in each tile: T tiles, G global rows, C columns."""

    keys: npt.NDArray[np.int32]  # [T, G, C] token that each PE sees, -1 = none
    valid: npt.NDArray[np.bool_]  # [T, G, C] PE takes part


def no_global_rows(tiles: int, global_rows: int, cols: int) -> GlobalRows:
    """Return global rows that do nothing."""
    return GlobalRows(
        np.full((tiles, global_rows, cols), -1, np.int32), np.zeros((tiles, global_rows, cols), np.bool_)
    )


@jit
def take_first_seen(slots, rows, fed, offered, taken, out):
    """Let every global row take the keys that it sees for the first time, in the tiles that feed it.

    `fed` is bool [T], `offered` bool [T, S, L]; `taken` is bool [G, seq_len] and is updated.
    """
    tiles, global_rows, cols = out.valid.shape
    for tile in range(tiles):
        for grow in range(global_rows):
            for col in range(cols):
                segment, slot = bottom_slot(slots, rows, col)
                key = slots.keys[tile, segment, slot]
                out.keys[tile, grow, col] = key
                if not (fed[tile] and offered[tile, segment, slot]):
                    continue
                if grow < taken.shape[0] and key >= 0 and not taken[grow, key]:
                    taken[grow, key] = True
                    out.valid[tile, grow, col] = True


@jit
def take_in_free_slots(slots, rows, fed, missing, taken, out):
    """Put missing keys (global tokens outside the image, say) in slots that are free in all that the rows
    see.

    The local rows must not use such a key: its slot stays invalid for them. In a chained pass a place that
    two segments stream is free in both, so none streams another key there. Returns how many of `missing` are
    placed.
    """
    placed = 0
    tiles, global_rows, cols = out.valid.shape
    for tile in range(tiles):
        if not fed[tile]:
            continue
        for col in range(cols):
            if placed == len(missing):
                return placed
            segment, slot = bottom_slot(slots, rows, col)
            if slots.keys[tile, segment, slot] >= 0:
                continue
            key = missing[placed]
            slots.keys[tile, segment, slot] = key
            placed += 1
            for grow in range(global_rows):
                out.keys[tile, grow, col] = key
                if grow < taken.shape[0] and not taken[grow, key]:
                    taken[grow, key] = True
                    out.valid[tile, grow, col] = True
    return placed


def take_in_order(rows: GlobalRows, queries: int, seq_len: int) -> None:
    """Feed the whole sequence through the private ports, `cols` keys in each of tiles spread evenly over the
    head.
    """
    tiles, _, cols = rows.valid.shape
    shares = -(-seq_len // cols)
    assert shares <= tiles, "the caller adds tiles until every share has one"
    for share in range(shares):
        tile = share * tiles // shares
        keys = np.arange(share * cols, min((share + 1) * cols, seq_len), dtype=np.int32)
        # Column 0 sees the highest key of a pass, as it does of a stream.
        rows.keys[tile, :, cols - len(keys) :] = keys[::-1]
        rows.valid[tile, :queries, cols - len(keys) :] = True
