"""What each DRAM command does: the state of its bank, and the earliest clocks of all commands after it.

Obeys: the spacings of `sim.arch.dram_timing.Spacing`. Nothing here checks that a command is legal: the scheduler
does, and tests/memory has an independent checker of the command log.
"""

from __future__ import annotations

from sim.engine.jit import jit
from sim.memory.dram_queue import add_busy, remove_busy, row_changed, unlink
from sim.memory.dram_state import (
    ACTIVATING,
    ACTIVE,
    CLOSED,
    LOGGED,
    NONE,
    READ,
    WRITE,
    Command,
    Record,
)


@jit
def column_access(timing: Record, channel: Record, s: int, at: int) -> int:
    """Issue RD or WR for slot `s`, free the slot and return its owner."""
    slot = channel.slot[s]
    b, kind = slot.bank, slot.kind
    if slot.seen == 0:
        channel.row_hits += 1
    if channel.bank[b].active == s:
        channel.bank[b].active = NONE
        remove_busy(channel, ACTIVE, b)
    else:
        unlink(channel, s)
    if kind == READ:
        channel.done = at + timing.read_latency
        channel.read_latency += channel.done - slot.accepted
        _space_after_read(timing, channel, b, at)
    else:
        channel.done = at + timing.write_latency
        _space_after_write(timing, channel, b, at)
    channel.accesses[kind] += 1
    _end_access(timing, channel, b, kind, at)
    channel.free[channel.free_count] = s
    channel.free_count += 1
    return slot.owner


@jit
def activate(timing: Record, channel: Record, s: int, at: int) -> None:
    """Issue ACT (or ACT1) for slot `s`, which leaves its queue: the row stays open until it is served."""
    slot = channel.slot[s]
    b = slot.bank
    bank, rank = channel.bank[b], channel.rank[b >> timing.rank_shift]
    if slot.seen == 0:
        channel.row_misses += 1
        slot.seen = 1
    channel.activates += 1
    bank.act_at = at + timing.act_act
    bank.pre_at = max(bank.pre_at, at + timing.act_pre)
    bank.access_at[READ] = at + timing.act_rd
    bank.access_at[WRITE] = at + timing.act_wr
    rank.preab_at = max(rank.preab_at, at + timing.act_pre)
    rank.ref_at = max(rank.ref_at, at + timing.act_ref)
    _space_after_activate(timing, channel, b, at)
    _log(channel, at, Command.ACT, b, slot.row)
    unlink(channel, s)
    if timing.act2_latest > 0:
        bank.open_row = ACTIVATING
        channel.act2_slot = s
        channel.act2_latest = at + timing.act2_latest
    else:
        _open(channel, s)


@jit
def activate_second(channel: Record, at: int) -> None:
    """Issue ACT2 of the pending two-step activation."""
    s = channel.act2_slot
    channel.act2_slot = NONE
    _log(channel, at, Command.ACT2, channel.slot[s].bank, channel.slot[s].row)
    _open(channel, s)


@jit
def precharge_for(timing: Record, channel: Record, s: int, at: int) -> None:
    """Issue PRE on behalf of slot `s`."""
    slot = channel.slot[s]
    if slot.seen == 0:
        channel.row_conflicts += 1
        slot.seen = 1
    precharge(timing, channel, slot.bank, at)


@jit
def precharge(timing: Record, channel: Record, b: int, at: int) -> None:
    """Issue PRE to bank `b`."""
    bank = channel.bank[b]
    channel.precharges += 1
    _log(channel, at, Command.PRE, b, bank.open_row)
    bank.act_at = max(bank.act_at, at + timing.pre_act)
    _space_after_precharge(timing, channel.rank[b >> timing.rank_shift], at)
    _close(channel, b)


@jit
def precharge_all(timing: Record, channel: Record, r: int, at: int) -> None:
    """Issue PREab to rank `r`."""
    channel.precharges_all += 1
    _log(channel, at, Command.PREAB, r, NONE)
    _space_after_precharge(timing, channel.rank[r], at)
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
        bank = channel.bank[b]
        bank.act_at = max(bank.act_at, at + timing.preab_act)
        _close(channel, b)


@jit
def refresh(timing: Record, channel: Record, r: int, at: int) -> None:
    """Issue REFab to rank `r`."""
    rank = channel.rank[r]
    channel.refreshes += 1
    _log(channel, at, Command.REF, r, NONE)
    rank.ref_at = max(rank.ref_at, at + timing.ref_ref)
    rank.preab_at = max(rank.preab_at, at + timing.ref_ref)
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
        bank = channel.bank[b]
        bank.act_at = max(bank.act_at, at + timing.ref_act)


