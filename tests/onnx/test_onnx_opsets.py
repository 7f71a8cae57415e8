"""One model written as opsets 9 to 23 write it: the same products each time."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, NodeProto

from tandemsim.traces.schema import Trace
from tandemsim.workloads.onnx.files import NEWEST
from tandemsim.workloads.onnx.model import import_model
from tests.onnx.small_models import graph, ints, model, node, traced, zeros

OPSETS = (9, 11, 13, 17, 18, 21, 23)


def axes(
    op: str, source: str, made: str, since: int, opset: int, *numbers: int
) -> tuple[NodeProto, dict[str, np.ndarray]]:
    """A node that takes its axes as an attribute, and since an opset as an input."""
    if opset < since:
        return node(op, source, made, axes=list(numbers)), {}
    return node(op, f"{source} {made}_axes", made), {f"{made}_axes": ints(*numbers)}


def written(opset: int) -> ModelProto:
    """Patches of an image, one block with norm and attention, the mean of the tokens, a classifier."""
    constants = {
        "patch": zeros(16, 3, 4, 4),
        "qkv": zeros(16, 48),
        "out": zeros(16, 16),
        "head": zeros(16, 5),
    }
    constants |= {
        "g": zeros(16),
        "h": zeros(16),
        "flat": ints(0, 16, -1),
        "heads": ints(0, -1, 3, 2, 8),
        "join": ints(0, -1, 16),
    }
    nodes = [
        node("Conv", "x patch", "p", strides=[4, 4]), node("Reshape", "p flat", "f"),
        node("Transpose", "f", "t", perm=[0, 2, 1]),
    ]  # fmt: skip
    if opset >= 17:
        nodes.append(node("LayerNormalization", "t g h", "n"))
    else:  # the norm in its parts
        mean, _ = axes("ReduceMean", "t", "mean", 18, opset, -1)
        spread, _ = axes("ReduceMean", "sq", "var", 18, opset, -1)
        nodes += [
            mean, node("Sub", "t mean", "c"), node("Mul", "c c", "sq"), spread, node("Sqrt", "var", "sd"),
            node("Div", "c sd", "u"), node("Mul", "u g", "v1"), node("Add", "v1 h", "n"),
        ]  # fmt: skip
    nodes += [
        node("MatMul", "n qkv", "m"),
        node("Reshape", "m heads", "r"),
        node("Transpose", "r", "s", perm=[2, 0, 3, 1, 4]),
    ]
    for place, name in enumerate("qkv"):
        constants[f"{name}_at"] = np.array(place)
        nodes.append(node("Gather", f"s {name}_at", f"{name}0", axis=0))
    if opset >= 23:
        nodes.append(node("Attention", "q0 k0 v0", "a"))
    else:
        constants["scale"] = np.float32(8**-0.5)
        nodes += [
            node("Transpose", "k0", "kt", perm=[0, 1, 3, 2]), node("MatMul", "q0 kt", "w0"),
            node("Mul", "w0 scale", "w1"), node("Softmax", "w1", "w2", axis=3), node("MatMul", "w2 v0", "a"),
        ]  # fmt: skip
    nodes += [
        node("Transpose", "a", "b", perm=[0, 2, 1, 3]),
        node("Reshape", "b join", "d"),
        node("MatMul", "d out", "e"),
    ]
    mean, more = axes("ReduceMean", "e", "pooled", 18, opset, 1)
    squeezed, again = axes("Squeeze", "pooled", "z", 13, opset, 1)
    nodes += [mean, squeezed, node("MatMul", "z head", "y")]
    return model(graph(nodes, {"x": ("n", 3, 16, 16)}, constants=constants | more | again), opset)


def counted(trace: Trace) -> list[tuple[str, int]]:
    return [(op.kind, op.macs) for op in trace.ops if op.macs]


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_gives_the_same_products(opset: int) -> None:
    trace = import_model(written(opset), "m", inputs={"x": (2, 3, 16, 16)}.items())
    tokens, pairs = 2 * 16, 2 * 2 * 2 * 8 * 16 * 16
    expected = [("conv2d", tokens * 16 * 48), ("gemm", tokens * 16 * 48), ("attention", pairs)]
    expected += [("gemm", tokens * 16 * 16), ("gemm", 2 * 16 * 5)]
    assert counted(trace) == expected
    assert trace.source.configuration == {"inputs": {"x": "2x3x16x16:float32"}, "opset": opset}


@pytest.mark.parametrize("opset", OPSETS)
def test_the_batch_is_the_users(opset: int) -> None:
    once, often = (import_model(written(opset), "m", inputs={"x": (n, 3, 16, 16)}.items()) for n in (1, 7))
    assert often.macs == 7 * once.macs


@pytest.mark.parametrize("opset", range(9, NEWEST + 1))
def test_later_opsets_read_too(opset: int) -> None:
    assert (
        traced([node("MatMul", "x w")], {"x": (2, 3)}, constants={"w": zeros(3, 4)}, opset=opset).macs == 24
    )
