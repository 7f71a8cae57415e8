"""Packing: the chunks of each query block, laid on the array pass by pass.

Steps 2 and 4 of docs/salo.md, "The schedule".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.salo.config import SaloArray, SaloScheduling
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockTable, StreamBand
from tandemsim.sim.salo.scheduling.chunks import FIELDS, Chunk, Field, Sequence, count_pairs
from tandemsim.sim.salo.scheduling.leftovers import NOTHING_SKIPPED, Skip, narrowed, skipped_run


class Pass(NamedTuple):
    """One pass of the array, before its slots are filled in."""

    block: int
    chunks: tuple[Chunk, ...]  # one per segment; a single one spans all columns; none: nothing streams
    column_keys: tuple[int, ...] = ()  # tokens for the global columns
    source: int = 0  # 1: queries, keys and values of the global projections


def cut(band: StreamBand, position: int, array: SaloArray) -> list[tuple[int, int, int]]:
    """Cut a band to chunks (lowest key position, width, span): whole passes first, then one segment."""
    pieces = []
    base, width = position + band.low, band.high - band.low + 1
    while width > array.segment_cols:
        taken = min(width, array.cols)
        pieces.append((base, taken, array.cols))
        base, width = base + taken, width - taken
    if width > 0:
        pieces.append((base, width, array.segment_cols))
    return pieces


def band_chunks(
    block: int,
    band: StreamBand,
    position: int,
    table: BlockTable,
    array: SaloArray,
    skip: Skip = NOTHING_SKIPPED,
    *,
    global_keys: bool = False,
) -> list[Chunk]:
    """Return the chunks of one band of a block."""
    tagged = band.image_row != NO_TAG
    common = [int(table.starts[band.stream]), int(table.lengths[band.stream]), skip.at, skip.length]
    tail = [band.image_row if tagged else 0, int(tagged), int(global_keys)]
    return [[block, base, *common, width, span, *tail] for base, width, span in cut(band, position, array)]


def pack(
    array: SaloArray, scheduling: SaloScheduling, table: BlockTable, sequence: Sequence, global_stream: int
) -> list[Pass]:
    """Return the passes of all blocks, in order.

    `global_stream` is the stream that lists the global tokens (it may be empty): every block needs each of
    them, through the global columns while those are free, else as a band of its own.
    """
    start = int(table.starts[global_stream])
    global_tokens = tuple(sequence.tokens[start : start + int(table.lengths[global_stream])].tolist())
    skips = [NOTHING_SKIPPED] * len(table.group)
    # Every block with its whole windows, and again with the leftover keys taken out of them.
    plain = _kept_chunks(array, scheduling, table, sequence, skips)
    if scheduling.leftover_keys and array.global_cols:
        skips = [skipped_run(block, table, array, sequence) for block in range(len(table.group))]
    fewer = _kept_chunks(array, scheduling, table, sequence, skips) if any(s.length for s in skips) else plain
    passes: list[Pass] = []
    for block, group in enumerate(table.group):
        # Later sweeps merge with the result of the first, which has seen the global keys.
        column_keys = global_tokens if group.sweep == 0 else ()
        streamed, skip = _paired(plain[block], array), skips[block]
        if skip.length:
            # The run goes through the global column if that saves a pass and the column has room for it.
            without = _paired(fewer[block], array)
            at = _column_slot(without, skip, array)
            fits = at + skip.length + len(column_keys) <= array.global_cols * len(without)
            if len(without) < len(streamed) and fits:
                streamed = without
                first = int(table.starts[group.bands[0].stream]) + skip.at
                run = tuple(sequence.tokens[first : first + skip.length].tolist())
                # Global keys fill the slots before and after the run; -1 is an idle slot.
                column_keys = (*column_keys[:at], *[-1] * (at - len(column_keys)), *run, *column_keys[at:])
        passes += _with_column_keys(block, streamed, column_keys, array, table, global_stream)
    return passes


def _column_slot(streamed: list[tuple[Chunk, ...]], skip: Skip, array: SaloArray) -> int:
    """Return the global column slot from which the keys of the run are placed.

    It is the first one of the pass whose window surrounds the run, or 0 where no pass has such a window. The
    keys that this pass streams lie directly below and above the run, so they are in other banks than it, and
    reading the run in the same pass causes no bank conflict.
    """
    for index, (chunk, *_) in enumerate(streamed):
        if chunk[Field.BASE] <= skip.at < chunk[Field.BASE] + array.chained_slots:
            return index * array.global_cols
    return 0


def _kept_chunks(
    array: SaloArray, scheduling: SaloScheduling, table: BlockTable, sequence: Sequence, skips: list[Skip]
) -> list[list[Chunk]]:
    """Return the chunks of each block that cover a pair; all of them when masked ones are not skipped."""
    chunks = [
        chunk
        for block, (group, skip) in enumerate(zip(table.group, skips, strict=True))
        for band in group.bands
        for chunk in band_chunks(block, narrowed(band, skip), table.position[block], table, array, skip)
    ]
    pairs = count_pairs(np.array(chunks, np.int64).reshape(-1, FIELDS), table.rows, sequence)
    kept: list[list[Chunk]] = [[] for _ in table.group]
    for chunk, count in zip(chunks, pairs.tolist(), strict=True):
        if count or not scheduling.skip_masked:
            kept[chunk[Field.BLOCK]].append(chunk)
    return kept


def _paired(chunks: list[Chunk], array: SaloArray) -> list[tuple[Chunk, ...]]:
    """Put chunks of one segment together in passes of `column_segments`.

    One that stays alone spans all columns, those beyond its width masked, so that the global row sees as many
    keys as it has PEs.
    """
    passes: list[tuple[Chunk, ...]] = []
    waiting: list[Chunk] = []
    for chunk in chunks:
        if chunk[Field.SPAN] == array.cols:
            passes.append((chunk,))
            continue
        waiting.append(chunk)
        if len(waiting) == array.column_segments:
            passes.append(tuple(waiting))
            waiting = []
    for chunk in waiting:
        alone = list(chunk)
        alone[Field.SPAN] = array.cols
        passes.append((alone,))
    return passes


def _with_column_keys(
    block: int,
    streamed: list[tuple[Chunk, ...]],
    keys: tuple[int, ...],
    array: SaloArray,
    table: BlockTable,
    global_stream: int,
) -> list[Pass]:
    """Hand the keys to the global columns, one per column and pass; the rest takes passes of its own.

    These passes either use the global columns alone, or stream the rest as a band that every row needs whole,
    whichever takes fewer passes.
    """
    width = array.global_cols
    free = width * len(streamed)
    left = len(keys) - free
    extra: list[tuple[Chunk, ...]] = []
    if left > 0:
        rows = int(table.rows.shape[1])
        band = StreamBand(global_stream, -(rows - 1), left - 1, NO_TAG)
        dense = band_chunks(block, band, 0, table, array, global_keys=True)
        for chunk in dense:
            chunk[Field.LENGTH] = left  # the first `left` global tokens stream, the others take the columns
        extra = _paired(dense, array)
        if width and -(-left // width) <= len(extra):
            extra = [()] * -(-left // width)
        else:
            keys = keys[left:]
    if not streamed and not extra:
        extra = [()]  # the outputs of the block must be written all the same
    all_chunks = [*streamed, *extra]
    return [Pass(block, chunks, keys[i * width : (i + 1) * width]) for i, chunks in enumerate(all_chunks)]
