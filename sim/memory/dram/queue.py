"""The request queues of a channel: for each bank and kind a list in order of acceptance, and its two oldest.

Only two requests of a list can matter to the scheduler: the oldest for the open row (hit) and the oldest for
another one (miss). Both are kept up to date here, so that a decision looks at banks and not at requests.
"""

from __future__ import annotations

from tandemsim.sim.arch.dram.config import MAX_BANKS
from tandemsim.sim.arch.types import Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.state import ACTIVATING, NO_KEY, NONE, READ, SLOTS, WRITE


@jit(inline="always")
def append(channel: Record, s: int) -> None:
    """Put slot `s` at the end of its bank's list."""
    slot = channel.slot[s]
    kind, b = slot.kind, slot.bank
    tail = channel.tail[kind, b]
    slot.previous = tail
    slot.next = NONE
    channel.tail[kind, b] = s
    if tail == NONE:
        channel.head[kind, b] = s
    else:
        channel.slot[tail].next = s
    if slot.row == channel.open_row[b] and channel.hit[kind, b] == NONE:
        channel.hit[kind, b] = s
        _set_keys(channel, kind, b)
    elif slot.row != channel.open_row[b] and channel.miss[kind, b] == NONE:
        channel.miss[kind, b] = s
        _set_keys(channel, kind, b)
    channel.queued[kind] += 1


@jit(inline="always")
def unlink(channel: Record, s: int) -> None:
    """Take slot `s` out of its bank's list."""
    slot = channel.slot[s]
    kind, b = slot.kind, slot.bank
    before, after = slot.previous, slot.next
    if before == NONE:
        channel.head[kind, b] = after
    else:
        channel.slot[before].next = after
    if after == NONE:
        channel.tail[kind, b] = before
    else:
        channel.slot[after].previous = before
    if channel.hit[kind, b] == s:
        channel.hit[kind, b] = _next_hit(channel, after, channel.open_row[b])
        _set_keys(channel, kind, b)
    elif channel.miss[kind, b] == s:
        channel.miss[kind, b] = _next_miss(channel, after, channel.open_row[b])
        _set_keys(channel, kind, b)
    channel.queued[kind] -= 1


@jit
def row_opened(channel: Record, b: int) -> None:
    """Find the oldest hits and misses of bank `b` anew."""
    for kind in (READ, WRITE):
        head = channel.head[kind, b]
        channel.hit[kind, b] = _next_hit(channel, head, channel.open_row[b])
        channel.miss[kind, b] = _next_miss(channel, head, channel.open_row[b])
        _set_keys(channel, kind, b)


@jit
def row_closed(channel: Record, b: int) -> None:
    """Make every request of bank `b` a miss."""
    for kind in (READ, WRITE):
        channel.hit[kind, b] = NONE
        channel.miss[kind, b] = channel.head[kind, b]
        _set_keys(channel, kind, b)


@jit
def find_address(channel: Record, b: int, kind: int, address: int) -> int:
    """Return the slot of a queued request of this kind for the burst at `address` in bank `b`, or NONE."""
    s: int = channel.head[kind, b]
    while s != NONE and channel.slot[s].address != address:
        s = channel.slot[s].next
    return s


@jit
def is_held(channel: Record, b: int) -> bool:
    """Whether no row of bank `b` may be opened or closed, since a request waits for the row being opened."""
    return bool(channel.active[b] != NONE or channel.open_row[b] == ACTIVATING)


@jit
def add_active(channel: Record, b: int, s: int) -> None:
    """Let bank `b` wait for the column command of slot `s`."""
    channel.active[b] = s
    channel.active_place[b] = channel.active_count
    channel.active_banks[channel.active_count] = b
    channel.active_count += 1


@jit
def remove_active(channel: Record, b: int) -> None:
    """Take bank `b` out of the list of those that wait; the last one of the list takes its place."""
    channel.active[b] = NONE
    channel.active_count -= 1
    last = channel.active_banks[channel.active_count]
    channel.active_banks[channel.active_place[b]] = last
    channel.active_place[last] = channel.active_place[b]
    for kind in (READ, WRITE):
        _set_keys(channel, kind, b)


@jit
def renumber(channel: Record) -> None:
    """Number the requests at hand from 0 in the order that they have."""
    for i in range(channel.free_count):
        channel.slot[channel.free[i]].order = NONE
    count, last = 0, NONE
    while count < SLOTS - channel.free_count:
        oldest = NONE
        for s in range(SLOTS):  # those with a number already are not younger than `last`
            order = channel.slot[s].order
            if order > last and (oldest == NONE or order < channel.slot[oldest].order):
                oldest = s
        last = channel.slot[oldest].order
        channel.slot[oldest].order = count
        count += 1
    channel.order = count
    for kind in (READ, WRITE):
        for b in range(MAX_BANKS):
            _set_keys(channel, kind, b)


@jit
def _set_keys(channel: Record, kind: int, b: int) -> None:
    """Tell the scheduler of the oldest hit and miss, unless the miss waits for more than a clock."""
    hit, miss = channel.hit[kind, b], channel.miss[kind, b]
    hit_key = channel.slot[hit].order * MAX_BANKS + b if hit != NONE else NO_KEY
    miss_key = channel.slot[miss].order * MAX_BANKS + b if miss != NONE else NO_KEY
    if is_held(channel, b) or (channel.keep_row_hits != 0 and hit_key < miss_key):
        miss_key = NO_KEY
    channel.hit_key[kind, b] = hit_key
    channel.miss_key[kind, b] = miss_key


@jit
def _next_hit(channel: Record, s: int, row: int) -> int:
    while s != NONE and channel.slot[s].row != row:
        s = channel.slot[s].next
    return s


@jit
def _next_miss(channel: Record, s: int, row: int) -> int:
    while s != NONE and channel.slot[s].row == row:
        s = channel.slot[s].next
    return s
