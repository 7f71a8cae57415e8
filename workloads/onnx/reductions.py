"""Operators in which several elements meet in one: softmax, norms, pools, sums and extremes."""

from __future__ import annotations

import math

from tandemsim.workloads.onnx.convolution import Window, channels_first, channels_last
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, rule
from tandemsim.workloads.onnx.values import Value

ONE_AXIS = 13  # the opset since which a softmax is along one axis, and not along all from one on


@rule("Softmax", "LogSoftmax", "Hardmax")
def _softmax(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    axis = node.attr("axis", -1 if node.opset >= ONE_AXIS else 1)
    sides = value.shape[axis:] if node.opset < ONE_AXIS else value.shape[axis : axis + 1 or None]
    name = {"LogSoftmax": "log_softmax"}.get(node.op, node.op.lower())
    return [recorder.per_element("softmax", name, [value], node.result(), math.prod(sides))]


def same(value: Value) -> Result:
    """Return the result of an operator that changes neither shape nor type."""
    return Result(value.shape, value.dtype)


# -- norms --------------------------------------------------------------------------------------------------


@rule("BatchNormalization")
def _batch_norm(node: Node, recorder: Recorder) -> list[Value]:
    return [recorder.per_element("norm", "batch_norm", node.operands, same(node.input(0)))]


@rule("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization")
def _layer_norm(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    length = math.prod(value.shape[node.attr("axis", -1) :])
    name = "layer_norm" if node.op == "LayerNormalization" else "rms_norm"
    return recorder.per_elements("norm", name, node.operands, [same(value), *_statistics(value)], length)


def _statistics(value: Value) -> list[Result]:
    """Return mean and deviation, which a norm gives to those who train."""
    return [Result((*value.shape[:-1], 1), "float32")] * 2


@rule("InstanceNormalization", "LpNormalization", "MeanVarianceNormalization")
def _norm_of_sides(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    axes = list(range(2, len(value.shape)))
    if node.op == "LpNormalization":
        axes = [node.attr("axis", -1)]
    elif node.op == "MeanVarianceNormalization":
        axes = [axis % len(value.shape) for axis in node.attr("axes", [0, 2, 3])]
    names = {"InstanceNormalization": "instance_norm", "LpNormalization": "lp_norm"}
    name = names.get(node.op, "mean_variance_norm")
    length = math.prod(value.shape[axis] for axis in axes)
    return [recorder.per_element("norm", name, node.operands, same(value), length)]


@rule("GroupNormalization")
def _group_norm(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    length = value.elements // value.shape[0] // max(node.attr("num_groups", 1), 1)
    return [recorder.per_element("norm", "group_norm", node.operands, same(value), length)]


@rule("LRN")
def _local_response(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    return [recorder.per_element("norm", "local_response_norm", [value], same(value), node.attr("size", 1))]


@rule("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def _skip_norm(node: Node, recorder: Recorder) -> list[Value]:
    """A sum of input, skip and bias, then a norm; results 0 and 3 are read."""
    value, simple = node.input(0), "Simplified" in node.op
    added = recorder.per_element("eltwise", "add", node.given(0, 1, 3 if simple else 4), same(value))
    weights = node.given(2) if simple else node.given(2, 3)
    name = "rms_norm" if simple else "layer_norm"
    results = [same(value), *_statistics(value)]
    return [*recorder.per_elements("norm", name, [added, *weights], results, value.shape[-1]), added]


@rule("EmbedLayerNormalization", domain=MICROSOFT)
def _embed_norm(node: Node, recorder: Recorder) -> list[Value]:
    """Look-ups of words, positions and segments, their sum, and a norm."""
    ids, tables = node.input(0), [node.input(2), node.input(3), *node.given(4)]
    shape = (*ids.shape, tables[0].shape[-1])
    made = Result(shape, tables[0].dtype)
    words = recorder.per_element("gather", "embedding", [tables[0], ids], made)
    parts = [words]
    if node.has(8):
        parts.append(recorder.per_element("gather", "embedding", [tables[1], node.input(8)], made))
    else:  # the first rows of the table
        parts.append(tables[1].shown_as(tables[1].layout[: ids.shape[-1]]))
    if node.has(4) and node.has(1):
        parts.append(recorder.per_element("gather", "embedding", [tables[2], node.input(1)], made))
    added = recorder.per_element("eltwise", "add", parts, made)
    result = recorder.per_element("norm", "layer_norm", [added, *node.given(5, 6)], made, shape[-1])
    lengths = (
        recorder.per_element("reduce", "sum", node.given(7), Result((ids.shape[0],), "int32"), ids.shape[-1])
        if node.has(7)
        else ids
    )
    return [result, lengths, added]


@rule("GroupNorm", "SkipGroupNorm", domain=MICROSOFT)
def _group_norm_of_microsoft(node: Node, recorder: Recorder) -> list[Value]:
    """A group norm of (batch, height, width, channels), a sum before it, a SiLU behind it if asked for."""
    value, added = node.input(0), None
    if node.op == "SkipGroupNorm":
        value = added = recorder.per_element("eltwise", "add", node.given(0, 3, 4), same(value))
    length = value.elements // value.shape[0] // max(node.attr("groups", 1), 1)
    made = recorder.per_element("norm", "group_norm", [value, *node.given(1, 2)], same(value), length)
    if node.attr("activation", 0):
        made = recorder.per_element("act", "silu", [made], same(value))
    return [made, added] if added is not None and node.wants(1) else [made]


# -- pools --------------------------------------------------------------------------------------------------


@rule("MaxPool", "AveragePool", "LpPool")
def _pool(node: Node, recorder: Recorder) -> list[Value]:
    name = {"MaxPool": "max", "AveragePool": "average", "LpPool": "lp"}[node.op]
    results = [node.result(), *([node.result(1)] if node.wants(1) else [])]
    return recorder.per_elements(
        "pool", name, [node.input(0)], results, math.prod(node.attr("kernel_shape", [1]))
    )


@rule("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool")
def _global_pool(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    name = {"GlobalMaxPool": "max", "GlobalAveragePool": "average", "GlobalLpPool": "lp"}[node.op]
    return [recorder.per_element("pool", name, [value], node.result(), math.prod(value.shape[2:]))]


@rule("MaxRoiPool", "RoiAlign")
def _pool_of_regions(node: Node, recorder: Recorder) -> list[Value]:
    """The reads of a region depend on its size: one element is counted as one read, bilinear ones as four."""
    samples = max(node.attr("sampling_ratio", 1), 1) ** 2 * 4 if node.op == "RoiAlign" else 1
    return [recorder.per_element("pool", node.op.lower(), node.operands, node.result(), samples)]


@rule("NhwcMaxPool", "QLinearAveragePool", "QLinearGlobalAveragePool", domain=MICROSOFT)
def _quantized_pool(node: Node, recorder: Recorder) -> list[Value]:
    """Pools of 8 bits, with channels last or first."""
    from_last = node.op == "NhwcMaxPool" or node.attr("channels_last", 0)
    image = channels_first(node.input(0)) if from_last else node.input(0)
    if node.op == "QLinearGlobalAveragePool":
        sizes, kernel = [1] * (len(image.shape) - 2), list(image.shape[2:])
    else:
        sizes, kernel = _pooled(node, image), node.attr("kernel_shape", [1])
    name = "max" if node.op == "NhwcMaxPool" else "average"
    made = Result((*image.shape[:2], *sizes), image.dtype)
    value = recorder.per_element("pool", name, [image], made, math.prod(kernel))
    return [channels_last(value) if from_last else value]


def _pooled(node: Node, image: Value) -> list[int]:
    """Return the sides of a pool's result."""
    window = Window(node, image.shape[2:], node.attr("kernel_shape", [1] * (len(image.shape) - 2)))
    if not node.attr("ceil_mode", 0):
        return window.sizes(image.shape[2:])
    window.after = [after + stride - 1 for after, stride in zip(window.after, window.stride, strict=True)]
    return window.sizes(image.shape[2:])


# -- sums and extremes --------------------------------------------------------------------------------------


@rule(
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
    "ReduceLogSumExp", "ReduceSumSquare", "ArgMax", "ArgMin", folds=True,
)  # fmt: skip
def _reduce(node: Node, recorder: Recorder) -> list[Value]:
    value, made = node.input(0), node.result()
    names = {
        "ReduceMax": "amax",
        "ReduceMin": "amin",
        "ReduceLogSumExp": "logsumexp",
        "ReduceLogSum": "log_sum",
    }
    names |= {"ReduceSumSquare": "sum_square"}
    name = names.get(node.op, node.op.removeprefix("Reduce").lower())
    ratio = value.elements // max(math.prod(made.shape), 1)
    return [recorder.per_element("reduce", name, [value], made, ratio)]
