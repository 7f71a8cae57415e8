"""Packing: the chunks of each query block, laid on the array pass by pass.

Steps 2 and 4 of docs/salo.md, "The schedule".
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.salo.config import SaloArray, SaloScheduling
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockTable, StreamBand
from tandemsim.sim.salo.scheduling.chunks import FIELDS, Chunk, Field, Sequence, count_pairs
from tandemsim.sim.salo.scheduling.leftovers import NOTHING_SKIPPED, Skip, narrowed, skipped_run
from tandemsim.sim.salo.scheduling.special_keys import (
    BlockKeys,
    SpecialKeys,
    block_keys,
    with_window_streamed,
)
from tandemsim.sim.salo.scheduling.streams import Streams


class Pass(NamedTuple):
    """One pass of the array, before its slots are filled in."""

    block: int
    chunks: tuple[Chunk, ...]  # one per segment; a single one spans all columns; none: nothing streams
    column_keys: tuple[int, ...] = ()  # tokens for the global columns
    source: int = 0  # 1: queries, keys and values of the global projections


class Plan(NamedTuple):
    """What chunks are made of: the array, the queries and the tokens."""

    array: SaloArray
    scheduling: SaloScheduling
    table: BlockTable
    streams: Streams
    special: SpecialKeys
    image: tuple[int, int]  # tokens before the grid, and its width; 0 and 0 in 1-D

    @property
    def sequence(self) -> Sequence:
        """The tokens of all streams as the kernels take them."""
        return Sequence(self.streams.tokens, self.special.is_special, *self.image)


def cut(band: StreamBand, position: int, array: SaloArray) -> list[tuple[int, int, int]]:
    """Cut a band to chunks (lowest key position, width, span): whole passes, and what one segment holds.

    A band that ends at the query is cut from there, so that the blocks at the beginning of a text have as few
    chunks as they have keys; all others from their lowest offset.
    """
    pieces = []
    base, width = position + band.low, band.high - band.low + 1
    rest = width % array.cols
    if rest and band.high <= 0 and band.image_row == NO_TAG:
        pieces.append((base, rest, array.segment_cols if rest <= array.segment_cols else array.cols))
        base, width = base + rest, width - rest
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
    plan: Plan,
    skip: Skip = NOTHING_SKIPPED,
    streamed: tuple[int, int] = (0, 0),
) -> list[Chunk]:
    """Return the chunks of one band of a block; special keys at tokens ``streamed`` stream."""
    tagged = band.image_row != NO_TAG
    length, array = len(plan.streams[band.stream]), plan.array
    first, end = band.first, min(band.end, length)
    common = [plan.streams.start(band.stream), first, end, skip.at, skip.length]
    tail = [band.image_row if tagged else 0, int(tagged), *streamed]
    pieces = cut(band, position, array)
    if plan.scheduling.skip_masked:  # those that lie wholly outside are not worth a look
        shift = skip.length + array.rows
        pieces = [piece for piece in pieces if piece[0] < end and piece[0] + piece[1] + shift > first]
    return [[block, base, *common, width, span, *tail] for base, width, span in pieces]


def pack(plan: Plan, q_offset: int, whole_stream: int) -> list[Pass]:
    """Return the passes of all blocks, in order: of several ways to pack a block the first that takes fewest.

    A block may leave out a run of leftover keys, and may stream special keys that lie in its window.
    `whole_stream` is the stream of all tokens in order.
    """
    table = plan.table
    nothing = [NOTHING_SKIPPED] * len(table.group)
    skips = nothing
    if plan.scheduling.leftover_keys and plan.array.global_cols:
        of = plan.array, plan.streams, plan.special.is_special
        skips = [skipped_run(block, table, *of) for block in range(len(table.group))]
    keys = block_keys(table, plan.special, q_offset)
    streamed = with_window_streamed(keys, table, q_offset, whole_stream)
    ways = [(nothing, keys)]
    ways += [(skips, keys)] if any(skip.length for skip in skips) else []
    if streamed != keys:
        ways += [(skip, streamed) for skip, _ in ways]
    packed = [_packed(plan, *way) for way in ways]
    passes: list[Pass] = []
    for choices in zip(*packed, strict=True):
        fewest: list[Pass] = min((choice for choice in choices if choice is not None), key=len)
        passes += fewest
    return passes


def _packed(plan: Plan, skips: Items[Skip], keys: Items[BlockKeys]) -> list[list[Pass] | None]:
    """Return the passes of each block, None where the run that it leaves out finds no room."""
    return [
        _block_passes(block, _paired(chunks, plan.array), skips[block], keys[block].column, plan)
        for block, chunks in enumerate(_kept_chunks(plan, skips, keys))
    ]


def _block_passes(
    block: int, streamed: list[tuple[Chunk, ...]], skip: Skip, column: tuple[int, ...], plan: Plan
) -> list[Pass] | None:
    if skip.length:
        at = _column_slot(streamed, skip, plan.array)
        if at + skip.length + len(column) > plan.array.global_cols * len(streamed):
            return None
        stream = plan.streams[plan.table.group[block].bands[0].stream]
        run = tuple(stream[skip.at : skip.at + skip.length].tolist())
        # Special keys fill the slots before and after the run; -1 is an idle slot.
        column = (*column[:at], *[-1] * (at - len(column)), *run, *column[at:])
    return _with_column_keys(block, streamed, column, plan)


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


def _kept_chunks(plan: Plan, skips: Items[Skip], keys: Items[BlockKeys]) -> list[list[Chunk]]:
    """Return the chunks of each block that cover a pair; all of them when masked ones are not skipped."""
    table = plan.table
    chunks = [
        chunk
        for block, group in enumerate(table.group)
        for band in group.bands
        for chunk in band_chunks(
            block,
            narrowed(band, skips[block]),
            table.position[block],
            plan,
            skips[block],
            (keys[block].streamed_from, keys[block].streamed_to),
        )
    ]
    pairs = count_pairs(np.array(chunks, np.int64).reshape(-1, FIELDS), table.rows, plan.sequence)
    kept: list[list[Chunk]] = [[] for _ in table.group]
    for chunk, count in zip(chunks, pairs.tolist(), strict=True):
        if count or not plan.scheduling.skip_masked:
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
    block: int, streamed: list[tuple[Chunk, ...]], keys: tuple[int, ...], plan: Plan
) -> list[Pass]:
    """Hand the keys to the global columns, one per column and pass; the rest takes passes of its own.

    These passes either use the global columns alone, or stream the rest as a band that every row needs whole,
    whichever takes fewer passes.
    """
    width = plan.array.global_cols
    left = len(keys) - width * len(streamed)
    extra: list[tuple[Chunk, ...]] = []
    if left > 0:
        # The first keys that are left stream, the others take the columns.
        rest = StreamBand(plan.streams.add(keys[:left]), -(plan.array.rows - 1), left - 1, NO_TAG)
        everywhere = 0, len(plan.special.is_special)
        extra = _paired(band_chunks(block, rest, 0, plan, streamed=everywhere), plan.array)
        if width and -(-left // width) <= len(extra):
            extra = [()] * -(-left // width)
        else:
            keys = keys[left:]
    if not streamed and not extra:
        extra = [()]  # the outputs of the block must be written all the same
    all_chunks = [*streamed, *extra]
    return [Pass(block, chunks, keys[i * width : (i + 1) * width]) for i, chunks in enumerate(all_chunks)]
