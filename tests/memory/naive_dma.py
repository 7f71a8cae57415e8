"""The DMA of docs/dram.md, one DRAM clock after the other, over naive channels."""

from __future__ import annotations

from typing import NamedTuple

from tandemsim.sim.arch.dram.config import DramConfig
from tests.memory.jedec import device
from tests.memory.naive import NaiveChannel, Policy
from tests.memory.places import bank_of, place


class Transfer(NamedTuple):
    """What a machine submits."""

    cycle: int
    address: int
    rows: int
    row_bytes: int
    stride: int
    kind: int


def ceiling(value: int, divisor: int) -> int:
    return -(-value // divisor)


def bursts_of(transfer: Transfer, burst_bytes: int) -> list[int]:
    """Indices of the bursts, in order; one that two neighboring rows share is there once."""
    found: list[int] = []
    for row in range(transfer.rows):
        start = transfer.address + row * transfer.stride
        first, last = start // burst_bytes, (start + transfer.row_bytes - 1) // burst_bytes
        if found and found[-1] == first:
            first += 1
        found += range(first, last + 1)
    return found


def completions(config: DramConfig, cycle_ps: int, transfers: list[Transfer]) -> list[int]:
    """Return the cycle in which each transfer is complete."""
    clocks, burst = config.standard.tck_ps, config.burst_bytes
    policy = Policy(
        config.read_queue, config.write_queue, config.scheduler.value, config.row_cap, config.refresh
    )
    channels = [
        NaiveChannel(device(config.standard.name, config.ranks), policy) for _ in range(config.channels)
    ]
    offers = [
        (ceiling(transfer.cycle * cycle_ps, clocks), i, index * burst, transfer.kind)
        for i, transfer in enumerate(transfers)
        for index in bursts_of(transfer, burst)
    ]
    taken = clock = 0
    while sum(len(channel.done) for channel in channels) < len(offers):
        busy: set[int] = set()
        while taken < len(offers) and offers[taken][0] <= clock:
            _, _, address, kind = offers[taken]
            where = place(config, address)
            channel = channels[where.channel]
            if where.channel in busy or not channel.accept(
                kind, bank_of(config, where), where.row, address, taken
            ):
                break
            busy.add(where.channel)
            taken += 1
        for channel in channels:
            channel.tick()
        clock += 1
    ends = [0] * len(transfers)
    for channel in channels:
        for owner, done in channel.done.items():
            ends[offers[owner][1]] = max(ends[offers[owner][1]], done)
    return [ceiling(end * clocks, cycle_ps) for end in ends]
