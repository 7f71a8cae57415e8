"""What each DRAM command does: the state of its bank, and the earliest clocks of all commands after it.

Obeys: the spacings of `sim.arch.dram.timing.Spacing`. Nothing here checks that a command is legal: the
scheduler does, and tests/memory has an independent checker of the command log.
"""

from __future__ import annotations

from tandemsim.sim.arch.types import Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.queue import add_active, remove_active, row_closed, row_opened, unlink
from tandemsim.sim.memory.dram.state import ACTIVATING, CLOSED, LOGGED, NONE, READ, WRITE, Command


@jit
def column_access(timing: Record, channel: Record, s: int, at: int) -> int:
    """Issue RD or WR for slot `s`, free the slot and return its owner."""
    slot = channel.slot[s]
    b, kind = slot.bank, slot.kind
    if slot.seen == 0:
        channel.row_hits += 1
    if channel.active[b] == s:
        remove_active(channel, b)
    else:
        unlink(channel, s)
    if kind == READ:
        channel.done = at + timing.read_latency
        channel.read_latency += channel.done - slot.accepted
        channel.wck_until = max(channel.wck_until, at + timing.wck_rd)
        _space_group(timing, channel, READ, b, at + timing.rd_rd_l)
        _space_ranks(timing, channel, READ, b, at + timing.rd_rd_s, at + timing.rd_rd_other)
        _space_ranks(timing, channel, WRITE, b, at + timing.rd_wr, at + timing.rd_wr_other)
        _end_access(timing, channel, b, at, at + timing.rd_pre, Command.RD)
    else:
        channel.done = at + timing.write_latency
        channel.wck_until = max(channel.wck_until, at + timing.wck_wr)
        _space_group(timing, channel, READ, b, at + timing.wr_rd_l)
        _space_ranks(timing, channel, READ, b, at + timing.wr_rd_s, at + timing.wr_rd_other)
        _space_group(timing, channel, WRITE, b, at + timing.wr_wr_l)
        _space_ranks(timing, channel, WRITE, b, at + timing.wr_wr_s, at + timing.wr_wr_other)
        _end_access(timing, channel, b, at, at + timing.wr_pre, Command.WR)
    channel.accesses[kind] += 1
    channel.free[channel.free_count] = s
    channel.free_count += 1
    return int(slot.owner)


@jit
def activate(timing: Record, channel: Record, s: int, at: int) -> None:
    """Issue ACT (or ACT1) for slot `s`, which leaves its queue: the row stays open until it is served."""
    slot = channel.slot[s]
    b = slot.bank
    r = b >> timing.rank_shift
    if slot.seen == 0:
        channel.row_misses += 1
        slot.seen = 1
    channel.activates += 1
    _space_activates(timing, channel, b, at)
    channel.act_at[b] = max(channel.act_at[b], at + timing.act_act)
    channel.pre_at[b] = max(channel.pre_at[b], at + timing.act_pre)
    channel.access_at[READ, b] = max(channel.access_at[READ, b], at + timing.act_rd)
    channel.access_at[WRITE, b] = max(channel.access_at[WRITE, b], at + timing.act_wr)
    channel.preab_at[r] = max(channel.preab_at[r], at + timing.act_pre)
    channel.ref_at[r] = max(channel.ref_at[r], at + timing.act_ref)
    _log(channel, at, Command.ACT, b, slot.row)
    unlink(channel, s)
    if timing.act2_latest > 0:
        channel.open_row[b] = ACTIVATING
        channel.act2_slot = s
        channel.act2_latest = at + timing.act2_latest
        row_closed(channel, b)
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
    channel.precharges += 1
    _log(channel, at, Command.PRE, b, channel.open_row[b])
    channel.act_at[b] = max(channel.act_at[b], at + timing.pre_act)
    _space_precharges(timing, channel, b >> timing.rank_shift, at, at + timing.pre_ref)
    _close(channel, b)


@jit
def precharge_all(timing: Record, channel: Record, r: int, at: int) -> None:
    """Issue PREab to rank `r`."""
    channel.precharges_all += 1
    _log(channel, at, Command.PREAB, r, NONE)
    _space_precharges(timing, channel, r, at, at + timing.preab_ref)
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
        channel.act_at[b] = max(channel.act_at[b], at + timing.preab_act)
        _close(channel, b)


@jit
def refresh(timing: Record, channel: Record, r: int, at: int) -> None:
    """Issue REFab to rank `r`."""
    channel.refreshes += 1
    _log(channel, at, Command.REF, r, NONE)
    channel.ref_at[r] = max(channel.ref_at[r], at + timing.ref_ref)
    channel.preab_at[r] = max(channel.preab_at[r], at + timing.ref_ref)
    for b in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
        channel.act_at[b] = max(channel.act_at[b], at + timing.ref_act)


@jit
def start_wck(channel: Record, s: int, at: int) -> None:
    """Issue CAS, which starts WCK; the column command of slot `s` follows in the next clock."""
    channel.wck_starts += 1
    channel.cas_slot = s
    _log(channel, at, Command.CAS, channel.slot[s].bank, NONE)


