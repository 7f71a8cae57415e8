"""Operators that show, move or look up elements: views where strides allow it, else copies and gathers."""

from __future__ import annotations

import numpy as np

from tandemsim.workloads.onnx.constants import known
from tandemsim.workloads.onnx.dtypes import NAMES
from tandemsim.workloads.onnx.files import content
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import listed, rule
from tandemsim.workloads.onnx.values import Value

listed("gather", "GatherElements:gather GatherND:gather GridSample:grid_sample", folds=False)
listed(
    "gather", "DepthToSpace:pixel_shuffle SpaceToDepth:pixel_unshuffle Col2Im:col2im MaxUnpool", folds=False
)


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _reshape(node: Node, recorder: Recorder) -> list[Value]:
    return [recorder.reshape(node.input(0), node.result().shape)]


@rule("Transpose")
def _transpose(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    return [value.transposed(node.attr("perm", tuple(reversed(range(len(value.shape))))))]


@rule("Expand")
def _expand(node: Node, recorder: Recorder) -> list[Value]:
    return [node.input(0).expanded(node.result().shape)]


@rule("Shape", "Size")
def _of_shape(node: Node, recorder: Recorder) -> list[Value]:
    """What is known of any value: nothing is recorded."""
    value = node.input(0)
    if node.op == "Size":
        return [known(np.asarray(value.elements, np.int64), "int64")]
    start, end = node.attr("start", 0), node.attr("end", len(value.shape))
    return [known(np.asarray(value.shape[slice(start, end)], np.int64), "int64")]


@rule("Slice")
def _slice(node: Node, recorder: Recorder) -> list[Value]:
    """A part is a view; one in reverse order is a copy."""
    value = node.input(0)
    starts, ends = node.integers(1, "starts"), node.integers(2, "ends")
    if starts is None or ends is None:
        raise node.error("a slice must state where it starts and ends")
    axes = node.integers(3, "axes") or list(range(len(starts)))
    steps = node.integers(4, "steps") or [1] * len(starts)
    if min(steps) < 1:
        return [recorder.per_element("eltwise", "flip", [value], node.result())]
    index = [slice(None)] * len(value.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        index[axis] = slice(*slice(start, end, step).indices(value.shape[axis]))
    return [value.shown_as(value.layout[tuple(index)])]


@rule("Split")
def _split(node: Node, recorder: Recorder) -> list[Value]:
    value, axis = node.input(0), node.attr("axis", 0)
    results = [node.result(position) for position in range(len(node.proto.output))]
    ends = np.cumsum([result.shape[axis] for result in results])
    return [value.shown_as(part) for part in np.split(value.layout, ends[:-1], axis=axis)]


@rule("Gather")
def _gather(node: Node, recorder: Recorder) -> list[Value]:
    """One known place along an axis is a view; else a look-up."""
    value, index, axis = node.input(0), node.input(1), node.attr("axis", 0)
    if not index.shape and index.constant and (place := index.constant.array()) is not None:
        at = int(place) + (value.shape[axis] if place < 0 else 0)
        if not 0 <= at < value.shape[axis]:
            raise node.error(
                f"a place must be within the {value.shape[axis]} along axis {axis}, not {int(place)}"
            )
        slices = [slice(None)] * len(value.shape)
        slices[axis] = slice(at, at + 1)
        return [
            value.shown_as(value.layout[tuple(slices)]).shown_as(
                np.squeeze(value.layout[tuple(slices)], axis)
            )
        ]
    return [recorder.per_element("gather", "gather", [value, index], node.result())]


@rule("Scatter", "ScatterElements", "ScatterND", "TensorScatter")
def _scatter(node: Node, recorder: Recorder) -> list[Value]:
    """A write into a copy of the whole; `written` says of how many elements."""
    value, updates = node.input(0), node.input(1 if node.op == "TensorScatter" else 2)
    attrs = {"function": "scatter", "written": updates.elements}
    dims: dict[str, int | tuple[int, ...]] = {"elements": value.elements}
    return recorder.op("scatter", "scatter", dims, node.operands, [Result(value.shape, value.dtype)], attrs)


@rule("OneHot")
def _one_hot(node: Node, recorder: Recorder) -> list[Value]:
    """Ones are written into zeros."""
    return [recorder.per_element("scatter", "one_hot", [node.input(0)], node.result())]


@rule("Constant")
def _constant(node: Node, recorder: Recorder) -> list[Value]:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if name in node.attrs:
            break
    else:
        raise node.error("a constant must hold numbers")
    if name == "value":
        tensor = node.attrs[name].t
        if tensor.data_type not in NAMES:
            raise node.error("a constant must hold numbers")
        return [known(content(tensor, node.folder), NAMES[tensor.data_type], node.owner)]
    number = node.attr(name, 0)
    array = np.asarray(number, np.float32 if "float" in name else np.int64)
    return [known(array, str(array.dtype), node.owner)]


@rule("CumSum", "CumProd", folds=True)
def _scan(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    axis = int(node.content(1).ravel()[0]) if node.has(1) else node.attr("axis", 0)
    return [recorder.per_element("reduce", node.op.lower(), [value], node.result(), value.shape[axis])]


@rule("TopK")
def _topk(node: Node, recorder: Recorder) -> list[Value]:
    value, axis = node.input(0), node.attr("axis", -1)
    results = [node.result(), Result(node.result().shape, "int64")]
    return recorder.per_elements("topk", "topk", [value], results, value.shape[axis])
