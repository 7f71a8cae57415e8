"""Requests into one channel of the DRAM model, as its clocks allow, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.spacing import longest_wait
from tandemsim.sim.arch.dram.timing import Delay
from tandemsim.sim.arch.types import Integers, Record
from tandemsim.sim.engine.jit import jit
from tandemsim.sim.memory.dram.channel import ABSORBED, REFUSED, accept, locate, step
from tandemsim.sim.memory.dram.state import LOGGED, Command, new_dram

LOGGED_CLOCKS = LOGGED // 2  # a clock has two commands at most
PATIENCE, PATIENT_WAITS = 2000, 8  # clocks and longest waits for a request before it counts as never served
REFI = 900  # clocks from refresh to refresh, so that short streams meet several


class Requests(NamedTuple):
    """Requests in the order of their arrival; each is offered once the one before has been accepted."""

    due: Integers  # clock from which it is offered
    kind: Integers
    bank: Integers
    row: Integers
    address: Integers  # tells bursts of one row apart


class Logged(NamedTuple):
    """A command of the log."""

    clock: int
    command: str
    where: int
    row: int


@dataclass(frozen=True)
class Outcome:
    """When each request was accepted and complete, what was issued, and the channel with its counters."""

    accepted: Integers
    done: Integers
    log: list[Logged]
    channel: Record


def requests_at(
    config: DramConfig, addresses: npt.ArrayLike, kinds: npt.ArrayLike, due: npt.ArrayLike = 0
) -> Requests:
    """Requests for byte addresses."""
    address = np.atleast_1d(np.asarray(addresses, np.int64))
    _, bank, row = located(config, address).T
    return Requests(*(np.array(np.broadcast_to(a, address.shape)) for a in (due, kinds, bank, row, address)))


def as_requests(rows: npt.ArrayLike) -> Requests:
    """Requests from (due, kind, bank, row, column)."""
    due, kind, bank, row, column = np.array(rows, np.int64).T.copy()
    return Requests(due, kind, bank, row, (row * 64 + bank) * 64 + column)


def random_requests(banks: int, count: int, seed: int, *, writes: float = 0.5) -> Requests:
    """Requests to all banks and three rows, for half of all seeds with pauses."""
    rng = np.random.default_rng(seed)
    gaps = rng.choice([0, 0, 0, 0, 1, 4, 20, 120], count) * rng.integers(0, 2)
    bank, row, column = (rng.integers(0, size, count) for size in (banks, 3, 8))
    return as_requests(np.stack([np.cumsum(gaps), rng.random(count) < writes, bank, row, column], axis=1))


def hot_requests(banks: int, count: int, rng: np.random.Generator) -> Requests:
    """Requests in runs to one row, of a few banks or of all, in a queue that is full or has pauses."""
    gaps = rng.choice([0, 1, 4, 20, 120], count, p=[0.8, 0.1, 0.05, 0.03, 0.02]) * rng.integers(0, 2)
    few = rng.permutation(banks)[: rng.choice([2, 6, banks])]
    runs, rows = rng.integers(1, 7, count), rng.choice([1, 2, 4])
    bank, row = (np.repeat(rng.choice(of, count), runs)[:count] for of in (few, rows))
    writes = rng.random(count) < rng.choice([0, 0.1, 0.4, 0.7])
    return as_requests(np.stack([np.cumsum(gaps), writes, bank, row, rng.integers(0, 32, count)], axis=1))


def short_refresh(config: DramConfig) -> DramConfig:
    """The same DRAM with a refresh every REFI clocks."""
    return replace(config, standard=replace(config.standard, trefi=Delay(REFI)))


def replay(config: DramConfig, requests: Requests, *, logging: bool = False, until: int = 0) -> Outcome:
    """Serve all requests, then run to clock `until`; with `logging`, keep every command."""
    dram = new_dram(config, logging)
    count = len(requests.due)
    accepted, done = np.full(count, -1), np.full(count, -1)
    room = 8 * count + 4 * until + 10_000 if logging else 1
    log = np.zeros((room, 4), np.int64)
    patience = PATIENCE + PATIENT_WAITS * longest_wait(config.timing.spacing)
    commands = _replay(dram.timing[0], dram.channel[0], requests, until, accepted, done, log, patience)
    rows = [Logged(clock, Command(what).name, *where) for clock, what, *where in log[:commands].tolist()]
    return Outcome(accepted, done, rows, dram.channel[0])


def located(config: DramConfig, addresses: Integers) -> Integers:
    """Channel, bank and row of each byte address."""
    found = np.zeros((len(addresses), 3), np.int64)
    _locate_all(new_dram(config).timing[0], addresses.astype(np.int64), found)
    return found


@jit
def _locate_all(timing, addresses, found):
    for i in range(len(addresses)):
        found[i] = locate(timing, addresses[i])


@jit
def _replay(timing, channel, requests, until, accepted, done, log, patience):
    left = len(requests.due)
    i = commands = free_at = 0
    latest = requests.due[-1] + patience * (left + 100)
    while left > 0 or channel.clock < until:
        if channel.clock > max(latest, until):
            raise RuntimeError("a request is never served")
        limit = latest + 1 if left > 0 else until
        if i < len(requests.due):
            at = max(free_at, requests.due[i])
            if channel.clock >= at:
                kind, address = requests.kind[i], requests.address[i]
                became = accept(timing, channel, requests.bank[i], requests.row[i], kind, address, i)
                if became != REFUSED:
                    accepted[i] = channel.clock
                    free_at = channel.clock + 1
                    if became == ABSORBED:
                        done[i] = channel.clock + 1
                        left -= 1
                    i += 1
                    continue
            else:
                limit = at
        if channel.logging:
            limit = min(limit, channel.clock + LOGGED_CLOCKS)
        owner = step(timing, channel, limit)
        if owner >= 0:
            done[owner] = channel.done
            left -= 1
        while commands < channel.commands:
            line = channel.log[commands % LOGGED]
            log[commands] = (line.clock, line.command, line.where, line.row)
            commands += 1
    return commands
