"""The window of a grid: a box of rows and columns around each token, cut off at the edges or moved inward."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Bools

Ints = NDArray[np.int64]


class Side(NamedTuple):
    """The window along one side of a grid of `length` places."""

    low: int
    high: int
    length: int
    clamped: bool

    def first(self, places: Ints) -> Ints:
        """Return the first place that a query at each of `places` sees."""
        if self.clamped:
            return np.clip(places + self.low, 0, self.length - 1 - (self.high - self.low))
        return np.maximum(places + max(self.low, 1 - self.length), 0)  # what is added fits an int64

    def last(self, places: Ints) -> Ints:
        """Return the last place that a query at each of `places` sees; below the first where it sees none."""
        if self.clamped:
            return self.first(places) + (self.high - self.low)
        last: Ints = np.minimum(places + min(self.high, self.length - 1), self.length - 1)
        return last

    def keys(self, places: Ints) -> Ints:
        """Return how many places a query at each of `places` sees."""
        count: Ints = np.maximum(self.last(places) - self.first(places) + 1, 0)
        return count

    def queries(self, places: Ints) -> Ints:
        """Return how many queries along the side see each of `places`."""
        every = np.arange(self.length)
        seeing = self.keys(every) > 0
        begins = np.bincount(self.first(every)[seeing], minlength=self.length + 1)
        ends = np.bincount(self.last(every)[seeing] + 1, minlength=self.length + 1)
        counts: Ints = np.cumsum(begins - ends)[places]
        return counts


class BoxWindow:
    """A box on a grid that ends the sequence, behind `outside` other tokens. Obeys `traces.windows.Window`.

    Tokens outside the grid have no window, and are in none. Nothing cuts a box: spans are not looked at.
    """

    def __init__(self, rows: Side, cols: Side, outside: int) -> None:
        self.rows, self.cols, self.outside = rows, cols, outside

    def _places(self, tokens: Ints) -> tuple[Ints, Ints]:
        """Return row and column of tokens; the row of one outside the grid is negative."""
        return np.divmod(tokens - self.outside, self.cols.length)

    def holds(self, tokens: Ints, keys: Ints) -> Bools:
        """Tell which keys are in the boxes."""
        (y, x), (key_y, key_x) = self._places(tokens), self._places(keys)
        found: Bools = (self.rows.first(y) <= key_y) & (key_y <= self.rows.last(y))
        found &= (self.cols.first(x) <= key_x) & (key_x <= self.cols.last(x))
        return found & (y >= 0) & (key_y >= 0)

    def near(self, tokens: Ints) -> Ints:
        """Return the keys of the rows that the boxes meet."""
        y, _ = self._places(tokens)
        first, last = int(self.rows.first(y).min()), int(self.rows.last(y).max())
        return self.outside + np.arange(first * self.cols.length, (last + 1) * self.cols.length)

    def keys(self, tokens: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many keys each box holds."""
        y, x = self._places(tokens)
        return np.where(y >= 0, self.rows.keys(y) * self.cols.keys(x), 0)

    def queries(self, keys: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many queries have each key in their box."""
        y, x = self._places(keys)
        return np.where(y >= 0, self.rows.queries(np.maximum(y, 0)) * self.cols.queries(x), 0)

    def among(self, tokens: Ints, keys: Ints, first: Ints, last: Ints) -> int:
        """Return how many pairs of `tokens` and `keys` are in a box: each box counts keys in a rectangle.

        Places above and left of a corner are summed once (a summed-area table); a rectangle has four corners.
        """
        height, width = self.rows.length, self.cols.length
        y, x = self._places(keys[keys >= self.outside])
        table = np.zeros((height + 1, width + 1), np.int32)  # at most 2**24 places
        table[y + 1, x + 1] = 1
        np.cumsum(table, axis=0, out=table)
        np.cumsum(table, axis=1, out=table)
        y, x = self._places(tokens[tokens >= self.outside])
        top, left = np.minimum(self.rows.first(y), height), np.minimum(self.cols.first(x), width)
        bottom, right = np.maximum(self.rows.last(y) + 1, top), np.maximum(self.cols.last(x) + 1, left)
        corners = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
        return int(corners.sum(dtype=np.int64))
