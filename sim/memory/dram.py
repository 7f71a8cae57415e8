"""DRAM channels: requests enter queues, and FR-FCFS issues their commands on the clocks that the standard allows.

Obeys: the controller of Ramulator 2.1, clock for clock, as docs/dram.md describes it. In each clock the first of
these that may issue does: a request whose row was opened on its behalf; else the oldest refresh; else, while no
refresh waits, of the write queue in write mode or else of the read queue, the oldest request whose next command is
legal. HBM issues a column command so, and then a row command.

Clocks on which nothing can issue cost nothing: `step` goes to the next one on which something can.
"""

from __future__ import annotations

from sim.arch.address_map import FIELDS
from sim.engine.jit import jit
from sim.memory.dram_commands import (
    activate,
    activate_second,
    column_access,
    precharge,
    precharge_all,
    precharge_for,
    refresh,
    start_wck,
)
from sim.memory.dram_queue import append, find_address
from sim.memory.dram_schedule import any_open, call_maintenance, oldest_active, oldest_queued, urgent_at
from sim.memory.dram_state import CLOSED, FAR, NONE, READ, WRITE, Record

REFUSED, QUEUED, ABSORBED = 0, 1, 2  # what became of a request
IDLE, FREED = -2, -1  # of `step`: nothing until the limit; a queue slot fell free
RANK, GROUP, BANK, ROW = (FIELDS.index(name) for name in ("rank", "group", "bank", "row"))


@jit
def locate(timing: Record, address: int) -> tuple[int, int, int]:
    """Return channel, bank (of the channel) and row of a byte address."""
    channel = rank = group = bank = row = 0
    for i in range(timing.piece_count):
        field = timing.pieces[i, 0]
        bits = ((address >> timing.pieces[i, 1]) & timing.pieces[i, 2]) << timing.pieces[i, 3]
        if field == ROW:
            row ^= bits
        elif field == BANK:
            bank ^= bits
        elif field == GROUP:
            group ^= bits
        elif field == RANK:
            rank ^= bits
        else:
            channel ^= bits
    return channel, (rank << timing.rank_shift) | (group << timing.group_shift) | bank, row


@jit
def accept(timing: Record, channel: Record, b: int, row: int, kind: int, address: int, owner: int) -> int:
    """Offer a request to a channel at its present clock: QUEUED, REFUSED by a full queue, or ABSORBED.

    A write in the queue absorbs later requests for the same burst, which complete in the next clock. The first
    command for a queued request can issue in the next clock. `address` is the burst's; `owner` is not negative.
    """
    if not timing.in_order and find_address(channel, b, WRITE, address) != NONE:
        if kind == READ:
            channel.forwarded += 1
        else:
            channel.merged += 1
        return ABSORBED
    if channel.queued[kind] == (timing.read_queue if kind == READ else timing.write_queue):
        return REFUSED
    channel.free_count -= 1
    s = channel.free[channel.free_count]
    slot = channel.slot[s]
    slot.kind = kind
    slot.bank = b
    slot.row = row
    slot.address = address
    slot.order = channel.order
    slot.accepted = channel.clock
    slot.owner = owner
    slot.seen = 0
    channel.order += 1
    channel.quiet = 0
    append(channel, s)
    return QUEUED


@jit
def step(timing: Record, channel: Record, limit: int) -> int:
    """Run a channel to the end of the next clock on which a burst issues or a queue slot falls free.

    Returns the owner of the burst, which completes at `channel.done`; or FREED; or IDLE with the channel at clock
    `limit`, when neither happens until then.
    """
    while channel.clock < limit and channel.quiet <= limit:
        start = channel.clock + 1
        maintenance = call_maintenance(timing, channel, start)
        bound = min(limit, maintenance - 1)
        if timing.dual_command_bus:
            at, result = _two_bus_tick(timing, channel, start, bound)
        else:
            at, result = _tick(timing, channel, start, bound)
        if at <= bound:
            channel.clock = at
            if result != IDLE:
                return result
        elif maintenance <= limit:
            channel.clock = maintenance - 1
        else:
            channel.quiet = min(at, maintenance)
    channel.clock = max(limit, channel.clock)
    return IDLE


