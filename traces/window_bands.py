"""The window of bands: the keys at the offsets of some band, cut off at both ends of the sequence."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Band, Bools, Reach, merged, union
from tandemsim.traces.disjoint import disjoint
from tandemsim.traces.errors import violation
from tandemsim.traces.rank import Rank
from tandemsim.traces.windows import runs

Ints = NDArray[np.int64]

AT_ONCE = 2**20  # pairs in one step, which keeps it at some megabytes
FEW = 2**24  # pairs of tokens and keys that are looked at, one by one
MAX_MEETINGS = 2**24  # assumed: bands without common offsets × global tokens beyond `FEW`; about two seconds


class BandWindow:
    """Bands over the keys ``0..seq_len - 1``. Obeys `traces.windows.Window`.

    `reach` has the offsets that the keys can have from the queries.
    """

    def __init__(self, bands: tuple[Band, ...], seq_len: int, reach: Reach) -> None:
        self.bands, self.seq_len, self.reach = bands, seq_len, reach

    @cached_property
    def _met(self) -> Rank:
        return Rank(union(self.bands, self.reach), self.reach.first)

    def holds(self, tokens: Ints, keys: Ints) -> Bools:
        """Tell which keys stand at an offset of a band."""
        offset = keys - tokens
        found: Bools = np.zeros(offset.shape, np.bool_)
        for low, high, dilation in merged(self.bands, self.reach):
            found |= (low <= offset) & (offset <= high) & ((offset - low) % dilation == 0)
        return found

    def near(self, tokens: Ints) -> Ints:
        """Return the keys between the furthest of each band."""
        first, last = int(tokens.min()), int(tokens.max())
        spans = [(first + band.low, last + band.high) for band in merged(self.bands, self.reach)]
        parts = [np.arange(max(low, 0), min(high, self.seq_len - 1) + 1) for low, high in spans]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def keys(self, tokens: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many keys of ``first..last`` stand at an offset of a band."""
        return self._met.within(first - tokens, last - tokens)

    def queries(self, keys: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many query tokens of ``first..last`` see each key at an offset of a band."""
        return self._met.within(keys - last, keys - first)

    def among(self, tokens: Ints, keys: Ints, first: Ints, last: Ints) -> int:
        """Return how many pairs of `tokens` and `keys` stand at an offset of a band.

        Raises `TraceError` for more bands and tokens than can be counted.
        """
        if len(tokens) * len(keys) <= FEW:
            return self._among_few(tokens, keys, first, last)
        bands, most = disjoint(self.bands, self.reach), max(len(tokens), len(keys))
        if len(bands) * most > MAX_MEETINGS:
            rule = f"must split into at most {MAX_MEETINGS // most} bands without common offsets"
            raise violation("bands", f"{rule} beside {most} global and sink tokens", len(bands))
        return sum(self._at_band(band, tokens, keys, first, last) for band in bands)

    def _among_few(self, tokens: Ints, keys: Ints, first: Ints, last: Ints) -> int:
        rows, count = max(1, AT_ONCE // max(1, len(keys))), 0
        for start in range(0, len(tokens), rows):
            part = slice(start, start + rows)
            seen = self._met.within(offset := keys - tokens[part, None], offset) == 1
            count += int((seen & (first[part, None] <= keys) & (keys <= last[part, None])).sum())
        return count

    def _at_band(self, band: Band, tokens: Ints, keys: Ints, first: Ints, last: Ints) -> int:
        low, high, dilation = band
        skipped = -(-np.maximum(first - tokens - low, 0) // dilation)
        start, stop = tokens + low + skipped * dilation, np.minimum(tokens + high, last)
        return runs(keys, dilation, self.seq_len, start, stop)
