"""The window of blocks: for each block of queries the blocks of keys that it sees, as a list gives them."""

from __future__ import annotations

from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Bools
from tandemsim.traces.pattern_parts import Blocks

Ints = NDArray[np.int64]


class Lines:
    """Sorted lines of blocks of `size` places each, and how many places of a line lie before a place.

    `line` and `block` name each block of each line; `places` is the number of places of a line. Blocks count
    with their size, or with the number of `few` places within them, sorted, where those are given.
    """

    def __init__(self, line: Ints, block: Ints, size: int, places: int, few: Ints | None = None) -> None:
        self.size, self.places, self.few = size, places, few
        self.width = places // size + 1  # one more than the blocks that are whole
        self.entries = np.sort(line * self.width + block)
        block = self.entries % self.width
        ends = np.minimum((block + 1) * size, places)
        counts = self._within(block * size, ends)
        self.before_entry = np.concatenate(([0], np.cumsum(counts)))

    def _within(self, first: Ints, stop: Ints) -> Ints:
        if self.few is None:
            return stop - first
        return np.searchsorted(self.few, stop) - np.searchsorted(self.few, first)

    def within(self, line: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many places of ``first..last`` the blocks of each line hold."""
        start = np.clip(first, 0, self.places)
        return self._before(line, np.clip(last + 1, start, self.places)) - self._before(line, start)

    def _before(self, line: Ints, place: Ints) -> Ints:
        """Return how many places before a place are in the blocks of all lines up to that of the place."""
        own = line * self.width + place // self.size
        position = np.searchsorted(self.entries, own)
        count: Ints = self.before_entry[position]
        if len(self.entries):
            partly = self.entries[np.minimum(position, len(self.entries) - 1)] == own
            count = count + np.where(partly, self._within(place // self.size * self.size, place), 0)
        return count


class BlockWindow:
    """Blocks over the keys ``0..seq_len - 1``; query 0 is at `q_offset`. Obeys `traces.windows.Window`."""

    def __init__(self, blocks: Blocks, seq_len: int, q_len: int, q_offset: int) -> None:
        self.blocks, self.seq_len, self.q_len, self.q_offset = blocks, seq_len, q_len, q_offset
        lengths = np.fromiter(map(len, blocks.rows), np.int64, len(blocks.rows))
        self._row = np.repeat(np.arange(len(lengths)), lengths)
        self._block = np.fromiter(chain.from_iterable(blocks.rows), np.int64, len(self._row))

    @cached_property
    def _by_row(self) -> Lines:
        return Lines(self._row, self._block, self.blocks.key, self.seq_len)

    @cached_property
    def _by_block(self) -> Lines:
        return Lines(self._block, self._row, self.blocks.query, self.q_len)

    def _rows(self, tokens: Ints) -> Ints:
        return (tokens - self.q_offset) // self.blocks.query

    def holds(self, tokens: Ints, keys: Ints) -> Bools:
        """Tell which keys are in a block that is listed for the query's block."""
        width = -(-self.seq_len // self.blocks.key)
        return np.isin(self._rows(tokens) * width + keys // self.blocks.key, self._row * width + self._block)

    def near(self, tokens: Ints) -> Ints:
        """Return the keys of the blocks that are listed for the queries' blocks."""
        listed = np.unique(self._block[np.isin(self._row, self._rows(tokens))])
        keys = (listed[:, None] * self.blocks.key + np.arange(self.blocks.key)).ravel()
        return keys[keys < self.seq_len]

    def keys(self, tokens: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many keys of ``first..last`` the blocks of each query hold."""
        return self._by_row.within(self._rows(tokens), first, last)

    def queries(self, keys: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many query tokens of ``first..last`` see the block of each key."""
        return self._by_block.within(keys // self.blocks.key, first - self.q_offset, last - self.q_offset)

    def among(self, tokens: Ints, keys: Ints, first: Ints, last: Ints) -> int:
        """Return how many pairs of `tokens` and `keys` are in a listed block."""
        few = Lines(self._row, self._block, self.blocks.key, self.seq_len, keys)
        return int(few.within(self._rows(tokens), first, last).sum())
