"""What a view shows of its tensor, as the shapes and the use of it suggest; a trace does not state the order.

Heads are split from and joined to their tokens, channels are the first or the last axis of an image, the
right operand of a product is its weight transposed. Every other view of all elements is a reshape, and one of
fewer shows the first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tandemsim.sim.ant.values.products import Numbers

MATRIX, IMAGE, HEADS = 2, 4, 4  # axes
PROJECTIONS = 3  # q, k and v


class Use(NamedTuple):
    """Which input of which kind of op a view is."""

    kind: str
    place: int


def shown(root: Numbers, shape: tuple[int, ...], use: Use, is_view: bool) -> Numbers:
    """Return what a tensor of `shape` that views `root`, or is it, shows to an op."""
    is_right = use.kind == "gemm" and use.place == 1 and len(root.shape) == MATRIX
    if is_right and is_view and shape == root.shape[::-1]:
        return root.T  # of a square weight too: a view that changes nothing would not be there
    if root.shape == shape:
        return root
    if use.kind in ("attention", "window_attention") and len(shape) == HEADS:
        heads = _split(root, shape, use.place)
        if heads is not None:
            return heads
    if root.size == math.prod(shape):
        return _reordered(root, shape)
    return np.resize(root, shape)  # the first elements; of too few, again and again


def _split(root: Numbers, shape: tuple[int, ...], place: int) -> Numbers | None:
    """Return heads (batch, heads, tokens, size) of tokens with all heads side by side, alone or as one of the
    projections that lie there.
    """
    batch, heads, tokens, size = shape
    parts, rest = divmod(root.size, math.prod(shape))
    if rest or not 1 <= parts <= PROJECTIONS or root.shape[-1] != parts * heads * size:
        return None
    whole = root.reshape(batch, tokens, parts, heads, size)
    return whole[:, :, max(0, place - (PROJECTIONS - parts)) if parts > 1 else 0].transpose(0, 2, 1, 3)


def _reordered(root: Numbers, shape: tuple[int, ...]) -> Numbers:
    if len(root.shape) == HEADS and len(shape) > 1:
        batch, first, second, last = root.shape
        if shape[-1] == first * last and math.prod(shape[:-1]) == batch * second:
            return root.transpose(0, 2, 1, 3).reshape(shape)  # heads join
        if shape == (batch, second * last, first):
            return root.reshape(batch, first, -1).transpose(0, 2, 1)  # an image becomes tokens
    if len(shape) == IMAGE and root.shape[-1] == shape[1] and len(root.shape) > 1:
        return np.moveaxis(root.reshape(shape[0], *shape[2:], shape[1]), -1, 1)  # tokens an image
    return root.reshape(shape)
