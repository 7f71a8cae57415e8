"""What the window of a pattern can say; there is one class for each form of window.

`holds` and `near` are the definition, `keys`, `queries` and `among` count without looking at each pair.
Tokens are those at which queries stand, keys are 0 to ``seq_len`` - 1, spans include both ends and may be
empty.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Bools

Ints = NDArray[np.int64]


class Window(Protocol):
    """The keys that each query sees in its window, before chunks and causality cut them."""

    def holds(self, tokens: Ints, keys: Ints) -> Bools:
        """Tell, for arrays that broadcast, which keys are in the window of which query."""

    def near(self, tokens: Ints) -> Ints:
        """Return keys among which are all that the windows of some queries hold, in any order."""

    def keys(self, tokens: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many keys of ``first..last`` the window of each query holds."""

    def queries(self, keys: Ints, first: Ints, last: Ints) -> Ints:
        """Return how many query tokens of ``first..last`` have each key in their window."""

    def among(self, tokens: Ints, keys: Ints, first: Ints, last: Ints) -> int:
        """Return how many pairs of the sorted `tokens` and the sorted `keys` are in a window.

        A query's keys are those in its span ``first..last``.
        """


def runs(keys: Ints, step: int, seq_len: int, first: Ints, last: Ints) -> int:
    """Return how many of the sorted `keys` are in the runs ``first, first + step, ..., last``, over all runs.

    Keys in the order of their residues, then of themselves, are sorted numbers again: the keys of a run stand
    side by side. A run whose last is before its first is empty; its ends need not be keys that exist.
    """
    lines = np.sort(keys % step * seq_len + keys)
    line = first % step * seq_len
    start = np.searchsorted(lines, line + np.clip(first, 0, seq_len), side="left")
    stop = np.searchsorted(lines, line + np.clip(last, -1, seq_len - 1), side="right")
    return int(np.maximum(stop - start, 0).sum())
