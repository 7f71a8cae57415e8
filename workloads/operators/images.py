"""Operators on images and volumes: pools, pads and resampling."""

from __future__ import annotations

from tandemsim.workloads.operators.convolution import pair
from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

listed("eltwise", "constant_pad_nd:pad reflection_pad2d:pad upsample_nearest2d upsample_bilinear2d")


@lowers("max_pool2d_with_indices", "avg_pool2d")
def _pool(call: Call) -> Lowered:
    kernel_h, kernel_w = pair(call.args["kernel_size"], 2, 1)
    function = "max" if call.name.startswith("max") else "average"
    return per_element("pool", function, call, kernel_h * kernel_w)


@lowers("_adaptive_avg_pool2d")
def _adaptive_pool(call: Call) -> Lowered:
    """Windows of almost equal size; where they are not, the average size, rounded up."""
    return per_element("pool", "average", call, -(-call.inputs[0].numel() // call.outputs[0].numel()))
