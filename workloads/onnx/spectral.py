"""Fourier transforms: DFT and STFT."""

from __future__ import annotations

import math

from tandemsim.workloads.lowered import Dims
from tandemsim.workloads.onnx.node import Node
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import rule
from tandemsim.workloads.onnx.values import Value

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
    real = value.shape[-1] == 1 or bool(node.attr("onesided", 0))
    batch = value.elements // value.shape[-1] // value.shape[axis]
    return [
        recorder.op("fft", "dft", _dims(batch, length), [value], [made], {"real": True} if real else {})[0]
    ]


@rule("STFT")
def _stft(node: Node, recorder: Recorder) -> list[Value]:
    """A transform of each frame of a signal (batch, length, 1 or 2), windowed or not."""
    value, made = node.input(0), node.result()
    length = int(node.content(3).ravel()[0]) if node.has(3) else node.input(2).elements
    batch = value.shape[0] * made.shape[1]
    attrs = {"real": True} if math.prod(value.shape[2:]) == 1 else {}
    return [recorder.op("fft", "stft", _dims(batch, length), node.given(0, 2), [made], attrs)[0]]


def _dims(batch: int, length: int) -> Dims:
    return {"batch": batch, "length": length}
