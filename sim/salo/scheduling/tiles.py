"""Tiles: the passes of a schedule as flat arrays of keys and masks, and the kernels that fill them in.

Step 5 of docs/salo.md, "The schedule".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.salo.config import SaloArray
from tandemsim.sim.arch.types import Bools, Bytes, Integers, Tokens
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.geometry import slot_of
from tandemsim.sim.salo.scheduling.chunks import Field, Sequence, image_row, slot_token, usable


class Slots(NamedTuple):
    """What streams through the array in each tile, and the masks that travel with it.

    T tiles, S segments, L slots of a segment, R rows, C columns.
    """

    keys: Tokens  # [T, S, L] token of the key in each slot, -1 = none
    local_valid: Bools  # [T, S, L] the local rows may use it
    key_tag: Bytes  # [T, S, L] parity of its image row
    row_tag: Bytes  # [T, S, R] parity of the image row that a query's keys must have
    col_mask: Bools  # [T, C] columns that stand for an offset of the band


def empty_slots(tiles: int, array: SaloArray) -> Slots:
    """Return slots in which nothing streams."""
    segments, slots = array.column_segments, array.segment_slots
    return Slots(
        np.full((tiles, segments, slots), -1, np.int32),
        np.zeros((tiles, segments, slots), np.bool_),
        np.zeros((tiles, segments, slots), np.uint8),
        np.zeros((tiles, segments, array.rows), np.uint8),
        np.zeros((tiles, array.cols), np.bool_),
    )


def joined(one: Slots, other: Slots) -> Slots:
    """Return the slots of the tiles of `one`, and then those of `other`."""
    return Slots(
        keys=np.concatenate((one.keys, other.keys)),
        local_valid=np.concatenate((one.local_valid, other.local_valid)),
        key_tag=np.concatenate((one.key_tag, other.key_tag)),
        row_tag=np.concatenate((one.row_tag, other.row_tag)),
        col_mask=np.concatenate((one.col_mask, other.col_mask)),
    )


@jit
def fill(chunks: Integers, tile_chunks: Integers, block_rows: Tokens, sequence: Sequence, out: Slots) -> None:
    """Write the chunks of each tile into `out`; `tile_chunks` is int64 [T, S], -1 = none.

    A chunk that spans all columns is chained: it is named on segment 0 and every segment sees its part of the
    slots.
    """
    tiles, segments = tile_chunks.shape
    cols = out.col_mask.shape[1]
    for tile in range(tiles):
        if tile_chunks[tile, 0] >= 0 and chunks[tile_chunks[tile, 0], Field.SPAN] == cols:
            for segment in range(segments):
                _fill_segment(tile, segment, chunks[tile_chunks[tile, 0]], block_rows, sequence, out)
            continue
        for segment in range(segments):
            if tile_chunks[tile, segment] >= 0:
                _fill_segment(tile, segment, chunks[tile_chunks[tile, segment]], block_rows, sequence, out)


@jit
def _fill_segment(
    tile: int, segment: int, chunk: Integers, block_rows: Tokens, sequence: Sequence, out: Slots
) -> None:
    segments, slots = out.keys.shape[1], out.keys.shape[2]
    segment_cols = out.col_mask.shape[1] // segments
    chained = segments > 1 and chunk[Field.SPAN] != segment_cols
    # In a chained pass the last segment sees the lowest keys, and each one before it those further up.
    shift = (segments - 1 - segment) * segment_cols if chained else 0
    for slot in range(slots):
        key = slot_token(chunk, slot + shift, sequence.tokens)
        out.keys[tile, segment, slot] = key
        out.local_valid[tile, segment, slot] = usable(chunk, key, sequence)
        if chunk[Field.TAGGED] == 1 and key >= 0:
            out.key_tag[tile, segment, slot] = image_row(key, sequence) & 1
    for row in range(block_rows.shape[1]):
        query = block_rows[chunk[Field.BLOCK], row]
        if chunk[Field.TAGGED] == 1 and query >= 0:
            out.row_tag[tile, segment, row] = (image_row(query, sequence) + chunk[Field.IMAGE_ROW]) & 1
    for col in range(segment_cols):
        offset = slot_of(0, col, segment_cols) + shift
        out.col_mask[tile, segment * segment_cols + col] = offset < chunk[Field.WIDTH]


@jit
def takes_part(slots: Slots, block_rows: Tokens, block: int, tile: int, row: int, col: int) -> bool:
    """Whether local PE (row, col) works on a pair in this tile: the mask rule of the array."""
    segment_cols = slots.col_mask.shape[1] // slots.keys.shape[1]
    segment, slot = col // segment_cols, slot_of(row, col, segment_cols)
    return _meet(
        block_rows[block, row],
        slots.col_mask[tile, col],
        slots.local_valid[tile, segment, slot],
        slots.row_tag[tile, segment, row],
        slots.key_tag[tile, segment, slot],
    )


@jit
def _meet(query: int, in_band: bool, valid: bool, row_tag: int, key_tag: int) -> bool:
    return bool(query >= 0 and in_band and valid and row_tag == key_tag)


@jit
def bottom_slot(slots: Slots, rows: int, col: int) -> tuple[int, int]:
    """Return (segment, slot) of the key that the last row, and so the global rows, see in a column."""
    segment_cols = slots.col_mask.shape[1] // slots.keys.shape[1]
    return col // segment_cols, slot_of(rows - 1, col, segment_cols)


@jit
def local_use(slots: Slots, block_rows: Tokens, block: Tokens) -> tuple[Bools, Integers]:
    """Return bool [T, S, L], slots whose keys some local PE uses, and int64 [T], (query, key) pairs."""
    tiles, segments, width = slots.keys.shape
    rows, cols = block_rows.shape[1], slots.col_mask.shape[1]
    segment_cols = cols // segments
    pairs = np.zeros(tiles, np.int64)
    used = np.zeros((tiles, segments, width), np.bool_)
    # Taken out of `slots` once: in the loops each access would count references, ten times the work.
    valid, key_tag, row_tag, in_band = slots.local_valid, slots.key_tag, slots.row_tag, slots.col_mask
    for tile in range(tiles):
        for col in range(cols):
            segment = col // segment_cols
            for row in range(rows):
                slot = slot_of(row, col, segment_cols)
                if _meet(
                    block_rows[block[tile], row],
                    in_band[tile, col],
                    valid[tile, segment, slot],
                    row_tag[tile, segment, row],
                    key_tag[tile, segment, slot],
                ):
                    used[tile, segment, slot] = True
                    pairs[tile] += 1
    return used, pairs


@jit
def prune(slots: Slots, used: Bools, rows: int, row_valid: Bools) -> None:
    """Empty the slots that no PE uses, so that their keys are not fetched.

    `used` are those of the local rows; `row_valid` bool [T, G, C] the PEs of the global rows that the stream
    feeds.
    """
    tiles, segments, width = slots.keys.shape
    for tile in range(tiles):
        for grow in range(row_valid.shape[1]):
            for col in range(row_valid.shape[2]):
                if row_valid[tile, grow, col]:
                    segment, slot = bottom_slot(slots, rows, col)
                    used[tile, segment, slot] = True
        for segment in range(segments):
            for slot in range(width):
                if not used[tile, segment, slot]:
                    slots.keys[tile, segment, slot] = -1
                    slots.local_valid[tile, segment, slot] = False
