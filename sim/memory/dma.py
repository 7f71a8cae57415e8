"""The DMA: moves tiles between a machine and its DRAM, in machine cycles, as bursts in order of submission.

A transfer is `rows` pieces of `row_bytes` bytes, `stride` bytes apart. Its bursts are offered to their
channels one after the other, each as soon as the queue has room, at most one per channel and clock.
Neighboring pieces that share a burst move it once. A read is complete when its last data have arrived, a
write when its last data have left the bus. Transfers may complete out of order, as far as channels reorder
bursts.

The DRAM has a clock of its own. A transfer submitted in a cycle starts on the first DRAM clock that is not
before it, and is complete in the first cycle that is not before its last burst's end. ::

    dma = new_dma(config.dram, config.cycle_ps)
    dma_submit(dma, address, rows, row_bytes, stride, WRITE, tag, cycle)
    cycle, tag = dma_advance(dma, until)  # (NEVER, -1): nothing completes up to `until`
"""

from __future__ import annotations

from tandemsim.sim.arch.types import Record, Records
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dma_state import HISTORY, MAX_PLACES, Dma
from tandemsim.sim.memory.dram.channel import ABSORBED, REFUSED, accept, locate, step
from tandemsim.sim.memory.dram.state import FAR, NONE, READ, WRITE


class DmaFullError(RuntimeError):
    """More transfers are on their way than a DMA has places for: a fault of the machine."""


