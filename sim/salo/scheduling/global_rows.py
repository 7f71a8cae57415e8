"""Global rows: which keys a global query meets in which tile.

Step 6 of docs/salo.md, "The schedule".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Bools, Tokens
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.scheduling.tiles import Slots, bottom_slot


class GlobalRows(NamedTuple):
    """The part of the global rows in each tile: T tiles, G global rows, C columns."""

    keys: Tokens  # [T, G, C] token that each PE sees, -1 = none
    valid: Bools  # [T, G, C] PE takes part


def no_global_rows(tiles: int, global_rows: int, cols: int) -> GlobalRows:
    """Return global rows that do nothing."""
    return GlobalRows(
        np.full((tiles, global_rows, cols), -1, np.int32), np.zeros((tiles, global_rows, cols), np.bool_)
    )


def joined_rows(one: GlobalRows, other: GlobalRows) -> GlobalRows:
    """Return the global rows of the tiles of `one`, and then those of `other`."""
    return GlobalRows(np.concatenate((one.keys, other.keys)), np.concatenate((one.valid, other.valid)))


@jit
def take_first_seen(
    slots: Slots, rows: int, fed: Bools, offered: Bools, taken: Bools, out: GlobalRows
) -> None:
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
def take_in_free_slots(
    slots: Slots, rows: int, fed: Bools, missing: Tokens, taken: Bools, out: GlobalRows
) -> int:
    """Put keys that no tile has shown yet into slots that are empty in every segment the global rows read.

    `missing` are such keys (global tokens outside the image, say), int32 [keys]. The local rows must not use
    them: their slots stay invalid for those. In a chained pass two segments stream the same slots, so one
    that is empty in one segment is empty in the other. Returns how many of `missing` are placed.
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
    """Feed the whole sequence through the private ports: `cols` keys in each of some tiles, spread evenly."""
    tiles, _, cols = rows.valid.shape
    shares = -(-seq_len // cols)
    assert shares <= tiles, "the caller adds tiles until every share has one"
    for share in range(shares):
        tile = share * tiles // shares
        keys = np.arange(share * cols, min((share + 1) * cols, seq_len), dtype=np.int32)
        # Column 0 sees the highest key of a pass, as it does of a stream.
        rows.keys[tile, :, cols - len(keys) :] = keys[::-1]
        rows.valid[tile, :queries, cols - len(keys) :] = True
