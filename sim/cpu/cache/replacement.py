"""Replacement: what a use of a way leaves behind, and which way gives room. LRU, tree-PLRU, SRRIP, random.

`place` is where a set's ways begin. A way that is empty is filled before any line is thrown out.
"""

from __future__ import annotations

from tandemsim.sim.arch.types import Bytes, Integers, Tokens
from tandemsim.sim.cpu.cache.state import EMPTY, LRU, NEW_RRPV, OLDEST_RRPV, SRRIP, TREE_PLRU
from tandemsim.sim.engine.jit import jit

WORD = (1 << 32) - 1


@jit(forceinline=True)
def used(ages: Bytes, place: int, ways: int, replacement: int, way: int) -> None:
    """Note a use of a way."""
    if replacement == LRU:
        age = ages[place + way]
        if age > 0:
            for other in range(place, place + ways):
                ages[other] += ages[other] < age
            ages[place + way] = 0
    elif replacement == SRRIP:
        ages[place + way] = 0
    elif replacement == TREE_PLRU:
        # Nodes are numbered as in a heap: 1 at the root, 2 n and 2 n + 1 below n, the ways below the last.
        node = way + ways
        while node > 1:
            ages[place + (node >> 1)] = 1 - (node & 1)  # the half that was not used
            node >>= 1


@jit(forceinline=True)
def filled(ages: Bytes, place: int, ways: int, replacement: int, way: int) -> None:
    """Note that a new line is in a way."""
    if replacement == SRRIP:
        ages[place + way] = NEW_RRPV
    else:
        used(ages, place, ways, replacement, way)


@jit(forceinline=True)
def emptied(ages: Bytes, place: int, ways: int, replacement: int, way: int) -> None:
    """Note that a way lost its line: it is the first to be filled."""
    if replacement == LRU:
        age = ages[place + way]
        for other in range(place, place + ways):
            ages[other] -= ages[other] > age
        ages[place + way] = ways - 1
    elif replacement == SRRIP:
        ages[place + way] = OLDEST_RRPV


@jit(forceinline=True)
def chosen(lines: Tokens, ages: Bytes, random: Integers, place: int, ways: int, kind: int, mask: int) -> int:
    """Return the way, of those in `mask`, that gives room in a set; `kind` is the replacement."""
    best, most = -1, -1
    if kind in (LRU, SRRIP):
        # The oldest, which of LRU the empty ways are.
        for way in range(ways):
            if (mask >> way) & 1 and int(ages[place + way]) > most:
                best, most = way, int(ages[place + way])
    if kind != LRU:
        empty = 0
        while empty < ways and not ((mask >> empty) & 1 and lines[place + empty] == EMPTY):
            empty += 1
        if empty < ways:
            best = empty
        elif kind == SRRIP:
            for way in range(ways):
                if (mask >> way) & 1:
                    ages[place + way] += OLDEST_RRPV - most
        elif kind == TREE_PLRU:
            best = _leaf(ages, place, ways, mask)
        else:
            best = _drawn(random, ways, mask)
    return best


@jit
def _leaf(ages: Bytes, place: int, ways: int, mask: int) -> int:
    """Return the way to which the bits of a tree lead, where they lead to ways of the mask."""
    node = 1
    while node < ways:
        node = 2 * node + int(ages[place + node])
        first, count = node, 1
        while first < ways:
            first, count = 2 * first, 2 * count
        below = (1 << count) - 1 if count < 64 else -1
        if not mask & (below << (first - ways)):
            node ^= 1
    return node - ways


@jit
def _drawn(random: Integers, ways: int, mask: int) -> int:
    """Return a way at random. Marsaglia's xorshift of 32 bits (Journal of Statistical Software 8, 2003)."""
    state = random[0]
    state ^= (state << 13) & WORD
    state ^= state >> 17
    state ^= (state << 5) & WORD
    random[0] = state
    allowed = 0
    for way in range(ways):
        allowed += (mask >> way) & 1
    left = (state * allowed) >> 32
    chosen_way = -1
    while left >= 0:
        chosen_way += 1
        left -= (mask >> chosen_way) & 1
    return chosen_way
