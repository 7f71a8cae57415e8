"""Transfers: what the DMA moves for an attention layer, in a fixed order.

Each transfer is enabled by an event of the array (a phase of a tile has ended, so its slot is free or its
data there). The order is that of need: a read stands where the tile is that awaits it, and a write behind the
reads of the next four tiles that write. Reads thus run ahead by as much as the scratchpads hold, but by no
more than four query blocks, and no write waits for a whole scratchpad of reads.

Neither speed nor a capacity changes that order, and more of either only lets events come earlier: on a memory
that serves in order, cycles never rise with them. Nothing can wait for itself: what enables a transfer needs
reads of earlier tiles alone, and staging buffers whose writes stand before them. With fewer than four buffers
that holds of the reads of as many blocks, so there the order is another.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.types import Bools, Integers


class Phase(enum.IntEnum):
    """Phases of a tile; a transfer is triggered when one of them ends."""

    QK = 0  # its keys and queries are free
    PV = 1  # its values are free
    OUTPUT = 2  # its outputs are in the staging buffer


PHASES = len(Phase)
RUN_AHEAD = 4  # blocks; as many as the presets have staging buffers
START = -1  # enabled from the start
NO_TILE = -1  # of a write that no tile reads back


class Kind(enum.IntEnum):
    """What a transfer carries; names of the timeline's slices."""

    QUERY = 0
    KEY = 1
    VALUE = 2
    GLOBAL = 3
    PARTIAL = 4  # results between two sweeps
    OUTPUT = 5


class Transfers(NamedTuple):
    """N transfers in the order in which they are issued."""

    base: Integers  # [N] byte address of the first row
    rows: Integers
    row_bytes: Integers
    stride: Integers  # bytes from one row to the next
    kind: Integers  # Kind
    is_write: Integers  # 0 or 1
    trigger: Integers  # PHASES * tile + phase that enables it, or START
    tile: Integers  # the tile that awaits a read; of a write the one that reads it back, or NO_TILE
    phase: Integers  # and its phase, of a read: Phase.QK or Phase.PV
    staged: Integers  # 1: a write whose end frees a staging buffer

    @property
    def size_bytes(self) -> Integers:
        """Bytes of each."""
        return self.rows * self.row_bytes


@dataclass
class TransferList:
    """Collects transfers in any order, column by column."""

    columns: list[list[Integers]] = field(default_factory=list)

    def add(
        self,
        kind: Kind,
        base: npt.ArrayLike,
        rows: npt.ArrayLike,
        row_bytes: npt.ArrayLike,
        stride: npt.ArrayLike,
        trigger: npt.ArrayLike,
        *,
        tile: npt.ArrayLike = NO_TILE,
        phase: npt.ArrayLike = Phase.QK,
        write: bool = False,
        staged: npt.ArrayLike = 0,
    ) -> None:
        """Add transfers; all arguments broadcast together."""
        values = (base, rows, row_bytes, stride, int(kind), int(write), trigger, tile, phase, staged)
        arrays = np.broadcast_arrays(*(np.asarray(value, np.int64) for value in values))
        self.columns.append([np.atleast_1d(array) for array in arrays])

    def ordered(self, staging_buffers: int) -> Transfers:
        """Return all transfers in the order of need, for a machine with so many staging buffers."""
        merged = Transfers(*(np.concatenate(parts) for parts in zip(*self.columns, strict=True)))
        write = merged.is_write == 1
        place = 2 * (merged.tile * PHASES + merged.phase) + 1  # of a read; writes take the even places
        place[write] = _places(merged, write, min(staging_buffers, RUN_AHEAD))
        order = np.lexsort((merged.trigger, place))
        return Transfers(*(np.ascontiguousarray(column[order]) for column in merged))


def _places(merged: Transfers, write: Bools, run_ahead: int) -> Integers:
    """Return the place of each write: before the reads of what follows the `run_ahead` next writing tiles,
    and before the read that brings its own data back.
    """
    tile = merged.trigger[write] // PHASES
    writing = np.unique(tile)
    following = np.append(writing, np.full(run_ahead, np.iinfo(np.int64).max // (4 * PHASES)))
    place = 2 * (following[np.searchsorted(writing, tile) + run_ahead] + 1) * PHASES
    read_back = merged.tile[write]
    return np.where(read_back == NO_TILE, place, np.minimum(place, 2 * (read_back * PHASES + Phase.PV)))
