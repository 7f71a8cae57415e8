"""What the shapes of an op say about it: the axis of a concatenation, the window of a pool, reduced axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from tandemsim.sim.arch.types import Doubles
from tandemsim.traces.schema import Op

Shape = tuple[int, ...]
IMAGE = 4  # axes


class UnstatedError(Exception):
    """The trace does not state enough to compute an op."""


def concatenated(given: Sequence[Doubles], shape: Shape) -> Doubles:
    """Return tensors joined along the axis, an old or a new one, that gives `shape`."""
    for axis in range(len(shape)):
        rest = shape[:axis] + shape[axis + 1 :]
        alike = all(each.ndim == len(shape) and _without(each.shape, axis) == rest for each in given)
        if alike and sum(each.shape[axis] for each in given) == shape[axis]:
            return np.concatenate(given, axis)
    for axis in range(len(shape)):
        if shape[axis] == len(given) and all(each.shape == _without(shape, axis) for each in given):
            return np.stack(given, axis)
    raise UnstatedError


def padded(values: Doubles, shape: Shape) -> Doubles:
    """Return values amid zeros; of an odd number one more behind than before."""
    more = [new - old for old, new in zip(values.shape, shape, strict=False)]
    if values.ndim != len(shape) or min(more) < 0:
        raise UnstatedError
    return np.pad(values, [(count // 2, count - count // 2) for count in more])


def pooled(values: Doubles, shape: Shape, window: int, function: str) -> Doubles:
    """Return the maximum or average of square windows; stride and pads are those that the sizes allow.

    A window larger than the image is cut to it.
    """
    whole = math.isqrt(window)
    if values.ndim != IMAGE or len(shape) != IMAGE or whole * whole != window:
        raise UnstatedError
    if function not in ("max", "average"):
        raise UnstatedError
    sides, strides, pads = [], [], [(0, 0), (0, 0)]
    for old, new in zip(values.shape[2:], shape[2:], strict=True):
        side, stride = min(whole, old), max(1, old // new)
        missing = max(0, (new - 1) * stride + side - old)
        if missing > side:
            raise UnstatedError
        sides.append(side)
        strides.append(stride)
        pads.append((missing - missing // 2, missing // 2))
    outside = -np.inf if function == "max" else 0.0
    wide = np.pad(values, pads, constant_values=outside)
    windows = np.lib.stride_tricks.sliding_window_view(wide, sides, axis=(2, 3))
    windows = windows[:, :, :: strides[0], :: strides[1]][:, :, : shape[2], : shape[3]]
    out: Doubles = windows.max(axis=(4, 5)) if function == "max" else windows.mean(axis=(4, 5))
    return out


def reduced_axes(given: Shape, shape: Shape) -> tuple[int, ...]:
    """Return the neighboring axes without which, or with 1 for which, `given` is `shape`.

    Of several, the last.
    """
    found = None
    for first, last in itertools.combinations(range(len(given) + 1), 2):
        kept = given[:first] + given[last:]
        ones = given[:first] + (1,) * (last - first) + given[last:]
        if shape in (kept, ones) and math.prod(given) != math.prod(shape):
            found = tuple(range(first, last))
    if found is None:
        raise UnstatedError
    return found


def index_axis(op: Op, table: Shape, index: Shape, shape: Shape) -> int:
    """Return the axis along which an op takes what an index names."""
    function = op.attrs.get("function")
    if function in ("embedding", "index") and math.prod(shape) == math.prod(index) * math.prod(table[1:]):
        return 0
    if function == "index_select" and len(index) == 1:
        for axis in range(len(table)):
            if table[:axis] + index + table[axis + 1 :] == shape:
                return axis
    raise UnstatedError


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]
