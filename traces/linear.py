"""The kinds ``gemm`` and ``conv2d``: dims, MACs and shapes, as the table of `traces.kinds` says."""

from __future__ import annotations

import math

from tandemsim.traces.errors import violation
from tandemsim.traces.kind import NO_LIMIT, PADS, Kind, Operand, Operands
from tandemsim.traces.pattern_statement import Attrs, Dims


def _gemm_macs(dims: Dims, attrs: Attrs) -> int:
    return GEMM.product(dims, "batch", "m", "n", "k")


def _gemm_operands(dims: Dims, attrs: Attrs) -> Operands:
    """By number of elements, since exporters fold leading dimensions in different ways."""
    batch, m, n, k = (GEMM.dim(dims, name) for name in ("batch", "m", "n", "k"))
    b = Operand(elements=(k * n, batch * k * n))  # one for the whole batch, or one for each item of it
    return Operands((Operand(elements=(batch * m * k,)), b), Operand(elements=(batch * m * n,)))


def conv_output(dims: Dims) -> tuple[int, int]:
    """Return (out_h, out_w) of a ``conv2d``. Raises `TraceError` for a kernel wider than the padded image."""
    return (
        _output_size(dims, "height", "h", ("pad_top", "pad_bottom")),
        _output_size(dims, "width", "w", ("pad_left", "pad_right")),
    )


def _output_size(dims: Dims, side: str, axis: str, pads: tuple[str, str]) -> int:
    size, kernel, stride, dilation, before, after = (
        CONV2D.dim(dims, name)
        for name in (side, f"kernel_{axis}", f"stride_{axis}", f"dilation_{axis}", *pads)
    )
    padded, extent = size + before + after, dilation * (kernel - 1) + 1
    if extent > padded:
        raise violation(f"dims.kernel_{axis}", f"must span at most the padded {side} of {padded}", extent)
    return (padded - extent) // stride + 1


def _conv2d_macs(dims: Dims, attrs: Attrs) -> int:
    groups = CONV2D.dim(dims, "groups")
    for name in ("in_channels", "out_channels"):
        if CONV2D.dim(dims, name) % groups:
            raise violation(f"dims.{name}", f"must be a multiple of the {groups} groups", dims[name])
    channels = CONV2D.product(dims, "batch", "in_channels", "out_channels") // groups
    return channels * math.prod(conv_output(dims)) * CONV2D.product(dims, "kernel_h", "kernel_w")


def _conv2d_operands(dims: Dims, attrs: Attrs) -> Operands:
    batch, in_channels, out_channels, height, width, kernel_h, kernel_w, groups = (
        CONV2D.dim(dims, name) for name in (*_CONV_DIMS, "groups")
    )
    image = Operand((batch, in_channels, height, width))
    weight = Operand((out_channels, in_channels // groups, kernel_h, kernel_w))
    return Operands((image, weight), Operand((batch, out_channels, *conv_output(dims))))


GEMM = Kind(
    name="gemm",
    line="matrix products, one or a batch, plus what is added",
    required=("m", "n", "k"),
    optional={"batch": 1},
    input_counts=range(2, NO_LIMIT),
    operands=_gemm_operands,
    macs=_gemm_macs,
)

_CONV_DIMS = ("batch", "in_channels", "out_channels", "height", "width", "kernel_h", "kernel_w")
_STRIDES = ("stride_h", "stride_w", "dilation_h", "dilation_w", "groups")
CONV2D = Kind(
    name="conv2d",
    line="2-D convolution, also grouped, depthwise or dilated",
    required=_CONV_DIMS,
    optional=dict.fromkeys(_STRIDES, 1) | dict.fromkeys(PADS, 0),
    input_counts=range(2, NO_LIMIT),
    operands=_conv2d_operands,
    macs=_conv2d_macs,
)
