"""DRAM channels: requests enter queues, and FR-FCFS issues their commands when the standard allows.

Obeys: the controller of Ramulator 2.1, clock for clock, as docs/dram.md describes it. In each clock the first
of these that may issue does: a request whose row was opened on its behalf; else the oldest refresh; else,
while no refresh waits, of the write queue in write mode or else of the read queue, the oldest request whose
next command is legal. HBM issues a column command so, and then a row command.

Clocks on which nothing can issue cost nothing: `step` goes to the next one on which something can.
"""

from __future__ import annotations

from tandemsim.sim.arch.dram.config import MAX_BANKS
from tandemsim.sim.arch.types import Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.commands import (
    activate,
    activate_second,
    column_access,
    pop_urgent,
    precharge,
    precharge_all,
    precharge_for,
    refresh,
    start_wck,
)
from tandemsim.sim.memory.dram.idle import skip_idle
from tandemsim.sim.memory.dram.queue import append, find_address, renumber
from tandemsim.sim.memory.dram.schedule import (
    any_open,
    call_maintenance,
    oldest_active,
    oldest_queued,
    queue_in_service,
    urgent_at,
)
from tandemsim.sim.memory.dram.state import (
    BANK_POSITION,
    CHANNEL_POSITION,
    CLOSED,
    NONE,
    ORDERS,
    READ,
    ROW_MASK,
    WRITE,
    Plan,
)

REFUSED, QUEUED, ABSORBED = 0, 1, 2  # what became of a request
IDLE, FREED = -2, -1  # of `step`: nothing until the limit; a queue slot fell free


@jit(inline="always")
def locate(timing: Record, address: int) -> tuple[int, int, int]:
    """Return channel, bank (of the channel) and row of a byte address."""
    place = 0
    for i in range(timing.piece_count):
        place ^= ((address >> timing.piece_shift[i]) & timing.piece_mask[i]) << timing.piece_position[i]
    return place >> CHANNEL_POSITION, (place >> BANK_POSITION) & (MAX_BANKS - 1), place & ROW_MASK


@jit(inline="always")
def accept(timing: Record, channel: Record, b: int, row: int, kind: int, address: int, owner: int) -> int:
    """Offer a request to a channel at its present clock: QUEUED, REFUSED by a full queue, or ABSORBED.

    A write in the queue absorbs later requests for the same burst, which complete in the next clock. The
    first command for a queued request can issue in the next clock. `address` is the burst's; `owner` is not
    negative.
    """
    if not timing.in_order and find_address(channel, b, WRITE, address) != NONE:
        if kind == READ:
            channel.forwarded += 1
        else:
            channel.merged += 1
        return ABSORBED
    if channel.queued[kind] == (timing.read_queue if kind == READ else timing.write_queue):
        return REFUSED
    if channel.order == ORDERS:
        renumber(channel)
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
    channel.plan_at = NONE
    append(channel, s)
    return QUEUED


@jit
def step(timing: Record, channel: Record, limit: int) -> int:
    """Run a channel to the end of the next clock on which a burst issues or a queue slot falls free.

    Returns the owner of the burst, which completes at `channel.done`; or FREED; or IDLE with the channel at
    clock `limit`, when neither happens until then.
    """
    while channel.clock < limit:
        start = channel.clock + 1
        maintenance = channel.next_refresh
        if start == maintenance or timing.row_cap > 0:  # rare, so these are calls and not inlined
            start = skip_idle(timing, channel, limit)
            maintenance = call_maintenance(timing, channel, start)
        if channel.plan_at == NONE:
            _make_plan(timing, channel, start)
        at = channel.plan_at
        if at < maintenance and at <= limit:
            channel.clock = at
            result = _carry_out(timing, channel, at)
            if result != IDLE:
                return result
        else:
            channel.clock = min(maintenance - 1, limit)
    return IDLE


