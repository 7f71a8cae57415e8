"""Products of a trace as matrix products: batches, groups of rows, and convolutions by im2col.

Written once for numbers and for codes: what multiplies two matrices is given. Code 0 is the number 0 in all
formats, so an image is padded with 0 in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.types import Doubles
from tandemsim.traces.convolution import conv_output
from tandemsim.traces.schema import Op

AT_ONCE = 1 << 22  # elements of im2col's matrix that exist at a time

Numbers: TypeAlias = npt.NDArray[Any]  # float64 values, or int64 codes
#: Left [m, k], right [k, n], and which of the weight's channels the columns of the right are.
Multiply: TypeAlias = Callable[[Numbers, Numbers, slice], Doubles]


def by_channel(op: Op, weight: Numbers) -> Numbers:
    """Return the right operand with its output channels first, as scales belong to them."""
    if op.kind == "conv2d":
        return weight.reshape(op.dim("out_channels"), -1)
    n, k = op.dim("n"), op.dim("k")
    return np.moveaxis(weight.reshape(-1, k, n), 1, 2).reshape(-1, k)


def product(op: Op, left: Numbers, channels: Numbers, multiply: Multiply) -> Doubles:
    """Return the product of an op in the order of its output, without what is added.

    `left` has the op's own order, `channels` that of `by_channel`.
    """
    if op.kind == "conv2d":
        return _convolution(op, left, channels, multiply)
    n, k = op.dim("n"), op.dim("k")
    right = channels.reshape(-1, n, k)
    if op.kind == "grouped_gemm":
        rows = left.reshape(-1, k)
        bounds = np.cumsum([0, *rows_of(op)])
        parts = [rows[first:last] for first, last in zip(bounds, bounds[1:], strict=False)]
    else:
        parts = list(left.reshape(op.dim("batch"), -1, k))
    out = []
    for place, part in enumerate(parts):
        which = place if len(right) > 1 else 0
        out.append(multiply(part, right[which].T, slice(which * n, (which + 1) * n)))
    return np.concatenate(out)


def rows_of(op: Op) -> list[int]:
    """Return the rows of each group: those that the trace states, or as many for each, within one."""
    m, groups = op.dim("m"), op.dim("groups")
    if "rows" in op.attrs:
        return list(op.attrs["rows"])
    return [m * (group + 1) // groups - m * group // groups for group in range(groups)]


def _convolution(op: Op, image: Numbers, channels: Numbers, multiply: Multiply) -> Doubles:
    groups, depth = op.dim("groups"), op.dim("in_channels") // op.dim("groups")
    kernel = op.dim("kernel_h"), op.dim("kernel_w")
    each = op.dim("out_channels") // groups
    height, width = conv_output(op.dims)
    # k runs over kernel rows, columns, then channels, as the array takes them
    ordered = channels.reshape(-1, depth, *kernel).transpose(0, 2, 3, 1).reshape(len(channels), -1)
    out = np.empty((op.dim("batch"), op.dim("out_channels"), height * width))
    for item, pixels in enumerate(image.reshape(op.dim("batch"), groups, depth, *image.shape[-2:])):
        for group, some in enumerate(pixels):
            part = slice(group * each, (group + 1) * each)
            for first, rows in patches(op, some):
                made = multiply(rows, ordered[part].T, part)
                out[item, part, first : first + len(rows)] = made.T
    return out.reshape(op.dim("batch"), -1, height, width)


def patches(op: Op, image: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Yield the rows of im2col of an image [channels, height, width], with the place of the first of them."""
    height, width = conv_output(op.dims)
    kernel = op.dim("kernel_h"), op.dim("kernel_w")
    stride = op.dim("stride_h"), op.dim("stride_w")
    dilation = op.dim("dilation_h"), op.dim("dilation_w")
    pads = [(op.dim("pad_top"), op.dim("pad_bottom")), (op.dim("pad_left"), op.dim("pad_right"))]
    padded = np.pad(image, [(0, 0), *pads])
    extent = [reach * (size - 1) + 1 for reach, size in zip(dilation, kernel, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(1, 2))
    windows = windows[:, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    windows = windows[:, :height, :width].transpose(1, 2, 3, 4, 0)
    row = width * kernel[0] * kernel[1] * len(image)
    step = max(1, AT_ONCE // row)
    for first in range(0, height, step):
        some = windows[first : first + step]
        yield first * width, some.reshape(len(some) * width, -1)
