"""Scratchpads: what lies in them when, and how long their banks take to serve an access.

A scratchpad is managed by software, and the software knows its schedule: which granules (rows that move
together) each step needs. So its contents are planned ahead: `plan_residency` says which granule is
loaded into which slot, for which step, and after which step the slot is free. A machine issues the loads as
those steps pass.

A granule lies across as many banks as it has rows, so the banks fall into groups, and slot s belongs to group
``s % groups``. A granule goes to the group of its own number where that has a slot, so neighbors in a stream
lie in neighboring banks whatever was loaded between them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.sram import Buffering
from tandemsim.sim.arch.types import Integers
from tandemsim.sim.engine.jit import jit

EMPTY = -1  # a slot that holds nothing, a granule that is nowhere, a step that never was
HALVES = 2
LOAD_FIELDS = 4  # granule, slot, first use, after


class Residency(NamedTuple):
    """The loads of a schedule, in the order in which they are first needed; arrays int64 [loads]."""

    granule: Integers
    slot: Integers
    first_use: Integers  # step that needs it
    after: Integers  # last step that uses what the slot held before; EMPTY: the slot is free from the start
    groups: int  # of banks; slot s is in group s % groups


def bank_groups(banks: int, rows: int, slots: int) -> int:
    """Return how many groups the banks form for granules of so many rows: 1 where they do not fill one."""
    return max(1, min(banks // rows, slots))


def plan_residency(
    offsets: Integers,
    granules: Integers,
    slots: int,
    buffering: Buffering = Buffering.CIRCULAR,
    groups: int = 1,
) -> Residency:
    """Plan the loads for steps of which step t needs ``granules[offsets[t]:offsets[t + 1]]``, each once.

    CIRCULAR fills the slots of each of the bank `groups` in turn and keeps what a later step needs until its
    slot comes round; DOUBLE loads all that a step needs into one half while the step before uses the other.
    Raises `ConfigError` when a step needs more granules than there is room for.
    """
    most = int(np.diff(offsets).max(initial=0))
    room = slots if buffering is Buffering.CIRCULAR else slots // HALVES
    if most > room:
        raise ConfigError(
            f"a scratchpad must have room for the {most} granules that one step needs, not {room}"
        )
    count = int(granules.max(initial=-1)) + 1
    table = np.empty((len(granules), LOAD_FIELDS), np.int64)
    if buffering is Buffering.CIRCULAR:
        loads = _plan_circular(offsets, granules, slots, groups, count, table)
    else:
        loads = _plan_double(offsets, granules, room, table)
    granule, slot, first_use, after = (np.ascontiguousarray(column) for column in table[:loads].T)
    return Residency(granule, slot, first_use, after, groups)


@jit
def _plan_circular(
    offsets: Integers, granules: Integers, slots: int, groups: int, count: int, table: Integers
) -> int:
    slot_of = np.full(count, EMPTY, np.int64)
    needed_in = np.full(count, EMPTY, np.int64)  # last step that needs a granule, the present one included
    held = np.full(slots, EMPTY, np.int64)
    turn = np.arange(groups)  # the slot of each group that is filled next
    loads = 0
    for step in range(len(offsets) - 1):
        for place in range(offsets[step], offsets[step + 1]):
            if slot_of[granules[place]] != EMPTY:
                needed_in[granules[place]] = step
        for place in range(offsets[step], offsets[step + 1]):
            granule = granules[place]
            if slot_of[granule] != EMPTY:
                continue
            slot = _free_slot(held, needed_in, turn, granule % groups, step)
            after = EMPTY
            if held[slot] != EMPTY:
                after = needed_in[held[slot]]
                slot_of[held[slot]] = EMPTY
            held[slot] = granule
            slot_of[granule] = slot
            needed_in[granule] = step
            _put(table[loads], granule, slot, step, after)
            loads += 1
    return loads


@jit
def _free_slot(held: Integers, needed_in: Integers, turn: Integers, group: int, step: int) -> int:
    """Return a slot that holds nothing for this step: the next in turn of `group`, else of one after it."""
    groups = len(turn)
    for other in range(groups):
        g = (group + other) % groups
        for _ in range(g, len(held), groups):
            slot = int(turn[g])
            turn[g] = slot + groups if slot + groups < len(held) else g
            if held[slot] == EMPTY or needed_in[held[slot]] != step:
                return slot
    return EMPTY  # the caller has checked that there is one


@jit
def _plan_double(offsets: Integers, granules: Integers, room: int, table: Integers) -> int:
    loads = 0
    for step in range(len(offsets) - 1):
        for place in range(offsets[step], offsets[step + 1]):
            slot = step % HALVES * room + place - offsets[step]
            _put(table[loads], granules[place], slot, step, max(step - HALVES, EMPTY))
            loads += 1
    return loads


@jit
def _put(load: Integers, granule: int, slot: int, step: int, after: int) -> None:
    """Fill in a row of the table, by element: numba takes two seconds to compile a tuple's assignment."""
    load[0] = granule
    load[1] = slot
    load[2] = step
    load[3] = after


@jit
def service_cycles(in_bank: Integers, ports: int) -> int:
    """Return the cycles in which banks of so many ports serve ``in_bank[b]`` words each: at least 1."""
    cycles = 1
    for bank in range(len(in_bank)):
        cycles = max(cycles, -(-in_bank[bank] // ports))
    return cycles
