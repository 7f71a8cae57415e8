"""Views: whatever chain of them a file has, they show the elements that ONNX's reference computes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator

from tandemsim.workloads.onnx import model as _filled  # noqa: F401  fills the table of operators
from tandemsim.workloads.onnx.graph import Walk
from tandemsim.workloads.onnx.inputs import input_values
from tandemsim.workloads.onnx.recorder import Recorder
from tandemsim.workloads.onnx.values import place, steps
from tests.onnx.small_models import graph, ints, model, node, one, traced, zeros

START = (4, 6, 5)


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[NodeProto], dict[str, np.ndarray]]:
    """Nodes from `x` to `y`, each valid for the shape before it, and their constants."""
    nodes: list[NodeProto] = []
    constants: dict[str, np.ndarray] = {}
    shape, name = START, "x"
    for step in range(draw(st.integers(1, 5))):
        made = f"v{step}"
        growing, others = ["Reshape", "Unsqueeze", "Expand"], ["Transpose", "Slice", "Gather"]
        kind = draw(st.sampled_from(growing + (others if len(shape) > 1 else [])))
        if kind == "Reshape":
            count = math.prod(shape)
            first = draw(st.sampled_from([side for side in range(1, count + 1) if count % side == 0]))
            shape = (first, count // first)
            constants[f"{made}c"] = ints(*shape)
        elif kind == "Transpose":
            axes = draw(st.permutations(range(len(shape))))
            shape = tuple(shape[axis] for axis in axes)
            nodes.append(node(kind, name, made, perm=list(axes)))
        elif kind == "Slice":
            axis = draw(st.integers(0, len(shape) - 1))
            start, stride = draw(st.integers(0, shape[axis] - 1)), draw(st.integers(1, 3))
            parts = {"b": start, "e": 2**31, "a": axis, "s": stride}
            constants |= {f"{made}{key}": ints(number) for key, number in parts.items()}
            nodes.append(node(kind, " ".join([name, *(f"{made}{key}" for key in parts)]), made))
            shape = (*shape[:axis], len(range(start, shape[axis], stride)), *shape[axis + 1 :])
        elif kind == "Unsqueeze":
            constants[f"{made}c"] = ints(0)
            shape = (1, *shape)
        elif kind == "Expand":
            shape = (2, *shape)
            constants[f"{made}c"] = ints(*shape)
        else:
            axis = draw(st.integers(0, len(shape) - 1))
            constants[f"{made}c"] = np.array(draw(st.integers(-shape[axis], shape[axis] - 1)))
            nodes.append(node(kind, f"{name} {made}c", made, axis=axis))
            shape = (*shape[:axis], *shape[axis + 1 :])
        if kind in ("Reshape", "Unsqueeze", "Expand"):
            nodes.append(node(kind, f"{name} {made}c", made))
        name = made
    return [*nodes, node("Identity", name, "y")], constants


@settings(max_examples=80)
@given(chains())
def test_a_view_shows_the_elements_that_the_reference_gives(
    chain: tuple[list[NodeProto], dict[str, np.ndarray]],
) -> None:
    nodes, constants = chain
    whole = model(graph(nodes, {"x": START}, constants=constants))
    (expected,) = ReferenceEvaluator(whole).run(
        None, {"x": np.arange(120.0, dtype=np.float32).reshape(START)}
    )
    recorder, inputs = Recorder(), input_values(whole.graph, ())
    (value,) = Walk(recorder, {"": 18}, 10, Path()).graph(whole.graph, inputs)
    assert value.shape == expected.shape
    if value is inputs["x"] or value.root is inputs["x"]:
        bytes_of = tuple(8 * step for step in steps(value.layout))
        shown = as_strided(np.arange(120.0)[place(value.layout) :], value.shape, bytes_of)
        assert (shown == expected).all()
    else:  # a reshape in between had to copy: a view of every element would have been one of numpy too
        assert any(proto.op_type == "Reshape" for proto in nodes)


def test_views_of_one_shape_are_different_tensors() -> None:
    """Queries, keys and values that lie side by side."""
    nodes = [
        node("Split", "x", "a b c", axis=1, num_outputs=3),
        node("Add", "a b", "d"),
        node("Add", "d c", "y"),
    ]
    first, second = traced(nodes, {"x": (4, 9)}).ops
    assert len({*first.inputs, second.inputs[1]}) == 3


def test_the_same_view_twice_is_one_tensor() -> None:
    nodes = [node("Transpose", "x", "a", perm=[1, 0]), node("Transpose", "x", "b", perm=[1, 0])]
    nodes += [node("Add", "a b", "c"), node("MatMul", "c w")]
    op = one(traced(nodes, {"x": (4, 9)}, constants={"w": zeros(4, 2)}), "eltwise")
    assert op.inputs[0] == op.inputs[1]


def test_constants_of_a_model_have_their_names() -> None:
    trace = traced([node("MatMul", "x w")], {"x": (2, 3)}, constants={"w": zeros(3, 4)})
    assert [tensor.name for tensor in trace.tensors] == ["x", "w", ""]
