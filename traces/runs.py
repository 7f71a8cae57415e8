"""Finds the runs of tensors or of ops that repeat in a trace: its layers, whatever their order and period.

Two items may be the same item of two turns if they differ in ids and in the numbers within their names alone.
A run repeats if these grow by the same steps from each turn to the next; three turns are the fewest that show
it. Of runs that overlap, the one that saves most items is taken first.
"""

from __future__ import annotations

import heapq
import operator
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tandemsim.traces.repeats import MOVING
from tandemsim.traces.schema import Op, Tensor

LEAST_TURNS = 3
LONGEST_TURN = 4096  # assumed: items of a turn; each length that is tried looks at all items once

#: A number in a name that may grow. One that begins with 0, such as 007, is text.
NUMBER = re.compile(r"(?<!\d)(?:0|[1-9]\d{0,8})(?!\d)")

Prints = npt.NDArray[np.uint64]


class Run(NamedTuple):
    """`turns` times `length` items, from `start` on."""

    start: int
    length: int
    turns: int

    @property
    def saved(self) -> int:
        """Number of items that need not be stored."""
        return (self.turns - 1) * self.length

    @property
    def end(self) -> int:
        """The first item after it."""
        return self.start + self.turns * self.length


def find_runs(items: Sequence[Tensor] | Sequence[Op]) -> list[Run]:
    """Return the runs that repeat, in their order; no two of them overlap."""
    numbers = [_numbers(item) for item in items]
    free = np.ones(len(items), np.bool_)
    heap = [(-run.saved, run) for run in _candidates(_codes(items), _fingerprints(numbers))]
    heapq.heapify(heap)
    chosen = []
    while heap:
        run = heapq.heappop(heap)[1]
        if free[run.start : run.end].all():
            if _grows(numbers, run):
                chosen.append(run)
                free[run.start : run.end] = False
            continue
        for start, end in _stretches(free[run.start : run.end]):  # what others have left of it
            if end - start >= LEAST_TURNS * run.length:
                left = Run(run.start + start, run.length, (end - start) // run.length)
                heapq.heappush(heap, (-left.saved, left))
    return sorted(chosen)


def _candidates(codes: npt.NDArray[np.int64], prints: Prints) -> Iterator[Run]:
    """Yield every run of equal codes in which the fingerprint grows by the same step each turn."""
    for length in range(1, min(LONGEST_TURN, len(codes) // LEAST_TURNS) + 1):
        alike = codes[length:] == codes[:-length]
        if np.count_nonzero(alike) < (LEAST_TURNS - 1) * length:
            continue
        steps = prints[length:] - prints[:-length]
        steady = alike[length:] & alike[:-length] & (steps[length:] == steps[:-length])
        for start, end in _stretches(steady):
            if end - start >= length:
                yield Run(start, length, (end - start) // length + 2)


def _stretches(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (first, one past the last) of each stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _codes(items: Sequence[Tensor] | Sequence[Op]) -> npt.NDArray[np.int64]:
    """Return one code for each item: equal for items that differ in the numbers of `_numbers` alone."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(_likeness(item), len(known)) for item in items], np.int64)


def _likeness(item: Tensor | Op) -> object:
    if MOVING.search(item.name):
        return item.id  # a name that would be read as a moving one: like no other
    name = NUMBER.sub("0", item.name)
    if isinstance(item, Op):
        counts = len(item.inputs), len(item.outputs)
        return msgspec.json.encode((name, item.kind, counts, item.dims, item.attrs, item.macs))
    viewing = item.alias_of is not None
    return msgspec.json.encode((name, item.shape, item.dtype, item.role, viewing, item.quant))


def _numbers(item: Tensor | Op) -> list[int]:
    """Return what may differ between the turns: ids, and the numbers in the name."""
    others = (*item.inputs, *item.outputs) if isinstance(item, Op) else (item.alias_of or 0,)
    return [item.id, *others, *map(int, NUMBER.findall(item.name))]


def _fingerprints(numbers: Sequence[Sequence[int]]) -> Prints:
    """Return one number for each item: the sum of its numbers, each times a random one, modulo 2**64.

    It is linear: where it grows by the same step twice, all numbers do, but for one case in 2**64, which
    `traces.compact` would notice.
    """
    longest = max(map(len, numbers), default=0)
    factors = np.random.default_rng(0).integers(0, 2**64, longest, np.uint64).tolist()
    sums = [sum(map(operator.mul, item, factors)) % 2**64 for item in numbers]
    return np.array(sums, np.uint64)


def _grows(numbers: Sequence[Sequence[int]], run: Run) -> bool:
    """Tell whether no number becomes smaller from turn to turn."""
    turn = range(run.start, run.start + run.length)
    return all(all(map(operator.le, numbers[at], numbers[at + run.length])) for at in turn)
