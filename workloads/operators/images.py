"""Operators on images and volumes: pools, pads and resampling."""

from __future__ import annotations

import math

from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

_PADS = ("reflection_pad", "replication_pad")
_RESAMPLED = ("upsample_nearest", "_upsample_nearest_exact")
listed("eltwise", "constant_pad_nd:pad", *(f"{name}{n}d:pad" for name in _PADS for n in (1, 2, 3)))
listed("eltwise", *(f"{name}{n}d" for name in _RESAMPLED for n in (1, 2, 3)))
listed(
    "eltwise",
    "upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d",
    "_upsample_bilinear2d_aa:upsample_bilinear2d _upsample_bicubic2d_aa:upsample_bicubic2d",
)
listed("gather", "grid_sampler_2d grid_sampler_3d pixel_shuffle pixel_unshuffle im2col")
listed("gather", "channel_shuffle native_channel_shuffle:channel_shuffle")
listed("scatter", "max_unpool2d max_unpool3d col2im")


@lowers("max_pool2d_with_indices", "avg_pool1d", "avg_pool2d", "max_pool3d_with_indices", "avg_pool3d")
def _pool(call: Call) -> Lowered:
    axes = 3 if "3d" in call.name else 1 if "1d" in call.name else 2
    return per_element("pool", _function(call), call, area(call.args["kernel_size"], axes))


@lowers("fractional_max_pool2d", "fractional_max_pool3d")
def _fractional_pool(call: Call) -> Lowered:
    return per_element("pool", "max", call, math.prod(call.args["kernel_size"]))


@lowers(
    *("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
    *("adaptive_avg_pool1d", "adaptive_max_pool1d"),
)
def _adaptive_pool(call: Call) -> Lowered:
    """Windows of almost equal size; where they are not, the average size, rounded up."""
    reduced = -(-call.inputs[0].numel() // call.outputs[0].numel())
    return per_element("pool", _function(call), call, reduced)


def area(kernel: list[int], axes: int) -> int:
    """Return how many elements a window of this kernel holds; one length alone is that of all axes."""
    return math.prod(kernel if len(kernel) == axes else kernel * axes)


def _function(call: Call) -> str:
    return "average" if "avg" in call.name else "max"
