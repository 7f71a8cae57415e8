"""Attention under a mask: with its pattern where the mask's values follow from shapes, else as an operand."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tandemsim.traces.pattern import Pattern
from tandemsim.workloads.attention import pattern_attention
from tandemsim.workloads.dense_attention import attention
from tandemsim.workloads.known_masks import NO_PATTERN, allowed_pairs
from tandemsim.workloads.mask_patterns import Whole, pattern_of_mask
from tandemsim.workloads.recorder import Recorder

#: Masks of more pairs are not read: their values would take gigabytes.
MAX_PAIRS = 2**27

_Found = Pattern | Whole | None


class Masked:
    """Attentions of one model, whose masks are read once each."""

    def __init__(self, recorder: Recorder) -> None:
        self.value, self.note = recorder.value, recorder.note
        self._recorder = recorder
        self._found: dict[Any, tuple[_Found, Tensor]] = {}  # with the mask, so that it stays alive

    def attention(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, *, scale: float | None = None
    ) -> Tensor:
        """Return the attention under a mask that broadcasts to (batch, heads, queries, keys).

        A boolean one says which pairs count, another one is added to the scores. One that is on the CPU is a
        constant whose values are known.
        """
        found = self._read(mask, q.shape[2], k.shape[2])
        if found is Whole.DENSE:
            return attention(q, k, v, scale=scale)
        if found is Whole.CAUSAL:
            return attention(q, k, v, causal=True, scale=scale)
        if isinstance(found, Pattern):
            return pattern_attention(q, k, v, found, scale=scale)
        if q.is_meta and not mask.is_meta:
            mask = self._recorder.constant(mask)
        if mask.dtype is torch.bool:
            return attention(q, k, v, mask=mask, scale=scale)
        return attention(q, k, v, bias=mask, scale=scale)

    def _read(self, mask: Tensor, queries: int, keys: int) -> _Found:
        shared = _without_copies(mask)
        if shared.numel() > MAX_PAIRS:
            return None
        key = (self._recorder.recipes.state(shared), queries, keys)
        if key not in self._found:
            value = self.value(shared)
            found = None if value is None else _pattern(value, queries, keys)
            if value is not None and found is None:
                self.note(NO_PATTERN)
            self._found[key] = found, shared
        return self._found[key][0]


def _without_copies(mask: Tensor) -> Tensor:
    """Return a mask with the axes of batch and heads that repeat one mask cut to one."""
    for axis in range(mask.dim() - 2):
        if mask.stride(axis) == 0:
            mask = mask.narrow(axis, 0, 1)
    return mask


def _pattern(value: Tensor, queries: int, keys: int) -> _Found:
    """Return the pattern of a mask that is the same for all heads and items, None without one."""
    plain = value.float() if value.is_floating_point() else value  # NumPy has no bfloat16
    allowed = allowed_pairs(plain.numpy())
    return None if allowed is None else pattern_of_mask(np.broadcast_to(allowed, (queries, keys)))