@jit(inline="always")
def _make_plan(timing: Record, channel: Record, start: int) -> None:
    """Find what issues next, on the earliest clock from `start` on."""
    if channel.cas_slot != NONE:
        _set_plan(channel, start, Plan.ACCESS, channel.cas_slot)
        return
    if channel.act2_slot != NONE and channel.act2_latest == start:
        _set_plan(channel, start, Plan.SECOND_ACT, NONE)
        return
    at, s = oldest_active(channel, start)
    plan = Plan.ACCESS
    if channel.urgent_count > 0:
        row_at = urgent_at(timing, channel, start)
        if row_at < at:
            at, plan = row_at, Plan.URGENT
        channel.plan_row_at = NONE
    elif at > start or timing.dual_command_bus:
        column_at, column, row_at, row = oldest_queued(timing, channel, start)
        if column_at < at:
            at, s = column_at, column
            if row_at == column_at and not timing.dual_command_bus and _is_older(channel, row, column):
                at, s, plan = row_at, row, Plan.ROW
        if row_at < at:
            at, s, plan = row_at, row, Plan.ROW
        channel.plan_row_at = row_at
        channel.plan_row = row
    if channel.act2_slot != NONE and at > start:
        at, plan = start, Plan.SECOND_ACT
    _set_plan(channel, at, plan, s)


@jit(inline="always")
def _set_plan(channel: Record, at: int, plan: int, s: int) -> None:
    channel.plan_at = at
    channel.plan = plan
    channel.plan_slot = s


@jit(inline="always")
def _is_older(channel: Record, s: int, other: int) -> bool:
    return bool(channel.slot[s].order < channel.slot[other].order)


@jit(inline="always")
def _carry_out(timing: Record, channel: Record, at: int) -> int:
    """Issue the planned command, and with a bus for row commands one of those too; return as `step` does."""
    channel.plan_at = NONE
    s = channel.plan_slot
    if channel.plan == Plan.SECOND_ACT:
        activate_second(channel, at)
        return IDLE
    if channel.plan == Plan.ROW:
        return _row_command(timing, channel, s, at)
    if channel.plan == Plan.URGENT:
        _urgent_command(timing, channel, at)
        return IDLE
    result = _access(timing, channel, s, at)
    if timing.dual_command_bus:
        _use_row_bus(timing, channel, channel.slot[s].bank, at)
    return result


@jit
def _use_row_bus(timing: Record, channel: Record, b: int, at: int) -> None:
    """Issue a row command in the clock of a column command to bank `b`, if one can.

    What was planned holds, unless the access has switched write mode or was to the bank of that command.
    Nothing was planned while a need was urgent: the access has met it, by closing its row.
    """
    if channel.urgent_count > 0:
        if urgent_at(timing, channel, at) == at:
            _urgent_command(timing, channel, at)
        return
    row_at, s = channel.plan_row_at, channel.plan_row
    kind = channel.write_mode
    holds = queue_in_service(timing, channel) == kind and not timing.in_order
    holds = holds and row_at != NONE and (row_at != at or channel.slot[s].bank != b)
    if not holds or min(timing.rd_pre, timing.wr_pre) < 1:
        _, _, row_at, s = oldest_queued(timing, channel, at)
    if row_at == at:
        _row_command(timing, channel, s, at)


@jit(inline="always")
def _access(timing: Record, channel: Record, s: int, at: int) -> int:
    """Issue the column command of slot `s`; or, where WCK has stopped, the CAS before it."""
    if not timing.wck_sync or at < channel.wck_until or channel.cas_slot == s:
        channel.cas_slot = NONE
        return column_access(timing, channel, s, at)
    if channel.act2_slot != NONE and channel.act2_latest <= at + 1:
        activate_second(channel, at)  # the access after CAS would take the last clock for it
    else:
        start_wck(channel, s, at)
    return IDLE


@jit
def _row_command(timing: Record, channel: Record, s: int, at: int) -> int:
    """Issue ACT or PRE for slot `s`; return as `step` does."""
    if channel.open_row[channel.slot[s].bank] == CLOSED:
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
        pop_urgent(channel)
    else:
        precharge(timing, channel, what, at)
