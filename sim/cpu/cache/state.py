"""The state of all caches of a hierarchy as flat arrays, and the codes of its tables.

A line in a cache is one int32, its number times two plus whether it is dirty, and a byte of what replacement
knows of it: so the arrays of a large L3 seldom miss the caches of the machine that simulates it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.cpu.cache import CacheConfig, HierarchyConfig, Inclusion, Replacement
from tandemsim.sim.arch.types import Bytes, Integers, Tokens

EMPTY = -1  # a way without a line
# A copy that a newer one in its set hides; -3 if it is dirty. Half of either is not a line's number.
DEAD = -4
LINE_BITS = 30  # of a line's number
OLDEST_RRPV = 3  # of SRRIP: "re-reference prediction value", 2 bits
NEW_RRPV = 2

LRU, TREE_PLRU, SRRIP, RANDOM = range(4)
REPLACEMENTS = {
    Replacement.LRU: LRU,
    Replacement.TREE_PLRU: TREE_PLRU,
    Replacement.SRRIP: SRRIP,
    Replacement.RANDOM: RANDOM,
}
NON_INCLUSIVE, INCLUSIVE, EXCLUSIVE, VICTIM = range(4)
INCLUSIONS = {
    Inclusion.NON_INCLUSIVE: NON_INCLUSIVE,
    Inclusion.INCLUSIVE: INCLUSIVE,
    Inclusion.EXCLUSIVE: EXCLUSIVE,
    Inclusion.VICTIM: VICTIM,
}


class Column(IntEnum):
    """Of the table of levels."""

    SET_MASK = 0  # sets of one cache, less one
    WAYS = 1
    REPLACEMENT = 2


class Count(IntEnum):
    """Of the table of counts. Stores of a level below the first are lines that the level above wrote back."""

    LOADS = 0
    LOAD_MISSES = 1
    STORES = 2
    STORE_MISSES = 3
    EVICTIONS = 4  # lines that left to make room for others
    WRITE_BACKS = 5  # of those, and of lines that left with them, the dirty ones, which the next level stores
    INVALIDATIONS = 6  # lines that left because an inclusive L3 evicted them
    VICTIMS = 7  # clean lines that the level above evicted into this one


class Frame(IntEnum):
    """Of a line on its way up."""

    LINE = 0
    LEVEL = 1  # that it is put into next
    TOP = 2  # and last
    DIRTY = 3  # whether it is dirty there
    CARRIED = 4  # whether an exclusive L3 gave it away dirty: it is dirty where it is put first


class Caches(NamedTuple):
    """All caches of a hierarchy, level by level, in each cache by cache, set by set, way by way."""

    lines: Tokens  # [ways of all caches] 2 * number + dirty, EMPTY or DEAD
    ages: Bytes  # [ways of all caches] of LRU 0 for the last used, of SRRIP its value, of PLRU a tree's nodes
    recent: Bytes  # [sets of all L1] the way that was touched last
    levels: Integers  # [levels, Column]
    firsts: Integers  # [levels + 1, cores] where the ways of a core's cache begin; last, the sets of its L1
    counts: Integers  # [tenants * cores, levels + 1, Count]: of memory, loads and stores
    masks: Integers  # [tenants] the ways of the last level that a tenant may fill
    random: Integers  # [1] state of the generator
    frames: Integers  # [levels + 1, Frame] of `sim.cpu.cache.access`


class Rules(NamedTuple):
    """What holds for the whole hierarchy."""

    cores: int
    inclusion: int
    writes_refresh: bool
    masked: bool  # whether a tenant may fill some ways of the last level alone


def make_caches(config: HierarchyConfig, tenants: int) -> Caches:
    """Return empty caches, and counts of zero for so many tenants."""
    levels = np.zeros((len(config.levels), len(Column)), np.int64)
    firsts = np.zeros((len(levels) + 1, config.cores), np.int64)
    ages, first, numbers = [], 0, np.arange(config.cores)
    for place, (name, level) in enumerate(config.levels.items()):
        sharers = config.sharers(name)
        sets, caches = config.sets(level), -(-config.cores // sharers)
        levels[place] = sets - 1, level.ways, REPLACEMENTS[level.replacement]
        firsts[place] = first + numbers // sharers * sets * level.ways
        ages.append(np.tile(_first_ages(level), caches * sets))
        first += caches * sets * level.ways
    firsts[-1] = numbers * config.sets(config.l1)
    last = list(config.levels.values())[-1]
    every = (1 << last.ways) - 1
    masks = [*config.l3_way_masks, *[every] * tenants][:tenants]
    return Caches(
        lines=np.full(first, EMPTY, np.int32),
        ages=np.concatenate(ages),
        recent=np.zeros(config.cores * config.sets(config.l1), np.uint8),
        levels=levels,
        firsts=firsts,
        counts=np.zeros((tenants * config.cores, len(levels) + 1, len(Count)), np.int64),
        masks=np.array(masks, np.uint64).view(np.int64),
        random=np.array([config.seed], np.int64),
        frames=np.zeros((len(levels) + 1, len(Frame)), np.int64),
    )


def _first_ages(level: CacheConfig) -> Bytes:
    """Return the ages of an empty set: its ways are filled from the first on."""
    if level.replacement is Replacement.LRU:
        return np.arange(level.ways, dtype=np.uint8)[::-1]
    return np.full(level.ways, OLDEST_RRPV if level.replacement is Replacement.SRRIP else 0, np.uint8)
