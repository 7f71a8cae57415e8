"""Which keys a query sees by its place alone: causal attention, windows, queries behind a cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandemsim.traces.bands import Band
from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.mask_patterns import Mask, Whole


class Places(NamedTuple):
    """Query i stands at token i + `before` and sees `left` keys before this token and `right` behind it.

    None is as many as there are. The token itself is always among them.
    """

    before: int = 0
    left: int | None = None
    right: int | None = None

    def mask(self, q_len: int, kv_len: int) -> Mask:
        """Return which pairs these are, bool [q_len, kv_len]."""
        token, key = np.arange(self.before, self.before + q_len)[:, None], np.arange(kv_len)
        allowed: Mask = np.ones((q_len, kv_len), np.bool_)
        if self.left is not None:
            allowed &= key >= token - self.left
        if self.right is not None:
            allowed &= key <= token + self.right
        return allowed

    def pattern(self, q_len: int, kv_len: int) -> Pattern | Whole | None:
        """Return what a trace states for `mask`; None if a query sees no key, which no pattern allows."""
        last = self.before + q_len - 1  # the token of the last query
        left, right = max(last, kv_len - 1), max(kv_len - 1 - self.before, kv_len - 1)
        low = left if self.left is None else self.left
        high = right if self.right is None else self.right
        if self.before + high < 0 or last - low > kv_len - 1:
            return None
        if low >= last and self.before + high >= kv_len - 1:
            return Whole.DENSE
        if low >= last and (self.before, high) == (0, 0) and q_len == kv_len:
            return Whole.CAUSAL
        return Pattern(seq_len=kv_len, bands=(Band(-low, high, 1),), q_len=q_len, q_offset=self.before)


EVERYWHERE = Places()
