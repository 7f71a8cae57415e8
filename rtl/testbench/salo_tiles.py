"""Random tiles of SALO's engine: anything that a command can say, whatever a scheduler would ask for.

Masks, operands and sinks of heads, and pauses at all streams.
"""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloConfig
from tandemsim.sim.arch.types import Bools, Tokens
from tandemsim.sim.salo.row import HeadOperands, projection
from tandemsim.sim.salo.scheduling.global_rows import GlobalRows
from tandemsim.sim.salo.scheduling.tiles import Slots
from tandemsim.sim.salo.tile_engine import Gaps

TOKENS = 24
Heads = list[HeadOperands]


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


def random_heads(
    config: SaloConfig, seq_len: int, head_dim: int, apart: bool, seed: int, heads: int = 1
) -> Heads:
    """Return N(0, 1) operands of heads; with projections of their own for the global tokens if `apart`.

    Where the array takes them, each head has a sink, but for the second one, and values of a size of its own.
    """
    rng, array = np.random.default_rng(seed), config.array
    found: Heads = []
    for head in range(heads):
        v_dim = int(rng.integers(1, array.head_dim + 1)) if array.value_dims else head_dim
        sizes = (head_dim, head_dim, v_dim) * 2
        raw = [config.numerics.stored.quantize(rng.standard_normal((seq_len, size)))[0] for size in sizes]
        sink = random_sink(rng, config) if array.sinks and head != 1 else None
        found.append(HeadOperands(projection(*raw[:3]), projection(*raw[3:]) if apart else None, sink))
    return found


def random_sink(rng: np.random.Generator, config: SaloConfig) -> int:
    """Return a raw logit: some doublings above or below the scores, or one that saturates."""
    score = config.numerics.score
    if rng.random() < 0.2:
        return int(rng.choice([score.minimum, score.maximum]))
    raw = round(rng.normal(0, 4) * 2**config.array.score_shift * score.scale)
    return int(min(max(raw, score.minimum), score.maximum))


def random_gaps(seed: int) -> Gaps:
    """Return pauses at every stream, mostly none, at the outputs some of several tiles."""
    rng = random.Random(seed)

    def pauses(busy: float, longest: int) -> list[int]:
        return [rng.randint(1, longest) if rng.random() < busy else 0 for _ in range(4000)]

    output, global_output = pauses(0.3, 12), pauses(0.3, 30)
    output[5::97] = [600] * len(output[5::97])  # the staging buffer must fill up
    global_output[5::97] = [600] * len(global_output[5::97])
    return Gaps(pauses(0.4, 9), pauses(0.2, 4), output, global_output)


def _slots(rng: np.random.Generator, array: SaloArray, tiles: int, split: Bools) -> Slots:
    """Independent segments in split tiles; in the others the segments are views of one chain of slots."""
    segments, length = array.column_segments, array.segment_slots
    chain = array.segment_cols * (segments - 1) + length
    shape = (tiles, chain)
    key_chain, valid_chain = rng.integers(0, TOKENS, shape), rng.random(shape) < 0.8
    tag_chain = rng.random(shape) < 0.3
    keys = np.zeros((tiles, segments, length), np.int32)
    valid, tag = np.zeros(keys.shape, np.bool_), np.zeros(keys.shape, np.uint8)
    for segment in range(segments):
        start = (segments - 1 - segment) * array.segment_cols
        part = slice(start, start + length)
        keys[:, segment], valid[:, segment] = key_chain[:, part], valid_chain[:, part]
        tag[:, segment] = tag_chain[:, part]
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
) -> tuple[Bools, Bools, Tokens]:
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
