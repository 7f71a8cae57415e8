"""LSTM, GRU and RNN: one product for the inputs of all steps, then each step after the other.

A step is a product with the state (with what the inputs gave added), an activation of its gates, and the
update of the state. The gates' own arithmetic is in the elements of these ops.
"""

from __future__ import annotations

from tandemsim.workloads.onnx.attention import PADDED
from tandemsim.workloads.onnx.matrix import gemm
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import rule
from tandemsim.workloads.onnx.values import Constant, Value

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
MOST_STEPS = 4096  # assumed: of one node
OPS = {"LSTM": 3, "GRU": 3, "RNN": 2}  # of each step


@rule("LSTM", "GRU", "RNN")
def _recurrent(node: Node, recorder: Recorder) -> list[Value]:
    value, weights, recurrent = node.input(0), node.input(1), node.input(2)
    batch_first = bool(node.attr("layout", 0))
    x = value.transposed((1, 0, 2)) if batch_first else value
    steps, batch, _ = x.shape
    directions, width, hidden = recurrent.shape[0], recurrent.shape[1], recurrent.shape[2]
    if steps * directions > MOST_STEPS:
        raise node.error(f"at most {MOST_STEPS} steps of a recurrence are unrolled, not {steps * directions}")
    if width != GATES[node.op] * hidden:
        raise node.error(f"its weights must hold {GATES[node.op]} gates, not {width} rows for {hidden} units")
    if node.has(4) and (node.input(4).constant is None or (node.content(4) != steps).any()):
        recorder.note(PADDED)
    recorder.expect(steps * directions * OPS[node.op])  # before any is recorded: it takes seconds
    outputs, states, cells = [], [], []
    for way in range(directions):
        parts = [_part(part, way) for part in (weights, recurrent)]
        bias = [_part(node.input(3), way)] if node.has(3) else []
        state = _part(node.input(5), way) if node.has(5) else _zeros((batch, hidden), x.dtype)
        cell = _part(node.input(6), way) if node.has(6) else _zeros((batch, hidden), x.dtype)
        made = _run(node, recorder, x, parts, bias, (state, cell), backward=_is_backward(node, way))
        outputs += made[0]
        states.append(made[1])
        cells.append(made[2])
    shape = (batch, steps, directions, hidden) if batch_first else (steps, directions, batch, hidden)
    last = Result((batch, directions, hidden) if batch_first else (directions, batch, hidden), x.dtype)
    everything = (
        recorder.per_element("eltwise", "concat", outputs, Result(shape, x.dtype)) if node.wants(0) else x
    )
    ends = [_joined(recorder, parts, last) for parts in (states, cells)]
    return [everything, *ends[: 2 if node.op == "LSTM" else 1]]


def _run(
    node: Node,
    recorder: Recorder,
    x: Value,
    weights: list[Value],
    bias: list[Value],
    start: tuple[Value, Value],
    *,
    backward: bool,
) -> tuple[list[Value], Value, Value]:
    """Record one direction; return its outputs, the last state and the last cell."""
    steps, batch, size = x.shape
    width, hidden = weights[1].shape
    rows = Result((steps, batch, width), x.dtype)
    given = gemm(recorder, 1, (steps * batch, width, size), [x, weights[0].swapped(), *bias], rows)
    (state, cell), outputs = start, []
    for step in reversed(range(steps)) if backward else range(steps):
        own = given.shown_as(given.layout[step])
        gates = gemm(
            recorder,
            1,
            (batch, width, hidden),
            [state, weights[1].swapped(), own],
            Result((batch, width), x.dtype),
        )
        gates = recorder.per_element("act", "gates", [gates], Result((batch, width), x.dtype))
        if node.op == "RNN":
            state = gates
        else:
            before = cell if node.op == "LSTM" else state
            results = [Result((batch, hidden), x.dtype)] * (2 if node.op == "LSTM" else 1)
            made = recorder.per_elements("eltwise", "state", [gates, before], results)
            state, cell = made[0], made[-1]
        outputs.append(state)
    return outputs, state, cell


def _is_backward(node: Node, way: int) -> bool:
    return node.attr("direction", "forward") == "reverse" or way == 1


def _part(value: Value, way: int) -> Value:
    """Return what belongs to one direction."""
    return value.shown_as(value.layout[way])


def _zeros(shape: tuple[int, ...], dtype: str) -> Value:
    return Value(shape, dtype, name="zeros", constant=Constant(lambda: None))


def _joined(recorder: Recorder, parts: list[Value], made: Result) -> Value:
    if len(parts) == 1:
        return recorder.reshape(parts[0], made.shape)
    return recorder.per_element("eltwise", "concat", parts, made)
