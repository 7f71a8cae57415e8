"""What the circuit receives for a schedule: one command per tile, and two operand words per head element.

Obeys: `sim.arch.salo.ports`; the fields of the two tuples are those of its tables. Heads of one layer follow
one another as tiles do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloArray, SaloConfig
from tandemsim.sim.arch.types import Bools, Halves, Integers, Tokens
from tandemsim.sim.salo.geometry import slot_of
from tandemsim.sim.salo.row import HeadOperands, Projection
from tandemsim.sim.salo.scheduling.schedule import Schedule


class TileCommand(NamedTuple):
    """A tile's command; arrays as in `command_fields`."""

    head_dim: int
    first: bool
    last: bool
    chained: bool
    row_valid: Bools
    row_tag: Bools
    column_enabled: Bools
    kv_valid: Bools
    kv_tag: Bools
    kv_global_valid: Bools
    column_valid: Bools
    global_row_valid: Bools
    global_first: Bools
    global_last: Bools
    private: bool
    private_valid: Bools
    sink_valid: Bools
    sink: Integers
    value_dim: Integers


class TileTokens(NamedTuple):
    """The tokens whose elements a tile is fed, -1 = none; shapes as in `operand_fields`."""

    query: Tokens
    global_query: Tokens
    kv: Tokens
    column_kv: Tokens
    private_kv: Tokens


class OperandWord(NamedTuple):
    """One operand word: raw elements, int64, as in `operand_fields`."""

    query: Integers
    global_query: Integers
    kv: Integers
    column_kv: Integers
    private_kv: Integers


class OutputWord(NamedTuple):
    """Element n of the outputs of the local rows."""

    rows: tuple[int, ...]  # [R]; 0 for a row without a query
    end: bool  # the last element


class GlobalOutputWord(NamedTuple):
    """Element n of the outputs of the global rows."""

    rows: tuple[int, ...]  # [G]; 0 for a row that continues in a later tile
    valid: tuple[bool, ...]  # [G] rows whose output this is
    end: bool


def commands(
    schedule: Schedule, config: SaloConfig, head: HeadOperands
) -> list[tuple[TileCommand, TileTokens]]:
    """Return the tiles of one head as the circuit takes them.

    Raises `ConfigError` where a head needs what the circuit does not have: a port for its sink or for the
    size of its values, or partial results that are put aside and restored between two sweeps.
    """
    config.check_head(head.own.head_dim, head.own.value_dim)
    if head.sink is not None:
        config.array.check_sinks()
    if schedule.spill.any() or schedule.restore.any():
        raise ConfigError("the SALO circuit merges a query's tiles in one sweep, not in several")
    return [_tile(schedule, config.array, head, tile) for tile in range(schedule.tiles)]


def _tile(
    schedule: Schedule, array: SaloArray, head: HeadOperands, tile: int
) -> tuple[TileCommand, TileTokens]:
    slots, rows = schedule.slots, schedule.block_rows[schedule.block[tile]]
    chained = not schedule.split[tile]
    kv, valid, tag = slots.keys[tile].copy(), slots.local_valid[tile].copy(), slots.key_tag[tile] == 1
    if chained:  # a slot that only a later segment uses comes through the earlier ones
        for segment in range(array.column_segments - 1, 0, -1):
            for early, late in ((kv, kv), (valid, valid), (tag, tag)):
                shared = array.segment_slots - array.segment_cols
                into = early[segment - 1, :shared]
                np.maximum(into, late[segment, array.segment_cols :], out=into)
    private = schedule.private_rows and array.global_projections is GlobalProjections.PRIVATE
    takes = schedule.row_keys.valid[tile]
    no_ports = np.zeros((0, array.cols), np.bool_)
    has_ports = array.global_projections is GlobalProjections.PRIVATE
    command = TileCommand(
        head_dim=head.own.head_dim,
        first=bool(schedule.first[tile]),
        last=bool(schedule.last[tile]),
        chained=bool(chained),
        row_valid=rows >= 0,
        row_tag=slots.row_tag[tile] == 1,
        column_enabled=slots.col_mask[tile],
        kv_valid=valid,
        kv_tag=tag,
        kv_global_valid=_leaving(takes if not private else takes & False, array, bool(chained)),
        column_valid=schedule.column_keys[tile] >= 0,
        global_row_valid=schedule.row_query[tile] >= 0,
        global_first=schedule.row_first[tile],
        global_last=schedule.row_last[tile],
        private=private,
        private_valid=(takes if private else takes & False) if has_ports else no_ports,
        sink_valid=np.full(int(array.sinks), head.sink is not None),
        sink=np.full(int(array.sinks), head.sink or 0, np.int64),
        value_dim=np.full(int(array.value_dims), head.own.value_dim, np.int64),
    )
    tokens = TileTokens(
        query=rows,
        global_query=schedule.row_query[tile],
        kv=kv,
        column_kv=schedule.column_keys[tile],
        private_kv=schedule.row_keys.keys[tile] if has_ports else np.zeros((0, array.cols), np.int32),
    )
    return command, tokens


def _leaving(takes: Bools, array: SaloArray, chained: bool) -> Bools:
    """Return bool [S, L, G]: which global rows take the key of a slot when it leaves the bottom.

    `takes` is bool [G, C]. In a chained tile a key leaves through a column of its own segment or of a later
    one: slot t of a segment is slot t + segment_cols of the segment after it.
    """
    leaving = np.zeros((array.column_segments, array.segment_slots, array.global_rows), np.bool_)
    for col in range(array.cols):
        own, slot = col // array.segment_cols, slot_of(array.rows - 1, col, array.segment_cols)
        for segment in range(0 if chained else own, own + 1):
            entered = slot - (own - segment) * array.segment_cols
            if entered >= 0:
                leaving[segment, entered] = takes[:, col]
    return leaving


def words(
    command: TileCommand, tokens: TileTokens, own: Projection, for_globals: Projection, source: int
) -> list[OperandWord]:
    """Return the operand words of a tile: element n of queries and keys, then element n of the values.

    `source` is that of the schedule: GLOBAL feeds everything from the projections of the global tokens.
    """
    local = for_globals if source else own
    row = for_globals if source or command.private else own
    fed = []
    for n in range(command.head_dim):
        keys = _element(local.key, tokens.kv, n), _element(local.key, tokens.column_kv, n)
        queries = _element(local.query, tokens.query, n), _element(row.query, tokens.global_query, n)
        fed.append(OperandWord(*queries, *keys, _element(for_globals.key, tokens.private_kv, n)))
    none = np.zeros_like(tokens.query, np.int64), np.zeros_like(tokens.global_query, np.int64)
    for n in range(local.value_dim):
        values = _element(local.value, tokens.kv, n), _element(local.value, tokens.column_kv, n)
        fed.append(OperandWord(*none, *values, _element(for_globals.value, tokens.private_kv, n)))
    return fed


def _element(source: Halves, tokens: Tokens, n: int) -> Integers:
    """Return element n of each token, 0 of none."""
    return np.where(tokens >= 0, source[tokens, n].astype(np.int64), 0)
