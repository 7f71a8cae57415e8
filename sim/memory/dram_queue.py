"""The request queues of a channel: for each bank and kind a list in order of acceptance, and its two oldest.

Only two requests of a list can matter to the scheduler: the oldest for the open row (hit) and the oldest for another
one (miss). Both are kept up to date here, so that a decision looks at banks and not at requests.
"""

from __future__ import annotations

from sim.engine.jit import jit
from sim.memory.dram_state import NONE, READ, WRITE, Record


@jit
def append(channel: Record, s: int) -> None:
    """Put slot `s` at the end of its bank's list."""
    slot = channel.slot[s]
    kind = slot.kind
    bank = channel.bank[slot.bank]
    tail = bank.tail[kind]
    slot.previous = tail
    slot.next = NONE
    bank.tail[kind] = s
    if tail == NONE:
        bank.head[kind] = s
        add_busy(channel, kind, slot.bank)
    else:
        channel.slot[tail].next = s
    if slot.row == bank.open_row:
        if bank.hit[kind] == NONE:
            bank.hit[kind] = s
    elif bank.miss[kind] == NONE:
        bank.miss[kind] = s
    channel.queued[kind] += 1


@jit
def unlink(channel: Record, s: int) -> None:
    """Take slot `s` out of its bank's list."""
    slot = channel.slot[s]
    kind = slot.kind
    bank = channel.bank[slot.bank]
    before, after = slot.previous, slot.next
    if before == NONE:
        bank.head[kind] = after
    else:
        channel.slot[before].next = after
    if after == NONE:
        bank.tail[kind] = before
    else:
        channel.slot[after].previous = before
    if bank.head[kind] == NONE:
        remove_busy(channel, kind, slot.bank)
    if bank.hit[kind] == s:
        bank.hit[kind] = _next_hit(channel, after, bank.open_row)
    elif bank.miss[kind] == s:
        bank.miss[kind] = _next_miss(channel, after, bank.open_row)
    channel.queued[kind] -= 1


@jit
def row_changed(channel: Record, b: int) -> None:
    """Find the oldest hits and misses of bank `b` anew, after its open row has changed."""
    bank = channel.bank[b]
    for kind in (READ, WRITE):
        bank.hit[kind] = _next_hit(channel, bank.head[kind], bank.open_row) if bank.open_row >= 0 else NONE
        bank.miss[kind] = _next_miss(channel, bank.head[kind], bank.open_row)


@jit
def find_address(channel: Record, b: int, kind: int, address: int) -> int:
    """Return the slot of a queued request of this kind for the burst at `address` in bank `b`, or NONE."""
    s = channel.bank[b].head[kind]
    while s != NONE and channel.slot[s].address != address:
        s = channel.slot[s].next
    return s


@jit
def add_busy(channel: Record, what: int, b: int) -> None:
    """Add bank `b` to row `what` (READ, WRITE, ACTIVE) of the busy banks."""
    count = channel.busy_count[what]
    channel.busy[what, count] = b
    channel.bank[b].place[what] = count
    channel.busy_count[what] = count + 1


@jit
def remove_busy(channel: Record, what: int, b: int) -> None:
    """Remove bank `b` from row `what` of the busy banks; the last one takes its place."""
    count = channel.busy_count[what] - 1
    place = channel.bank[b].place[what]
    last = channel.busy[what, count]
    channel.busy[what, place] = last
    channel.bank[last].place[what] = place
    channel.busy_count[what] = count


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
