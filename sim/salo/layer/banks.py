"""Bank conflicts: how long the key scratchpad takes to serve one cycle of a tile.

In each cycle every streamed key delivers one element, and a key lies in one bank, so a tile runs at full
speed as long as no bank holds more keys of the tile than it has ports. Row r of a granule lies in bank r of
its slot's group of banks (`sim.memory.scratchpad`); fewer banks than a granule has rows are taken in turn.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.sram import ScratchpadConfig
from tandemsim.sim.arch.types import Bools, Integers, Tokens
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.scratchpad import Residency, service_cycles
from tandemsim.sim.salo.layer.needs import Numbering, Partition, granule_of
from tandemsim.sim.salo.layer.order import Order
from tandemsim.sim.salo.scheduling.schedule import Schedule

DILATION, OUTSIDE, KEYS = (Numbering._fields.index(name) for name in ("dilation", "outside", "keys"))


def cycles_per_step(
    schedule: Schedule,
    order: Order,
    residency: Residency,
    partition: Partition,
    scratchpad: ScratchpadConfig,
) -> Integers:
    """Return int64 [steps]: scratchpad cycles for each cycle of QK or PV; 1 without conflicts."""
    columns = schedule.column_keys
    # Global tokens have a scratchpad of their own.
    of_scratchpad = np.where((columns >= 0) & ~schedule.is_global[columns], columns, -1)
    return _cycles_per_step(
        schedule.slots.keys,
        schedule.split,
        schedule.slots.col_mask.shape[1] // schedule.slots.keys.shape[1],
        of_scratchpad,
        order.tile,
        (residency.granule, residency.slot, residency.first_use),
        len(partition.granules.start),
        partition.table,
        partition.kind,
        scratchpad.banks,
        residency.groups,
        scratchpad.ports,
    )


@jit
def _cycles_per_step(
    keys: Tokens,
    split: Bools,
    segment_cols: int,
    column_keys: Tokens,
    tile_of: Integers,
    loads: tuple[Integers, Integers, Integers],
    granules: int,
    table: Integers,
    kind: Integers,
    banks: int,
    groups: int,
    ports: int,
) -> Integers:
    loaded, slot_of_load, first_use = loads
    segments, width = keys.shape[1], keys.shape[2]
    slot_of = np.zeros(granules, np.int64)
    in_bank = np.zeros(banks, np.int64)
    steps = np.ones(len(tile_of), np.int64)
    load = 0
    for step in range(len(tile_of)):
        while load < len(loaded) and first_use[load] <= step:
            slot_of[loaded[load] % granules] = slot_of_load[load]
            load += 1
        tile = tile_of[step]
        numbering = table[kind[tile]]
        in_bank[:] = 0
        for segment in range(segments):
            for slot in range(width):
                if not _streams_on(keys, split, segment_cols, tile, segment, slot):
                    _count(keys[tile, segment, slot], numbering, slot_of, groups, in_bank)
        for column in range(column_keys.shape[1]):
            _count(column_keys[tile, column], numbering, slot_of, groups, in_bank)
        steps[step] = service_cycles(in_bank, ports)
    return steps


@jit
def _streams_on(keys: Tokens, split: Bools, segment_cols: int, tile: int, segment: int, slot: int) -> bool:
    """Whether a chained segment has a key from the segment before it, and not from the scratchpad."""
    segments, width = keys.shape[1], keys.shape[2]
    if split[tile] or segment == segments - 1:
        return False
    twin = slot + segment_cols  # slot t of a segment is slot t + segment_cols of the one after it
    return bool(twin < width and keys[tile, segment + 1, twin] >= 0)


@jit
def _count(token: int, numbering: Integers, slot_of: Integers, groups: int, in_bank: Integers) -> None:
    """Count one key in its bank; -1 and tokens outside the grid use no bank."""
    granule = granule_of(token, numbering) if token >= 0 else -1
    if granule >= 0:
        row = (token - numbering[OUTSIDE]) // numbering[DILATION] % numbering[KEYS]
        in_bank[(slot_of[granule] % groups * numbering[KEYS] + row) % len(in_bank)] += 1
