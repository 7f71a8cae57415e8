"""Retention: which results stay in the activation scratchpad for the products and queries that read them.

A result stays from the layer that makes it to the last of the layers that it is kept for, and takes its bytes
from all of them. What every reader finds on the chip is not written to DRAM. Candidates are tried in the
order of the bytes that they spare for each byte and layer that they take; one is accepted if the layers fit
what is left, move fewer bytes in all, and take at most 1/64 more cycles of the array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tandemsim.sim.ant.layers import Width
from tandemsim.sim.arch.checks import ConfigError

SLACK = 64  # one part in so many of the cycles is given for fewer bytes


class Kept(NamedTuple):
    """A result in one of its widths, on the chip from layer `first` to layer `last`."""

    tensor: int
    bits: Width
    size: int  # bytes
    first: int
    last: int
    readers: frozenset[int]  # layers that find it there
    spared: bool  # nobody needs it in DRAM


Keeping = Mapping[tuple[int, Width], Kept]  # by tensor and width


class Cost(NamedTuple):
    """What a layer takes."""

    bytes: int
    cycles: int


class State(NamedTuple):
    """What retention changes about a layer."""

    place: int
    room: int  # bytes for other activations
    is_there: bool  # its activations are on the chip
    spared: frozenset[Width]  # widths of its results that are not written


CostOf = Callable[[State], Cost]  # raises `ConfigError` where a layer does not fit


def candidates(
    tensor: int, bits: Width, size: int, first: int, readers: list[int], is_needed: bool
) -> list[Kept]:
    """Return the ways to keep a result for its first readers, ascending.

    `is_needed`: in DRAM, too, whatever stays.
    """
    readers = sorted(set(readers))
    return [
        Kept(
            tensor,
            bits,
            size,
            first,
            last,
            frozenset(readers[: count + 1]),
            not is_needed and count == len(readers) - 1,
        )
        for count, last in enumerate(readers)
        if last > first
    ]


def kept_results(choices: list[Kept], layers: int, capacity: int, cost: CostOf) -> tuple[Keeping, list[int]]:
    """Return what is kept, and how many bytes each layer has for other activations."""
    kept: dict[tuple[int, Width], Kept] = {}
    states = [State(place, capacity, False, frozenset()) for place in range(layers)]
    for choice in sorted(choices, key=lambda each: (-_density(each), *each[:5])):
        key = choice.tensor, choice.bits
        before = kept.get(key)
        if before is not None and before.last >= choice.last:
            continue
        begin = before.last + 1 if before else choice.first
        places = slice(choice.first, choice.last + 1)
        after = [_after(state, choice, begin) for state in states[places]]
        if _is_better(states[places], after, cost):
            kept[key] = choice
            states[places] = after
    return kept, [state.room for state in states]


def _after(state: State, choice: Kept, begin: int) -> State:
    """Return the state of a layer with one more result on the chip, from layer `begin` on."""
    place, room, is_there, spared = state
    if place >= begin:
        room -= choice.size
    if place == choice.first and choice.spared:
        spared |= {choice.bits}
    return State(place, room, is_there or place in choice.readers, spared)


def _density(choice: Kept) -> float:
    """Return the bytes that it spares for each byte and layer that it takes."""
    return (len(choice.readers) + choice.spared) / (choice.last - choice.first + 1)


def _is_better(old: Sequence[State], new: Sequence[State], cost: CostOf) -> bool:
    if min(state.room for state in new) < 0:
        return False
    try:
        before, after = ([cost(state) for state in states] for states in (old, new))
    except ConfigError:
        return False
    fewer = sum(each.bytes for each in after) < sum(each.bytes for each in before)
    allowed = sum(each.cycles for each in before) * (1 + 1 / SLACK)
    return fewer and sum(each.cycles for each in after) <= allowed
