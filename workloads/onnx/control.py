"""Control flow: `If` with a known condition, `Loop` with a known number of rounds, `Scan` of a known length.

Their graphs are recorded in place, round after round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from onnx import GraphProto

from tandemsim.workloads.onnx.constants import known
from tandemsim.workloads.onnx.node import Node, Result
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.table import rule
from tandemsim.workloads.onnx.values import Value

MOST_ROUNDS = 4096  # assumed: as of the steps of a recurrence

#: Records a graph within a node; the values are what its own inputs get.
Enter = Callable[[GraphProto, Mapping[str, Value]], list[Value]]
CONTROL = ("If", "Loop", "Scan")


def run(node: Node, recorder: Recorder, enter: Enter) -> list[Value]:
    """Record a node of control flow. Raises `ConfigError` where its course depends on values."""
    return {"If": _if, "Loop": _loop, "Scan": _scan}[node.op](node, recorder, enter)


@rule(*CONTROL)
def _unreachable(node: Node, recorder: Recorder) -> list[Value]:
    """Control flow is recorded by `run`, which also gets what enters its graphs."""
    raise node.error("control flow must be entered from a walk")


def _if(node: Node, recorder: Recorder, enter: Enter) -> list[Value]:
    value = node.input(0)
    chosen = value.constant.array() if value.constant else None
    if chosen is None:
        raise node.error("its condition must be known, and it depends on an input")
    branch = "then_branch" if bool(chosen.ravel()[0]) else "else_branch"
    return enter(node.attrs[branch].g, {})


def _loop(node: Node, recorder: Recorder, enter: Enter) -> list[Value]:
    body = node.attrs["body"].g
    most = int(node.content(0).ravel()[0]) if node.has(0) else None
    goes_on = node.optional(1)
    carried = [node.input(position) for position in range(2, len(node.inputs))]
    rows: list[list[Value]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
    rounds = 0
    while (most is None or rounds < most) and _is_true(node, goes_on):
        if rounds == MOST_ROUNDS:
            raise node.error(f"a loop must have at most {MOST_ROUNDS} rounds")
        own = [
            known(np.asarray(rounds, np.int64), "int64"),
            goes_on or known(np.asarray(True), "bool"),
            *carried,
        ]
        made = enter(body, {info.name: value for info, value in zip(body.input, own, strict=True)})
        goes_on, carried = made[0], made[1 : 1 + len(carried)]
        for row, value in zip(rows, made[1 + len(carried) :], strict=True):
            row.append(value)
        rounds += 1
    return [*carried, *(_stacked(node, recorder, row, 0) for row in rows)]


def _is_true(node: Node, condition: Value | None) -> bool:
    if condition is None:
        return True
    array = condition.constant.array() if condition.constant else None
    if array is None:
        raise node.error("whether it goes on must be known, and it depends on an input")
    return bool(array.ravel()[0])


def _scan(node: Node, recorder: Recorder, enter: Enter) -> list[Value]:
    body, count = node.attrs["body"].g, node.attr("num_scan_inputs", 0)
    states, sequences = [list(part) for part in (node.operands[:-count], node.operands[-count:])]
    axes = _along(node, "scan_input_axes", count)
    backward = node.attr("scan_input_directions", [0] * count)
    rounds = sequences[0].shape[axes[0]]
    if rounds > MOST_ROUNDS:
        raise node.error(f"a scan must have at most {MOST_ROUNDS} rounds, not {rounds}")
    rows: list[list[Value]] = [[] for _ in range(len(body.output) - len(states))]
    for place in range(rounds):
        own = [
            _at(value, axis, rounds - 1 - place if back else place)
            for value, axis, back in zip(sequences, axes, backward, strict=True)
        ]
        made = enter(
            body, {info.name: value for info, value in zip(body.input, [*states, *own], strict=True)}
        )
        states = made[: len(states)]
        for row, value in zip(rows, made[len(states) :], strict=True):
            row.append(value)
    results = _along(node, "scan_output_axes", len(rows))
    return [*states, *(_stacked(node, recorder, row, axis) for row, axis in zip(rows, results, strict=True))]


def _along(node: Node, name: str, count: int) -> Sequence[int]:
    return node.attr(name, [0] * count)


def _at(value: Value, axis: int, place: int) -> Value:
    """Return the view of one place along an axis."""
    return value.shown_as(np.moveaxis(value.layout, axis, 0)[place])


def _stacked(node: Node, recorder: Recorder, parts: Sequence[Value], axis: int) -> Value:
    """Return one result of each round side by side."""
    if not parts:
        raise node.error("a loop without rounds must give nothing that its rounds would make")
    shape = list(parts[0].shape)
    shape.insert(axis if axis >= 0 else len(shape) + 1 + axis, len(parts))
    return recorder.per_element("eltwise", "stack", parts, Result(tuple(shape), parts[0].dtype))
