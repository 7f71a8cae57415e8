"""Conversions to and from few bits, and arithmetic of onnxruntime in 8 bits.

Scales and zero points steer how a number is rounded; they are not operands of an op. A weight that a file
holds in few bits and converts back (QDQ) is one tensor of those bits, and not an op.
"""

from __future__ import annotations

import re

from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import MICROSOFT, rule
from tandemsim.workloads.onnx.values import Value


@rule("QuantizeLinear")
@rule("QuantizeLinear", domain=MICROSOFT)
def _quantize(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    found = node.results[0] if node.results else None
    dtype = found.dtype if found else node.input(2).dtype if node.has(2) else "uint8"
    return [recorder.per_element("quantize", "quantize", [value], Result(value.shape, dtype))]


@rule("DequantizeLinear")
@rule("DequantizeLinear", domain=MICROSOFT)
def _dequantize(node: Node, recorder: Recorder) -> list[Value]:
    value, dtype = node.input(0), node.input(1).dtype
    if value.constant is not None and value.root is None:
        return [_few_bits(node, value, dtype)]
    return [recorder.per_element("quantize", "dequantize", [value], Result(value.shape, dtype))]


def _few_bits(node: Node, value: Value, dtype: str) -> Value:
    """Return a stored weight as the numbers that it stands for, with the bits that it takes."""
    bits = re.search(r"\d+", value.dtype)
    quant: dict[str, int | str] = {"bits": int(bits[0]) if bits else 8}
    quant["type"] = "float" if value.dtype.startswith("float") else "int"
    if node.input(1).elements > 1 and value.shape:
        quant["axis"] = node.attr("axis", 1) % len(value.shape)
    return Value(value.shape, dtype, name=value.name, quant=quant)


@rule("DynamicQuantizeLinear")
def _dynamic(node: Node, recorder: Recorder) -> list[Value]:
    """Scale and zero point come from the extremes of the input, which are found on the way."""
    value = node.input(0)
    results = [Result(value.shape, "uint8"), Result((), "float32"), Result((), "uint8")]
    return recorder.per_elements("quantize", "quantize", [value], results)


@rule("QLinearAdd", "QLinearMul", domain=MICROSOFT)
def _of_two(node: Node, recorder: Recorder) -> list[Value]:
    a, b = node.input(0), node.input(3)
    shape = a.shape if a.elements >= b.elements else b.shape
    made = Result(shape, a.dtype)
    return [recorder.per_element("eltwise", node.op.removeprefix("QLinear").lower(), [a, b], made)]


@rule("QLinearLeakyRelu", "QLinearSigmoid", domain=MICROSOFT)
def _activation(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    name = {"QLinearLeakyRelu": "leaky_relu", "QLinearSigmoid": "sigmoid"}[node.op]
    return [recorder.per_element("act", name, [value], Result(value.shape, value.dtype))]


@rule("QLinearSoftmax", domain=MICROSOFT)
def _softmax(node: Node, recorder: Recorder) -> list[Value]:
    value = node.input(0)
    length = value.shape[node.attr("axis", -1)]
    return [recorder.per_element("softmax", "softmax", [value], Result(value.shape, value.dtype), length)]


@rule("QLinearConcat", domain=MICROSOFT)
def _concat(node: Node, recorder: Recorder) -> list[Value]:
    """Inputs are scale and zero point of the result, then value, scale and zero point of each part."""
    parts = [node.input(position) for position in range(2, len(node.inputs), 3)]
    axis = node.attr("axis", 0)
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    return [recorder.per_element("eltwise", "concat", parts, Result(tuple(shape), parts[0].dtype))]
