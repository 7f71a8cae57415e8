"""Replacement: what a use of a way leaves behind, and which way gives room. LRU, tree-PLRU, SRRIP, random.

The ways of a set are `first` ... `end`, exclusive, of the arrays, and `spot` is one of them: unsigned, for
numba takes what may be negative as counted from the end, and looks. A way that is empty is filled before any
line is thrown out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tandemsim.sim.arch.types import Bytes, Integers, Tokens
from tandemsim.sim.cpu.cache.state import EMPTY, LRU, NEW_RRPV, OLDEST_RRPV, SRRIP, TREE_PLRU
from tandemsim.sim.engine.jit import BARE, int64, jit

WORD = (1 << 32) - 1
ONE, ONE_BYTE = np.uint64(1), np.uint8(1)


@jit(**BARE)
def found(lines: Tokens, first: Any, end: Any, line: int) -> Any:
    """Return where a line is, or `end`."""
    spot = first
    while spot < end and lines[spot] >> 1 != line:
        spot += ONE
    return spot


@jit(**BARE)
def used(ages: Bytes, first: Any, end: Any, spot: Any, kind: int) -> None:
    """Note a use of a way; `kind` is the replacement."""
    if kind == LRU:
        age = ages[spot]
        for other in range(first, end):
            ages[other] += ages[other] < age
        ages[spot] = 0
    elif kind == SRRIP:
        ages[spot] = 0
    elif kind == TREE_PLRU:
        # Nodes are numbered as in a heap: 1 at the root, 2 n and 2 n + 1 below n, the ways below the last.
        place = int64(first)
        node = int64(spot - first) + int64(end - first)
        while node > 1:
            ages[place + (node >> 1)] = 1 - (node & 1)  # the half that was not used
            node >>= 1


@jit(**BARE)
def filled(ages: Bytes, first: Any, end: Any, spot: Any, kind: int) -> None:
    """Note that a new line is in a way."""
    if kind == SRRIP:
        ages[spot] = NEW_RRPV
    else:
        used(ages, first, end, spot, kind)


@jit(**BARE)
def emptied(ages: Bytes, first: Any, end: Any, spot: Any, kind: int) -> None:
    """Note that a way lost its line: it is the first to be filled."""
    if kind == LRU:
        age = ages[spot]
        for other in range(first, end):
            ages[other] -= ages[other] > age
        ages[spot] = end - first - ONE
    elif kind == SRRIP:
        ages[spot] = OLDEST_RRPV


@jit(**BARE)
def oldest_used(ages: Bytes, first: Any, end: Any) -> Any:
    """Return the way that gives room in a set of LRU, and note that a new line is in it."""
    oldest, spot = end - first - ONE, first
    for other in range(first, end):
        if ages[other] == oldest:
            spot = other
        ages[other] += ONE_BYTE
    ages[spot] = 0
    return spot


@jit(**BARE)
def chosen(lines: Tokens, ages: Bytes, random: Integers, first: Any, end: Any, kind: int, mask: int) -> Any:
    """Return the way, of those in `mask`, that gives room in a set."""
    best, most = 0, -1
    ways, place = int64(end - first), int64(first)
    if kind in (LRU, SRRIP):
        # The oldest, which of LRU the empty ways are.
        for way in range(ways):
            if (mask >> way) & 1 and int64(ages[place + way]) > most:
                best, most = way, int64(ages[place + way])
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
    return first + np.uint64(best)


@jit(**BARE)
def _leaf(ages: Bytes, place: int, ways: int, mask: int) -> int:
    """Return the way to which the bits of a tree lead, where they lead to ways of the mask."""
    node = 1
    while node < ways:
        node = 2 * node + int64(ages[place + node])
        lowest, count = node, 1
        while lowest < ways:
            lowest, count = 2 * lowest, 2 * count
        below = (1 << count) - 1 if count < 64 else -1
        if not mask & (below << (lowest - ways)):
            node ^= 1
    return int(node - ways)


@jit(**BARE)
def _drawn(random: Integers, ways: int, mask: int) -> int:
    """Return a way at random. Marsaglia's xorshift of 32 bits (Journal of Statistical Software 8, 2003)."""
    state = int(random[0])
    state ^= (state << 13) & WORD
    state ^= state >> 17
    state ^= (state << 5) & WORD
    random[0] = state
    allowed = 0
    for way in range(ways):
        allowed += (mask >> way) & 1
    left = (state * allowed) >> 32
    drawn = -1
    while left >= 0:
        drawn += 1
        left -= (mask >> drawn) & 1
    return drawn
