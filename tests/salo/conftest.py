"""What the tests of the array share: configs, and schedules that owe nothing to the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import SaloNumerics
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.salo.scheduling.global_rows import GlobalRows
from tandemsim.sim.salo.scheduling.tiles import Slots

Tokens = np.ndarray
Machine = Callable[[SaloArray, SaloNumerics], SaloConfig]
Blank = Callable[[SaloArray, Tokens, Tokens, int], SimpleNamespace]
Window = Callable[..., SimpleNamespace]


def machine(array: SaloArray, numerics: SaloNumerics) -> SaloConfig:
    return replace(SALO, array=array, numerics=numerics)


def blank_schedule(
    array: SaloArray, block: np.ndarray, block_rows: np.ndarray, seq_len: int
) -> SimpleNamespace:
    """What the array reads of a `Schedule`, with nobody taking part yet; tiles of a block are adjacent."""
    tiles, blocks = len(block), len(block_rows)
    slots = (tiles, array.column_segments, array.segment_slots)
    rows = (tiles, array.global_rows)
    change = np.flatnonzero(np.diff(block)) + 1
    first, last = np.zeros(tiles, np.bool_), np.zeros(tiles, np.bool_)
    first[[0, *change]] = last[[*(change - 1), tiles - 1]] = True
    return SimpleNamespace(
        seq_len=seq_len,
        tiles=tiles,
        block=block.astype(np.int32),
        block_rows=block_rows.astype(np.int32),
        slots=Slots(
            keys=np.full(slots, -1, np.int32),
            local_valid=np.zeros(slots, np.bool_),
            key_tag=np.zeros(slots, np.uint8),
            row_tag=np.zeros((tiles, array.column_segments, array.rows), np.uint8),
            col_mask=np.zeros((tiles, array.cols), np.bool_),
        ),
        row_keys=GlobalRows(
            keys=np.full((*rows, array.cols), -1, np.int32), valid=np.zeros((*rows, array.cols), np.bool_)
        ),
        row_query=np.full(rows, -1, np.int32),
        column_keys=np.full((tiles, array.global_cols), -1, np.int32),
        source=np.zeros(tiles, np.uint8),
        private_rows=False,
        first=first,
        last=last,
        row_first=np.zeros(rows, np.bool_),
        row_last=np.zeros(rows, np.bool_),
        restore=np.zeros(blocks, np.bool_),
        spill=np.zeros(blocks, np.bool_),
    )


def window_schedule(
    array: SaloArray, seq_len: int, low: int, high: int, global_token: int | None = None
) -> SimpleNamespace:
    """Offsets low..high in chunks of the columns, every chunk of every block a tile; one segment.

    The global token's row takes each key when it first leaves the bottom; its column works in first tiles.
    """
    rows, cols = array.rows, array.cols
    blocks, chunks = -(-seq_len // rows), -(-(high - low + 1) // cols)
    tokens = np.arange(blocks * rows).reshape(blocks, rows)
    is_query = (tokens < seq_len) & (tokens != global_token)
    found = blank_schedule(
        array, np.repeat(np.arange(blocks), chunks), np.where(is_query, tokens, -1), seq_len
    )
    seen: set[int] = set()
    for tile in range(found.tiles):
        block, chunk = divmod(tile, chunks)
        keys = block * rows + low + chunk * cols + np.arange(array.segment_slots)
        inside = (keys >= 0) & (keys < seq_len)
        found.slots.keys[tile, 0] = np.where(inside, keys, -1)
        found.slots.local_valid[tile, 0] = inside & (keys != global_token)
        found.slots.col_mask[tile] = low + chunk * cols + cols - 1 - np.arange(cols) <= high
        if global_token is None:
            continue
        found.row_query[tile, 0] = global_token
        found.column_keys[tile, 0] = global_token if chunk == 0 else -1
        bottom = found.slots.keys[tile, 0, rows - 1 :][::-1]
        found.row_keys.keys[tile, 0] = bottom
        found.row_keys.valid[tile, 0] = [key >= 0 and key not in seen for key in bottom]
        seen.update(bottom[bottom >= 0].tolist())
    if global_token is not None:
        assert seen == set(range(seq_len)), "the stream shows every key to the global row"
        found.row_first[0, 0] = found.row_last[-1, 0] = True
    return found


@pytest.fixture(name="machine")
def _machine() -> Machine:
    return machine


@pytest.fixture(name="blank_schedule")
def _blank_schedule() -> Blank:
    return blank_schedule


@pytest.fixture(name="window_schedule")
def _window_schedule() -> Window:
    return window_schedule
