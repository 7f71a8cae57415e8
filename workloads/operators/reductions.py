"""Operators in which several elements meet in one: norms, softmax, sums, extremes and scans."""

from __future__ import annotations

import math

from tandemsim.workloads.operators.table import Call, Lowered, listed, lowers, per_element

listed("norm", "native_batch_norm:batch_norm _native_batch_norm_legit_no_training:batch_norm")
listed("norm", "_native_batch_norm_legit:batch_norm _native_batch_norm_legit_functional:batch_norm")
listed("norm", "_weight_norm_interface:weight_norm renorm native_batch_norm_stats:batch_norm")


@lowers("native_layer_norm", "_fused_rms_norm")
def _layer_norm(call: Call) -> Lowered:
    function = "layer_norm" if call.name == "native_layer_norm" else "rms_norm"
    return per_element("norm", function, call, math.prod(call.args["normalized_shape"]))


@lowers("native_group_norm")
def _group_norm(call: Call) -> Lowered:
    return per_element("norm", "group_norm", call, call.args["C"] * call.args["HxW"] // call.args["group"])


@lowers("_softmax", "_log_softmax", "_safe_softmax")
def _softmax(call: Call) -> Lowered:
    function = "log_softmax" if call.name == "_log_softmax" else "softmax"
    return per_element("softmax", function, call, call.outputs[0].shape[call.args["dim"]])


@lowers(
    *("mean", "sum", "amax", "amin", "max", "min", "argmax", "argmin", "prod", "any", "all", "var"),
    *("var_mean", "std", "std_mean", "nansum", "logsumexp", "aminmax", "count_nonzero", "norm"),
    *("linalg_vector_norm", "_is_all_true", "_is_any_true", "dist", "trace"),
)
def _reduce(call: Call) -> Lowered:
    if len(call.inputs) > 1 and call.name in ("max", "min"):  # torch.max(a, b) compares two tensors
        return per_element("eltwise", f"{call.name}imum", call)
    return per_element("reduce", call.name, call, call.inputs[0].numel() // call.outputs[0].numel())


@lowers("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "_cummax_helper", "_cummin_helper")
def _scan(call: Call) -> Lowered:
    shape, dim = call.outputs[0].shape, call.args["dim"]
    return per_element("reduce", call.name.strip("_"), call, shape[dim] if shape else 1)


@lowers("nll_loss_forward", "nll_loss2d_forward", "multi_margin_loss", "multilabel_margin_loss_forward")
def _class_loss(call: Call) -> Lowered:
    """The loss of one class of each row, and usually its mean."""
    function = call.name.removesuffix("_forward")
    return per_element("reduce", function, call, call.args["target"].numel() // call.outputs[0].numel())