@jit
def _tick(timing: Record, channel: Record, start: int, bound: int) -> tuple[int, int]:
    """Issue the first command that can issue from `start` on, unless after `bound`: (its clock, result of `step`)."""
    if channel.cas_slot != NONE:
        return start, _continue_access(timing, channel, start)
    half_open = channel.act2_slot != NONE
    if half_open and start == channel.act2_latest:
        activate_second(channel, start)
        return start, IDLE
    column_at, s = oldest_active(timing, channel, start)
    row_at, row = FAR, NONE
    if channel.urgent_count > 0:
        row_at = urgent_at(timing, channel, start)
    elif column_at > start:
        hit_at, hit, row_at, row = oldest_queued(timing, channel, start)
        if hit_at < column_at:
            column_at, s = hit_at, hit
            if row_at == hit_at and channel.slot[row].order < channel.slot[hit].order:
                column_at = FAR
    at = min(column_at, row_at)
    if half_open and at > start:
        activate_second(channel, start)
        return start, IDLE
    if at > bound:
        return at, IDLE
    if column_at == at:
        return at, _access(timing, channel, s, at)
    return at, _row_command(timing, channel, row, at)


@jit
def _two_bus_tick(timing: Record, channel: Record, start: int, bound: int) -> tuple[int, int]:
    """As `_tick`, with one bus for column commands and one for row commands, in that order within a clock."""
    column_at, s = oldest_active(timing, channel, start)
    row_at, row = FAR, NONE
    if channel.urgent_count > 0:
        row_at = urgent_at(timing, channel, start)
    else:
        hit_at, hit, row_at, row = oldest_queued(timing, channel, start)
        if hit_at < column_at:
            column_at, s = hit_at, hit
    at = min(column_at, row_at)
    if at > bound:
        return at, IDLE
    result = IDLE
    if column_at == at:
        result = column_access(timing, channel, s, at)
        if channel.urgent_count > 0:
            row_at = urgent_at(timing, channel, at)
        else:
            _, _, row_at, row = oldest_queued(timing, channel, at)
    if row_at == at:
        freed = _row_command(timing, channel, row, at)
        result = freed if result == IDLE else result
    return at, result


@jit
def _access(timing: Record, channel: Record, s: int, at: int) -> int:
    """Issue the column command of slot `s`; or, where WCK has stopped, the CAS before it."""
    if not timing.wck_sync or at < channel.wck_until:
        return column_access(timing, channel, s, at)
    if channel.act2_slot != NONE and channel.act2_latest <= at + 1:
        activate_second(channel, at)  # the access after CAS would take the last clock for it
    else:
        start_wck(channel, s, at)
    return IDLE


@jit
def _continue_access(timing: Record, channel: Record, at: int) -> int:
    """Issue the column command that a CAS has made way for."""
    s = channel.cas_slot
    channel.cas_slot = NONE
    return column_access(timing, channel, s, at)


@jit
def _row_command(timing: Record, channel: Record, s: int, at: int) -> int:
    """Issue ACT or PRE for slot `s`, or the next command of the oldest urgent need when `s` is NONE."""
    if s == NONE:
        _urgent_command(timing, channel, at)
        return IDLE
    if channel.bank[channel.slot[s].bank].open_row == CLOSED:
        activate(timing, channel, s, at)
        return FREED
    precharge_for(timing, channel, s, at)
    return IDLE


@jit
def _urgent_command(timing: Record, channel: Record, at: int) -> None:
    what = channel.urgent[channel.urgent_head]
    if what < 0 and any_open(timing, channel, -1 - what):
        precharge_all(timing, channel, -1 - what, at)
        return
    if what < 0:
        refresh(timing, channel, -1 - what, at)
    else:
        precharge(timing, channel, what, at)
    channel.urgent_head = (channel.urgent_head + 1) % channel.urgent.size
    channel.urgent_count -= 1