@jit(inline="always")
def _space_group(timing: Record, channel: Record, kind: int, b: int, at: int) -> None:
    """Allow column commands of `kind` to bank `b`'s group from this clock on."""
    g = b >> timing.group_shift
    for i in range(g << timing.group_shift, (g + 1) << timing.group_shift):
        channel.access_at[kind, i] = max(channel.access_at[kind, i], at)


@jit(inline="always")
def _space_ranks(timing: Record, channel: Record, kind: int, b: int, rank_at: int, other_at: int) -> None:
    """Allow column commands of `kind` to bank `b`'s rank, and to other ranks, from these clocks on."""
    r = b >> timing.rank_shift
    if timing.ranks == 1:
        channel.all_access_at[kind] = max(channel.all_access_at[kind], rank_at)
    else:
        for i in range(timing.banks):
            at = rank_at if i >> timing.rank_shift == r else other_at
            channel.access_at[kind, i] = max(channel.access_at[kind, i], at)


@jit
def _space_activates(timing: Record, channel: Record, b: int, at: int) -> None:
    """Delay the row commands of all banks after an ACT to bank `b`."""
    g, r = b >> timing.group_shift, b >> timing.rank_shift
    oldest = channel.oldest_act[r]
    channel.last_acts[r, oldest] = at
    oldest = (oldest + 1) & 3
    channel.oldest_act[r] = oldest
    earliest = max(at + timing.act_act_s, channel.last_acts[r, oldest] + timing.act_act_fifth)
    if timing.ranks == 1:
        channel.all_act_at = max(channel.all_act_at, earliest)
    else:
        for i in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
            channel.act_at[i] = max(channel.act_at[i], earliest)
    for i in range(g << timing.group_shift, (g + 1) << timing.group_shift):
        channel.act_at[i] = max(channel.act_at[i], at + timing.act_act_l)
    if timing.act_row > 1:
        channel.all_act_at = max(channel.all_act_at, at + timing.act_row)
        channel.all_pre_at = max(channel.all_pre_at, at + timing.act_row)
        for i in range(timing.ranks):
            channel.preab_at[i] = max(channel.preab_at[i], at + timing.act_row)
            channel.ref_at[i] = max(channel.ref_at[i], at + timing.act_row)


@jit
def _space_precharges(timing: Record, channel: Record, r: int, at: int, ref_at: int) -> None:
    """Delay the precharges of rank `r` after a precharge, and its refresh to `ref_at`."""
    channel.ref_at[r] = max(channel.ref_at[r], ref_at)
    if timing.pre_pre > 1:
        channel.preab_at[r] = max(channel.preab_at[r], at + timing.pre_pre)
        for i in range(r << timing.rank_shift, (r + 1) << timing.rank_shift):
            channel.pre_at[i] = max(channel.pre_at[i], at + timing.pre_pre)


@jit(inline="always")
def _end_access(timing: Record, channel: Record, b: int, at: int, pre_at: int, command: int) -> None:
    """Allow the precharge from `pre_at` on; a row that has had its accesses closes by the access itself."""
    r = b >> timing.rank_shift
    if 0 < timing.row_cap <= channel.row_accesses[b] and channel.active[b] == NONE:
        _log(channel, at, command + Command.RDA - Command.RD, b, channel.open_row[b])
        channel.act_at[b] = max(channel.act_at[b], pre_at + timing.pre_act)
        channel.ref_at[r] = max(channel.ref_at[r], pre_at + timing.pre_ref)
        _close(channel, b)
    else:
        _log(channel, at, command, b, channel.open_row[b])
        channel.pre_at[b] = max(channel.pre_at[b], pre_at)
        channel.preab_at[r] = max(channel.preab_at[r], pre_at)
        channel.row_accesses[b] += 1


@jit(inline="always")
def _open(channel: Record, s: int) -> None:
    b = channel.slot[s].bank
    channel.open_row[b] = channel.slot[s].row
    add_active(channel, b, s)
    row_opened(channel, b)


@jit
def _close(channel: Record, b: int) -> None:
    channel.open_row[b] = CLOSED
    channel.row_accesses[b] = 0
    row_closed(channel, b)
    if channel.closing[b] != 0:
        channel.closing[b] = 0
        if channel.urgent[channel.urgent_head] == b:
            pop_urgent(channel)


@jit
def pop_urgent(channel: Record) -> None:
    """Take the oldest urgent need off the list, and those after it whose rows are closed by now."""
    while True:
        channel.urgent_head = (channel.urgent_head + 1) % channel.urgent.size
        channel.urgent_count -= 1
        what = channel.urgent[channel.urgent_head]
        if channel.urgent_count == 0 or what < 0 or channel.closing[what] != 0:
            break


@jit(inline="always")
def _log(channel: Record, at: int, command: int, where: int, row: int) -> None:
    if channel.logging:
        line = channel.log[channel.commands % LOGGED]
        line.clock = at
        line.command = command
        line.where = where
        line.row = row
        channel.commands += 1
