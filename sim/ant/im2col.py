"""Implicit im2col: which codes of an image a product reads, and how long its banks take to serve them.

Pixels lie with their channels innermost. A product's row is a place of the output, its k runs over kernel
rows, kernel columns and channels. A code is read as often as the array needs it; one beyond the image's edge
is zero and not read.

Weight stationary, a cycle takes the R codes of one place: of a pixel with at least R channels one word, else
some contiguous runs, each of them in one word of R codes or in two neighbors. With even and odd words of each
kernel row in banks of their own, no bank ever serves two.

Output stationary, each row of the array has a place of its own and takes a code a cycle from a word of
`WORD` codes: channels of a pixel, or where that has fewer, neighbors along a kernel row. Pixel p lies in bank
p mod R. Rows whose words are in one bank are served one after the other; what takes longer than the words
before it last is a conflict.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tandemsim.sim.ant.layers import Image
from tandemsim.sim.arch.types import Integers

WORD = 16  # codes; assumed: 8 bytes of 4-bit codes, 16 of 8


class Patches:
    """The rows of im2col of all images of a product."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.places = image.out_height * image.out_width  # of one image
        kernel = image.kernel_h, image.kernel_w
        taps = np.indices(kernel).reshape(2, -1)
        self._rows = np.arange(image.out_height) * image.stride_h - image.pad_top
        self._cols = np.arange(image.out_width) * image.stride_w - image.pad_left
        self._down, self._right = taps[0] * image.dilation_h, taps[1] * image.dilation_w

    def reads(self, m: int, tm: int, k: int, tk: int) -> int:
        """Return the codes inside the image, of tm rows from m and tk columns from k."""
        channels = self.image.channels
        starts = np.arange(len(self._down)) * self.image.depth
        of_tap = np.clip(np.minimum(starts + channels, k + tk) - np.maximum(starts, k), 0, None)
        return int((self._before(m + tm) - self._before(m)) @ of_tap)

    def conflicts(self, m: int, tm: int, k: int, tk: int, block: int, banks: int) -> Integers:
        """Return the cycles that each block of rows waits for its banks while it streams tk columns from k.

        Output stationary, [blocks]: a block has as many places as the array has rows for, the last one fewer.
        """
        blocks = -(-tm // block)
        waits = np.zeros(blocks, np.int64)
        for (first, last), cycles in self._words(k, tk).items():
            served = self._served(np.arange(m, m + tm), first, last, block, banks)
            waits += np.clip(served[:, None] - np.array(cycles), 0, None).sum(axis=1)
        return waits

    @cached_property
    def _inside(self) -> Integers:
        """How many of the first places of an image have each tap inside it, [places + 1, taps]."""
        image = self.image
        rows, cols = self._rows[:, None] + self._down, self._cols[:, None] + self._right
        in_rows, in_cols = (rows >= 0) & (rows < image.height), (cols >= 0) & (cols < image.width)
        inside = (in_rows[:, None] & in_cols[None]).reshape(self.places, -1)
        counts = np.zeros((self.places + 1, inside.shape[1]), np.int64)
        np.cumsum(inside, axis=0, out=counts[1:])
        return counts

    def _before(self, m: int) -> Integers:
        """Return how many of the first m places have each tap inside their image, [taps]."""
        images, places = divmod(m, self.places)
        counts: Integers = images * self._inside[-1] + self._inside[places]
        return counts

    @property
    def _run(self) -> int:
        """Codes that are contiguous in the image: of a kernel row, or of a pixel."""
        image = self.image
        return image.channels * (image.kernel_w if image.dilation_w == 1 else 1)

    def _words(self, k: int, tk: int) -> dict[tuple[int, int], list[int]]:
        """Return the cycles that words of tk columns from k last, by the first and last tap of each."""
        channels = self.image.channels
        run = self._run if channels < WORD else channels
        words: dict[tuple[int, int], list[int]] = {}
        for start in range(k // run * run, k + tk, run):
            for begin in range(start, start + run, WORD):
                low, high = max(k, begin), min(k + tk, begin + WORD, start + run)
                if low < high:
                    words.setdefault((low // channels, (high - 1) // channels), []).append(high - low)
        return words

    def _served(self, places: Integers, first: int, last: int, block: int, banks: int) -> Integers:
        """Return the cycles in which banks serve each block of places its words of taps `first` to `last`."""
        image = self.image
        item, place = np.divmod(places, self.places)
        row, col = np.divmod(place, image.out_width)
        y = self._rows[row] + self._down[first]
        left, right = self._cols[col] + self._right[first], self._cols[col] + self._right[last]
        seen = (y >= 0) & (y < image.height) & (right >= 0) & (left < image.width)
        pixel = (item * image.height + y) * image.width + np.maximum(left, 0)
        blocks = -(-len(places) // block)
        bank = np.arange(len(places)) // block * banks + pixel % banks
        served: Integers = (
            np.bincount(bank[seen], minlength=blocks * banks).reshape(blocks, banks).max(axis=1)
        )
        return served