@jit
def dma_submit(
    dma: Dma, address: int, rows: int, row_bytes: int, stride: int, kind: int, tag: int, cycle: int
) -> None:
    """Submit a transfer, `kind` READ or WRITE, in `cycle`; that is not before what `dma_advance` simulated.

    Raises `DmaFullError` beyond `MAX_PLACES` transfers, and ValueError for one of no bytes, of another kind,
    or after the end of time (2^62 ps).
    """
    state = dma.state[0]
    if rows <= 0 or row_bytes <= 0:
        raise ValueError("a transfer must have at least one row of at least one byte")
    if kind not in (READ, WRITE):
        raise ValueError("a transfer must be a READ or a WRITE")
    if cycle > FAR // state.cycle_ps:
        raise ValueError("a transfer must be submitted before 2^62 ps")
    if state.last - state.first + state.completed - state.reported > state.mask:  # all might be complete
        _double_rings(state)
    transfer = state.transfer[state.last & state.mask]
    transfer.address = address
    transfer.rows = rows
    transfer.row_bytes = row_bytes
    transfer.stride = stride
    transfer.kind = kind
    transfer.tag = tag
    transfer.ready = -(-cycle * state.cycle_ps // dma.dram.timing[0].tck_ps)
    transfer.begun = NONE
    transfer.open = 1
    transfer.end = 0
    state.last += 1
    state.useful_bytes[kind] += rows * row_bytes


@jit
def _double_rings(state: Record) -> None:
    """Use twice the places, and put what is in use where its number then belongs."""
    mask = state.mask
    if mask + 1 == MAX_PLACES:
        raise DmaFullError("more transfers are on their way than a DMA has places for")
    state.mask = 2 * mask + 1
    for number in range(state.first, state.last):
        if number & state.mask != number & mask:
            source, target = state.transfer[number & mask], state.transfer[number & state.mask]
            target.address = source.address
            target.rows = source.rows
            target.row_bytes = source.row_bytes
            target.stride = source.stride
            target.kind = source.kind
            target.tag = source.tag
            target.ready = source.ready
            target.begun = source.begun
            target.open = source.open
            target.end = source.end
    for number in range(state.reported, state.completed):
        if number & state.mask != number & mask:
            _copy(state.completion[number & mask], state.completion[number & state.mask])


@jit
def dma_advance(dma: Dma, until: int) -> tuple[int, int]:
    """Return (cycle, tag) of the next transfer that completes, or (NEVER, -1) if none does up to `until`.

    Simulates no further than that, since the machine may then submit more, and not beyond 2^62 ps.
    """
    state, timing, channels = dma.state[0], dma.dram.timing[0], dma.dram.channel
    limit = min(until, FAR // state.cycle_ps) * state.cycle_ps // timing.tck_ps
    lookahead = 1 + min(timing.read_latency, timing.write_latency)  # no burst completes earlier than so
    while True:
        earliest = _earliest(state)
        if earliest <= state.clock:
            completion = state.completion[state.reported & state.mask]
            state.reported += 1
            state.begun = completion.begun * timing.tck_ps // state.cycle_ps
            return -(-earliest * timing.tck_ps // state.cycle_ps), completion.tag
        horizon = min(limit, earliest)
        if state.in_flight > 0:
            horizon = min(horizon, state.clock + lookahead)
        elif state.offered < state.last:
            ready = state.transfer[state.offered & state.mask].ready
            horizon = min(horizon, max(state.clock, ready) + lookahead)
        elif earliest == FAR:
            return NEVER, -1
        if state.clock >= limit:
            return NEVER, -1
        horizon = _feed(state, timing, channels, horizon)
        for c in range(timing.channels):
            _run(state, timing, channels[c], horizon)
        state.clock = horizon


@jit
def _feed(state: Record, timing: Record, channels: Records, horizon: int) -> int:
    """Offer bursts up to clock `horizon`; return that clock, or an earlier one on which a transfer completes.

    Of the channels only that of the burst on offer is simulated: the others cannot change when it is
    accepted.
    """
    while _aim(state, timing):
        i = state.offered
        channel = channels[state.channel]
        at = max(state.transfer[i & state.mask].ready, state.offer_at, channel.accepted + 1)
        if at > horizon:
            break
        limit = at
        if channel.clock >= at:
            became = _offer(state, timing, channel, i)
            if became != REFUSED:
                channel.accepted = channel.clock
                _accepted(state, timing, i, became, channel.clock)
                horizon = min(horizon, _earliest(state))
                continue
            if channel.clock >= horizon:
                break
            limit = horizon
        _finish(state, channel, step(timing, channel, limit))
    return horizon


@jit(inline="always")
def _offer(state: Record, timing: Record, channel: Record, i: int) -> int:
    address = state.burst << timing.burst_shift
    return accept(
        timing, channel, state.bank, state.bank_row, state.transfer[i & state.mask].kind, address, i
    )


@jit(inline="always")
def _accepted(state: Record, timing: Record, i: int, became: int, clock: int) -> None:
    """Account for the acceptance of the burst on offer, and go to the next."""
    if state.transfer[i & state.mask].begun == NONE:
        state.transfer[i & state.mask].begun = clock
    state.bursts[state.transfer[i & state.mask].kind] += 1
    state.offer_at = clock
    state.channel = NONE
    state.in_flight += 1
    state.transfer[i & state.mask].open += 1
    if became == ABSORBED:
        _burst_done(state, i, clock + 1)
    if not _next_burst(state, timing, i):
        state.offered += 1
        state.row = 0
        state.row_end = NONE
        _close(state, i)


@jit(inline="always")
def _aim(state: Record, timing: Record) -> bool:
    """Make sure that a burst is on offer; False when all bursts of all transfers have been accepted."""
    if state.channel != NONE:
        return True
    if state.offered == state.last:
        return False
    if state.row_end == NONE:
        transfer = state.transfer[state.offered & state.mask]
        state.burst = transfer.address >> timing.burst_shift
        state.row_end = (transfer.address + transfer.row_bytes - 1) >> timing.burst_shift
    state.channel, state.bank, state.bank_row = locate(timing, state.burst << timing.burst_shift)
    return True


@jit(inline="always")
def _next_burst(state: Record, timing: Record, i: int) -> bool:
    """Go to the next burst of transfer `i`, skipping one that the previous row moved; False at the end."""
    transfer = state.transfer[i & state.mask]
    state.burst += 1
    while state.burst > state.row_end:
        state.row += 1
        if state.row == transfer.rows:
            return False
        start = transfer.address + state.row * transfer.stride
        first = start >> timing.burst_shift
        state.burst = first + 1 if first == state.row_end else first
        state.row_end = (start + transfer.row_bytes - 1) >> timing.burst_shift
    return True


@jit
def _run(state: Record, timing: Record, channel: Record, limit: int) -> None:
    """Simulate a channel to clock `limit`."""
    while channel.clock < limit:
        _finish(state, channel, step(timing, channel, limit))


@jit(inline="always")
def _finish(state: Record, channel: Record, owner: int) -> None:
    """Account for what `step` has returned."""
    if owner >= 0:
        _remember(state, channel.done)
        _burst_done(state, owner, channel.done)


@jit(inline="always")
def _remember(state: Record, clock: int) -> None:
    """Count a burst in the history; where that is too short, its bins become twice as long."""
    while clock >> state.history_shift >= HISTORY:
        _halve_history(state)
    state.history[clock >> state.history_shift] += 1


@jit
def _halve_history(state: Record) -> None:
    for i in range(HISTORY // 2):
        state.history[i] = state.history[2 * i] + state.history[2 * i + 1]
    for i in range(HISTORY // 2, HISTORY):
        state.history[i] = 0
    state.history_shift += 1


@jit
def _burst_done(state: Record, i: int, clock: int) -> None:
    state.in_flight -= 1
    state.transfer[i & state.mask].end = max(state.transfer[i & state.mask].end, clock)
    _close(state, i)


@jit
def _close(state: Record, i: int) -> None:
    """Take one from the open bursts of transfer `i`; at none, it is complete."""
    transfer = state.transfer[i & state.mask]
    transfer.open -= 1
    if transfer.open == 0:
        _insert_completion(state, transfer)
        while state.first < state.offered and state.transfer[state.first & state.mask].open == 0:
            state.first += 1


@jit
def _insert_completion(state: Record, transfer: Record) -> None:
    """Keep the completions sorted, the earliest first; of equals the one found first is reported first."""
    place = state.completed
    while place > state.reported and state.completion[(place - 1) & state.mask].clock > transfer.end:
        _copy(state.completion[(place - 1) & state.mask], state.completion[place & state.mask])
        place -= 1
    completion = state.completion[place & state.mask]
    completion.clock = transfer.end
    completion.tag = transfer.tag
    completion.begun = transfer.begun
    state.completed += 1


@jit
def _copy(source: Record, target: Record) -> None:
    target.clock = source.clock
    target.tag = source.tag
    target.begun = source.begun


@jit(inline="always")
def _earliest(state: Record) -> int:
    """Return the clock of the earliest completion that has not been reported, or FAR."""
    if state.reported == state.completed:
        return FAR
    return int(state.completion[state.reported & state.mask].clock)
