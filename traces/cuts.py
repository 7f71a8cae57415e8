"""What a query may see at most, whatever its window: keys of its chunks, and none after it where it is causal.

For each query these are the keys of one span, and for each key the queries that may see it are one too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandemsim.traces.bands import Reach
from tandemsim.traces.pattern_parts import Chunks

Ints = NDArray[np.int64]
Spans = tuple[Ints, Ints]  # first and last of each, both included; empty where the last is before the first


class Cuts(NamedTuple):
    """The cuts of keys ``0..seq_len - 1`` and of the query tokens ``first..last``."""

    seq_len: int
    first: int
    last: int
    chunks: Chunks | None
    causal: bool

    def keys(self, tokens: Ints) -> Spans:
        """Return the span of keys that a query at each of `tokens` may see in its window."""
        first, last = np.zeros_like(tokens), np.full_like(tokens, self.seq_len - 1)
        if self.chunks is not None:
            size, before, after, phase = self.chunks
            chunk = (tokens + phase) // size
            first = np.maximum(first, (chunk - before) * size - phase)
            last = np.minimum(last, (chunk + after + 1) * size - phase - 1)
        return first, np.minimum(last, tokens) if self.causal else last

    def queries(self, keys: Ints) -> Spans:
        """Return the span of query tokens that may see each of `keys` in their window."""
        first, last = np.full_like(keys, self.first), np.full_like(keys, self.last)
        if self.chunks is not None:
            size, before, after, phase = self.chunks
            chunk = (keys + phase) // size
            first = np.maximum(first, (chunk - after) * size - phase)
            last = np.minimum(last, (chunk + before + 1) * size - phase - 1)
        return np.maximum(first, keys) if self.causal else first, last

    def narrowed(self, reach: Reach) -> Reach:
        """Return the offsets of a reach that some query may see."""
        first, last, length = reach
        if self.chunks is not None:
            size, before, after, _ = self.chunks
            first, last = max(first, 1 - (before + 1) * size), min(last, (after + 1) * size - 1)
        return Reach(first, min(last, 0) if self.causal else last, length)
