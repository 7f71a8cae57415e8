"""Operators of the backward pass: what autograd runs for the gradients of a training step.

Products (`mm`, `bmm`) and ``convolution_backward`` stand with the forward ones. The rest has the kind of the
operator that it belongs to, and no multiply-accumulates.
"""

from __future__ import annotations

import math
from dataclasses import replace

from tandemsim.workloads.operators.images import area
from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

listed(
    "act",
    "threshold tanh sigmoid gelu silu hardswish hardsigmoid hardtanh leaky_relu elu softplus mish",
    "log_sigmoid glu hardshrink softshrink rrelu_with_noise:rrelu _prelu_kernel:prelu logit",
    suffix="_backward",
)
listed(
    "eltwise", "mse_loss smooth_l1_loss huber_loss binary_cross_entropy soft_margin_loss", suffix="_backward"
)
listed("eltwise", "native_dropout:dropout", suffix="_backward")
listed(
    "scatter",
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d",
    "upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact1d _upsample_nearest_exact2d",
    "_upsample_nearest_exact3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa",
    "reflection_pad1d:pad reflection_pad2d:pad reflection_pad3d:pad",
    "replication_pad1d:pad replication_pad2d:pad replication_pad3d:pad",
    "embedding_dense:embedding _embedding_bag_dense:embedding_bag nll_loss nll_loss2d multi_margin_loss",
    "multilabel_margin_loss grid_sampler_2d grid_sampler_3d value_selecting_reduction masked_scatter unfold",
    suffix="_backward",
)
listed("norm", "native_batch_norm:batch_norm _weight_norm_interface:weight_norm", suffix="_backward")


@lowers("native_layer_norm_backward", "_fused_rms_norm_backward")
def _layer_norm(call: Call) -> Lowered:
    function = call.name.removeprefix("native_").removeprefix("_fused_")
    return per_element("norm", function, call, math.prod(call.args["normalized_shape"]))


@lowers("native_group_norm_backward")
def _group_norm(call: Call) -> Lowered:
    reduced = call.args["C"] * call.args["HxW"] // call.args["group"]
    return per_element("norm", "group_norm_backward", call, reduced)


@lowers("_softmax_backward_data", "_log_softmax_backward_data")
def _softmax(call: Call) -> Lowered:
    function = call.name.removeprefix("_").removesuffix("_data")
    return per_element("softmax", function, call, call.outputs[0].shape[call.args["dim"]])


@lowers(
    *("max_pool2d_with_indices_backward", "max_pool3d_with_indices_backward"),
    *("avg_pool2d_backward", "avg_pool3d_backward"),
)
def _pool(call: Call) -> Lowered:
    axes = 3 if "3d" in call.name else 2
    function = "max_backward" if call.name.startswith("max") else "average_backward"
    return per_element("pool", function, call, area(call.args["kernel_size"], axes))


@lowers(
    *("_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward"),
    *("adaptive_max_pool2d_backward", "adaptive_max_pool3d_backward"),
)
def _adaptive_pool(call: Call) -> Lowered:
    return per_element("pool", "average_backward" if "avg" in call.name else "max_backward", call)


@lowers("select_backward", "slice_backward", "diagonal_backward")
def _part(call: Call) -> Lowered:
    """A gradient in its place, and zeros around it."""
    op = per_element("scatter", call.name, call)
    return replace(op, attrs={**op.attrs, "written": call.inputs[0].numel()})
