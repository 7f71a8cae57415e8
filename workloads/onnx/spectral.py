"""Fourier transforms: DFT and STFT."""

from __future__ import annotations

import math

from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import rule
from tandemsim.workloads.onnx.values import Value

COMPLEX = {"float64": "complex128", "float32": "complex64", "float16": "complex32"}
AXIS_INPUT = 20  # the opset since which the axis of a DFT is an input


@rule("DFT")
def _dft(node: Node, recorder: Recorder) -> list[Value]:
    """The last axis holds one number, or a real and an imaginary one."""
    value, made = node.input(0), node.result()
    axis = node.attr("axis", 1)
    if node.opset >= AXIS_INPUT:
        axis = int(node.content(2).ravel()[0]) if node.has(2) else -2
    length = max(value.shape[axis], made.shape[axis])
    if node.has(1):
        length = int(node.content(1).ravel()[0])
    real = 1 in (value.shape[-1], made.shape[-1])
    batch = value.elements // value.shape[-1] // value.shape[axis]
    return [_transform(recorder, [value], made, {"batch": batch, "length": length}, real=real)]


@rule("STFT")
def _stft(node: Node, recorder: Recorder) -> list[Value]:
    """A transform of each frame of a signal (batch, length, 1 or 2), windowed or not."""
    value, made = node.input(0), node.result()
    length = int(node.content(3).ravel()[0]) if node.has(3) else node.input(2).elements
    batch = value.shape[0] * made.shape[1]
    real = math.prod(value.shape[2:]) == 1
    return [_transform(recorder, node.given(0, 2), made, {"batch": batch, "length": length}, real=real)]


def _transform(recorder: Recorder, inputs: list[Value], made: Result, dims: Dims, *, real: bool) -> Value:
    """Record a transform, whose result is of complex numbers, and what shows them as pairs of real ones."""
    attrs = {"real": True} if real else {}
    if made.shape[-1] == 1:  # real numbers again
        return recorder.op("fft", "fft", dims, inputs, [made], attrs)[0]
    spectrum = Result(made.shape[:-1], COMPLEX.get(made.dtype, "complex64"))
    (numbers,) = recorder.op("fft", "fft", dims, inputs, [spectrum], attrs)
    return recorder.per_element("eltwise", "view_as_real", [numbers], made)
