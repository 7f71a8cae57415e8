"""One access after another through the hierarchy: the kernel.

A miss goes down to the level that has the line, and the line then comes up, into each level on its way: the
lowest first, and what that evicts is written back before the next. A write-back that misses allocates its
line, which first comes up from below in the same way: so several lines can be on their way up, one for each
level at most. They are the rows of `frames`.

It is a loop of two steps: a line is looked up in a level, or put into one.
"""

from __future__ import annotations

import numpy as np

from tandemsim.sim.arch.types import Bools, Integers, Tokens
from tandemsim.sim.cpu.cache.replacement import chosen, emptied, filled, found, oldest_used, used
from tandemsim.sim.cpu.cache.state import (
    DEAD,
    EMPTY,
    EXCLUSIVE,
    INCLUSIVE,
    LRU,
    VICTIM,
    Caches,
    Column,
    Count,
    Frame,
    Rules,
)
from tandemsim.sim.engine.jit import BARE, int64, jit

LOAD, STORE, PUT = range(3)  # what is done to a level next; a store is of a line that the level above evicted


@jit(**BARE)
def access_all(
    caches: Caches, rules: Rules, accessed: Integers, writes: Bools, cores: Tokens, tenants: Tokens
) -> None:
    """Let so many accesses [accesses] through the caches, and count; `accessed` are their lines' numbers."""
    lines, ages, recent, levels, firsts, counts = (
        caches.lines,
        caches.ages,
        caches.recent,
        caches.levels,
        caches.firsts,
        caches.counts,
    )
    size = len(levels)
    last = size - 1
    gives_away = rules.inclusion == EXCLUSIVE
    by_eviction = gives_away or rules.inclusion == VICTIM  # the only way in which the last level is filled
    frames = caches.frames
    for index in range(len(accessed)):
        line, write, core = accessed[index], int64(writes[index]), int64(cores[index])
        account = tenants[index] * rules.cores + core
        counts[account, 0, Count.LOADS + 2 * write] += 1
        ways, replacement = levels[0, Column.WAYS], levels[0, Column.REPLACEMENT]
        at = firsts[size, core] + (line & levels[0, Column.SET_MASK])
        place = at * ways
        first, end = np.uint64(place), np.uint64(place + ways)
        spot = np.uint64(place + int64(recent[np.uint64(at)]))
        if lines[spot] >> 1 == line and replacement == LRU:
            lines[spot] |= write
            continue
        spot = found(lines, first, end, line)
        if spot < end:
            lines[spot] |= write
            if rules.writes_refresh or write == 0:
                recent[at] = spot - first
                used(ages, first, end, spot, replacement)
            continue
        counts[account, 0, Count.LOAD_MISSES + 2 * write] += 1

        doing, level, top, dirty, depth = LOAD, 1, 0, write, 0
        while True:
            if doing == PUT:
                level = frames[depth - 1, Frame.LEVEL]
                top = frames[depth - 1, Frame.TOP]
                if level < top:
                    depth -= 1
                    if depth == 0:
                        break
                    continue
                line = frames[depth - 1, Frame.LINE]
                dirty = frames[depth - 1, Frame.CARRIED]
                if level == top:
                    dirty |= frames[depth - 1, Frame.DIRTY]
                frames[depth - 1, Frame.CARRIED] = 0
                frames[depth - 1, Frame.LEVEL] = level - 1
                ways, replacement = levels[level, Column.WAYS], levels[level, Column.REPLACEMENT]
                at = line & levels[level, Column.SET_MASK]
                place = firsts[level, core] + at * ways
                first, end = np.uint64(place), np.uint64(place + ways)
                if replacement == LRU and (level < last or not rules.masked):
                    spot = oldest_used(ages, first, end)
                else:
                    mask = caches.masks[tenants[index]] if level == last else int64(-1)
                    spot = chosen(lines, ages, caches.random, first, end, replacement, mask)
                    filled(ages, first, end, spot, replacement)
                out = int64(lines[spot])
                lines[spot] = 2 * line + dirty
                if level == 0:
                    recent[firsts[size, core] + at] = spot - first
                if out == EMPTY:
                    continue
                counts[account, level, Count.EVICTIONS] += 1
                if level == last and rules.inclusion == INCLUSIVE:
                    out |= invalidated(caches, account, core, out >> 1)
                line, dirty = out >> 1, out & 1
                counts[account, level, Count.WRITE_BACKS] += dirty
                level += 1
                if dirty == 1 or (by_eviction and level == last):
                    doing, top = STORE, level
                if level > last:  # to memory
                    counts[account, level, Count.STORES] += dirty
                    doing = PUT
                continue

            # A line is looked up in `level`.
            hit, carried = True, 0
            told = doing == LOAD or dirty == 1
            kind = Count.LOADS + 2 * doing
            if not told:
                kind = Count.VICTIMS + 0
            counts[account, level, kind] += 1
            if level <= last:
                ways, replacement = levels[level, Column.WAYS], levels[level, Column.REPLACEMENT]
                place = firsts[level, core] + (line & levels[level, Column.SET_MASK]) * ways
                first, end = np.uint64(place), np.uint64(place + ways)
                spot = found(lines, first, end, line)
                hit = bool(spot < end)
                if not hit:
                    counts[account, level, Count.LOAD_MISSES + 2 * doing] += told
                elif gives_away and level == last and doing == LOAD:
                    carried = int64(lines[spot]) & 1
                    lines[spot] = EMPTY
                    emptied(ages, first, end, spot, replacement)
                elif doing == STORE and dirty == 0 and not gives_away:
                    # A victim cache puts the line in anew, and its older copy is not found any more.
                    lines[spot] = DEAD | (lines[spot] & 1)
                    hit = False
                else:
                    if doing == STORE:
                        lines[spot] |= dirty
                    if doing == LOAD or rules.writes_refresh:
                        used(ages, first, end, spot, replacement)
            if doing == STORE and hit:
                doing = PUT
            elif not hit and not (doing == STORE and by_eviction and level == last):
                doing = LOAD
                level += 1
            else:
                # The line starts its way up.
                level = last if doing == STORE else level - 1
                if by_eviction and level == last and top < last:
                    level -= 1
                frames[depth, Frame.LINE] = line
                frames[depth, Frame.LEVEL] = level
                frames[depth, Frame.TOP] = top
                frames[depth, Frame.DIRTY] = dirty
                frames[depth, Frame.CARRIED] = carried
                depth += 1
                doing = PUT


@jit(**BARE)
def invalidated(caches: Caches, account: int, core: int, line: int) -> int:
    """Take a line out of all caches above an inclusive L3; return whether one had it dirty."""
    lines, firsts = caches.lines, caches.firsts
    last = len(caches.levels) - 1
    dirty = 0
    for other in range(firsts.shape[1]):
        if firsts[last, other] == firsts[last, core]:
            for level in range(last):
                ways = caches.levels[level, Column.WAYS]
                place = firsts[level, other] + (line & caches.levels[level, Column.SET_MASK]) * ways
                first, end = np.uint64(place), np.uint64(place + ways)
                spot = found(lines, first, end, line)
                if spot < end:
                    dirty |= lines[spot] & 1
                    lines[spot] = EMPTY
                    emptied(caches.ages, first, end, spot, caches.levels[level, Column.REPLACEMENT])
                    caches.counts[account, level, Count.INVALIDATIONS] += 1
    return int(dirty)
