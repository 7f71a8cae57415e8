"""Retention: which results stay in the activation scratchpad for the products and queries that read them.

A result stays from the layer that makes it to the last of the layers that it is kept for, and takes its
bytes from all of them. What every reader finds on the chip is not written to DRAM. Candidates are tried in
the order of the bytes that they spare for each byte and layer that they take; one is accepted if the layers
fit what is left, move fewer bytes in all, and take at most 1/64 more cycles of the array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tandemsim.sim.arch.checks import ConfigError

SLACK = 64  # one part in so many of the cycles is given for fewer bytes


class Kept(NamedTuple):
    """A result in one of its widths, on the chip from layer `first` to layer `last`."""

    tensor: int
    bits: int
    size: int  # bytes
    first: int
    last: int
    readers: frozenset[int]  # layers that find it there
    spared: bool  # nobody needs it in DRAM


Keeping = Mapping[tuple[int, int], Kept]  # by tensor and width


class Cost(NamedTuple):
    """What a layer takes."""

    bytes: int
    cycles: int


# Of a layer, with so many bytes for its activations, whether they are there, and the widths of its results
# that are not written. Raises `ConfigError` where it does not fit.
CostOf = Callable[[int, int, bool, frozenset[int]], Cost]
_State = tuple[int, int, bool, frozenset[int]]


def candidates(
    tensor: int, bits: int, size: int, first: int, readers: list[int], is_needed: bool
) -> list[Kept]:
    """Return the ways to keep a result for its first readers; `is_needed`: in DRAM, whoever reads it."""
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
    kept: dict[tuple[int, int], Kept] = {}
    room = [capacity] * layers
    there = [False] * layers
    spared: list[frozenset[int]] = [frozenset()] * layers
    for choice in sorted(choices, key=lambda each: (-_density(each), *each[:5])):
        key = choice.tensor, choice.bits
        before = kept.get(key)
        if choice.size > capacity or (before is not None and before.last >= choice.last):
            continue
        places = range(choice.first, choice.last + 1)
        begin = before.last + 1 if before else choice.first
        old = [(room[place], there[place], spared[place]) for place in places]
        new = [
            (
                room[place] - choice.size * (place >= begin),
                there[place] or place in choice.readers,
                spared[place] | ({choice.bits} if choice.spared and place == choice.first else frozenset()),
            )
            for place in places
        ]
        if min(state[0] for state in new) >= 0 and _is_better(
            [(place, *state) for place, state in zip(places, old, strict=True)],
            [(place, *state) for place, state in zip(places, new, strict=True)],
            cost,
        ):
            kept[key] = choice
            for place, state in zip(places, new, strict=True):
                room[place], there[place], spared[place] = state
    return kept, room


def _density(choice: Kept) -> float:
    """Return the bytes that it spares for each byte and layer that it takes."""
    return (len(choice.readers) + choice.spared) / (choice.last - choice.first + 1)


def _is_better(old: Sequence[_State], new: Sequence[_State], cost: CostOf) -> bool:
    try:
        before, after = ([cost(*state) for state in states] for states in (old, new))
    except ConfigError:
        return False
    fewer = sum(each.bytes for each in after) < sum(each.bytes for each in before)
    allowed = sum(each.cycles for each in before) * (1 + 1 / SLACK)
    return fewer and sum(each.cycles for each in after) <= allowed
