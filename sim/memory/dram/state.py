"""The state of a DRAM and its controllers, as records of int64: one of timing, and one for each channel.

Channels share nothing. All times are clocks of the DRAM; ``.._at`` is the earliest clock on which that
command may issue: by the constraints of a bank and its bank group, or (``all_..``) by those of all banks
alike.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.dram.config import MAX_BANKS, MAX_QUEUE, MAX_RANKS, DramConfig, DramTiming
from tandemsim.sim.arch.dram.spacing import Spacing
from tandemsim.sim.arch.types import Record, Records
from tandemsim.sim.engine.records import make_record

READ, WRITE = 0, 1  # kinds of requests
NONE = -1
FAR = 1 << 62  # a clock that never comes, with room to add to
CLOSED, ACTIVATING = -1, -2  # values of open_row
NO_KEY = 1 << 62  # larger than any hit_key or miss_key with any wait added
ORDERS = (1 << 24) - 1  # of requests, before those at hand are numbered anew: what a key has room for
SLOTS = 2 * MAX_QUEUE + MAX_BANKS  # both queues, and a request of an opened row for each bank
# Rows to close, one per bank, and refreshes of all ranks. Refreshes come up once per interval, which is
# longer than any wait (`sim.arch.dram.spacing`); before the first of them issues, each bank may be waited for
# twice.
URGENT = 2048  # at least MAX_BANKS + MAX_RANKS * (2 * (MAX_BANKS + MAX_RANKS) + 2)
LOGGED = 64  # commands kept; a clock has two at most
MAX_PIECES = 64  # of an address map: as many as there are address bits
BANK_POSITION, CHANNEL_POSITION = 40, 48  # of an address that is mapped: row, bank and channel in one number
ROW_MASK = (1 << BANK_POSITION) - 1


SLOT = make_record(
    kind=(),
    bank=(),
    row=(),
    address=(),
    order=(),  # of acceptance
    accepted=(),  # clock
    owner=(),  # whatever the caller knows the request by
    seen=(),  # counted as hit, miss or conflict
    next=(),  # in the list of its bank
    previous=(),
)
COMMAND = make_record(clock=(), command=(), where=(), row=())  # where: bank, or rank for PREAB and REF
PER_BANK = (MAX_BANKS,)
PER_KIND = (2, MAX_BANKS)  # for reads, for writes
CHANNEL = make_record(
    clock=(),  # the last one simulated
    accepted=(),  # clock of the last acceptance by the DMA
    done=(),  # clock on which the last issued burst completes
    # banks
    open_row=PER_BANK,
    active=PER_BANK,  # slot of the request whose column command the open row waits for
    act_at=PER_BANK,
    pre_at=PER_BANK,
    access_at=PER_KIND,
    row_accesses=PER_BANK,  # since the row was opened
    closing=PER_BANK,  # a precharge is urgent
    all_act_at=(),
    all_pre_at=(),
    all_access_at=(2,),
    # ranks
    preab_at=(MAX_RANKS,),
    ref_at=(MAX_RANKS,),
    last_acts=(MAX_RANKS, 4),  # clocks of the last four activates
    oldest_act=(MAX_RANKS,),  # which of them
    # requests
    slot=(SLOT, SLOTS),
    free=(SLOTS,),  # stack
    free_count=(),
    order=(),  # of the next request
    queued=(2,),
    head=PER_KIND,  # of the list of queued requests of a bank, oldest first
    tail=PER_KIND,
    hit=PER_KIND,  # slot of the oldest queued request for the open row
    miss=PER_KIND,  # and for another row
    hit_key=PER_KIND,  # order and bank of that request: order * MAX_BANKS + bank, or NO_KEY
    miss_key=PER_KIND,  # NO_KEY also while the bank may not be opened or closed for it
    keep_row_hits=(),  # a row is not closed before the older requests that hit it
    active_count=(),
    active_banks=PER_BANK,  # those with an `active` request
    active_place=PER_BANK,  # where a bank stands among them
    write_mode=(),
    # the next command; holds until a request is accepted
    plan_at=(),  # its clock, or NONE
    plan=(),  # a Plan
    plan_slot=(),
    plan_row_at=(),  # clock of the row command that would come next, on a bus of its own; NONE: not known
    plan_row=(),  # its slot
    # maintenance
    next_refresh=(),
    urgent_count=(),
    urgent_head=(),
    urgent=(URGENT,),  # ring; a bank to precharge, or -1 - rank to refresh
    # LPDDR5
    act2_slot=(),  # request between ACT1 and ACT2
    act2_latest=(),
    cas_slot=(),  # request for which WCK is being started
    wck_until=(),
    # counters
    accesses=(2,),  # RD and WR commands
    activates=(),
    precharges=(),  # of one bank
    precharges_all=(),
    refreshes=(),
    wck_starts=(),
    row_hits=(),  # requests, at the first command for them
    row_misses=(),
    row_conflicts=(),
    read_latency=(),  # clocks from acceptance to completion, summed over RD commands
    forwarded=(),  # reads answered from the write queue
    merged=(),  # writes absorbed by an equal one in the write queue
    commands=(),  # that were logged
    logging=(),
    log=(COMMAND, LOGGED),  # ring of the last commands
)
TIMING = make_record(
    **dict.fromkeys(Spacing._fields, ()),
    **{name: () for name in DramTiming._fields if name != "spacing"},
    piece_count=(),
    piece_shift=(MAX_PIECES,),  # of the address map
    piece_mask=(MAX_PIECES,),
    piece_position=(MAX_PIECES,),
)


class Plan(IntEnum):
    """What a channel does next."""

    ACCESS = 0  # the column command of a request
    ROW = 1  # ACT or PRE for a request
    URGENT = 2  # a command for the oldest urgent need
    SECOND_ACT = 3  # LPDDR5: ACT2


class Command(IntEnum):
    """Commands of the log. That of a write is one more than that of a read."""

    ACT = 0
    ACT2 = 1
    PRE = 2
    PREAB = 3
    REF = 4
    CAS = 5
    RD = 6
    WR = 7
    RDA = 8
    WRA = 9


class Dram(NamedTuple):
    """A DRAM: `timing` is one record, `channel` one for each channel."""

    timing: Records
    channel: Records


def new_dram(config: DramConfig, logging: bool = False) -> Dram:
    """Return an idle DRAM at clock 0; with `logging`, each channel keeps its last `LOGGED` commands."""
    timing, channel = np.recarray(1, TIMING), np.recarray(config.channels, CHANNEL)
    _fill_timing(timing[0], config)
    channel.view(np.int64)[:] = 0
    channel["logging"] = logging
    channel["keep_row_hits"] = timing[0].keep_row_hits
    channel["free_count"] = SLOTS
    channel["free"] = np.arange(SLOTS)
    channel["next_refresh"] = timing[0].refi if config.refresh else FAR
    channel["last_acts"] = -FAR  # none yet, so no window to wait for
    channel["hit_key"] = channel["miss_key"] = NO_KEY
    for name in ("accepted", "act2_slot", "cas_slot", "plan_at", "active", "hit", "miss", "head", "tail"):
        channel[name] = NONE
    channel["open_row"] = 0 if timing[0].always_open else CLOSED
    return Dram(timing, channel)


def _fill_timing(timing: Record, config: DramConfig) -> None:
    clocks = config.timing
    for name, value in (clocks._asdict() | clocks.spacing._asdict()).items():
        if name != "spacing":
            timing[name] = value
    timing.piece_count = len(config.pieces)
    fields = {"row": 0, "bank": BANK_POSITION, "channel": CHANNEL_POSITION}
    fields |= {"group": BANK_POSITION + clocks.group_shift, "rank": BANK_POSITION + clocks.rank_shift}
    for i, piece in enumerate(config.pieces):
        timing.piece_shift[i] = piece.shift
        timing.piece_mask[i] = piece.mask
        timing.piece_position[i] = fields[piece.field] + piece.position
