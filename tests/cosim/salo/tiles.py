"""Random tiles: anything that a command can say, without regard to what a scheduler would ask for."""

from types import SimpleNamespace

import numpy as np

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray
from tandemsim.sim.salo.scheduling.global_rows import GlobalRows
from tandemsim.sim.salo.scheduling.tiles import Slots

TOKENS = 24


def random_tiles(array: SaloArray, tiles: int, seed: int) -> SimpleNamespace:
    """Return what the array reads of a `Schedule`: blocks of one to three tiles, random masks everywhere."""
    rng = np.random.default_rng(seed)
    block = np.sort(rng.integers(0, max(1, tiles // 2), tiles))
    block = np.unique(block, return_inverse=True)[1].astype(np.int32)
    edge = np.flatnonzero(np.diff(block)) + 1
    first, last = np.zeros(tiles, np.bool_), np.zeros(tiles, np.bool_)
    first[[0, *edge]] = last[[*(edge - 1), tiles - 1]] = True
    # Every block has queries of its own, so that each output is the result of one block.
    blocks = int(block[-1]) + 1
    queries = np.arange(blocks * array.rows, dtype=np.int32).reshape(blocks, array.rows)
    block_rows = np.where(rng.random(queries.shape) < 0.85, queries, -1).astype(np.int32)
    private = array.global_projections is GlobalProjections.PRIVATE and bool(rng.integers(2))
    split = rng.random(tiles) < 0.5 if array.column_segments > 1 else np.zeros(tiles, np.bool_)
    slots = _slots(rng, array, tiles, split)
    rows = _global_rows(rng, array, slots, private)
    row_first, row_last, row_query = _global_blocks(rng, array, tiles, blocks * array.rows)
    return SimpleNamespace(
        seq_len=max(TOKENS, (blocks + tiles) * array.rows + tiles * array.global_rows),
        tiles=tiles,
        block=block,
        block_rows=block_rows,
        slots=slots,
        split=split,
        row_keys=rows,
        row_query=row_query,
        column_keys=rng.integers(-1, TOKENS, (tiles, array.global_cols)).astype(np.int32),
        source=np.zeros(tiles, np.uint8),
        private_rows=private,
        separate_rows=private,
        first=first,
        last=last,
        row_first=row_first,
        row_last=row_last,
        restore=np.zeros(blocks, np.bool_),
        spill=np.zeros(blocks, np.bool_),
    )


def _slots(rng: np.random.Generator, array: SaloArray, tiles: int, split: np.ndarray) -> Slots:
    """Independent segments in split tiles; in the others the segments are views of one chain of slots."""
    segments, length = array.column_segments, array.segment_slots
    chain = array.segment_cols * (segments - 1) + length
    shape = (tiles, chain)
    chains = (
        rng.integers(0, TOKENS, shape),
        rng.random(shape) < 0.8,
        rng.random(shape) < 0.3,
    )
    keys = np.zeros((tiles, segments, length), np.int32)
    valid, tag = np.zeros(keys.shape, np.bool_), np.zeros(keys.shape, np.uint8)
    for segment in range(segments):
        start = (segments - 1 - segment) * array.segment_cols
        for into, values in zip((keys, valid, tag), chains, strict=True):
            into[:, segment] = values[:, start : start + length]
    free = np.flatnonzero(split)
    keys[free] = rng.integers(0, TOKENS, keys[free].shape)
    valid[free] = rng.random(keys[free].shape) < 0.8
    tag[free] = rng.random(keys[free].shape) < 0.3
    row_tag = (rng.random((tiles, segments, array.rows)) < 0.3).astype(np.uint8)
    return Slots(keys, valid, tag, row_tag, rng.random((tiles, array.cols)) < 0.9)


def _global_rows(rng: np.random.Generator, array: SaloArray, slots: Slots, private: bool) -> GlobalRows:
    """Any keys through private ports; else those that leave the bottom of the columns."""
    tiles = len(slots.keys)
    shape = (tiles, array.global_rows, array.cols)
    keys = rng.integers(0, TOKENS, shape).astype(np.int32)
    if not private:
        for col in range(array.cols):
            segment, place = divmod(col, array.segment_cols)
            bottom = array.rows - 1 + array.segment_cols - 1 - place
            keys[:, :, col] = slots.keys[:, segment, bottom][:, None]
    return GlobalRows(keys=keys, valid=rng.random(shape) < 0.7)


def _global_blocks(
    rng: np.random.Generator, array: SaloArray, tiles: int, base: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each global row works on one query after the other, each over one to four tiles."""
    shape = (tiles, array.global_rows)
    first, last = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    query = np.zeros(shape, np.int32)
    for g in range(array.global_rows):
        tile = 0
        while tile < tiles:
            end = min(tiles, tile + int(rng.integers(1, 5)))
            query[tile:end, g] = base + tile * array.global_rows + g
            first[tile, g] = last[end - 1, g] = True
            tile = end
    # In between a row may rest, whatever keys pass it.
    query[~first & ~last & (rng.random(shape) < 0.3)] = -1
    return first, last, query
