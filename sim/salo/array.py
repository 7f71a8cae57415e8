"""The PE array, bit for bit: what a schedule makes of the queries, keys and values of one head.

Obeys: the number formats of `sim.arch.salo.numerics`; each PE is `sim.salo.pe`, each row ends in a
`sim.salo.weighted_sum`. Tile by tile, row by row, in the order of the schedule, with the state that the
hardware has: a weighted-sum unit for each local row and each global row. Cycles are the concern of
`SaloArray`: a pass takes pass_cycles(head_dim), all of them total_cycles(passes, head_dim).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.salo.config import SaloConfig
from tandemsim.sim.arch.salo.constants import MergeConstants, SaloConstants, array_constants, merge_constants
from tandemsim.sim.arch.types import Bools, Bytes, Integers, Tokens
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.salo.geometry import slot_of
from tandemsim.sim.salo.registers import SATURATIONS, no_saturations
from tandemsim.sim.salo.row import Projection, RowScratch, row_scratch, run_row
from tandemsim.sim.salo.row_states import RowStates, begin, finish, join, row_states, spill
from tandemsim.sim.salo.scheduling.schedule import Schedule
from tandemsim.sim.salo.scheduling.tiles import Slots, takes_part
from tandemsim.sim.salo.sink import sink_state
from tandemsim.sim.salo.tile_words import GlobalOutputWord, OperandWord, OutputWord, TileCommand


class TileArrays(NamedTuple):
    """A `Schedule` as the kernel takes it."""

    block: Tokens
    block_rows: Tokens
    slots: Slots
    row_keys: Tokens
    row_valid: Bools
    row_query: Tokens
    column_keys: Tokens
    source: Bytes
    row_source: Bytes  # [T] projections that feed the global rows
    first: Bools
    last: Bools
    row_first: Bools
    row_last: Bools
    restore: Bools
    spill: Bools


class HeadResult(NamedTuple):
    """What the array makes of one head."""

    output: Integers  # [q_len, v_dim], SaloNumerics.output; 0 for queries that the schedule does not have
    saturations: dict[str, int]  # by register


class PEArrayInputs(NamedTuple):
    """What the array sees in a cycle, all of it as column 0 needs it; the array itself delays the rest."""

    stage: int  # Stage of column 0
    end: bool  # the last WEIGHTED_SUM of a tile
    command: TileCommand  # of the tile that column 0 works on
    operands: OperandWord  # in SCORE and WEIGHTED_SUM


class PEArrayOutputs(NamedTuple):
    """What leaves it, `output_lag` and `global_output_lag` cycles after the WEIGHTED_SUM that it ends."""

    output: OutputWord
    output_valid: bool  # the tile is the last of its block
    global_output: GlobalOutputWord
    global_output_valid: bool  # the tile is the last of a global row


class PEArray:
    """Rows of PEs, each with its weighted-sum unit.

    What: the outputs of whole heads, `run`. When: a pass takes `SaloArray.pass_cycles`, passes follow one
    another as the stages of column 0 say, and an element of an output leaves `SaloArray.output_lag` cycles
    behind.
    """

    def __init__(self, config: SaloConfig) -> None:
        array, numerics = config.array, config.numerics
        self._config = config
        self._constants = array_constants(numerics, array.normalisation, array.head_dim)
        self._local = merge_constants(numerics, array.normalisation, global_row=False)
        self._global = merge_constants(numerics, array.normalisation, global_row=True)

    def run(
        self,
        schedule: Schedule,
        own: Projection,
        for_globals: Projection | None = None,
        sink: int | None = None,
    ) -> HeadResult:
        """Run one head, `HeadOperands`. Raises `ConfigError` for a sink where the array takes none."""
        array, q_len = self._config.array, len(own.query)
        out = np.zeros((q_len, own.value_dim), np.int64)
        counters = no_saturations()
        start = self._constants.exponent_minimum, 0
        if sink is not None:
            array.check_sinks()
            start = sink_state(sink, self._constants, counters)
        spills = q_len if schedule.spill.any() else 0
        units = schedule.block_rows.shape[1] + schedule.row_query.shape[1]
        _run_tiles(
            _tile_arrays(schedule),
            own,
            for_globals if for_globals is not None else own,
            self._constants,
            (self._local, self._global),
            start,
            row_states(units, spills, own.value_dim, start),
            row_scratch(array.cols + array.global_cols, own.value_dim),
            out,
            counters,
        )
        return HeadResult(out, dict(zip(SATURATIONS, counters.tolist(), strict=True)))


def _tile_arrays(schedule: Schedule) -> TileArrays:
    return TileArrays(
        block=schedule.block,
        block_rows=schedule.block_rows,
        slots=schedule.slots,
        row_keys=schedule.row_keys.keys,
        row_valid=schedule.row_keys.valid,
        row_query=schedule.row_query,
        column_keys=schedule.column_keys,
        source=schedule.source,
        row_source=np.ones_like(schedule.source) if schedule.private_rows else schedule.source,
        first=schedule.first,
        last=schedule.last,
        row_first=schedule.row_first,
        row_last=schedule.row_last,
        restore=schedule.restore,
        spill=schedule.spill,
    )


@jit
def _run_tiles(
    tiles: TileArrays,
    own: Projection,
    for_globals: Projection,
    constants: SaloConstants,
    merges: tuple[MergeConstants, MergeConstants],
    start: tuple[int, int],
    states: RowStates,
    scratch: RowScratch,
    out: Integers,
    counters: Integers,
) -> None:
    """Run every row of every tile; `merges` are the constants of local and of global rows, `start` is the
    (row_max, row_sum) with which each begins.
    """
    rows = tiles.block_rows.shape[1]
    for tile in range(len(tiles.block)):
        for unit in range(len(states.row_max)):
            query, first, last, from_globals = _work(tiles, tile, unit)
            if query < 0:
                continue
            block, is_local = tiles.block[tile], unit < rows
            merge = merges[0] if is_local else merges[1]
            if first:
                begin(states, unit, query, is_local and tiles.restore[block], start)
            count = _keys(tiles, tile, unit, scratch.keys)
            if count > 0:
                source = for_globals if from_globals else own
                part = run_row(query, count, source, constants, scratch, counters)
                join(states, unit, part, scratch.psum, merge, counters)
            if last and is_local and tiles.spill[block]:
                spill(states, unit, query)
            elif last:
                finish(states, unit, query, out, merge, counters)


@jit
def _work(tiles: TileArrays, tile: int, unit: int) -> tuple[int, bool, bool, int]:
    """Return (query, first, last, from_globals) of a row in a tile; local rows come first. -1: no query."""
    grow = unit - tiles.block_rows.shape[1]
    if grow < 0:
        query = tiles.block_rows[tiles.block[tile], unit]
        return query, tiles.first[tile], tiles.last[tile], tiles.source[tile]
    edges = tiles.row_first[tile, grow], tiles.row_last[tile, grow]
    return tiles.row_query[tile, grow], edges[0], edges[1], tiles.row_source[tile]


@jit
def _keys(tiles: TileArrays, tile: int, unit: int, keys: Integers) -> int:
    """Write the tokens of the PEs of a row that take part, from the left, into `keys`; return how many."""
    rows = tiles.block_rows.shape[1]
    if unit < rows:
        return _local_keys(tiles, tile, unit, keys)
    return _global_keys(tiles, tile, unit - rows, keys)


@jit
def _local_keys(tiles: TileArrays, tile: int, row: int, keys: Integers) -> int:
    slots = tiles.slots
    cols = slots.col_mask.shape[1]
    segment_cols = cols // slots.keys.shape[1]
    count = 0
    for col in range(cols):
        if takes_part(slots, tiles.block_rows, tiles.block[tile], tile, row, col):
            keys[count] = slots.keys[tile, col // segment_cols, slot_of(row, col, segment_cols)]
            count += 1
    for col in range(tiles.column_keys.shape[1]):
        if tiles.column_keys[tile, col] >= 0:
            keys[count] = tiles.column_keys[tile, col]
            count += 1
    return count


@jit
def _global_keys(tiles: TileArrays, tile: int, grow: int, keys: Integers) -> int:
    count = 0
    for col in range(tiles.row_valid.shape[2]):
        if tiles.row_valid[tile, grow, col]:
            keys[count] = tiles.row_keys[tile, grow, col]
            count += 1
    return count
