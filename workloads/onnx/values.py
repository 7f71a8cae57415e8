"""The values of a graph: shape, type, the memory that they lie in, and what is known of their content.

A view is a value with a `root`, the value whose memory it shows. Whether a reshape is a view or a copy
depends on the strides, and numpy knows the rule: `layout` is an array of the value's shape and strides over
one byte, which nobody ever reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Array = NDArray[Any]
Layout = NDArray[np.uint8]

_BYTE = np.zeros(1, np.uint8)


class Constant:
    """A content that follows from the file alone; it is computed when it is first asked for."""

    def __init__(self, compute: Callable[[], Array | None]) -> None:
        self._compute: Callable[[], Array | None] | None = compute
        self._array: Array | None = None

    def array(self) -> Array | None:
        """Return the content, None where it cannot be computed (weights that are too large, random ones)."""
        if self._compute is not None:
            self._array, self._compute = self._compute(), None
        return self._array


@dataclass(eq=False, slots=True)
class Value:
    """One value of the graph. `shape` is () for a scalar; a length may be 0, and then nothing is stored."""

    shape: tuple[int, ...]
    dtype: str  # as a trace names it
    name: str = ""
    constant: Constant | None = None
    root: Value | None = None  # of a view: the value that owns the memory
    strided: Layout | None = None
    number: int | None = None  # of its tensor in the trace, once it is used
    quant: dict[str, Any] = field(default_factory=dict)  # of a weight that the file holds in few bits
    later: Callable[[], int] | None = None  # records the copy that makes it, once it is used
    repeated: Value | None = None  # what a copy repeats along axis 1, each part as often in a row

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def layout(self) -> Layout:
        """The value's shape and strides as an array; its content is meaningless."""
        if self.strided is None:
            self.strided = contiguous(self.shape)
        return self.strided

    def shown_as(self, layout: Layout) -> Value:
        """Return the view of this value that `layout`, a view of the value's own, describes."""
        return Value(layout.shape, self.dtype, root=self.root or self, strided=layout, quant=self.quant)

    def reshaped(self, shape: Sequence[int]) -> Value | None:
        """Return the view of another shape; None if the elements would have to be copied."""
        try:
            return self.shown_as(self.layout.reshape(tuple(shape), copy=False))
        except ValueError:  # numpy would have to copy
            return None

    def transposed(self, axes: Sequence[int]) -> Value:
        """Return the view with its axes in another order."""
        return self.shown_as(self.layout.transpose(axes))

    def swapped(self) -> Value:
        """Return the view with its last two axes exchanged."""
        return self.shown_as(self.layout.swapaxes(-1, -2))

    def expanded(self, shape: Sequence[int]) -> Value:
        """Return the view that repeats axes of length 1."""
        return self.shown_as(np.broadcast_to(self.layout, tuple(shape)))


def contiguous(shape: Sequence[int]) -> Layout:
    """Return a layout without gaps, the last axis innermost."""
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return as_strided(_BYTE, tuple(shape), strides, writeable=False)


def place(layout: Layout) -> int:
    """Return where in its memory the first element of a layout lies, in elements."""
    return int(layout.__array_interface__["data"][0] - _BYTE.__array_interface__["data"][0])


def steps(layout: Layout) -> tuple[int, ...]:
    """Return the strides of a layout; those of axes of length 1, which mean nothing, as 0."""
    return tuple(
        stride if length > 1 else 0 for stride, length in zip(layout.strides, layout.shape, strict=True)
    )
