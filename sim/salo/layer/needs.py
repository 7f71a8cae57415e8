"""Granules: keys that move between DRAM and the scratchpads together, and which granules each tile needs.

A granule is as many keys as the array has rows, neighbors in the order in which they stream: in a dilated
pattern those of one residue class, which lie `dilation` rows apart in memory. The numbers of granules
continue from sweep to sweep, and the keys of the global projections have numbers of their own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.types import Bools, Integers, Tokens
from tandemsim.sim.engine.jit import int64, jit
from tandemsim.sim.salo.scheduling.schedule import Schedule


class Granules(NamedTuple):
    """The granules of one head: G granules."""

    start: Integers  # [G] first token
    stride: Integers  # [G] tokens from one key to the next
    rows: Integers  # [G] keys
    source: Integers  # [G] projections: LOCAL or GLOBAL, as in the schedule


class Needs(NamedTuple):
    """The granules that each tile needs: of tile t ``granule[offsets[t]:offsets[t + 1]]``, ascending."""

    offsets: Integers  # [T + 1]
    granule: Integers


class Numbering(NamedTuple):
    """From a token to its granule, for one dilation and source."""

    base: int  # first granule
    dilation: int
    per_class: int  # granules of a residue class
    outside: int
    keys: int  # of a granule


class Partition(NamedTuple):
    """The keys of a head as granules."""

    granules: Granules
    numberings: list[Numbering]
    kind: Integers  # [T] which of the numberings each tile uses

    @property
    def table(self) -> Integers:
        """The numberings as the kernels take them, int64 [numberings, fields]."""
        return np.array(self.numberings, np.int64).reshape(-1, len(Numbering._fields))


def granules(schedule: Schedule, keys: int) -> Partition:
    """Return the granules of `keys` keys for one head of a schedule."""
    kinds = np.stack((schedule.dilation[schedule.block], schedule.source), axis=1)
    used, kind = np.unique(kinds, axis=0, return_inverse=True)
    columns: list[list[Integers]] = []
    numberings = []
    base = 0
    for dilation, source in used.tolist():
        tokens = schedule.seq_len - schedule.outside
        longest = -(-tokens // dilation)  # class
        per_class = -(-longest // keys)
        numberings.append(Numbering(base, dilation, per_class, schedule.outside, keys))
        index = np.arange(dilation * per_class, dtype=np.int64)
        residue, position = index // per_class, index % per_class * keys
        length = (tokens - residue + dilation - 1) // dilation  # of the class
        rows = np.clip(length - position, 0, keys)
        start = schedule.outside + residue + dilation * position
        columns.append([start, np.full_like(start, dilation), rows, np.full_like(start, source)])
        base += len(index)
    parts = [np.concatenate(column) for column in zip(*columns, strict=True)]
    return Partition(Granules(*parts), numberings, kind.reshape(-1).astype(np.int64))


def needs(schedule: Schedule, partition: Partition) -> Needs:
    """Return the granules that each tile streams.

    A key for a global column comes from the scratchpad too, unless it is a global token: those have a place
    of their own.
    """
    offsets = np.empty(schedule.tiles + 1, np.int64)
    widest = schedule.slots.keys[0].size + schedule.column_keys.shape[1]
    granule = np.empty(schedule.tiles * widest, np.int64)
    used = _needs(
        schedule.slots.keys,
        schedule.column_keys,
        partition.table,
        partition.kind,
        schedule.is_global,
        offsets,
        granule,
    )
    return Needs(offsets, granule[:used].copy())


@jit
def granule_of(token: int, numbering: Integers) -> int:
    """Return the granule of a token; -1 for one outside the grid. `numbering` is a row of the table."""
    base, dilation, per_class, outside, keys = numbering
    inside = token - outside
    if inside < 0:
        return -1
    return int(base + inside % dilation * per_class + inside // dilation // keys)


@jit
def _needs(
    keys: Tokens,
    column_keys: Tokens,
    table: Integers,
    kind: Integers,
    is_global: Bools,
    offsets: Integers,
    granule: Integers,
) -> int:
    """Fill in `offsets` and `granule`; return how many entries the latter has."""
    used: int = int64(0)  # no literal, for which `_insert` would be compiled once more
    for tile in range(keys.shape[0]):
        offsets[tile] = used
        first = used
        for segment in range(keys.shape[1]):
            for slot in range(keys.shape[2]):
                token = keys[tile, segment, slot]
                if token >= 0:
                    used = _insert(granule, first, used, granule_of(token, table[kind[tile]]))
        for column in range(column_keys.shape[1]):
            token = column_keys[tile, column]
            if token >= 0 and not is_global[token]:
                used = _insert(granule, first, used, granule_of(token, table[kind[tile]]))
    offsets[keys.shape[0]] = used
    return used


@jit
def _insert(granule: Integers, first: int, used: int, value: int) -> int:
    """Insert a value into the sorted run ``granule[first:used]`` unless it is there; return its new end."""
    if value < 0:
        return used
    place = used
    while place > first and granule[place - 1] >= value:
        place -= 1
    if place < used and granule[place] == value:
        return used
    for index in range(used, place, -1):
        granule[index] = granule[index - 1]
    granule[place] = value
    return used + 1
