"""Packing: the chunks of each query block, laid on the array pass by pass.

A band as wide as the array takes all columns in a pass; what is left of it, and every narrow band, takes one
segment, and the segments of a pass carry different bands. Chunks without a single pair are left out.

Where a band leaves a remainder of a few keys that would need a pass of their own, those keys are taken out of
the stream (`sim.salo.scheduling.leftovers`) and go through the global column, which is idle in all passes of
a block but one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.salo.config import SaloArray, SaloScheduling
from tandemsim.sim.salo.scheduling import chunks as ck
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, BlockGroup, Layout, StreamBand
from tandemsim.sim.salo.scheduling.leftovers import NOTHING_SKIPPED, Skip, narrowed, skipped_run

Record = list[int]  # one chunk, fields as in sim.salo.scheduling.chunks


class Pass(NamedTuple):
    """One pass of the array, before its slots are filled in."""

    block: int
    chunks: tuple[Record, ...]  # one a segment; a single one spans all columns; none: nothing streams
    column_keys: tuple[int, ...] = ()  # tokens for the global columns
    source: int = 0  # 1: queries, keys and values of the global projections


class BlockTable(NamedTuple):
    """The query blocks of a layout."""

    rows: npt.NDArray[np.int32]  # [blocks, rows] query tokens, -1 = no query
    group: list[BlockGroup]  # of each block
    position: list[int]  # stream position of each block's first row
    starts: npt.NDArray[np.int64]  # of each stream in the token table
    lengths: npt.NDArray[np.int64]  # of each stream


def block_table(layout: Layout, is_global: npt.NDArray[np.bool_], rows: int) -> BlockTable:
    """Cut the streams into blocks of `rows` queries; blocks of nothing but global queries are left out."""
    lengths = np.array([len(stream) for stream in layout.streams], np.int64)
    starts = np.cumsum(lengths) - lengths
    table: list[npt.NDArray[np.int32]] = []
    groups: list[BlockGroup] = []
    positions: list[int] = []
    for group in layout.groups:
        stream = layout.streams[group.stream]
        padded = np.full(-(-len(stream) // rows) * rows, -1, np.int32)
        padded[: len(stream)] = np.where(is_global[stream], -1, stream)
        for index, block in enumerate(padded.reshape(-1, rows)):
            if (block >= 0).any():
                table.append(block)
                groups.append(group)
                positions.append(index * rows)
    return BlockTable(np.array(table, np.int32).reshape(-1, rows), groups, positions, starts, lengths)


def cut(band: StreamBand, position: int, array: SaloArray) -> list[tuple[int, int, int]]:
    """Cut a band to chunks ``(lowest key position, width, span)``: whole passes first, then one for a
    segment.
    """
    pieces = []
    base, width = position + band.low, band.high - band.low + 1
    while width > array.segment_cols:
        taken = min(width, array.cols)
        pieces.append((base, taken, array.cols))
        base, width = base + taken, width - taken
    if width > 0:
        pieces.append((base, width, array.segment_cols))
    return pieces


def band_records(
    block: int,
    band: StreamBand,
    position: int,
    table: BlockTable,
    array: SaloArray,
    skip: Skip = NOTHING_SKIPPED,
    *,
    global_keys: bool = False,
) -> list[Record]:
    """Return the chunk records of one band of a block."""
    tagged = band.image_row != NO_TAG
    common = [int(table.starts[band.stream]), int(table.lengths[band.stream]), skip.at, skip.length]
    tail = [band.image_row if tagged else 0, int(tagged), int(global_keys)]
    return [[block, base, *common, width, span, *tail] for base, width, span in cut(band, position, array)]


def pack(
    array: SaloArray, scheduling: SaloScheduling, table: BlockTable, sequence: ck.Sequence, global_stream: int
) -> list[Pass]:
    """Return the passes of all blocks, in order.

    `global_stream` is the stream that lists the global tokens (it may be empty): every block needs each of
    them, through the global columns while those are free, else as a band of its own.
    """
    start = int(table.starts[global_stream])
    global_tokens = tuple(sequence.tokens[start : start + int(table.lengths[global_stream])].tolist())
    skips = [NOTHING_SKIPPED] * len(table.group)
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
            without = _paired(fewer[block], array)
            at = _pass_of_run(without, skip, array)
            if len(without) < len(streamed) and at + skip.length + len(
                column_keys
            ) <= array.global_cols * len(without):
                streamed = without
                first = int(table.starts[group.bands[0].stream]) + skip.at
                run = tuple(sequence.tokens[first : first + skip.length].tolist())
                column_keys = (*column_keys[:at], *[-1] * (at - len(column_keys)), *run, *column_keys[at:])
        passes += _with_column_keys(block, streamed, column_keys, array, table, global_stream)
    return passes


def _pass_of_run(streamed: list[tuple[Record, ...]], skip: Skip, array: SaloArray) -> int:
    """Return the first column slot of the pass whose stream the run was taken out of.

    There its banks are free: the other keys of the pass lie around it. (0 when no pass streams past it.)
    """
    for index, (record, *_) in enumerate(streamed):
        if record[ck.BASE] <= skip.at < record[ck.BASE] + array.chained_slots:
            return index * array.global_cols
    return 0


def _kept_chunks(
    array: SaloArray, scheduling: SaloScheduling, table: BlockTable, sequence: ck.Sequence, skips: list[Skip]
) -> list[list[Record]]:
    """Return the chunks of each block that cover a pair; all of them when masked ones are not skipped."""
    records = [
        record
        for block, (group, skip) in enumerate(zip(table.group, skips, strict=True))
        for band in group.bands
        for record in band_records(block, narrowed(band, skip), table.position[block], table, array, skip)
    ]
    pairs = ck.count_pairs(np.array(records, np.int64).reshape(-1, ck.FIELDS), table.rows, sequence)
    kept: list[list[Record]] = [[] for _ in table.group]
    for record, count in zip(records, pairs.tolist(), strict=True):
        if count or not scheduling.skip_masked:
            kept[record[ck.BLOCK]].append(record)
    return kept


def _paired(records: list[Record], array: SaloArray) -> list[tuple[Record, ...]]:
    """Put chunks of one segment together on a pass; one that stays alone spans the array, with its columns
    masked.

    So the global row sees as many keys as it has PEs.
    """
    passes: list[tuple[Record, ...]] = []
    waiting: list[Record] = []
    for record in records:
        if record[ck.SPAN] == array.cols:
            passes.append((record,))
            continue
        waiting.append(record)
        if len(waiting) == array.column_segments:
            passes.append(tuple(waiting))
            waiting = []
    for record in waiting:
        alone = list(record)
        alone[ck.SPAN] = array.cols
        passes.append((alone,))
    return passes


def _with_column_keys(
    block: int,
    streamed: list[tuple[Record, ...]],
    keys: tuple[int, ...],
    array: SaloArray,
    table: BlockTable,
    global_stream: int,
) -> list[Pass]:
    """Hand the keys to the global columns, one each a pass; those for which no pass is left take passes of
    their own.

    Such a pass either uses the global columns alone or streams the keys as a band that every row needs whole,
    whichever takes fewer.
    """
    width = array.global_cols
    free = width * len(streamed)
    left = len(keys) - free
    extra: list[tuple[Record, ...]] = []
    if left > 0:
        rows = int(table.rows.shape[1])
        band = StreamBand(global_stream, -(rows - 1), left - 1, NO_TAG)
        dense = band_records(block, band, 0, table, array, global_keys=True)
        for record in dense:
            record[ck.LENGTH] = left  # the first `left` global tokens stream, the others take the columns
        extra = _paired(dense, array)
        if width and -(-left // width) <= len(extra):
            extra = [()] * -(-left // width)
        else:
            keys = keys[left:]
    if not streamed and not extra:
        extra = [()]  # the outputs of the block must be written all the same
    all_chunks = [*streamed, *extra]
    return [Pass(block, chunks, keys[i * width : (i + 1) * width]) for i, chunks in enumerate(all_chunks)]
