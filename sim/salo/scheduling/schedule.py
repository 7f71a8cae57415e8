"""The scheduler: splits an attention pattern into tiles of the array, so that one PE computes each pair.

Obeys: SALO (DAC 2022) section 4, reordering and splitting. The steps are drawn in docs/salo.md,
"The schedule". All heads of an attention layer have the same schedule. Consumers: `sim.salo.array` (values),
`sim.salo.layer` (time).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloScheduling
from tandemsim.sim.arch.types import Bools, Bytes, Integers, Tokens
from tandemsim.sim.salo.scheduling import tiles as tl
from tandemsim.sim.salo.scheduling.blocks import NO_TAG, StreamBand, block_table
from tandemsim.sim.salo.scheduling.chunks import FIELDS, Field
from tandemsim.sim.salo.scheduling.global_rows import (
    GlobalRows,
    joined_rows,
    no_global_rows,
    take_first_seen,
    take_in_free_slots,
    take_in_order,
)
from tandemsim.sim.salo.scheduling.groups import query_groups
from tandemsim.sim.salo.scheduling.packing import Pass, Plan, band_chunks, pack
from tandemsim.sim.salo.scheduling.special_keys import special_keys
from tandemsim.sim.salo.scheduling.streams import Streams
from tandemsim.traces.pattern import Pattern

LOCAL, GLOBAL = 0, 1  # `source` of a tile: which projections it streams


@dataclass(frozen=True, slots=True)
class Schedule:
    """The tiles of one head in the order in which they run.

    T tiles, B blocks, R rows, C columns, S segments, L slots of a segment, G global rows, K global columns.
    """

    seq_len: int  # keys
    q_len: int  # queries
    outside: int  # tokens before the grid; 0 in 1-D
    is_global: Bools  # [seq_len] the key is a global token or a sink: it has a place of its own
    block: Tokens  # [T] query block
    block_rows: Tokens  # [B, R] the query in each row, -1 = none
    dilation: Tokens  # [B] keys of the block lie in residue classes of this dilation
    slots: tl.Slots  # keys and masks of the local rows, see there
    split: Bools  # [T] the segments stream different bands, not one band chained
    row_keys: GlobalRows  # keys of the global rows, see there
    row_query: Tokens  # [T, G] global query at work, -1 = idle
    column_keys: Tokens  # [T, K] key of each global column, -1 = idle
    source: Bytes  # [T] LOCAL or GLOBAL
    private_rows: bool  # the global rows have key and value ports of their own
    separate_rows: bool  # the global queries have projections of their own, and use them
    first: Bools  # [T] first tile of its block: the row's result starts anew (or is restored)
    last: Bools  # [T] last tile of its block: the row's result is complete (or spilled)
    row_first: Bools  # [T, G] the same for each global row
    row_last: Bools  # [T, G]
    restore: Bools  # [B] the block continues the partial results of an earlier sweep
    spill: Bools  # [B] the block's partial results wait for a later sweep
    local_pairs: Integers  # [T] pairs on local PEs

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.block)

    @property
    def queries(self) -> Integers:
        """Queries on the local rows in each tile, int64 [T]."""
        return np.asarray((self.block_rows >= 0).sum(axis=1)[self.block], np.int64)

    @property
    def pairs(self) -> Integers:
        """(query, key) pairs that each tile covers, int64 [T]."""
        columns = (self.column_keys >= 0).sum(axis=1) * self.queries
        return np.asarray(self.local_pairs + columns + self.row_keys.valid.sum(axis=(1, 2)), np.int64)


def schedule(
    pattern: Pattern,
    array: SaloArray,
    scheduling: SaloScheduling | None = None,
    *,
    global_projections: bool = False,
) -> Schedule:
    """Split `pattern` into tiles of `array`.

    `global_projections`: the model projects its global tokens separately; `array.global_projections` then
    says how they are fed. Raises `ConfigError` when the array cannot hold the pattern.
    """
    separate = global_projections and array.global_projections is not GlobalProjections.SHARED
    private = separate and array.global_projections is GlobalProjections.PRIVATE and array.global_rows > 0
    plan = _Plan(pattern, array, scheduling or SaloScheduling(), separate=separate)
    if separate and not private and array.global_rows and pattern.global_tokens:
        plan.interleave_row_passes()
    return plan.assembled(private=private)


class _Plan:
    """The passes of a schedule while it is being put together."""

    def __init__(
        self, pattern: Pattern, array: SaloArray, scheduling: SaloScheduling, *, separate: bool
    ) -> None:
        self.array = array
        self.pattern, self.separate = pattern, separate
        self.seq_len = pattern.seq_len
        self.streams = Streams()
        special = special_keys(pattern)
        groups = query_groups(pattern, self.streams, special, array.rows)
        self.sweeps = 1 + max((group.sweep for group in groups), default=0)
        # Global queries; a global token that is not among the queries is a key alone.
        tokens = np.array(pattern.global_tokens, np.int64) - pattern.q_offset
        queries = tuple(tokens[(tokens >= 0) & (tokens < pattern.q_len)].tolist())
        is_global = np.zeros(pattern.q_len, np.bool_)
        is_global[list(queries)] = True
        self.row_queries = queries[: array.global_rows]
        self.table = block_table(groups, is_global, array.rows)
        width = pattern.grid[1] if pattern.grid else 0
        self.whole_stream = self.streams.add(np.arange(pattern.seq_len))
        self.plan = Plan(array, scheduling, self.table, self.streams, special, (pattern.outside, width))
        self.passes = pack(self.plan, pattern.q_offset, self.whole_stream)
        self._add_blocks_of_global_queries(queries[array.global_rows :])

    def _add_blocks_of_global_queries(self, queries: tuple[int, ...]) -> None:
        """Put the global queries that have no global row on local rows, in blocks that meet every key.

        The last block stays empty; tiles where only global rows work refer to it.
        """
        rows, first = self.array.rows, len(self.table.rows)
        blocks = _blocks_of_global(queries, rows, in_order=self.pattern.causal)
        added = np.full((len(blocks) + 1, rows), -1, np.int32)
        for index, block in enumerate(blocks):
            added[index, : len(block)] = block
            token = block[0] + self.pattern.q_offset
            low, high = -(len(block) - 1), self.seq_len - 1
            if self.pattern.causal:  # neighbors, each of which sees the keys up to itself
                low, high = -(token + len(block) - 1), 0
            band = StreamBand(self.whole_stream, low, high, NO_TAG)
            position = token if self.pattern.causal else 0
            everywhere = 0, self.seq_len
            for chunk in band_chunks(first + index, band, position, self.plan, streamed=everywhere):
                chunk[Field.SPAN] = self.array.cols
                self.passes.append(Pass(first + index, (chunk,), source=int(self.separate)))
        self.empty_block = first + len(blocks)
        self.block_rows = np.concatenate((self.table.rows, added))

    def interleave_row_passes(self) -> None:
        """Add passes that stream the whole sequence of the global projections past the global rows.

        They need more keys per cycle than the other passes, so they are spread evenly between those.
        """
        if any(p.source == GLOBAL for p in self.passes):
            return  # blocks of global queries stream it already; what they leave is cleaned up later
        row_passes = self._stream_to_rows(self.whole_stream, GLOBAL)
        merged: list[Pass] = []
        start = 0
        for index, row_pass in enumerate(row_passes):
            end = (index + 1) * len(self.passes) // len(row_passes)
            merged += [*self.passes[start:end], row_pass]
            start = end
        self.passes = merged + self.passes[start:]

    def _stream_to_rows(self, stream: int, source: int) -> list[Pass]:
        """Return passes without local queries in which every key of `stream` leaves the bottom once."""
        length, rows = len(self.streams[stream]), self.array.rows
        # Position 0 is that of the last row here: no chunk of the band is without a key.
        band = StreamBand(stream, -(rows - 1), length - rows, NO_TAG)
        passes = []
        for chunk in band_chunks(self.empty_block, band, 0, self.plan):
            chunk[Field.SPAN] = self.array.cols
            passes.append(Pass(self.empty_block, (chunk,), source=source))
        return passes

    def _filled(self, passes: list[Pass]) -> tl.Slots:
        chunks = np.array([chunk for p in passes for chunk in p.chunks], np.int64).reshape(-1, FIELDS)
        tile_chunks = np.full((len(passes), self.array.column_segments), -1, np.int64)
        index = 0
        for tile, p in enumerate(passes):
            tile_chunks[tile, : len(p.chunks)] = range(index, index + len(p.chunks))
            index += len(p.chunks)
        slots = tl.empty_slots(len(passes), self.array)
        tl.fill(chunks, tile_chunks, self.block_rows, self.plan.sequence, slots)
        return slots

    def assembled(self, *, private: bool) -> Schedule:
        """Fill in the tiles, give the global rows their keys, and add the tiles that they still need."""
        if private and self.row_queries:
            shares = -(-self.seq_len // self.array.cols)
            self.passes += [Pass(self.empty_block, ())] * (shares - len(self.passes))
        slots = self._filled(self.passes)
        rows = no_global_rows(len(self.passes), self.array.global_rows, self.array.cols)
        if private and self.row_queries:
            take_in_order(rows, len(self.row_queries), self.seq_len)
        elif self.row_queries:
            slots, rows = self._fed_from_stream(slots, rows)
        block = np.array([p.block for p in self.passes], np.int32)
        used, pairs = tl.local_use(slots, self.block_rows, block)
        tl.prune(slots, used, self.array.rows, rows.valid[:, : 0 if private else None])
        return self._schedule(block, slots, rows, pairs, private=private)

    def _fed_from_stream(self, slots: tl.Slots, rows: GlobalRows) -> tuple[tl.Slots, GlobalRows]:
        """Feed the global rows from the stream; append tiles for the keys that no tile has shown them."""
        fed = np.array([p.source == int(self.separate) for p in self.passes], np.bool_)
        taken = np.zeros((len(self.row_queries), self.seq_len), np.bool_)
        if self.pattern.causal:  # what comes after a query is done with
            tokens = np.array(self.row_queries, np.int64) + self.pattern.q_offset
            taken = np.arange(self.seq_len) > tokens[:, None]
        block = np.array([p.block for p in self.passes], np.int32)
        used, _ = tl.local_use(slots, self.block_rows, block)
        take_first_seen(slots, self.array.rows, fed, used, taken, rows)
        take_first_seen(slots, self.array.rows, fed, slots.keys >= 0, taken, rows)
        missing = np.flatnonzero(~taken.all(axis=0)).astype(np.int32)
        missing = missing[take_in_free_slots(slots, self.array.rows, fed, missing, taken, rows) :]
        if len(missing) == 0:
            return slots, rows
        added = self._stream_to_rows(self.streams.add(missing), int(self.separate))
        more = self._filled(added)
        more_rows = no_global_rows(len(added), self.array.global_rows, self.array.cols)
        take_first_seen(
            more, self.array.rows, np.ones(len(added), np.bool_), more.keys >= 0, taken, more_rows
        )
        self.passes += added
        return tl.joined(slots, more), joined_rows(rows, more_rows)

    def _schedule(
        self,
        block: Tokens,
        slots: tl.Slots,
        rows: GlobalRows,
        pairs: Integers,
        *,
        private: bool,
    ) -> Schedule:
        tiles, blocks = len(self.passes), len(self.block_rows)
        columns = np.full((tiles, self.array.global_cols), -1, np.int32)
        for tile, p in enumerate(self.passes):
            columns[tile, : len(p.column_keys)] = p.column_keys
        row_query = np.full((tiles, self.array.global_rows), -1, np.int32)
        row_first, row_last = np.zeros_like(row_query, np.bool_), np.zeros_like(row_query, np.bool_)
        # Each global query works from the first to the last tile in which its row takes a key.
        for row, query in enumerate(self.row_queries):
            at_work = np.flatnonzero(rows.valid[:, row].any(axis=1))
            row_query[at_work, row] = query
            row_first[at_work[0], row] = row_last[at_work[-1], row] = True
        # The first and the last tile of each block; the empty block has no results to begin or to end.
        first, last = np.zeros(tiles, np.bool_), np.zeros(tiles, np.bool_)
        numbers, first_tile = np.unique(block, return_index=True)
        last_tile = tiles - 1 - np.unique(block[::-1], return_index=True)[1]
        with_queries = numbers != self.empty_block
        first[first_tile[with_queries]], last[last_tile[with_queries]] = True, True
        # Partial results wait in DRAM between the sweeps. Blocks of global queries are not in any sweep.
        sweep = np.array([group.sweep for group in self.table.group], np.int64)
        restore, spill = np.zeros(blocks, np.bool_), np.zeros(blocks, np.bool_)
        restore[: len(sweep)], spill[: len(sweep)] = sweep > 0, sweep < self.sweeps - 1
        dilation = np.ones(blocks, np.int32)
        dilation[: len(sweep)] = [group.dilation for group in self.table.group]
        return Schedule(
            seq_len=self.seq_len,
            q_len=self.pattern.q_len,
            outside=self.pattern.outside,
            is_global=self.plan.special.is_special,
            block=block,
            block_rows=self.block_rows,
            dilation=dilation,
            slots=slots,
            split=np.array([self._is_split(p) for p in self.passes], np.bool_),
            row_keys=rows,
            row_query=row_query,
            column_keys=columns,
            source=np.array([p.source for p in self.passes], np.uint8),
            private_rows=private,
            separate_rows=self.separate,
            first=first,
            last=last,
            row_first=row_first,
            row_last=row_last,
            restore=restore,
            spill=spill,
            local_pairs=pairs,
        )

    def _is_split(self, p: Pass) -> bool:
        return self.array.column_segments > 1 and any(
            chunk[Field.SPAN] != self.array.cols for chunk in p.chunks
        )


def _blocks_of_global(queries: tuple[int, ...], rows: int, *, in_order: bool) -> list[tuple[int, ...]]:
    """Return global queries in blocks of up to `rows`; `in_order`: each of neighbors alone."""
    if not in_order:
        return [queries[i : i + rows] for i in range(0, len(queries), rows)]
    blocks: list[tuple[int, ...]] = []
    for query in sorted(queries):
        if blocks and blocks[-1][-1] == query - 1 and len(blocks[-1]) < rows:
            blocks[-1] += (query,)
        else:
            blocks.append((query,))
    return blocks
