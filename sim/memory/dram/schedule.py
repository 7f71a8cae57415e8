"""What a channel could do next: for each source of commands, the earliest clock and the request served.

Each function returns the earliest clock from `start` on, as if nothing else issued before, or FAR. Among
requests that can issue on the same clock the oldest wins. Obeys: docs/dram.md, "Scheduling".
"""

from __future__ import annotations

from tandemsim.sim.arch.dram.config import MAX_BANKS
from tandemsim.sim.arch.types import Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.queue import is_held
from tandemsim.sim.memory.dram.state import CLOSED, FAR, NO_KEY, NONE, READ, WRITE

# A candidate is one number, the wait in clocks above the request's order above its bank; the smallest wins.
WAIT_SHIFT = 30  # leaves 24 bits of order, `ORDERS`
MAX_WAIT = (1 << 32) - 1  # longer than four delays, of which the longest wait of a config is made
BANK_MASK = MAX_BANKS - 1


@jit(inline="always")
def oldest_active(channel: Record, start: int) -> tuple[int, int]:
    """Return (clock, slot) of the next column command for a request whose row was opened on its behalf."""
    best_at, best = FAR, NONE
    for i in range(channel.active_count):
        b = channel.active_banks[i]
        s = channel.active[b]
        kind = channel.slot[s].kind
        at = max(start, channel.access_at[kind, b], channel.all_access_at[kind])
        if at < best_at or (at == best_at and channel.slot[s].order < channel.slot[best].order):
            best_at, best = at, s
    return best_at, best


@jit
def oldest_queued(timing: Record, channel: Record, start: int) -> tuple[int, int, int, int]:
    """Return (clock, slot) of the next column command and of the next row command for the queue in service.

    The inner loop compiles to vector code without branches; what it reads is kept in arrays for its sake.
    """
    if timing.in_order:
        return _oldest_of_all(timing, channel, start)
    kind = queue_in_service(timing, channel)
    access_from = max(start, channel.all_access_at[kind])
    act_from = max(start, FAR if channel.act2_slot != NONE else channel.all_act_at)
    pre_from = max(start, channel.all_pre_at)
    column = row = NO_KEY + (MAX_WAIT << WAIT_SHIFT)
    for b in range(timing.banks):
        access_at = max(access_from, channel.access_at[kind, b])
        act_at, pre_at = max(act_from, channel.act_at[b]), max(pre_from, channel.pre_at[b])
        row_at = act_at if channel.open_row[b] == CLOSED else pre_at
        column = min(column, (min(access_at - start, MAX_WAIT) << WAIT_SHIFT) + channel.hit_key[kind, b])
        row = min(row, (min(row_at - start, MAX_WAIT) << WAIT_SHIFT) + channel.miss_key[kind, b])
    column_at, row_at = _clock_of(column, start), _clock_of(row, start)
    return column_at, channel.hit[kind, column & BANK_MASK], row_at, channel.miss[kind, row & BANK_MASK]


@jit
def urgent_at(timing: Record, channel: Record, start: int) -> int:
    """Return the clock of the next command for the oldest urgent need: a refresh, a row due to close."""
    what = channel.urgent[channel.urgent_head]
    if what >= 0:
        return FAR if is_held(channel, what) else max(start, channel.pre_at[what], channel.all_pre_at)
    r = -1 - what
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
        if is_held(channel, b):
            return FAR
    at = channel.preab_at[r] if any_open(timing, channel, r) else channel.ref_at[r]
    return max(start, int(at))


@jit
def any_open(timing: Record, channel: Record, r: int) -> bool:
    """Whether a bank of rank `r` is open."""
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
        if channel.open_row[b] != CLOSED:
            return True
    return False


@jit
def call_maintenance(timing: Record, channel: Record, clock: int) -> int:
    """Make urgent what is due at `clock`, refreshes and rows to close; return the next such clock."""
    if channel.next_refresh == clock:
        channel.next_refresh += timing.refi
        for r in range(timing.ranks):
            _append_urgent(channel, -1 - r)
    following: int = channel.next_refresh
    if timing.row_cap > 0:
        for b in range(timing.banks):
            if channel.row_accesses[b] >= timing.row_cap and channel.closing[b] == 0:
                at = max(channel.pre_at[b], channel.all_pre_at)
                if at <= clock:
                    channel.closing[b] = 1
                    _append_urgent(channel, b)
                else:
                    following = min(following, at)
    return following


@jit
def _append_urgent(channel: Record, what: int) -> None:
    channel.urgent[(channel.urgent_head + channel.urgent_count) % channel.urgent.size] = what
    channel.urgent_count += 1
    channel.plan_at = NONE


@jit(inline="always")
def queue_in_service(timing: Record, channel: Record) -> int:
    """Return READ or WRITE, after the fill of the queues has switched write mode on or off."""
    if channel.write_mode == 0:
        if channel.queued[WRITE] >= timing.write_enter or channel.queued[READ] == 0:
            channel.write_mode = 1
    elif channel.queued[WRITE] < timing.write_leave and channel.queued[READ] != 0:
        channel.write_mode = 0
    return int(channel.write_mode)


@jit(inline="always")
def _clock_of(candidate: int, start: int) -> int:
    """Return the clock of a candidate, or FAR for none."""
    wait = candidate >> WAIT_SHIFT
    return start + wait if wait < MAX_WAIT else FAR


@jit
def _oldest_of_all(timing: Record, channel: Record, start: int) -> tuple[int, int, int, int]:
    """As `oldest_queued`, where nothing may pass the oldest request of both queues."""
    s = NONE
    for kind in (READ, WRITE):
        for b in range(timing.banks):
            head = channel.head[kind, b]
            if head != NONE and (s == NONE or channel.slot[head].order < channel.slot[s].order):
                s = head
    if s == NONE:
        return FAR, NONE, FAR, NONE
    kind, b = channel.slot[s].kind, channel.slot[s].bank
    if channel.hit[kind, b] == s:
        return max(start, channel.access_at[kind, b], channel.all_access_at[kind]), s, FAR, NONE
    if is_held(channel, b) or (channel.open_row[b] == CLOSED and channel.act2_slot != NONE):
        return FAR, NONE, FAR, NONE
    if channel.open_row[b] == CLOSED:
        return FAR, NONE, max(start, channel.act_at[b], channel.all_act_at), s
    return FAR, NONE, max(start, channel.pre_at[b], channel.all_pre_at), s
