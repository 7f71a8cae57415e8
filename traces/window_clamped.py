"""The clamped window of NATTEN: moved inward at both ends of the sequence, so that no query sees fewer keys.

With a dilation it moves among the tokens of one residue. See Hassani et al., arXiv 2204.07143 and 2209.15001.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Band, Bools
from tandemsim.traces.windows import runs

Ints = NDArray[np.int64]


class ClampedWindow:
    """One band over the keys ``0..seq_len - 1``, no longer than they are. Obeys `traces.windows.Window`.

    The offsets of the band are multiples of its dilation.
    """

    def __init__(self, band: Band, seq_len: int) -> None:
        self.low, self.step, self.length, self.seq_len = band.low, band.dilation, band.length, seq_len

    def _first(self, tokens: Ints) -> Ints:
        """Return the first key of each window; the others follow, one dilation apart."""
        place, residue = np.divmod(tokens, self.step)
        start: Ints = np.clip(place + self.low // self.step, 0, self._last_start(residue))
        return start * self.step + residue

    def _last_start(self, residue: Ints) -> Ints:
        """Return the last place, among the tokens of a residue, at which a window begins."""
        return (self.seq_len - 1 - residue) // self.step + 1 - self.length

    @property
    def _extent(self) -> int:
        return (self.length - 1) * self.step

    def holds(self, tokens: Ints, keys: Ints) -> Bools:
        """Tell which keys are in the windows."""
        past = keys - self._first(tokens)
        found: Bools = (past >= 0) & (past <= self._extent) & (past % self.step == 0)
        return found

    def near(self, tokens: Ints) -> Ints:
        """Return the keys between the first and the last of the windows."""
        first = self._first(tokens)
        return np.arange(int(first.min()), int(first.max()) + self._extent + 1)

    def keys(self, tokens: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many keys of ``first..last`` each window holds."""
        start, stop = self._cut(tokens, first, last)
        count: Ints = np.maximum((stop - start) // self.step + 1, 0)
        return count

    def _cut(self, tokens: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
        """Return the first key of each window in ``first..last``, and where the last one must be."""
        own = self._first(tokens)
        skipped = -(-np.maximum(first - own, 0) // self.step)
        return own + skipped * self.step, np.minimum(last, own + self._extent)

    def queries(self, keys: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many query tokens of ``first..last`` have each key in their window.

        They are a run among the tokens of the key's residue; at the ends of the sequence it has no end.
        """
        place, residue = np.divmod(keys, self.step)
        lowest, highest = -((residue - first) // self.step), (last - residue) // self.step
        shift = self.low // self.step
        begins = np.where(place < self.length, lowest, place - self.length + 1 - shift)
        ends = np.where(place < self._last_start(residue), place - shift, highest)
        count: Ints = np.maximum(np.minimum(ends, highest) - np.maximum(begins, lowest) + 1, 0)
        return count

    def among(self, tokens: Ints, keys: Ints, first: Ints, last: Ints) -> int:
        """Return how many pairs of `tokens` and `keys` are in a window."""
        return runs(keys, self.step, self.seq_len, *self._cut(tokens, first, last))
