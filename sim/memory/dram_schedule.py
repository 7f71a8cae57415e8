"""What a channel could do next: for each source of commands, the earliest clock and the request it would serve.

Each function returns the earliest clock from `start` on, as if nothing else issued before, or FAR. Among requests
that can issue on the same clock the oldest wins. Obeys: docs/dram.md, "Scheduling".
"""

from __future__ import annotations

from sim.engine.jit import jit
from sim.memory.dram_state import ACTIVATING, ACTIVE, CLOSED, FAR, NONE, READ, WRITE, Record


@jit
def oldest_active(timing: Record, channel: Record, start: int) -> tuple[int, int]:
    """Return (clock, slot) of the next column command for a request whose row was opened on its behalf."""
    best_at, best = FAR, NONE
    for i in range(channel.busy_count[ACTIVE]):
        b = channel.busy[ACTIVE, i]
        bank = channel.bank[b]
        s = bank.active
        kind = channel.slot[s].kind
        at = max(start, bank.access_at[kind], channel.group[b >> timing.group_shift].access_at[kind])
        if at < best_at or (at == best_at and _is_older(channel, s, best)):
            best_at, best = at, s
    return best_at, best


@jit
def oldest_queued(timing: Record, channel: Record, start: int) -> tuple[int, int, int, int]:
    """Return (clock, slot) of the next column command and of the next row command for the queue in service."""
    if timing.in_order:
        return _oldest_of_all(timing, channel, start)
    kind = _queue_in_service(timing, channel)
    column_at, column, row_at, row = FAR, NONE, FAR, NONE
    for i in range(channel.busy_count[kind]):
        b = channel.busy[kind, i]
        bank = channel.bank[b]
        hit, miss = bank.hit[kind], bank.miss[kind]
        if hit != NONE:
            at = max(start, bank.access_at[kind], channel.group[b >> timing.group_shift].access_at[kind])
            if at < column_at or (at == column_at and _is_older(channel, hit, column)):
                column_at, column = at, hit
        if miss != NONE and not _is_held(timing, channel, b, hit, miss):
            at = _row_command_at(timing, channel, b, start)
            if at < row_at or (at == row_at and _is_older(channel, miss, row)):
                row_at, row = at, miss
    return column_at, column, row_at, row


@jit
def urgent_at(timing: Record, channel: Record, start: int) -> int:
    """Return the clock of the next command for the oldest urgent need: a refresh, or a row that is due to close."""
    what = channel.urgent[channel.urgent_head]
    if what >= 0:
        bank = channel.bank[what]
        if bank.active != NONE or bank.open_row == ACTIVATING:
            return FAR
        return max(start, bank.pre_at, channel.rank[what >> timing.rank_shift].pre_at)
    r = -1 - what
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
        bank = channel.bank[b]
        if bank.active != NONE or bank.open_row == ACTIVATING:
            return FAR
    rank = channel.rank[r]
    return max(start, rank.preab_at if any_open(timing, channel, r) else rank.ref_at)


@jit
def any_open(timing: Record, channel: Record, r: int) -> bool:
    """Whether a bank of rank `r` is open."""
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):  # noqa: SIM110 - any() is no kernel
        if channel.bank[b].open_row != CLOSED:
            return True
    return False


@jit
def call_maintenance(timing: Record, channel: Record, clock: int) -> int:
    """Make urgent what is due at `clock`: refreshes, rows to close. Return the clock of the next such call."""
    if channel.next_refresh == clock:
        channel.next_refresh += timing.refi
        for r in range(timing.ranks):
            _append_urgent(channel, -1 - r)
    following = channel.next_refresh
    if timing.row_cap > 0:
        for b in range(timing.banks):
            bank = channel.bank[b]
            if bank.accesses >= timing.row_cap and bank.closing == 0:
                at = max(bank.pre_at, channel.rank[b >> timing.rank_shift].pre_at)
                if at <= clock:
                    bank.closing = 1
                    _append_urgent(channel, b)
                else:
                    following = min(following, at)
    return following


@jit
def _append_urgent(channel: Record, what: int) -> None:
    channel.urgent[(channel.urgent_head + channel.urgent_count) % channel.urgent.size] = what
    channel.urgent_count += 1


@jit
def _queue_in_service(timing: Record, channel: Record) -> int:
    """Return READ or WRITE, after the fill of the queues has switched write mode on or off."""
    if channel.write_mode == 0:
        if channel.queued[WRITE] >= timing.write_enter or channel.queued[READ] == 0:
            channel.write_mode = 1
    elif channel.queued[WRITE] < timing.write_leave and channel.queued[READ] != 0:
        channel.write_mode = 0
    return channel.write_mode


@jit
def _oldest_of_all(timing: Record, channel: Record, start: int) -> tuple[int, int, int, int]:
    """As `oldest_queued`, where nothing may pass the oldest request of both queues."""
    s = NONE
    for kind in (READ, WRITE):
        for i in range(channel.busy_count[kind]):
            head = channel.bank[channel.busy[kind, i]].head[kind]
            if s == NONE or _is_older(channel, head, s):
                s = head
    if s == NONE:
        return FAR, NONE, FAR, NONE
    b, kind = channel.slot[s].bank, channel.slot[s].kind
    bank = channel.bank[b]
    if bank.hit[kind] == s:
        at = max(start, bank.access_at[kind], channel.group[b >> timing.group_shift].access_at[kind])
        return at, s, FAR, NONE
    if _is_held(timing, channel, b, NONE, s):
        return FAR, NONE, FAR, NONE
    return FAR, NONE, _row_command_at(timing, channel, b, start), s


@jit
def _is_older(channel: Record, s: int, other: int) -> bool:
    return channel.slot[s].order < channel.slot[other].order


@jit
def _is_held(timing: Record, channel: Record, b: int, hit: int, miss: int) -> bool:
    """Whether the row command for request `miss` must wait: for the request of the open row, or for an ACT2."""
    bank = channel.bank[b]
    if bank.open_row == CLOSED:
        return channel.act2_slot != NONE
    if bank.active != NONE or bank.open_row == ACTIVATING:
        return True
    return timing.keep_row_hits != 0 and hit != NONE and _is_older(channel, hit, miss)


@jit
def _row_command_at(timing: Record, channel: Record, b: int, start: int) -> int:
    """Return the clock of the row command that bank `b` needs next: ACT if it is closed, else PRE."""
    bank = channel.bank[b]
    if bank.open_row == CLOSED:
        return max(start, bank.act_at, channel.group[b >> timing.group_shift].act_at)
    return max(start, bank.pre_at, channel.rank[b >> timing.rank_shift].pre_at)