@jit
def start_wck(channel: Record, s: int, at: int) -> None:
    """Issue CAS, which starts WCK; the column command of slot `s` follows in the next clock."""
    channel.wck_starts += 1
    channel.cas_slot = s
    _log(channel, at, Command.CAS, channel.slot[s].bank, NONE)


@jit
def _space_after_read(timing: Record, channel: Record, b: int, at: int) -> None:
    same_group, same_rank = b >> timing.group_shift, b >> timing.rank_shift
    for g in range(timing.groups):
        group = channel.group[g]
        if (g << timing.group_shift) >> timing.rank_shift != same_rank:
            to_read, to_write = timing.rd_rd_other, timing.rd_wr_other
        else:
            to_read = timing.rd_rd_l if g == same_group else timing.rd_rd_s
            to_write = timing.rd_wr
        group.access_at[READ] = max(group.access_at[READ], at + to_read)
        group.access_at[WRITE] = max(group.access_at[WRITE], at + to_write)
    channel.wck_until = max(channel.wck_until, at + timing.wck_rd)


@jit
def _space_after_write(timing: Record, channel: Record, b: int, at: int) -> None:
    same_group, same_rank = b >> timing.group_shift, b >> timing.rank_shift
    for g in range(timing.groups):
        group = channel.group[g]
        if (g << timing.group_shift) >> timing.rank_shift != same_rank:
            to_read, to_write = timing.wr_rd_other, timing.wr_wr_other
        elif g == same_group:
            to_read, to_write = timing.wr_rd_l, timing.wr_wr_l
        else:
            to_read, to_write = timing.wr_rd_s, timing.wr_wr_s
        group.access_at[READ] = max(group.access_at[READ], at + to_read)
        group.access_at[WRITE] = max(group.access_at[WRITE], at + to_write)
    channel.wck_until = max(channel.wck_until, at + timing.wck_wr)


@jit
def _space_after_activate(timing: Record, channel: Record, b: int, at: int) -> None:
    same_group, same_rank = b >> timing.group_shift, b >> timing.rank_shift
    rank = channel.rank[same_rank]
    rank.act[rank.oldest_act] = at
    rank.oldest_act = (rank.oldest_act + 1) & 3
    fifth = rank.act[rank.oldest_act] + timing.act_act_fifth
    for g in range(timing.groups):
        group = channel.group[g]
        if (g << timing.group_shift) >> timing.rank_shift != same_rank:
            earliest = at + timing.act_row
        else:
            earliest = max(at + (timing.act_act_l if g == same_group else timing.act_act_s), fifth)
        group.act_at = max(group.act_at, earliest)
    if timing.act_row > 1:
        for r in range(timing.ranks):
            rank = channel.rank[r]
            rank.pre_at = max(rank.pre_at, at + timing.act_row)
            rank.preab_at = max(rank.preab_at, at + timing.act_row)
            rank.ref_at = max(rank.ref_at, at + timing.act_row)


@jit
def _space_after_precharge(timing: Record, rank: Record, at: int) -> None:
    rank.ref_at = max(rank.ref_at, at + timing.pre_ref)
    rank.pre_at = max(rank.pre_at, at + timing.pre_pre)
    rank.preab_at = max(rank.preab_at, at + timing.pre_pre)


@jit
def _end_access(timing: Record, channel: Record, b: int, kind: int, at: int) -> None:
    """Space the precharge after an access; a row that has had its accesses is closed by the access itself."""
    bank, rank = channel.bank[b], channel.rank[b >> timing.rank_shift]
    to_pre = timing.rd_pre if kind == READ else timing.wr_pre
    if 0 < timing.row_cap <= bank.accesses and bank.active == NONE:
        _log(channel, at, Command.RDA + kind, b, bank.open_row)
        bank.act_at = max(bank.act_at, at + to_pre + timing.pre_act)
        rank.ref_at = max(rank.ref_at, at + to_pre + timing.pre_ref)
        _close(channel, b)
    else:
        _log(channel, at, Command.RD + kind, b, bank.open_row)
        bank.pre_at = max(bank.pre_at, at + to_pre)
        rank.preab_at = max(rank.preab_at, at + to_pre)
        bank.accesses += 1


@jit
def _open(channel: Record, s: int) -> None:
    b = channel.slot[s].bank
    bank = channel.bank[b]
    bank.open_row = channel.slot[s].row
    bank.active = s
    add_busy(channel, ACTIVE, b)
    row_changed(channel, b)


@jit
def _close(channel: Record, b: int) -> None:
    bank = channel.bank[b]
    bank.open_row = CLOSED
    bank.accesses = 0
    bank.closing = 0
    row_changed(channel, b)


@jit
def _log(channel: Record, at: int, command: int, where: int, row: int) -> None:
    if channel.logging:
        line = channel.log[channel.commands % LOGGED]
        line.clock = at
        line.command = command
        line.where = where
        line.row = row
        channel.commands += 1
