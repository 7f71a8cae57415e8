"""The state of a DRAM and its controllers, as records of int64: a channel holds its ranks, bank groups, banks and requests.

Channels share nothing. All times are clocks of the DRAM; ``.._at`` is the earliest clock on which that command may
issue. Constraints of a rank or channel are folded into its bank groups when a command issues, so that a decision
compares two numbers for each bank. Kernels take a record as one pointer; its sizes are fixed here, so that they are
compiled once for all configs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.arch.address_map import FIELDS, Piece
from sim.arch.memory import MAX_BANKS, MAX_CHANNEL_RANKS, MAX_QUEUE, DramConfig, DramTiming, Spacing

READ, WRITE = 0, 1  # kinds of requests
ACTIVE = 2  # in `busy`, after them
NONE = -1
FAR = 1 << 62  # a clock that never comes, with room to add to
CLOSED, ACTIVATING = -1, -2  # values of a bank's open_row
LOGGED = 64  # commands kept; a clock has two at most
MAX_PIECES = 64  # of an address map: more than there are address bits


def make_record(**columns: object) -> np.dtype[np.void]:
    """A record of int64: `name=()` is a number, `name=(n,)` an array, `name=(record, n)` an array of records."""
    fields = []
    for name, shape in columns.items():
        inner = isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[0], np.dtype)
        fields.append((name, shape[0], (shape[1],)) if inner else (name, np.int64, shape))  # type: ignore[index]
    return np.dtype(fields)


BANK = make_record(
    open_row=(),
    active=(),  # slot of the request whose column command the open row waits for
    act_at=(),
    pre_at=(),
    access_at=(2,),  # reads, writes
    hit=(2,),  # slot of the oldest queued request for the open row
    miss=(2,),  # and for another row
    head=(2,),  # of the list of queued requests, oldest first
    tail=(2,),
    place=(3,),  # where the bank stands in `busy`
    accesses=(),  # since the row was opened
    closing=(),  # its precharge is urgent
)
GROUP = make_record(act_at=(), access_at=(2,))
RANK = make_record(
    pre_at=(),
    preab_at=(),
    ref_at=(),
    act=(4,),  # clocks of the last four activates
    oldest_act=(),  # which of them
)
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
CHANNEL = make_record(
    clock=(),  # the last one simulated
    quiet=(),  # nothing can issue before this clock, unless a request is accepted
    accepted=(),  # clock of the last acceptance by the DMA
    order=(),  # of the next request
    queued=(2,),  # requests in the queues
    busy_count=(3,),
    busy=(3, MAX_BANKS),  # banks with queued reads, queued writes, an active request
    write_mode=(),
    free_count=(),
    free=(2 * MAX_QUEUE + MAX_BANKS,),  # stack of slots
    slot=(SLOT, 2 * MAX_QUEUE + MAX_BANKS),
    next_refresh=(),
    urgent_count=(),
    urgent_head=(),
    urgent=(2 * MAX_BANKS,),  # ring; a bank to precharge, or -1 - rank to refresh
    act2_slot=(),  # LPDDR5: request between ACT1 and ACT2
    act2_latest=(),
    cas_slot=(),  # LPDDR5: request for which WCK is being started
    wck_until=(),
    done=(),  # clock on which the last issued burst completes
    bank=(BANK, MAX_BANKS),
    group=(GROUP, MAX_BANKS),
    rank=(RANK, MAX_CHANNEL_RANKS),
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
    commands=(),  # all
    logging=(),
    log=(COMMAND, LOGGED),  # ring of the last commands
)
TIMING = make_record(
    **{name: () for name in Spacing._fields},
    **{name: () for name in DramTiming._fields if name != "spacing"},
    piece_count=(),
    pieces=(MAX_PIECES, 4),  # of the address map: field, shift, mask, position
)

Record = np.record
Records = NDArray[np.void]


class Command(IntEnum):
    """Commands of the log. A write is one more than its read."""

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
    channel["free_count"] = 2 * MAX_QUEUE + MAX_BANKS
    channel["free"] = np.arange(2 * MAX_QUEUE + MAX_BANKS)
    channel["next_refresh"] = timing[0].refi if config.refresh else FAR
    for name in ("accepted", "act2_slot", "cas_slot"):
        channel[name] = NONE
    for name in ("active", "hit", "miss", "head", "tail"):
        channel["bank"][name] = NONE
    channel["bank"]["open_row"] = 0 if timing[0].always_open else CLOSED
    channel["rank"]["act"] = -FAR  # no activate yet, so no window to wait for
    return Dram(timing, channel)


def _fill_timing(timing: Record, config: DramConfig) -> None:
    clocks = config.timing
    for name, value in (clocks._asdict() | clocks.spacing._asdict()).items():
        if name != "spacing":
            timing[name] = value
    timing.piece_count = len(config.pieces)
    timing.pieces = 0
    timing.pieces[: len(config.pieces)] = [_piece(piece) for piece in config.pieces]


def _piece(piece: Piece) -> tuple[int, int, int, int]:
    return FIELDS.index(piece.field), piece.shift, piece.mask, piece.position
